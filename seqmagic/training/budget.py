"""How much of the budget is spent, and when it is time to evaluate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from seqmagic.config import TrainConfig
from seqmagic.training.pauses import working_seconds

EVALUATIONS = 12  # about so many evaluations per budget ...
EVALUATION_SHARE = 0.05  # ... but in a time budget at most this share of it goes into them
_QUIET_END = 0.04  # no evaluation shortly before the final one


@dataclass(kw_only=True)
class EvaluationTimes:
    """What decides when the next evaluation is due; with the time spent, all that a budget remembers.

    Attributes:
        seconds: What the last one took; before there was one, what it is expected to take.
        ended_at: When it ended, in seconds since the first step.
        next_mark: The share of the budget at which the next one is due, 0 to 1.
    """

    seconds: float = 0.0
    ended_at: float = 0.0
    next_mark: float = 1.0 / EVALUATIONS


class Budget:
    """Minutes from the first step on, or readings of the training part.

    A time budget keeps back what the evaluations at the end take, so that the whole ends on time. A budget
    in epochs counts steps alone: no clock decides anything, and the same seed gives the same run.

    Args:
        training: Exactly one of `minutes` and `epochs` is set.
        steps_per_epoch: Steps that read the training part once.
        evaluations: What it knows of them, changed in place.
        clock: Seconds, monotonic, without those of a pause.
    """

    def __init__(
        self,
        training: TrainConfig,
        *,
        steps_per_epoch: float,
        evaluations: EvaluationTimes | None = None,
        clock: Callable[[], float] = working_seconds,
    ) -> None:
        self._clock = clock
        self._evaluations = evaluations or EvaluationTimes()
        self._seconds = None if training.minutes is None else 60.0 * training.minutes
        self._steps = max(1, math.ceil((training.epochs or 0.0) * steps_per_epoch))
        self._closing_evaluations = 1.0
        self._started = clock()
        self._began_step, self._began_seconds = 0, 0.0

    def start(
        self,
        *,
        evaluation_seconds: float,
        closing_evaluations: float = 1.0,
        already_spent: float = 0.0,
        began_step: int = 0,
        began_seconds: float = 0.0,
    ) -> None:
        """The first step is taken now, or the next one after `already_spent` seconds of training.

        Args:
            evaluation_seconds: What one evaluation is expected to take, where none was made yet.
            closing_evaluations: How many of them, in time, follow the last step.
            began_step, began_seconds: What was reached when this budget began: it holds that too, but its shares are
                of the rest.
        """
        self._began_step, self._began_seconds = began_step, began_seconds
        if not self._evaluations.ended_at:
            self._evaluations.seconds = evaluation_seconds
        self._closing_evaluations = closing_evaluations
        self._started = self._clock() - already_spent

    @property
    def elapsed(self) -> float:
        """Seconds since the first step."""
        return self._clock() - self._started

    @property
    def _closing_seconds(self) -> float:
        return self._closing_evaluations * self._evaluations.seconds

    def fraction(self, step: int, *, ahead: float = 0.0) -> float:
        """The share of the budget that is spent after `step` steps, `ahead` seconds from now, 0 to 1."""
        if self._seconds is None:
            return _share(step - self._began_step, self._steps - self._began_step)
        # At least a tenth of the time goes into steps, however slow the evaluation.
        seconds = self._seconds - self._began_seconds
        return _share(self.elapsed + ahead - self._began_seconds, max(0.1 * seconds, seconds - self._closing_seconds))

    def seconds_left(self, step: int) -> float:
        """Expected seconds until the end, the final evaluation included."""
        if self._seconds is not None:
            return max(0.0, self._seconds - self.elapsed)
        return self.elapsed / max(1, step) * max(0, self._steps - step) + self._closing_seconds

    def evaluation_due(self, step: int, *, ahead: float = 0.0) -> bool:
        """Whether it is time to evaluate, `ahead` seconds from now: a mark was passed, the last one has paid off."""
        fraction = self.fraction(step, ahead=ahead)
        if fraction < self._evaluations.next_mark or fraction > 1.0 - _QUIET_END:
            return False
        if self._seconds is None:
            return True
        return self.elapsed + ahead - self._evaluations.ended_at >= self._evaluations.seconds / EVALUATION_SHARE

    def evaluated(self, step: int, *, seconds: float) -> None:
        """An evaluation just ended that took `seconds`."""
        self._evaluations.seconds = seconds
        self._evaluations.ended_at = self.elapsed
        self._evaluations.next_mark = (math.floor(self.fraction(step) * EVALUATIONS + 1e-9) + 1) / EVALUATIONS


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 0 else 1.0
