"""`seqmagic runs`: the list, one run, two runs, and removal."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.cli.commands import runs as command
from seqmagic.config import DataConfig
from seqmagic.runs import find
from seqmagic.runs.folder import Run
from seqmagic.runs.locks import hold
from tests.helpers import make_results, make_run

Call = Callable[..., Result]
PRETRAINED = ["gru", "lstm", "rnn"]


@pytest.fixture
def several(models: Path, text: Path) -> Iterator[Path]:
    """Runs of every kind."""
    make_run(models, "old", source=text, results=make_results(1.9), created="2026-01-01T00:00:00+00:00")
    make_run(
        models,
        "best",
        source=text,
        cell="gru",
        results=make_results(1.5),
        created="2026-01-02T00:00:00+00:00",
    )
    running = make_run(models, "running", source=text, status="running", created="2026-01-03T00:00:00+00:00")
    running.append_history({"step": 1, "validation_loss": 2.5})
    running.append_history({"step": 2, "validation_loss": 2.25})
    make_run(models, "killed", source=text, status="running", created="2026-01-04T00:00:00+00:00")
    make_run(models, "broken", source=text).record_path.write_text("{")
    lock = hold(models, "running")
    assert lock is not None
    yield models
    lock.release()


def first_words(output: str) -> list[str]:
    """The first word of each row of a table; rows stand below a line for their text."""
    rows = [line for part in output.split("─\n")[1:] for line in part.splitlines()]
    return [line.split()[0] for line in rows if line[:1].strip("─ ") and not line.startswith("on ")]


def test_a_run_that_is_not_finished_says_how_to_go_on(several: Path, seqmagic: Call) -> None:
    for name in ("killed", "running", "old"):
        folder = several / name / "checkpoint"
        folder.mkdir()
        (folder / "a.json").write_text("{}")
    line = "go on with: seqmagic train --resume killed"
    assert seqmagic("runs", "list").stdout.count("go on with") == 1
    assert f"killed is not finished; {line}\n" in seqmagic("runs", "list").stdout
    assert seqmagic("runs", "show", "killed").stdout.endswith(f"\nnot finished; {line}\n")
    assert "go on with" not in seqmagic("runs", "show", "old").stdout
    rows = json.loads(seqmagic("runs", "list", "--json").stdout)["runs"]
    assert [row["name"] for row in rows if row["resumable"]] == ["killed"]


def test_the_list_goes_by_creation(several: Path, seqmagic: Call) -> None:
    result = seqmagic("runs", "list")
    assert result.exit_code == 0
    assert first_words(result.stdout) == ["old", "best", "running", "killed", *PRETRAINED, "broken", "broken:"]
    assert result.stdout.index("on bottles.txt") < result.stdout.index("old") < result.stdout.index("on python-docs")
    assert "410,600" in result.stdout and "pretrained" in result.stdout
    for words in ("1.9000", "2.164", "gru", "1×6", "2.2500", "died", "run.json is corrupt: not JSON"):
        assert words in result.stdout, words
    assert seqmagic("runs").stdout == result.stdout


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("loss", ["best", "old", "running", "killed"]),
        ("name", ["best", "killed", "old", "running"]),
    ],
)
def test_the_list_goes_by_what_is_asked_for(key: str, names: list[str], several: Path, seqmagic: Call) -> None:
    assert first_words(seqmagic("runs", "list", "--sort", key).stdout)[:4] == names


def test_the_list_as_json(several: Path, seqmagic: Call) -> None:
    document = json.loads(seqmagic("runs", "list", "--json").stdout)
    rows = {row["name"]: row for row in document["runs"]}
    assert document["models"] == str(several)
    assert [row["status"] for row in document["runs"]] == [
        "corrupt",
        "complete",
        "complete",
        "running",
        "died",
    ]
    assert rows["best"]["loss"] == 1.5
    assert rows["best"]["bits_per_character"] == pytest.approx(2.1640, abs=1e-4)
    assert rows["running"]["loss"] == 2.25
    assert "corrupt" in rows["broken"]["error"]
    assert rows["broken"].keys() == rows["best"].keys()


def test_an_empty_list_says_what_to_do(seqmagic: Call) -> None:
    result = seqmagic("runs", "list")
    assert result.exit_code == 0 and first_words(result.stdout) == PRETRAINED
    assert "seqmagic train python-docs" in result.stderr
    assert json.loads(seqmagic("runs", "list", "--json").stdout)["runs"] == []


def test_one_run_in_full(tiny_run: Run, text: Path, seqmagic: Call) -> None:
    for step, loss in enumerate([3.0, 2.0, 1.75]):
        tiny_run.append_history({"step": step, "epoch": step / 2, "validation_loss": loss})
    result = seqmagic("runs", "show", "tiny")
    assert result.exit_code == 0
    record = tiny_run.read_record()
    for words in (
        *(str(tiny_run.path), str(text), record.text.sha256, "0 to 1,854", "1,854 to 2,060", "a processor"),
        *("seqmagic train", "embedding", "learning rate", "validation loss        2.9", "3.0000 █▂▁ 1.7500"),
    ):
        assert words in result.stdout, words
    document = json.loads(seqmagic("runs", "show", "tiny", "--json").stdout)
    assert document["text"]["sha256"] == record.text.sha256
    assert document["results"] == record.results
    assert [row["validation_loss"] for row in document["history"]] == [3.0, 2.0, 1.75]


def test_a_run_without_results_is_shown_too(models: Path, text: Path, seqmagic: Call) -> None:
    make_run(models, "killed", source=text, status="running", notes=("read in 1 s",))
    result = seqmagic("runs", "show", "killed")
    assert "died" in result.stdout and "read in 1 s" in result.stdout
    assert "\nresults" not in result.stdout


def test_what_differs_between_two_runs(models: Path, text: Path, seqmagic: Call) -> None:
    make_run(models, "a", source=text, results=make_results(1.5))
    make_run(models, "b", source=text, cell="gru", results=make_results(1.5), created="2026-02-02T00:00:00+00:00")
    make_run(models, "c", source=text, data=DataConfig(validation=0.2), results=make_results(1.5))
    result = seqmagic("runs", "diff", "a", "b")
    assert "model.cell" in result.stdout and "gru" in result.stdout
    assert "created" not in result.stdout and "argv" not in result.stdout
    assert "can't be compared" not in result.stdout
    document = json.loads(seqmagic("runs", "diff", "a", "b", "--json").stdout)
    assert document == {
        "a": "a",
        "b": "b",
        "comparable": True,
        "differences": [{"name": "model.cell", "a": "lstm", "b": "gru"}],
    }
    assert "can't be compared: the text was split differently (a | c)" in seqmagic("runs", "diff", "a", "c").stdout
    assert seqmagic("runs", "diff", "a", "a").stdout == "a and a do not differ\n"


def test_removal_is_asked_for(tiny_run: Run, seqmagic: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    result = seqmagic("runs", "remove", "tiny")
    assert result.exit_code == 2
    assert "add --yes" in result.stderr

    monkeypatch.setattr(command, "_can_ask", lambda: True)
    result = seqmagic("runs", "remove", "tiny", input="n\n")
    assert result.exit_code == 1
    assert "nothing was removed" in result.stderr
    assert tiny_run.path.exists()

    assert seqmagic("runs", "remove", "tiny", input="y\n").exit_code == 0
    assert not tiny_run.path.exists()


def test_several_are_removed_at_once_corrupt_ones_and_comparisons_too(several: Path, seqmagic: Call) -> None:
    comparison = several / "bottles-comparison"
    comparison.mkdir()
    (comparison / "comparison.json").write_text('{"format": 1, "rows": []}')
    result = seqmagic("runs", "remove", "old", "broken", "old", comparison.name, "--yes", "--json")
    assert json.loads(result.stdout) == {"removed": ["old", "broken", "bottles-comparison"]}
    assert sorted(entry.name for entry in several.glob("[!.]*")) == ["best", "killed", "running"]


def test_a_run_in_training_is_not_removed_and_nothing_else_is(several: Path, seqmagic: Call) -> None:
    result = seqmagic("runs", "remove", "old", "running", "--yes")
    assert result.exit_code == 1
    assert "run running is still being trained" in result.stderr
    assert (several / "old").exists()


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "name", [".", "", "..", "../models", "../models/tiny", "{models}/tiny", "latest", "best", "a b"]
)
def test_names_alone_are_removed(name: str, tiny_run: Run, models: Path, seqmagic: Call) -> None:
    (models / "comparison.json").write_text('{"format": 1, "rows": []}')
    before = everything(models.parent)
    result = seqmagic("runs", "remove", name.format(models=models), "--yes")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "remove takes names as in seqmagic runs list" in result.stderr
    assert everything(models.parent) == before


def test_pretrained_runs_are_not_removed(
    models: Path, text: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = make_run(models.parent / "shipped", "lstm", source=text)
    monkeypatch.setattr(find, "pretrained_folder", lambda: shipped.path.parent)
    for arguments in ([], ["--models", shipped.path.parent]):
        result = seqmagic("runs", "remove", "lstm", "--yes", *arguments)
        assert (result.exit_code, result.stderr) == (1, "seqmagic: run lstm comes with seqmagic and is not removed\n")
        assert shipped.has_model
    make_run(models, "lstm", source=text)  # the user's own of that name
    assert seqmagic("runs", "remove", "lstm", "--yes").exit_code == 0
    assert shipped.has_model and everything(models) == []


def test_of_links_the_links_are_removed(tiny_run: Run, models: Path, seqmagic: Call) -> None:
    comparison = models.parent / "comparison"
    comparison.mkdir()
    (comparison / "comparison.json").write_text('{"format": 1, "rows": []}')
    (models / "link").symlink_to(tiny_run.path)
    (models / "other").symlink_to(comparison)
    (models / "broken").symlink_to("gone")
    assert seqmagic("runs", "remove", "link", "other", "broken", "--yes").exit_code == 0
    assert [entry.name for entry in models.iterdir()] == ["tiny"]
    assert tiny_run.has_model and everything(comparison) == ["comparison.json"]


def test_of_a_comparison_its_own_file_is_removed(models: Path, seqmagic: Call) -> None:
    folder = models / "bottles-comparison"
    folder.mkdir()
    for name in ("comparison.json", "notes.txt"):
        (folder / name).write_text('{"format": 1, "rows": []}')
    assert seqmagic("runs", "remove", folder.name, "--yes").exit_code == 0
    assert everything(models) == [folder.name, f"{folder.name}/notes.txt"]
    result = seqmagic("runs", "remove", folder.name, "--yes")
    assert result.exit_code == 1
    assert "is not a run, so it is left alone" in result.stderr
    assert everything(models) == [folder.name, f"{folder.name}/notes.txt"]


@pytest.mark.parametrize("verb", [["show"], ["remove", "--yes"], ["diff", "tiny"]])
def test_a_run_that_is_not_there_is_one_line(verb: list[str], tiny_run: Run, seqmagic: Call) -> None:
    result = seqmagic("runs", *verb, "tinny")
    assert result.exit_code == 1
    assert result.stderr.startswith("seqmagic: there is no run 'tinny'")
    assert "did you mean tiny?" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no FIFOs")
@pytest.mark.parametrize(
    "put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to("/dev/zero")]
)
def test_a_run_whose_record_is_no_file_is_listed_and_removed(
    put: Callable[[Path], object], several: Path, seqmagic: Call
) -> None:
    record = several / "old" / "run.json"
    record.unlink()
    put(record)
    rows = json.loads(seqmagic("runs", "list", "--json").stdout)["runs"]
    (row,) = (row for row in rows if row["name"] == "old")
    assert "run.json" in row["error"] and seqmagic("runs", "list").exit_code == 0
    assert seqmagic("runs", "remove", "--yes", "old").exit_code == 0
    assert not (several / "old").exists()


def test_a_corrupt_or_newer_run_is_one_line(several: Path, seqmagic: Call) -> None:
    result = seqmagic("runs", "show", "broken")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    (several / "old" / "run.json").write_text('{"format": 99}')
    assert "has format 99, newer" in seqmagic("runs", "show", "old").stderr
    assert "has format 99, newer" in seqmagic("runs", "list").stdout


def test_escape_sequences_in_a_run_reach_no_terminal(models: Path, text: Path, seqmagic: Call) -> None:
    nasty = "\x1b[2J\x9b\u202e"
    run = make_run(models, f"odd{nasty}", source=text, notes=[f"note{nasty}"], environment={f"key{nasty}": nasty})
    record = run.read_record()
    run.write_record(dataclasses.replace(record, argv=(nasty,), text=dataclasses.replace(record.text, source=nasty)))
    make_run(models, "broken", source=text).record_path.write_text('{"format": 1, "\x1b": 2}')
    for arguments in (
        *(["runs"], ["runs", "list", "--json"], ["runs", "show", run.name], ["runs", "show", run.name, "--json"]),
        *(["runs", "diff", run.name, run.name], ["compare", run.name], ["evaluate", run.name], ["sample", nasty]),
        *(["sample", run.name, run.name, "--length", "5"], ["runs", "remove", run.name]),
    ):
        result = seqmagic(*arguments)
        lines = (result.stdout + result.stderr).split("\n")
        assert [line for line in lines if not line.isprintable()] == [], arguments


def test_losses_that_mean_different_things_are_not_ranked_without_a_word(
    models: Path, text: Path, seqmagic: Call
) -> None:
    make_run(models, "a", source=text, results=make_results(1.5))
    make_run(models, "b", source=text, results=make_results(1.6))
    words = "not of one split and vocabulary"
    assert words not in seqmagic("runs", "list", "--sort", "loss").stdout
    make_run(models, "c", source=text, data=DataConfig(min_count=3), results=make_results(1.0))
    assert words in " ".join(seqmagic("runs", "list", "--sort", "loss").stdout.split())
    assert words not in seqmagic("runs", "list").stdout


def test_a_run_is_packed_used_and_unpacked(seqmagic: Callable[..., Result], tiny_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "tiny.run"
    done = seqmagic("runs", "pack", "tiny", file, "--json")
    assert json.loads(done.stdout)["bytes"] == file.stat().st_size
    for words in (
        ("sample", file, "--length", 5),
        ("evaluate", file, tmp_path / "bottles.txt"),
        ("runs", "show", file),
        ("inspect", "surprise", file, "--text", "green bottles"),
        ("export", file, tmp_path / "export", "--format", "numpy"),
    ):
        done = seqmagic(*words)
        assert done.exit_code == 0, done.output
    assert seqmagic("runs", "unpack", file).exit_code == 1
    done = seqmagic("runs", "unpack", file, "--name", "theirs")
    assert done.stdout.startswith("theirs is in ")
    assert "theirs" in seqmagic("runs", "list").stdout
