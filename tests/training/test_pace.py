"""How many steps a call takes: what fits in its time, and none past an evaluation or the end."""

from __future__ import annotations

import pytest

from seqmagic.training.budget import Budget
from seqmagic.training.pace import CALL_SECONDS, coming_fractions
from tests.training.test_budget import Clock, make


def walk(budget: Budget, clock: Clock, *, seconds: float, most: int) -> tuple[list[float], list[int], list[int]]:
    """Take steps of `seconds` each to the end: the fractions, the steps with an evaluation, the steps of each call."""
    fractions: list[float] = []
    evaluated, calls = [], []
    known = 0.0
    while coming := coming_fractions(budget, len(fractions), seconds_per_step=known, most=most):
        fractions += coming
        calls.append(len(coming))
        clock.now += seconds * len(coming)
        known = seconds
        if budget.evaluation_due(len(fractions)):
            evaluated.append(len(fractions))
            budget.evaluated(len(fractions), seconds=0.01)
    return fractions, evaluated, calls


@pytest.mark.parametrize("epochs", [0.001, 0.5, 2.0, 7.3])
@pytest.mark.parametrize("most", [2, 7, 256])
def test_in_epochs_every_step_is_as_it_is_one_by_one(epochs: float, most: int) -> None:
    """Its rate, the evaluations and the end; whatever the clock says."""
    expected = walk(make(Clock(), epochs=epochs), Clock(), seconds=1.0, most=1)
    for seconds in (0.0001, 0.009, 0.5):
        clock = Clock()
        fractions, evaluated, calls = walk(make(clock, epochs=epochs), clock, seconds=seconds, most=most)
        assert (fractions, evaluated) == expected[:2]
        assert max(calls) <= max(1, min(most, int(CALL_SECONDS / seconds)))


def test_in_minutes_the_end_and_the_evaluations_come_on_time() -> None:
    ends = []
    for most in (1, 256):
        clock = Clock()
        budget = make(clock, minutes=0.5, evaluation_seconds=0.01)
        fractions, evaluated, calls = walk(budget, clock, seconds=0.006, most=most)
        ends.append((len(fractions), fractions[-1], evaluated))
        assert budget.elapsed == pytest.approx(30.0, abs=0.1)
    (steps, last, evaluated), (steps_one, last_one, evaluated_one) = ends
    assert max(calls) == int(CALL_SECONDS / 0.006)
    assert steps == pytest.approx(steps_one, abs=2) and last == pytest.approx(last_one, abs=0.001)
    assert evaluated == pytest.approx(evaluated_one, abs=2)


def test_the_first_step_is_taken_alone_and_a_long_one_always() -> None:
    budget = make(Clock(), epochs=4.0)
    assert len(coming_fractions(budget, 0, seconds_per_step=0.0)) == 1
    assert len(coming_fractions(budget, 1, seconds_per_step=3.0)) == 1
    assert len(coming_fractions(budget, 1, seconds_per_step=0.01)) == 7


def test_a_spent_budget_has_no_more_steps() -> None:
    assert coming_fractions(make(Clock(), epochs=1.0), 50, seconds_per_step=0.001) == []
