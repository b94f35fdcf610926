"""`seqmagic runs tag`, `runs rename`, and the filters of `runs list`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.comparison.curves import Curve
from seqmagic.comparison.record import Comparison, read_comparison, write_comparison
from seqmagic.comparison.rows import row_of
from seqmagic.runs import locks
from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]


@pytest.fixture
def three(models: Path, text: Path, tmp_path: Path) -> list[Run]:
    other = make_text(tmp_path / "elsewhere", "abc abd abe " * 200, "字.txt")
    return [
        make_run(models, "a", source=text, cell="rnn"),
        make_run(models, "b", source=text, cell="gru", status="interrupted"),
        make_run(models, "c", source=other, cell="gru"),
    ]


def listed(seqmagic: Call, *arguments: str) -> list[str]:
    return [row["name"] for row in json.loads(seqmagic("runs", "list", *arguments, "--json").stdout)["runs"]]


def test_tags_come_and_go(three: list[Run], seqmagic: Call) -> None:
    assert seqmagic("runs", "tag", "a").stdout == "a: no tag\n"
    assert seqmagic("runs", "tag", "a", "good", "für-alle", "good").stdout == "a: für-alle, good\n"
    assert seqmagic("runs", "tag", "a", "--remove", "good").stdout == "a: für-alle\n"
    refused = seqmagic("runs", "tag", "a", "--remove", "good")
    assert (refused.exit_code, refused.stderr) == (1, "seqmagic: a has no tag 'good'; it has für-alle\n")
    assert seqmagic("runs", "tag", "a", "--remove").stdout == "a: no tag\n" and not three[0].tags_path.exists()
    assert seqmagic("runs", "tag", "b", "x", "--json").stdout == '{\n  "run": "b",\n  "tags": [\n    "x"\n  ]\n}\n'


@pytest.mark.parametrize("tag", ["", " ", "a b", "a,b", "#a", "x" * 41, "\x1b[31m", "a\nb"])
def test_what_is_no_tag_is_refused(tag: str, three: list[Run], seqmagic: Call) -> None:
    result = seqmagic("runs", "tag", "a", "--", tag)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1) and "a TAG starts with a letter" in result.stderr


def test_pretrained_runs_have_no_tags(models: Path, seqmagic: Call) -> None:
    assert "only runs in" in seqmagic("runs", "tag", "lstm", "x").stderr


def test_the_list_has_what_was_asked_for(three: list[Run], text: Path, seqmagic: Call) -> None:
    seqmagic("runs", "tag", "a", "one", "two")
    seqmagic("runs", "tag", "b", "one")
    assert listed(seqmagic, "--cell", "gru") == ["b", "c"]
    assert listed(seqmagic, "--cell", "gru", "--cell", "rnn") == ["a", "b", "c"]
    assert listed(seqmagic, "--tag", "one") == ["a", "b"] and listed(seqmagic, "--tag", "one", "--tag", "two") == ["a"]
    assert listed(seqmagic, "--status", "interrupted") == ["b"]
    for name in ("字", "字.txt"):
        assert listed(seqmagic, "--text", name) == ["c"]
    assert listed(seqmagic, "--text", str(text), "--cell", "rnn") == ["a"]
    shown = seqmagic("runs", "list", "--tag", "two").stdout
    assert "a #one #two" in shown and "b #one" not in shown
    none = seqmagic("runs", "list", "--tag", "three")
    assert none.exit_code == 0 and "none of the 3 runs in" in none.stderr and listed(seqmagic, "--tag", "three") == []


def test_a_corrupt_file_of_tags_spoils_no_list(three: list[Run], seqmagic: Call) -> None:
    three[0].tags_path.write_text("{")
    assert listed(seqmagic) == ["a", "b", "c"]
    result = seqmagic("runs", "tag", "a")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1) and "tags.json is corrupt" in result.stderr


def keep(models: Path, runs: list[Run]) -> None:
    (models / "mine").mkdir()
    curve = Curve(seconds=(1.0, 2.0), characters=(10, 20), losses=(3.0, 2.0))
    comparison = Comparison(
        name="mine",
        rows=tuple(row_of(run.name, run.read_record()) for run in runs),
        curves={"a": curve, "b": curve},
        samples={"a": "abc", "b": "abd"},
    )
    write_comparison(models / "mine", comparison)


def test_comparisons_follow_a_run_that_is_renamed(three: list[Run], models: Path, seqmagic: Call) -> None:
    keep(models, three[:2])
    seqmagic("runs", "tag", "a", "kept")
    result = seqmagic("runs", "rename", "a", "first")
    assert (result.exit_code, result.stderr) == (0, "a is called first now, also in mine\n")
    assert Run(models / "first").read_record().name == "first" and not (models / "a").exists()
    assert Run(models / "first").read_tags() == ("kept",)
    comparison = read_comparison(models / "mine")
    assert [row.run for row in comparison.rows] == ["first", "b"]
    assert list(comparison.samples) == list(comparison.curves) == ["first", "b"]
    assert [path.name for path in models.iterdir() if path.name.startswith(".")] == []
    assert seqmagic("runs", "rename", "mine", "ours").exit_code == 0 and read_comparison(models / "ours").name == "ours"


def test_what_can_not_be_renamed(three: list[Run], models: Path, seqmagic: Call) -> None:
    keep(models, three[:2])
    for arguments, words in (
        (("a", "b"), "b exists already"),
        (("a", "mine"), "mine exists already"),
        (("zz", "y"), "there is no run 'zz'"),
        (("lstm", "y"), "comes with seqmagic and is not renamed"),
        (("latest", "y"), "rename takes names as in seqmagic runs list"),
    ):
        result = seqmagic("runs", "rename", *arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1) and words in result.stderr
    for new in ("latest", "a/b", "../x", "", "x" * 101):
        assert seqmagic("runs", "rename", "a", new).exit_code == 2
    for busy, words in (
        ("a", "run a is still being trained"),
        ("mine", "the comparison mine names a and is"),
    ):
        lock = locks.hold(models, busy)
        assert lock is not None
        result = seqmagic("runs", "rename", "a", "y")
        lock.release()
        assert result.exit_code == 1 and words in result.stderr
    assert (models / "a").is_dir() and [row.run for row in read_comparison(models / "mine").rows] == ["a", "b"]
