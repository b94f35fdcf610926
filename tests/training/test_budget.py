"""The budget: when a training ends and when it evaluates, on a clock that the test turns."""

from __future__ import annotations

import pytest

from seqmagic.config import TrainConfig
from seqmagic.training.budget import EVALUATION_SHARE, EVALUATIONS, Budget, EvaluationTimes


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock, *, evaluation_seconds: float = 0.0, **settings: float) -> Budget:
    budget = Budget(TrainConfig(**settings), steps_per_epoch=50.0, clock=clock)
    budget.start(evaluation_seconds=evaluation_seconds)
    return budget


def test_minutes_count_from_the_first_step_and_keep_the_last_evaluation_back() -> None:
    clock = Clock()
    budget = Budget(TrainConfig(minutes=1.0), steps_per_epoch=50.0, clock=clock)
    clock.now += 1000.0  # compiling
    budget.start(evaluation_seconds=5.0, closing_evaluations=2.0)
    assert budget.fraction(0) == 0.0
    clock.now += 25.0
    assert budget.fraction(7) == pytest.approx(0.5)  # 25 of 60 - 10 seconds
    assert budget.seconds_left(7) == pytest.approx(35.0)
    clock.now += 25.0
    assert budget.fraction(8) == 1.0


def test_an_evaluation_longer_than_the_budget_leaves_a_tenth_for_steps() -> None:
    clock = Clock()
    budget = make(clock, minutes=1.0, evaluation_seconds=300.0)
    clock.now += 5.9
    assert budget.fraction(1) < 1.0
    clock.now += 0.2
    assert budget.fraction(1) == 1.0


def test_epochs_count_steps_and_no_clock() -> None:
    clock = Clock()
    budget = make(clock, epochs=2.0, evaluation_seconds=1.0)
    clock.now += 1e6
    assert budget.fraction(25) == pytest.approx(0.25)
    assert budget.fraction(100) == 1.0
    assert make(clock, epochs=0.001).fraction(1) == 1.0  # at least one step


def test_evaluations_by_steps_are_the_same_whatever_they_cost() -> None:
    due = []
    for seconds in (0.0, 1e6):
        clock = Clock()
        budget = make(clock, epochs=4.0, evaluation_seconds=seconds)
        steps = []
        for step in range(1, 201):
            if budget.evaluation_due(step):
                steps.append(step)
                budget.evaluated(step, seconds=seconds)
        due.append(steps)
    assert due[0] == due[1]
    assert len(due[0]) == EVALUATIONS - 1  # the last one belongs to the end


def test_slow_evaluations_take_a_bounded_share_of_the_time() -> None:
    clock = Clock()
    budget = make(clock, minutes=10.0, evaluation_seconds=6.0)
    spent, step = 0.0, 0
    while budget.fraction(step) < 1.0:
        clock.now += 1.0
        step += 1
        if budget.evaluation_due(step):
            clock.now += 6.0
            spent += 6.0
            budget.evaluated(step, seconds=6.0)
    assert 0.0 < spent <= 600.0 * EVALUATION_SHARE


@pytest.mark.parametrize("settings", [{"epochs": 4.0}, {"minutes": 10.0}])
def test_a_budget_goes_on_after_a_break_as_if_there_had_been_none(settings: dict[str, float]) -> None:
    evaluations = []
    for breaks in (False, True):
        clock, times = Clock(), EvaluationTimes()
        budget = Budget(TrainConfig(**settings), steps_per_epoch=50.0, evaluations=times, clock=clock)
        budget.start(evaluation_seconds=9.0)
        found = []
        for step in range(1, 201):
            clock.now += 3.0
            if budget.evaluation_due(step):
                found.append(step)
                clock.now += 1.0
                budget.evaluated(step, seconds=1.0)
            if breaks and step % 7 == 0:
                spent = budget.elapsed
                clock.now += 1e5
                times = EvaluationTimes(seconds=times.seconds, ended_at=times.ended_at, next_mark=times.next_mark)
                budget = Budget(TrainConfig(**settings), steps_per_epoch=50.0, evaluations=times, clock=clock)
                budget.start(evaluation_seconds=9.0, already_spent=spent)
        evaluations.append((found, budget.fraction(200), budget.seconds_left(200)))
    assert evaluations[0] == evaluations[1] and len(evaluations[0][0]) > 5
