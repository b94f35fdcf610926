"""A series of trainings: their order, their sizes, and what becomes of one that fails or is interrupted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from seqmagic.comparison.entries import Entry, plan_entries
from seqmagic.comparison.rows import Row
from seqmagic.comparison.series import RowFinished, RowStarted, train_rows
from seqmagic.config import CELLS, DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import TrainingError
from seqmagic.network.sizes import count_parameters
from seqmagic.texts.corpus import read_corpus
from tests.helpers import FakeTraining

LOSSES = {"rnn": 1.9, "lstm": 1.5, "gru": 1.6}


def run_series(
    train: FakeTraining, entries: Sequence[Entry], text: Path, models: Path, **more: Any
) -> tuple[list[Row], list[Any]]:
    """The rows in the order of the table, and all events."""
    events = list(
        train_rows(
            read_corpus(str(text), DataConfig()),
            entries,
            model=ModelConfig(embedding=4),
            training=TrainConfig(epochs=1.0, seed=7),
            models=models,
            argv=("compare",),
            train=train,
            **more,
        )
    )
    finished = [event for event in events if isinstance(event, RowFinished)]
    return [event.row for event in sorted(finished, key=lambda event: event.position)], events


def test_the_plan_has_every_combination_in_the_order_of_the_table() -> None:
    entries = plan_entries(["rnn", "gru"], [8, 16], [1, 2], [5, 6])
    assert [(one.layers, one.units, one.cell, one.seed) for one in entries] == list(
        itertools.product([1, 2], [8, 16], ["rnn", "gru"], [5, 6])
    )


def test_every_training_gets_the_same_but_for_cell_size_and_seed(text: Path, models: Path) -> None:
    train = FakeTraining(LOSSES)
    rows, events = run_series(train, plan_entries(CELLS, [5], [2], [7, 8]), text, models)
    assert [(row.cell, row.units, row.layers, row.seed) for row in rows] == [
        (cell, 5, 2, seed) for cell in CELLS for seed in (7, 8)
    ]
    assert [row.loss for row in rows] == [pytest.approx(LOSSES[row.cell] + 0.001 * row.seed) for row in rows]
    assert [call["training"].seed for call in train.calls] == [7, 8] * 3
    assert {call["training"].epochs for call in train.calls} == {1.0}
    assert {call["model"].embedding for call in train.calls} == {4}
    assert len({row.run for row in rows}) == 6
    started = [event for event in events if isinstance(event, RowStarted)]
    assert [(event.number, event.total) for event in started] == [(number, 6) for number in range(1, 7)]


def test_open_sizes_are_found_by_the_lstm_and_taken_over(text: Path, models: Path) -> None:
    train = FakeTraining(LOSSES, units=9)
    rows, _ = run_series(train, plan_entries(CELLS, [None], [None], [1, 2]), text, models)
    assert [row.cell for row in rows] == ["rnn", "rnn", "lstm", "lstm", "gru", "gru"]
    assert {(row.layers, row.units) for row in rows} == {(1, 9)}
    asked = [(call["model"].cell, call["model"].units) for call in train.calls]
    assert asked == [("lstm", None), ("lstm", 9), ("rnn", 9), ("rnn", 9), ("gru", 9), ("gru", 9)]


def test_without_an_lstm_the_first_cell_leads(text: Path, models: Path) -> None:
    train = FakeTraining(LOSSES, units=9)
    run_series(train, plan_entries(["gru", "rnn"], [None], [1], [1]), text, models)
    assert [(call["model"].cell, call["model"].units) for call in train.calls] == [("gru", None), ("rnn", 9)]


@pytest.mark.parametrize("units", [128, None])
def test_matched_parameters_agree_with_the_lstm(units: int | None, text: Path, models: Path) -> None:
    train = FakeTraining(LOSSES, units=128)
    rows, _ = run_series(train, plan_entries(CELLS, [units], [1], [1]), text, models, match="parameters")
    assert rows[1].units == 128
    counts = [(row.results or {})["parameters"] for row in rows]
    assert counts == [pytest.approx(counts[1], rel=0.02)] * 3
    size = read_corpus(str(text), DataConfig()).vocabulary.size
    assert counts[1] == count_parameters("lstm", units=128, layers=1, embedding=4, vocabulary_size=size)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (TrainingError("the loss\nexploded"), "the loss exploded"),
        (ValueError("bad shape"), "unexpected ValueError: bad shape"),
        (MemoryError(), "unexpected MemoryError:"),
        (RuntimeError("so " * 200), f"unexpected RuntimeError: {'so ' * 91}…"),
    ],
)
def test_a_training_that_fails_is_a_row_and_the_others_go_on(
    problem: Exception, words: str, text: Path, models: Path
) -> None:
    rows, _ = run_series(FakeTraining({**LOSSES, "lstm": problem}), plan_entries(CELLS, [5], [1], [1]), text, models)
    assert [row.status for row in rows] == ["complete", "failed", "complete"]
    assert (rows[1].loss, rows[1].error, rows[1].run) == (None, words, None)


def test_where_the_leading_training_fails_the_next_one_leads(text: Path, models: Path) -> None:
    train = FakeTraining({**LOSSES, "lstm": TrainingError("no")}, units=9)
    rows, _ = run_series(train, plan_entries(CELLS, [None], [None], [1]), text, models)
    assert [(row.cell, row.units) for row in rows] == [("rnn", 9), ("lstm", None), ("gru", 9)]


@pytest.mark.parametrize("how", ["interrupted", KeyboardInterrupt()])
def test_an_interrupted_training_is_the_last(how: Any, text: Path, models: Path) -> None:
    train = FakeTraining({**LOSSES, "lstm": how})
    rows, _ = run_series(train, plan_entries(CELLS, [5], [1], [1]), text, models)
    assert [(row.cell, row.status) for row in rows] == [("rnn", "complete"), ("lstm", "interrupted")]
    assert (rows[1].loss is not None) == (how == "interrupted")
    assert len(train.calls) == 2
