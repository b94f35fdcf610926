"""`seqmagic compare --resume`: through real processes that are killed, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.comparison.compare import resume
from seqmagic.comparison.record import read_comparison
from seqmagic.errors import TrainingError
from seqmagic.runs.find import list_runs
from seqmagic.runs.record import now
from seqmagic.training.events import Started
from tests.helpers import FakeTraining, make_text

Call = Callable[..., Result]
LOSSES = {"rnn": 1.9, "lstm": 0.1, "gru": 0.2}
ONE_SIZE = ("--units", "6", "--layers", "1")
SERIES = (
    "--units", "6", "--layers", "1", "--epochs", "3", "--embedding", "4", "--batch-size", "4",
    "--sequence-length", "16", "--test", "0.1", "--threads", "1", "--cells", "rnn,gru",
)  # fmt: skip


class TodaysTraining(FakeTraining):
    """One whose runs were made now, as only those are that a series left behind, and may replace them."""

    def __call__(self, corpus: Any, **asked: Any) -> Iterator[Any]:
        if asked["overwrite"]:
            shutil.rmtree(asked["models"] / asked["name"])
        for event in super().__call__(corpus, **asked):
            if isinstance(event, Started):
                event.run.write_record(dataclasses.replace(event.run.read_record(), created=now()))
            yield event


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeTraining]:
    def install(losses: Any) -> FakeTraining:
        fake = TodaysTraining(losses)
        monkeypatch.setattr("seqmagic.training.train.train", fake)
        monkeypatch.setattr("seqmagic.training.train.start", lambda training: None)
        return fake

    return install


def start(models: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "seqmagic", "--models", str(models), "compare", *map(str, arguments)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def kill_once(process: subprocess.Popen[str], record: Path, is_time: Callable[[list[dict[str, Any]]], bool]) -> None:
    with process:
        while process.poll() is None:
            if record.exists() and is_time(json.loads(record.read_bytes())["rows"]):
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        process.wait()
        assert process.returncode == -signal.SIGKILL, process.stderr and process.stderr.read()


def figures(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows without what a clock measured."""
    timed = ("seconds", "characters_per_second", "results")
    rows = [{key: value for key, value in row.items() if key not in timed} for row in document["rows"]]
    results = [{key: value for key, value in row["results"].items() if key not in timed} for row in document["rows"]]
    return [*rows, *results]


def test_a_series_killed_twice_comes_to_the_same_table(tmp_path: Path) -> None:
    text = make_text(tmp_path)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with start(whole, text, *SERIES, "--name", "one") as process:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    record = broken / "one" / "comparison.json"
    # between the first step of a training and its end, and before the first step of another one
    kill_once(start(broken, text, *SERIES, "--name", "one"), record, lambda rows: bool(rows[0].get("unfinished")))
    assert read_comparison(record.parent).status == "died"
    kill_once(start(broken, "--resume", "one"), record, lambda rows: rows[1]["status"] == "running")
    with start(broken, "--resume", "one") as process:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "1 row to train, 1 there already" in errors
    found, wanted = (json.loads((folder / "one" / "comparison.json").read_bytes()) for folder in (broken, whole))
    assert [row["status"] for row in found["rows"]] == ["complete"] * 2
    assert figures(found) == figures(wanted)
    for key in ("baselines", "chance", "sentence", "samples", "notes", "held_equal", "machine"):
        assert found[key] == wanted[key], key
    assert sorted(run.name for run in list_runs(broken)) == sorted(run.name for run in list_runs(whole))


def test_rows_that_are_complete_stay_and_the_others_are_trained(
    training: Any, text: Path, models: Path, seqmagic: Call
) -> None:
    training({**LOSSES, "lstm": "interrupted"})
    ended = seqmagic("compare", text, *ONE_SIZE)
    assert ended.exit_code == 130 and "seqmagic compare --resume bottles-comparison" in ended.stderr
    kept = (models / "bottles-rnn-1x6" / "model.keras").stat().st_mtime_ns
    fake = training(LOSSES)
    result = seqmagic("compare", "--resume", "bottles-comparison")
    assert result.exit_code == 0, result.stderr
    assert "2 rows to train, 1 there already" in result.stderr
    asked = [(call["model"].cell, call["name"], call["overwrite"]) for call in fake.calls]
    assert asked == [("lstm", "bottles-lstm-1x6", True), ("gru", None, False)]
    assert (models / "bottles-rnn-1x6" / "model.keras").stat().st_mtime_ns == kept
    comparison = read_comparison(models / "bottles-comparison")
    assert comparison.status == "complete"
    assert [(row.cell, row.status) for row in comparison.rows] == [(cell, "complete") for cell in LOSSES]


