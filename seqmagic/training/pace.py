"""How many steps the next call takes, and how far along the budget each of them is.

Between two calls a training heeds Ctrl-C, the end of its budget and its evaluations; what a call costs beside its steps
is paid the less often, the more of them it takes.
"""

from __future__ import annotations

from seqmagic.training.budget import Budget

CALL_SECONDS = 0.07  # what one call should take: all that Ctrl-C has to wait for
MOST_STEPS = 256  # of the smallest networks; the windows of a call are kept in memory


def coming_fractions(budget: Budget, step: int, *, seconds_per_step: float, most: int = MOST_STEPS) -> list[float]:
    """The share of the budget that is spent before each step of the next call, 0 to 1; none where the budget is spent.

    A call ends where an evaluation is due and with the budget: in a budget of epochs at the very step, in one of
    minutes at the step where, by `seconds_per_step`, it will be time.

    Args:
        step: Steps taken so far.
        seconds_per_step: What a step took last; 0 where none was taken, and the next is taken alone.
        most: Steps that a call may take.
    """
    fitting = int(CALL_SECONDS / seconds_per_step) if seconds_per_step else 1
    fractions: list[float] = []
    for number in range(max(1, min(most, fitting))):
        fraction = budget.fraction(step + number, ahead=number * seconds_per_step)
        if fraction >= 1.0:
            break
        fractions.append(fraction)
        if budget.evaluation_due(step + number + 1, ahead=(number + 1) * seconds_per_step):
            break
    return fractions
