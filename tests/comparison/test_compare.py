"""A comparison as a stream of events, without a command line."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from seqmagic.comparison.compare import BaselinesMeasured, Compared, Waiting, compare, compare_runs
from seqmagic.comparison.record import Comparison, read_comparison
from seqmagic.comparison.series import RowFinished, RowStarted
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import RunError, TrainingError
from seqmagic.runs import locks
from seqmagic.runs.find import list_runs
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.events import Finished, Started
from tests.helpers import FakeTraining, make_results, make_run

LOSSES = {"rnn": 1.9, "lstm": 1.5, "gru": 1.6}


def events_of(train: FakeTraining, text: Path, models: Path, **more: Any) -> Any:
    return compare(
        read_corpus(str(text), DataConfig()),
        cells=["rnn", "lstm"],
        units=[6],
        layers=[1],
        model=ModelConfig(embedding=4),
        training=TrainConfig(epochs=1.0, seed=7),
        models=models,
        train=train,
        **more,
    )


def stored(models: Path) -> Comparison:
    return read_comparison(models / "bottles-comparison")


def test_the_events_tell_it_in_order_and_the_last_one_has_it_all(text: Path, models: Path) -> None:
    events = list(events_of(FakeTraining(LOSSES), text, models))
    kinds = [type(event) for event in events if type(event) in (Waiting, BaselinesMeasured, RowStarted, RowFinished)]
    assert kinds == [Waiting, BaselinesMeasured, Waiting, *[RowStarted, RowFinished] * 2, Waiting]
    assert sum(isinstance(event, Started | Finished) for event in events) == 4
    assert isinstance(events[-1], Compared)
    comparison = events[-1].comparison
    assert comparison == stored(models)
    assert [row.loss for row in comparison.rows] == pytest.approx([1.907, 1.507])
    assert comparison.held_equal["epochs"] == 1.0 and set(comparison.samples) == {row.run for row in comparison.rows}


def test_who_stops_asking_interrupts_it(text: Path, models: Path) -> None:
    events = events_of(FakeTraining(LOSSES), text, models)
    for event in events:
        if isinstance(event, RowStarted) and event.entry.cell == "lstm":
            assert [row.status for row in stored(models).rows] == ["complete", "running"]
            assert locks.is_held(models, "bottles-comparison")
            break
    events.close()
    assert stored(models).status == "interrupted"
    assert [row.status for row in stored(models).rows] == ["complete", "interrupted"]
    assert not locks.is_held(models, "bottles-comparison")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_is_wrong_with_the_disk_ends_it(number: int, wrapped: bool, text: Path, models: Path) -> None:
    problem: Exception = OSError(number, "no")
    if wrapped:
        problem = RunError("no run can be made")
        problem.__cause__ = OSError(number, "no")
    with pytest.raises(type(problem)):
        list(events_of(FakeTraining({**LOSSES, "lstm": problem}), text, models))
    assert (stored(models).status, [row.status for row in stored(models).rows]) == ("failed", ["complete", "failed"])


def test_a_record_that_can_not_be_written_ends_it(text: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Comparison] = []

    def write(folder: Path, comparison: Comparison) -> None:
        written.append(comparison)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("seqmagic.comparison.compare.write_comparison", write)
    train = FakeTraining(LOSSES)
    with pytest.raises(OSError, match="No space"):
        list(events_of(train, text, models))
    assert len(train.calls) == 1


def test_a_row_that_fails_for_reasons_of_its_own_is_a_row(text: Path, models: Path) -> None:
    events = list(events_of(FakeTraining({**LOSSES, "rnn": TrainingError("no\nsuch")}), text, models))
    assert [(row.status, row.error) for row in events[-1].comparison.rows] == [
        ("failed", "no such"),
        ("complete", None),
    ]


def test_what_a_kill_leaves_does_not_block_the_name(text: Path, models: Path) -> None:
    folder = models / "mine"
    folder.mkdir()
    (folder / ".comparison-0123abcd.json").write_text("{")
    events = list(events_of(FakeTraining(LOSSES), text, models, name="mine"))
    assert [path.name for path in folder.iterdir()] == ["comparison.json"]
    assert events[-1].comparison.name == "mine"


def test_runs_side_by_side(text: Path, models: Path) -> None:
    for cell, loss in LOSSES.items():
        make_run(models, cell, source=text, cell=cell, results=make_results(loss))
    *before, end = compare_runs(["lstm", "gru"], models=models)
    assert [type(event) for event in before] == [Waiting, BaselinesMeasured, Waiting]
    assert isinstance(end, Compared) and not end.comparison.is_series
    assert [row.run for row in end.comparison.rows] == ["lstm", "gru"]
    assert len(list_runs(models)) == 3