def test_a_row_that_failed_is_tried_again(training: Any, text: Path, models: Path, seqmagic: Call) -> None:
    training({**LOSSES, "gru": TrainingError("no\nsuch device")})
    first = seqmagic("compare", text, *ONE_SIZE)
    assert first.exit_code == 0 and "gru 1×6: no such device" in first.stdout
    fake = training(LOSSES)
    assert seqmagic("compare", "--resume", "bottles-comparison").exit_code == 0
    assert [call["model"].cell for call in fake.calls] == ["gru"]


def test_open_sizes_are_those_of_the_rows_that_stay(training: Any, text: Path, models: Path, seqmagic: Call) -> None:
    training({**LOSSES, "gru": KeyboardInterrupt()})
    assert seqmagic("compare", text, "--match", "parameters").exit_code == 130
    fake = training(LOSSES)
    fake.units = 99  # what the recipe would choose now is nobody's business
    assert seqmagic("compare", "--resume", "bottles-comparison").exit_code == 0
    comparison = read_comparison(models / "bottles-comparison")
    assert [row.units for row in comparison.rows if row.cell == "lstm"] == [6]
    parameters = [row.results.parameters for row in comparison.rows if row.results]
    assert parameters == [pytest.approx(parameters[1], rel=0.1)] * 3


def test_a_complete_one_is_shown_and_nothing_is_trained(training: Any, text: Path, seqmagic: Call) -> None:
    fake = training(LOSSES)
    made = seqmagic("compare", text, *ONE_SIZE)
    again = seqmagic("compare", "--resume", "bottles-comparison")
    assert (again.exit_code, again.stdout) == (0, made.stdout)
    assert "bottles-comparison is complete; nothing is trained" in again.stderr and len(fake.calls) == 3


def test_what_it_refuses(training: Any, text: Path, models: Path, seqmagic: Call) -> None:
    training({**LOSSES, "gru": KeyboardInterrupt()})
    seqmagic("compare", text, *ONE_SIZE)
    path = models / "bottles-comparison" / "comparison.json"
    before = path.read_bytes()
    for arguments, code, words in (
        (["--resume", "nothing"], 1, "there is no comparison 'nothing' in"),
        (["--resume", "../x"], 1, "there is no comparison"),
        (["--resume", "bottles-comparison", "--units", "8"], 2, "leave out --units"),
        (["--resume", "bottles-comparison", str(text)], 2, "leave out TEXT|RUN;"),
        ([], 2, "Missing argument 'TEXT|RUN...'"),
    ):
        result = seqmagic("compare", *arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.stderr
        assert words in result.stderr
    text.write_text(text.read_text() + "more")
    changed = seqmagic("compare", "--resume", "bottles-comparison")
    assert changed.exit_code == 1 and "has changed since it began" in changed.stderr
    document = json.loads(before)
    del document["plan"]
    path.write_text(json.dumps(document))
    old = seqmagic("compare", "--resume", "bottles-comparison")
    assert old.exit_code == 1 and "does not say what was planned" in old.stderr


def test_stopped_again_it_can_still_be_taken_up(training: Any, text: Path, models: Path, seqmagic: Call) -> None:
    training({**LOSSES, "lstm": "interrupted"})
    seqmagic("compare", text, *ONE_SIZE)
    training({**LOSSES, "lstm": KeyboardInterrupt()})
    assert seqmagic("compare", "--resume", "bottles-comparison").exit_code == 130
    fake = training(LOSSES)
    events = list(resume("bottles-comparison", models=models))
    assert [call["model"].cell for call in fake.calls] == ["lstm", "gru"]
    assert events[-1].comparison.status == "complete"
