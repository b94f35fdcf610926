"""Both blocks as one stream of events: what the second is given, and what is there when either is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqmagic.comparison.blocks import Both, read_kept
from seqmagic.comparison.both import BlockStarted, ComparedBoth, compare_both, resume
from seqmagic.comparison.compare import BaselinesMeasured, Compared, Planned, compare
from seqmagic.comparison.record import Comparison, read_comparison, write_comparison
from seqmagic.comparison.series import RowStarted
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError, RunError, TrainingError
from seqmagic.runs import locks
from seqmagic.texts.corpus import read_corpus
from tests.cli.test_compare_resume import TodaysTraining
from tests.helpers import FakeTraining, make_run

LOSSES = {"rnn": 1.9, "lstm": 1.5}
GIVEN: dict[str, Any] = {"cells": ["rnn", "lstm"], "model": ModelConfig(embedding=4)}


class StoppedLater(TodaysTraining):
    """One that is interrupted in its training of this number, from 1."""

    def __init__(self, losses: Any, *, stop_at: int, units: int = 6) -> None:
        super().__init__(losses, units=units)
        self.stop_at = stop_at

    def __call__(self, corpus: Any, **asked: Any) -> Any:
        if len(self.calls) + 1 == self.stop_at:
            raise KeyboardInterrupt
        yield from super().__call__(corpus, **asked)


def both_of(train: FakeTraining, text: Path, models: Path, **more: Any) -> list[Any]:
    training = TrainConfig(minutes=1.0, seed=7)
    given = {**GIVEN, "training": training, "models": models, "name": "mine", "train": train, **more}
    return list(compare_both(read_corpus(str(text), DataConfig()), **given))


def budgets(train: FakeTraining) -> list[tuple[str, int | None, float | None, float | None]]:
    """Of each training that was asked for: cell, units, minutes and epochs."""
    return [
        (one["model"].cell, one["model"].units, one["training"].minutes, one["training"].epochs) for one in train.calls
    ]


def test_the_second_block_trains_the_models_of_the_first_on_equal_data(text: Path, models: Path) -> None:
    train = TodaysTraining(LOSSES, units=9)
    events = both_of(train, text, models)
    assert budgets(train) == [
        ("lstm", None, 1.0, None),
        ("rnn", 9, 1.0, None),
        ("rnn", 9, None, 2.5),
        ("lstm", 9, None, 2.5),
    ]
    started = [event for event in events if isinstance(event, BlockStarted)]
    assert [(one.number, one.name, one.title, one.epochs) for one in started] == [
        (1, "mine", "equal time", None),
        (2, "mine-data", "equal data", 2.5),
    ]
    assert sum(isinstance(event, BaselinesMeasured) for event in events) == 1
    assert not any(isinstance(event, Compared) for event in events)
    assert [event.seconds for event in events if isinstance(event, Planned)] == [120.0, 120.0]
    assert isinstance(events[-1], ComparedBoth)
    both = events[-1].both
    assert both == read_kept(models / "mine") and both.is_whole and both.data is not None
    assert (both.time.beside, both.data.beside_of) == ("mine-data", "mine")
    assert both.time.baselines == both.data.baselines
    assert both.data.held_equal == {"match": "units", "minutes": None, "epochs": 2.5, "seeds": (7,)}
    assert [row.label for row in both.data.rows] == [row.label for row in both.time.rows]
    assert not any(locks.is_held(models, name) for name in ("mine", "mine-data"))


@pytest.mark.parametrize("stop_at", [1, 2])
def test_stopped_in_the_first_block_the_second_is_not_begun(stop_at: int, text: Path, models: Path) -> None:
    both = both_of(StoppedLater(LOSSES, stop_at=stop_at), text, models)[-1].both
    assert both.data is None and both.status == "interrupted" and not (models / "mine-data").exists()
    if stop_at == 1:  # nothing was trained, and nothing is kept
        assert both.trouble is None and list(models.iterdir()) == []
        return
    assert "compare --resume mine" in str(both.trouble)
    train = TodaysTraining(LOSSES)
    again = list(resume("mine", models=models, train=train))[-1].both
    assert again == read_kept(models / "mine") and again.is_whole
    assert [call["training"].minutes for call in train.calls] == [1.0, None, None]


def test_stopped_in_the_second_block_the_first_stays(text: Path, models: Path) -> None:
    both = both_of(StoppedLater(LOSSES, stop_at=4), text, models)[-1].both
    assert both.time.is_whole and both.data is not None and both.status == both.data.status == "interrupted"
    before = (models / "mine" / "comparison.json").read_bytes()
    train = TodaysTraining(LOSSES)
    events = list(resume("mine", models=models, train=train))
    assert events[-1].both == read_kept(models / "mine") and events[-1].both.is_whole
    assert [event.number for event in events if isinstance(event, BlockStarted)] == [2]
    assert budgets(train) == [("lstm", 6, None, 2.5)]
    assert (models / "mine" / "comparison.json").read_bytes() == before


def test_who_stops_asking_in_the_second_block_interrupts_it(text: Path, models: Path) -> None:
    events = compare_both(
        read_corpus(str(text), DataConfig()),
        **GIVEN,
        training=TrainConfig(minutes=1.0),
        models=models,
        name="mine",
        train=TodaysTraining(LOSSES),
    )
    for event in events:
        if isinstance(event, BlockStarted) and event.number == 2:
            assert locks.is_held(models, "mine") and locks.is_held(models, "mine-data")
        if isinstance(event, RowStarted) and (models / "mine-data" / "comparison.json").exists():
            break
    events.close()
    assert not locks.is_held(models, "mine") and not locks.is_held(models, "mine-data")
    assert read_comparison(models / "mine").is_whole
    assert list(resume("mine", models=models, train=TodaysTraining(LOSSES)))[-1].both.is_whole


def test_one_that_is_removed_is_trained_again(text: Path, models: Path) -> None:
    both_of(TodaysTraining(LOSSES), text, models)
    (models / "mine-data" / "comparison.json").unlink()
    (models / "mine-data").rmdir()
    train = TodaysTraining(LOSSES)
    assert list(resume("mine", models=models, train=train))[-1].both.is_whole
    assert [one[3] for one in budgets(train)] == [2.5, 2.5]


def test_one_without_a_second_block_is_taken_up_as_such(text: Path, models: Path) -> None:
    corpus = read_corpus(str(text), DataConfig())
    training = TrainConfig(epochs=1.0)
    list(compare(corpus, **GIVEN, training=training, models=models, name="mine",
                 train=StoppedLater(LOSSES, stop_at=2)))  # fmt: skip
    events = list(resume("mine", models=models, train=TodaysTraining(LOSSES)))
    assert isinstance(events[-1], Compared) and events[-1].comparison.is_whole
    with pytest.raises(RunError, match="there is no comparison 'nine'"):
        list(resume("nine", models=models))


def test_both_names_are_taken_before_anything_is_trained(text: Path, models: Path) -> None:
    train = TodaysTraining(LOSSES)
    make_run(models, "mine-data", source=text)
    for overwrite in (False, True):
        with pytest.raises(RunError, match=r"mine-data exists already; .*it is no comparison"):
            both_of(train, text, models, overwrite=overwrite)
    (models / "yours-data").mkdir()
    write_comparison(models / "yours-data", Comparison(name="yours-data"))
    with pytest.raises(RunError, match=r"yours-data exists already; .*add --overwrite"):
        both_of(train, text, models, name="yours")
    assert train.calls == [] and not (models / "mine").exists() and not (models / "yours").exists()
    assert both_of(train, text, models, name="yours", overwrite=True)[-1].both.is_whole


def test_epochs_are_refused(text: Path, models: Path) -> None:
    with pytest.raises(ConfigError, match="leave that out"):
        both_of(TodaysTraining(LOSSES), text, models, training=TrainConfig(epochs=1.0))
    assert list(models.iterdir()) == []


def test_an_older_second_block_is_not_that_of_a_new_first_one(text: Path, models: Path) -> None:
    both_of(TodaysTraining(LOSSES), text, models)
    both_of(StoppedLater(LOSSES, stop_at=2), text, models, overwrite=True)
    kept = read_kept(models / "mine")
    assert isinstance(kept, Both) and kept.data is None
    old = read_comparison(models / "mine-data")
    again = list(resume("mine", models=models, train=TodaysTraining(LOSSES)))[-1].both
    assert again.is_whole and again.data.created > old.created
    assert {row.run for row in again.data.rows}.isdisjoint({row.run for row in old.rows})


def test_what_has_the_name_of_the_second_block_by_now_is_left_alone(text: Path, models: Path) -> None:
    both_of(StoppedLater(LOSSES, stop_at=2), text, models)
    (models / "mine-data").mkdir()
    write_comparison(models / "mine-data", Comparison(name="mine-data"))
    train = TodaysTraining(LOSSES)
    with pytest.raises(RunError, match=r"is not the block of equal data of mine; .* seqmagic runs rename mine-data"):
        list(resume("mine", models=models, train=train))
    assert train.calls == [] and read_comparison(models / "mine-data") == Comparison(name="mine-data")


def test_where_no_row_comes_to_anything_there_is_no_second_block(text: Path, models: Path) -> None:
    train = TodaysTraining({cell: TrainingError(f"no {cell}") for cell in LOSSES})
    both = both_of(train, text, models)[-1].both
    assert both.data is None and str(both.trouble).startswith("There is no block of equal data: no row was trained")
    assert len(train.calls) == 2 and list(models.iterdir()) == []


def test_a_row_that_fails_in_one_block_is_tried_in_the_other(text: Path, models: Path) -> None:
    both = both_of(TodaysTraining({**LOSSES, "rnn": TrainingError("no")}), text, models)[-1].both
    assert [[row.status for row in one.rows] for one in (both.time, both.data)] == [["failed", "complete"]] * 2
    stopped = list(resume("mine", models=models, train=StoppedLater(LOSSES, stop_at=1)))
    assert [event.number for event in stopped if isinstance(event, BlockStarted)] == [1]
    assert stopped[-1].both.status == "interrupted" and stopped[-1].both.data == both.data
    train = TodaysTraining(LOSSES)
    assert list(resume("mine", models=models, train=train))[-1].both.is_whole
    assert budgets(train) == [("rnn", 6, 1.0, None), ("rnn", 6, None, 2.5)]
