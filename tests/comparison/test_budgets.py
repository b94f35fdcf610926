"""What equal data is: as much as the row that read the least, for the sizes that were found."""

from __future__ import annotations

from typing import Any

import pytest

from seqmagic.comparison.budgets import equal_data, least_epochs, plan_of, refuse_epochs, rounded_down, seconds_at_most
from seqmagic.comparison.record import Plan
from seqmagic.comparison.rows import Row
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError
from seqmagic.runs.record import Results
from tests.helpers import make_results


def plan(**asked: Any) -> Plan:
    given = {"cells": ["rnn", "lstm"], "units": None, "layers": None, "seeds": 1, "match": "units", **asked}
    training = TrainConfig(minutes=2.0, seed=7, batch_size=8)
    return plan_of(DataConfig(), model=ModelConfig(embedding=4), training=training, **given)


def row(entry: int, *, cell: str = "rnn", units: int | None = 9, layers: int | None = 1, **results: Any) -> Row:
    found = Results(**{**make_results(1.5), **results}) if units else None
    run = f"run-{entry}" if units else None
    return Row(cell=cell, layers=layers, units=units, seed=7, run=run, results=found, entry=entry)


@pytest.mark.parametrize(
    ("number", "rounded"),
    [(5.4321, 5.43), (5.4399, 5.43), (0.012399, 0.0123), (1234.9, 1230.0), (1.0, 1.0), (0.0004, 0.0004), (0.29, 0.29)],
)
def test_epochs_are_rounded_down_to_what_can_be_typed(number: float, rounded: float) -> None:
    assert rounded_down(number) == rounded


def test_the_row_that_read_the_least_says_how_much() -> None:
    rows = [row(0, epochs=7.5), row(1, epochs=2.3456), row(2, units=None)]
    assert least_epochs(rows) == 2.34
    assert least_epochs([row(0, units=None)]) is None and least_epochs([row(0, epochs=0.0)]) is None


def test_the_second_plan_differs_in_budget_and_sizes_alone() -> None:
    asked = plan()
    found = equal_data(asked, [row(0, epochs=3.0), row(1, cell="lstm", epochs=1.5)])
    assert isinstance(found, Plan)
    assert (found.training.minutes, found.training.epochs, found.training.batch_size) == (None, 1.5, 8)
    assert [(one.cell, one.layers, one.units, one.seed) for one in found.entries] == [
        ("rnn", 1, 9, 7),
        ("lstm", 1, 9, 7),
    ]
    assert (found.cells, found.seeds, found.match, found.data) == (asked.cells, asked.seeds, asked.match, asked.data)


def test_each_combination_has_the_size_that_was_found_for_it() -> None:
    asked = plan(layers=[1, 2], seeds=2)
    rows = [row(number, units=9 if number < 4 else 5, layers=1 if number < 4 else 2) for number in range(8)]
    found = equal_data(asked, rows)
    assert isinstance(found, Plan) and found.sizes == ((1, 9), (2, 5))
    assert [(one.layers, one.units) for one in found.entries] == [(1, 9)] * 4 + [(2, 5)] * 4
    assert [one.cell for one in found.entries] == [one.cell for one in asked.entries]


def test_matched_parameters_follow_the_reference() -> None:
    found = equal_data(plan(match="parameters"), [row(0, units=20), row(1, cell="lstm", units=9)])
    assert isinstance(found, Plan) and found.sizes == ((1, 9),)
    rows = [row(0, units=20), row(1, cell="lstm", units=None)]
    assert "the sizes are not known" in str(equal_data(plan(match="parameters"), rows))
    assert isinstance(equal_data(plan(match="parameters", units=[9], layers=[1]), rows), Plan)


def test_without_a_row_there_is_nothing_to_be_equal_to() -> None:
    assert "no row was trained by time" in str(equal_data(plan(), [row(0, units=None)]))


def test_what_it_will_take_is_told_by_the_speed_of_each_row() -> None:
    rows = [row(0, epochs=4.0, seconds=60.0), row(1, epochs=2.0, seconds=60.0)]
    assert seconds_at_most(rows, 2.0) == pytest.approx(30.0 + 60.0)
    assert seconds_at_most([*rows, row(2, units=None)], 2.0) is None


def test_a_budget_of_epochs_is_refused() -> None:
    refuse_epochs(TrainConfig(minutes=1.0))
    refuse_epochs(TrainConfig())
    with pytest.raises(ConfigError, match=r"--budget both takes --minutes .*Received --epochs 2; leave that out"):
        refuse_epochs(TrainConfig(epochs=2.0))
