"""What the steps are given beside the learning rate, stacked for several of them; made ahead, while a call runs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from seqmagic.texts.record_streams import RecordStreams
from seqmagic.texts.streams import Streams


class StepInputs(NamedTuple):
    """Of N steps; each array's first axis. B streams, T characters."""

    ids: np.ndarray  # (N, B, T) int32
    targets: np.ndarray  # (N, B, T) int32, below 0 what is not predicted
    keep: np.ndarray  # (N, B, 1) float32, 0 where a stream starts from an empty state
    seeds: np.ndarray  # (N,) int32, of the dropout


class InputReader:
    """Makes the inputs of any steps; they depend on the step and the seed alone.

    Args:
        streams: What is read, a window a step.
        seed: Of the run.
        reset_probability: How likely a stream forgets its state before a window.
    """

    def __init__(self, streams: Streams | RecordStreams, *, seed: int, reset_probability: float) -> None:
        self._streams = streams
        self._seed = seed
        self._reset_probability = reset_probability
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="windows")
        self._ahead: tuple[int, Future[StepInputs]] | None = None  # from which step on

    def inputs(self, first: int, count: int) -> StepInputs:
        """Those of `count` steps from number `first` on; as many that follow are then made in another thread."""
        parts = self._made_ahead(first, count)
        made = sum(len(part.seeds) for part in parts)
        if made < count:
            parts.append(self._make(first + made, count - made))
        self._ahead = first + count, self._thread.submit(self._make, first + count, count)
        return StepInputs(*map(np.concatenate, zip(*parts, strict=True)))

    def _made_ahead(self, first: int, count: int) -> list[StepInputs]:
        if self._ahead is None or self._ahead[0] != first:
            return []
        return [StepInputs(*(array[:count] for array in self._ahead[1].result()))]

    def _make(self, first: int, count: int) -> StepInputs:
        ids, targets, restarts = self._streams.windows(first, count)
        steps = range(first, first + count)
        # Seeded by the step, so that a run does not depend on what else drew random numbers.
        batch = self._streams.batch_size
        draws = np.stack([np.random.default_rng((self._seed, step)).random(batch) for step in steps])
        empty = restarts | (draws[:, self._streams.rows] < self._reset_probability)
        seeds = [(self._seed * 1_000_003 + step) & 0x7FFFFFFF for step in steps]
        return StepInputs(ids, targets, np.where(empty, 0, 1).astype(np.float32)[:, :, None], np.array(seeds, np.int32))
