"""When a training writes a checkpoint, and what of it goes on disk.

A checkpoint costs time: copying, writing, waiting for the disk. What the last one took is measured, and the next one
comes when that is a small share of the time since, however large the model and however slow the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from seqmagic import files
from seqmagic.errors import RunError
from seqmagic.runs import checkpoints
from seqmagic.runs.making import NewRun
from seqmagic.runs.record import RunRecord
from seqmagic.training.state import TrainingState

SHARE = 0.015  # of the time may go into checkpoints
LEAST_SECONDS = 5.0  # between two of them


class Checkpoints:
    """Those of one training.

    Attributes:
        seconds: What they took so far.
        written: How many were.
        problem: Why the last one could not be written, in a clause; None where it could.
    """

    def __init__(
        self, new: NewRun, record: RunRecord, state: TrainingState, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._new, self._record, self._state, self._clock = new, record, state, clock
        self._due = clock()  # the first one stands after the first steps: a kill after them leaves what was reached
        self.seconds = 0.0
        self.written = 0
        self.problem: str | None = None

    def write_if_due(self) -> None:
        """Write one where the last is long enough ago."""
        if self._clock() >= self._due:
            self.write()

    def write(self) -> None:
        """Write one now. Where the disk does not take it the training goes on, and the next one is tried later."""
        started = self._clock()
        training = self._record.training
        facts = checkpoints.Facts(
            created=self._record.created,
            step=self._state.step,
            seconds=self._state.elapsed_seconds,
            minutes=training.minutes,
            epochs=training.epochs,
            samples_bytes=self._new.run.samples_bytes,
        )
        try:
            checkpoints.write(self._new.run, self._state.to_arrays(), facts)
            self._new.show()
        except (OSError, RunError) as problem:
            self.problem = files.in_brief(problem)
        else:
            self.written, self.problem = self.written + 1, None
        seconds = self._clock() - started
        self.seconds += seconds
        self._due = self._clock() + max(LEAST_SECONDS, seconds / SHARE)

    def remove(self) -> None:
        """The training is over: nothing goes on from them."""
        checkpoints.remove(self._new.run)
