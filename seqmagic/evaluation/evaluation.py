"""The exact loss of a text: nats and characters, summed once, in parallel streams that warm up first.

Axes: B streams, T time. Position p of the text stands for "having read ids[0..p], predict ids[p + 1]";
a text of N + 1 characters has the positions 0 to N - 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.evaluation import units
from seqmagic.texts.records import starts

_SHARE_PER_WARM_UP = 4  # a stream counts at least this many times what it reads to warm up
LONGEST_WINDOW = 64  # characters per call, of records


@dataclass(frozen=True)
class Score:
    """How well a text was predicted: `nats` in all, over `characters` predicted."""

    nats: float
    characters: int

    @classmethod
    def of(cls, nats: np.ndarray) -> Score:
        """Of the nats of every character, (n,)."""
        return cls(nats=float(np.sum(nats, dtype=np.float64)), characters=len(nats))

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


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordScore:
    """How well records were predicted, each from an empty state.

    Attributes:
        nats: (R,) float64 of each record, its end included.
        costs: (N,) float32 nats of every character but the first.
        places: (R + 1,) where each begins in the ids, and where the last one ends (`texts.records.starts`).
    """

    nats: np.ndarray
    costs: np.ndarray
    places: np.ndarray

    @property
    def score(self) -> Score:
        """Of all of them; a sum that does not depend on their order."""
        return Score(nats=math.fsum(self.nats), characters=int(self.places[-1] - self.places[0]))


def score_records(
    scorer: Scorer, ids: np.ndarray, boundary: int, *, streams: int = 64, window: int | None = None
) -> RecordScore:
    """Predict every character of every record, its end included, each record from an empty state.

    Args:
        scorer: The model.
        ids: (N + 1,) integer: a `boundary`, then the records, each with its own (`texts.records`).
        boundary: Id of the end of a record.
        streams: Records that are read side by side.
        window: Characters T per call; None for what the records ask for. With a number all calls have one shape,
            `streams` by `window`, however few the records are.

    Raises:
        CorpusError: no record.
    """
    costs = record_costs(scorer, ids, boundary, streams=streams, window=window)
    places = starts(ids, boundary)
    return RecordScore(nats=np.add.reduceat(costs, places[:-1], dtype=np.float64), costs=costs, places=places)


def score_text(scorer: Scorer, ids: np.ndarray, boundary: int | None, *, window: int | None = None) -> Score:
    """The score of `ids`: of its records where they end at a `boundary`, else of one text from start to end."""
    if boundary is None:
        return evaluate(scorer, ids)
    return score_records(scorer, ids, boundary, window=window).score


def record_costs(
    scorer: Scorer, ids: np.ndarray, boundary: int, *, streams: int = 64, window: int | None = None
) -> np.ndarray:
    """The nats of every character of `ids` (N + 1,) but the first, (N,) float32; arguments of `score_records`."""
    places = starts(ids, boundary)
    lengths = np.diff(places)
    if not lengths.size:
        raise CorpusError(f"a text of {len(ids)} characters has no record to evaluate; give one or more")
    nats = np.empty(len(ids) - 1, np.float32)
    batch = streams if window else min(streams, len(lengths))
    order = _order(ids, places)
    for first in range(0, len(order), batch):
        rows = np.resize(order[first : first + batch], batch)  # the last ones are read again, to fill the batch
        start, length = places[rows][:, np.newaxis], lengths[rows][:, np.newaxis]
        width = window or min(LONGEST_WINDOW, int(length.max()))
        states = scorer.initial_states(batch)
        for begin in range(0, int(length.max()), width):
            column = np.arange(begin, begin + width)
            counted = column < length
            position = start + np.minimum(column, length - 1)  # behind a record: read anything, count nothing
            inputs, targets = ids[position].astype(np.int32), ids[position + 1].astype(np.int32)
            found, states = scorer(inputs, targets, states)
            nats[position[counted]] = np.asarray(found)[counted]
    return nats


def _order(ids: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Records (R,) by their length and what they hold, whatever their order: so the same ones are read side by side.

    A product of matrices may round a row of its own one way or another, by where it stands among the others.
    """
    lengths = np.diff(places)
    content = [ids[start:stop].tobytes() for start, stop in itertools.pairwise(places.tolist())]
    return np.array(sorted(range(len(lengths)), key=lambda record: (-lengths[record], content[record])))
