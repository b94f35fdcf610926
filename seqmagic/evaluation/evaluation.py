"""The exact loss of a text: nats and characters, summed once, in parallel streams that warm up first.

Axes: B streams, T time. Position p of the text stands for "having read ids[0..p], predict ids[p + 1]";
a text of N + 1 characters has the positions 0 to N - 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.evaluation import units

_SHARE_PER_WARM_UP = 4  # a stream counts at least this many times what it reads to warm up


@dataclass(frozen=True)
class Score:
    """How well a text was predicted: `nats` in all, over `characters` predicted."""

    nats: float
    characters: int

    @property
    def loss(self) -> float:
        """Nats per character."""
        return self.nats / self.characters

    @property
    def bits_per_character(self) -> float:
        return units.bits(self.loss)

    @property
    def perplexity(self) -> float:
        """e^loss: among how many equally likely characters the model would be as unsure; may be infinite."""
        return units.perplexity(self.loss)


class Scorer(Protocol):
    """What can be evaluated: a model that reads windows and carries its states.

    A call reads inputs (B, T) int32 from `states` and scores targets (B, T) int32: it returns the nats of
    each target, (B, T) float, and the states after the last input. B and T are the same in all calls.
    """

    def initial_states(self, batch: int) -> Any: ...

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, states: Any) -> tuple[Any, Any]: ...


def evaluate(scorer: Scorer, ids: np.ndarray, *, streams: int = 64, warm_up: int = 128, window: int = 64) -> Score:
    """Predict every character of `ids` but the first, which has nothing before it.

    Read by one stream, the figure is the sequential one: from an empty state, the state carried to the
    end. Several streams cut the text into contiguous shares; each but the first reads `warm_up`
    characters before its share, uncounted, and only the rest of the past is lost to it. Every position
    is counted once, none is left out, and a short text gets fewer streams.

    Args:
        scorer: The model.
        ids: (N + 1,) integer, in reading order.
        streams: Most streams B side by side.
        warm_up: Characters that a stream reads before those that it counts.
        window: Characters T per call.

    Raises:
        CorpusError: fewer than two characters.
    """
    nats, characters = 0.0, 0
    for _, found in _counted(scorer, ids, streams=streams, warm_up=warm_up, window=window):
        nats += float(np.sum(found, dtype=np.float64))
        characters += found.size
    return Score(nats=nats, characters=characters)


def costs(scorer: Scorer, ids: np.ndarray, *, streams: int = 64, warm_up: int = 128, window: int = 64) -> np.ndarray:
    """The nats of every character of `ids` (N + 1,) but the first, (N,) float32; arguments and errors of `evaluate`.

    Of a scorer that finds more than nats of a character, (B, T, k), it is (N, k).
    """
    parts = list(_counted(scorer, ids, streams=streams, warm_up=warm_up, window=window))
    nats = np.empty((len(ids) - 1, *parts[0][1].shape[1:]), np.float32)
    for positions, found in parts:
        nats[positions] = found
    return nats


def _counted(
    scorer: Scorer, ids: np.ndarray, *, streams: int, warm_up: int, window: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Window by window the positions that it counts and the nats of their characters, (k,) each."""
    positions = len(ids) - 1
    if positions < 1:
        raise CorpusError(f"a text of {len(ids)} characters can't be evaluated; 2 or more are needed")
    batch = max(1, min(streams, positions // max(window, _SHARE_PER_WARM_UP * warm_up)))
    overlap = min(warm_up, positions) if batch > 1 else 0
    # Stream b reads [b * share, b * share + share + overlap) and counts it but for the first `overlap`
    # positions, which the stream before it counts; the first stream, with none before it, counts those too.
    share = math.ceil((positions - overlap) / batch)
    starts = share * np.arange(batch)[:, np.newaxis]
    uncounted = np.where(starts > 0, overlap, 0)
    states = scorer.initial_states(batch)
    for first in range(0, share + overlap, window):
        column = np.arange(first, first + window)
        position = starts + column
        counted = (column >= uncounted) & (column < share + overlap) & (position < positions)
        readable = np.minimum(position, positions - 1)  # past the end: read anything, count nothing
        inputs, targets = ids[readable].astype(np.int32), ids[readable + 1].astype(np.int32)
        window_nats, states = scorer(inputs, targets, states)
        yield position[counted], np.asarray(window_nats)[counted]
