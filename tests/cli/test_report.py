"""`seqmagic report`: one page, measurements that are kept, refusals in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]
TEXT = "".join(f"{number} green bottles, hanging on the wall; and {number} more.\n" for number in range(400))
QUICK = ("--quick", "--panels", "surprise,gradient")


@pytest.fixture
def runs(models: Path, tmp_path: Path) -> list[Run]:
    source = make_text(tmp_path, TEXT)
    return [make_run(models, name, source=source, cell=name) for name in ("rnn", "lstm")]


def report(seqmagic: Call, *arguments: Any) -> dict[str, Any]:
    done = seqmagic("report", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_measurements_are_kept_and_used_again(runs: list[Run], seqmagic: Call, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    first = seqmagic("report", "rnn", "lstm", "-o", path, *QUICK)
    assert first.exit_code == 0, first.stderr
    assert "gradient: measured" in first.stderr
    assert first.stdout.startswith(f"{path}: ")
    page = path.read_bytes()
    kept = sorted(runs[0].insight_path.iterdir())
    assert [one.name.split("-")[0] for one in kept] == ["gradient", "surprise"]
    again = seqmagic("report", "rnn", "lstm", "-o", path, *QUICK)
    assert "gradient: kept from before" in again.stderr
    assert path.read_bytes() == page
    assert "measured" in seqmagic("report", "lstm", "-o", path, *QUICK).stderr  # other runs, another measurement


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff", b'{"document": 1, "sha256": 2}', b'{"document": {"models": [{"run": "rnn"}]}}', None],
)
def test_a_kept_file_that_is_broken_is_measured_again(
    content: bytes | None, runs: list[Run], seqmagic: Call, tmp_path: Path
) -> None:
    path = tmp_path / "r.html"
    arguments = ("report", "rnn", "-o", path, "--quick", "--panels", "gradient")
    seqmagic(*arguments)
    [kept] = runs[0].insight_path.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole.replace(b'"rho"', b'"row"') if content is None else content)
    done = seqmagic(*arguments)
    assert done.exit_code == 0, done.stderr
    assert "gradient: measured" in done.stderr
    assert kept.read_bytes() == whole


def test_a_model_that_changed_is_measured_again(runs: list[Run], models: Path, seqmagic: Call, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    arguments = ("report", "rnn", "-o", path, "--quick", "--panels", "gradient")
    seqmagic(*arguments)
    source = Path(runs[0].read_record().text.source)
    other = make_run(models, "other", source=source, cell="rnn", seed=2)
    runs[0].model_path.write_bytes(other.model_path.read_bytes())
    assert "gradient: measured" in seqmagic(*arguments).stderr


def test_where_nothing_can_be_kept_the_page_is_made_all_the_same(
    runs: list[Run], seqmagic: Call, tmp_path: Path
) -> None:
    runs[0].insight_path.write_text("no folder")
    assert report(seqmagic, "rnn", "-o", tmp_path / "r.html", *QUICK)["panels"] == ["surprise", "gradient"]


def test_what_the_text_is_too_short_for_is_left_out_and_named(models: Path, seqmagic: Call, tmp_path: Path) -> None:
    source = make_text(tmp_path, TEXT[:3000], "short.txt")
    make_run(models, "short", source=source, cell="gru")
    path = tmp_path / "r.html"
    document = report(seqmagic, "short", "-o", path, *QUICK)
    assert document["panels"] == ["surprise"]
    assert document["left_out"][0].startswith("gradient: the text has ")
    assert "gradient: the text has " in path.read_text(encoding="utf-8")
    done = seqmagic("report", "short", "-o", tmp_path / "no.html", "--quick", "--panels", "gradient")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 2)
    assert "nothing could be measured: gradient: the text has " in done.stderr
    assert not (tmp_path / "no.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["rnn", "-o", "."], 1, ". can't be written: it is a folder; name a file; choose another file with -o"),
        (["rnn", "-o", "no/where.html"], 1, "no/where.html can't be written: No such file or directory"),
        (["rnn", "--panels", "losses,x"], 2, "--panels takes ngram, "),
        (["rnn", "--lang", "fr"], 2, "--lang must be one of "),
        (["rnn", "--at", "999999"], 2, "--at must be from 0 to "),
        (["nobody"], 1, "there is no run 'nobody'"),
        ([], 2, "Missing argument 'RUN...'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, words: str, runs: list[Run], seqmagic: Call) -> None:
    done = seqmagic("report", *arguments, *(("--quick",) if arguments else ()))
    assert done.exit_code == code
    assert done.stderr.startswith(f"seqmagic: {words}")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_one_line(runs: list[Run], seqmagic: Call) -> None:
    done = seqmagic("report", "rnn", "-o", "/dev/full", *QUICK)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("seqmagic: /dev/full can't be written: No space left on device")


RECALL = {
    "kind": "recall",
    "task": {"name": "recall", "chance": 0.125},
    "rows": [
        {"cell": cell, "seed": 0, "distance": distance, "accuracy": 0.5, "interval": [0.4, 0.6]}
        for cell in ("rnn", "attention")
        for distance in (1, 128)
    ],
}


def test_a_recall_test_is_shown_with_the_rest(runs: list[Run], seqmagic: Call, tmp_path: Path) -> None:
    path, page = tmp_path / "recall.json", tmp_path / "r.html"
    path.write_text(json.dumps(RECALL), encoding="utf-8")
    document = report(seqmagic, "rnn", "-o", page, *QUICK, "--recall", path)
    assert document["panels"] == ["recall", "surprise", "gradient"]
    text = page.read_text(encoding="utf-8")
    assert 'id="recall-chart-t"' in text and "attention in 50 %" in text


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"kind": "gradient"}', json.dumps({**RECALL, "rows": []})])
def test_what_is_no_recall_test_is_refused_in_one_line(
    content: str, runs: list[Run], seqmagic: Call, tmp_path: Path
) -> None:
    path = tmp_path / "recall.json"
    path.write_text(content, encoding="utf-8")
    done = seqmagic("report", "rnn", "-o", tmp_path / "r.html", *QUICK, "--recall", path)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("seqmagic: --recall takes what is printed by: seqmagic measure recall --json; ")


def test_no_tensorflow_is_imported(runs: list[Run], tmp_path: Path) -> None:
    from tests.cli.test_imports import HEAVY, loaded_by

    assert not loaded_by(runs[0], "report", "rnn", "-o", str(tmp_path / "r.html"), *QUICK) & set(HEAVY)
