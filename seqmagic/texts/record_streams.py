"""The streams in which the records of a part are read: whole windows, each record from a window's start.

A record that is longer than a window goes on in the next ones of its stream; what a last window has left is filled up
and not predicted. So a state is forgotten between windows alone, and no recurrence has to know of records.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.texts.records import starts

NOT_PREDICTED = -1  # in place of a target
_WHOLE = 0.95  # of the records fit into one window, where they are not too long for it


def fitted_window(lengths: np.ndarray, usual: int) -> int:
    """The window that holds most records whole, or, where they are long, the one that they fill best.

    Args:
        lengths: (R,) characters that are predicted of each record, its end included.
        usual: Characters of a window of one text from start to end; one for records has half as many more at most,
            and fewer only where they are shorter: gradients go back no further than a window.
    """
    whole = int(np.ceil(np.quantile(lengths, _WHOLE)))
    longest = usual + usual // 2
    if whole <= longest:
        return max(1, whole)
    return min(range(longest, usual - 1, -1), key=lambda window: window * window_count(lengths, window))


def window_count(lengths: np.ndarray, window: int) -> int:
    """How many windows records (R,) of these lengths take, each a whole number."""
    return int((-(-lengths // window)).sum())


def record_lengths(ids: np.ndarray, boundary: int) -> np.ndarray:
    """Characters that are predicted of each record of a part, its end included: (R,) int64."""
    return np.diff(starts(ids, boundary))


class _Round(NamedTuple):
    """The windows (L,) of one stream, once through its records."""

    number: int
    places: np.ndarray  # of the first character read
    lengths: np.ndarray  # characters predicted, at most T
    begins: np.ndarray  # bool, whether a record begins with it


class RecordStreams:
    """B readers of one part, each with records of its own, which it reads round and round in an order that changes.

    The records are dealt out so that the readers have about the same number of windows; B is at most their number.
    Which window is read at a step follows from the step and the seed alone.
    """

    def __init__(
        self,
        ids: np.ndarray,
        boundary: int,
        *,
        batch_size: int,
        sequence_length: int,
        seed: int,
        rows: slice = slice(None),
    ) -> None:
        """Read `ids`, (n,) of an unsigned type, as `texts.records` has them, in windows (B, T) of `sequence_length`.

        Args:
            rows: The readers that are here, where others are elsewhere: only their rows of all windows are made.

        Raises:
            CorpusError: there are fewer records than readers.
        """
        places = starts(ids, boundary)
        records = len(places) - 1
        if records < batch_size:
            raise CorpusError(f"a part of {records} records can't be read in {batch_size} streams; lower --batch-size")
        self._ids = np.asarray(ids)
        self.batch_size = batch_size
        self.rows = rows
        self._here = range(batch_size)[rows]
        self._seed = seed
        self._length = sequence_length
        self._places, self._lengths = places[:-1], np.diff(places)
        windows = -(-self._lengths // sequence_length)
        self._hands = _dealt(windows, batch_size, seed)
        self._windows = np.array([int(windows[hand].sum()) for hand in self._hands])
        self._rounds: list[_Round | None] = [None] * batch_size
        self.filled = float(self._lengths.sum() / (windows.sum() * sequence_length))

    @property
    def characters_per_step(self) -> float:
        """Characters that a step predicts, on an average, those of all readers."""
        return self.batch_size * self._length * self.filled

    def windows(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`count` windows from number `first` on, in any order and without an end.

        Returns:
            inputs, (N, B, T) int32; targets, (N, B, T) int32, the character after each input, or `NOT_PREDICTED`
            behind the end of a record; restarts, (N, B) bool: where a record begins.
        """
        steps = np.arange(first, first + count, dtype=np.int64)
        shape = count, len(self._here)
        places, lengths, restarts = np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape, bool)
        for column, row in enumerate(self._here):
            rounds, positions = np.divmod(steps, self._windows[row])
            for number in np.unique(rounds).tolist():
                now = rounds == number
                found = self._round(row, number)
                at = positions[now]
                places[now, column] = found.places[at]
                lengths[now, column] = found.lengths[at]
                restarts[now, column] = found.begins[at]
        restarts[steps == 0] = True
        offsets = np.arange(self._length + 1)
        inside = np.minimum(offsets, lengths[:, :, None])  # behind the end of a record: that end again and again
        block = self._ids.take(places[:, :, None] + inside).astype(np.int32)
        targets = np.where(offsets[:-1] < lengths[:, :, None], block[:, :, 1:], NOT_PREDICTED).astype(np.int32)
        return block[:, :, :-1], targets, restarts

    def _round(self, row: int, number: int) -> _Round:
        """Round `number` of stream `row`; the last one that was asked for is kept."""
        kept = self._rounds[row]
        if kept is not None and kept.number == number:
            return kept
        hand = self._hands[row]
        order = hand[np.random.default_rng((self._seed, row, number)).permutation(len(hand))]
        count = -(-self._lengths[order] // self._length)
        record = np.repeat(order, count)
        nth = np.arange(len(record)) - np.repeat(np.cumsum(count) - count, count)  # window of its record
        offset = nth * self._length
        lengths = np.minimum(self._length, self._lengths[record] - offset)
        made = _Round(number, self._places[record] + offset, lengths, nth == 0)
        self._rounds[row] = made
        return made


def _dealt(windows: np.ndarray, batch_size: int, seed: int) -> list[np.ndarray]:
    """The records of each stream: the longest first, each to the stream that has the fewest windows so far.

    Args:
        windows: (R,) of each record.
    """
    mixed = np.random.default_rng(seed).permutation(len(windows))
    order = mixed[np.argsort(-windows[mixed], kind="stable")]
    hands: list[list[int]] = [[] for _ in range(batch_size)]
    load = [(0, row) for row in range(batch_size)]
    for record, size in zip(order.tolist(), windows[order].tolist(), strict=True):
        so_far, row = load[0]
        hands[row].append(record)
        heapq.heapreplace(load, (so_far + size, row))
    return [np.array(hand, np.int64) for hand in hands]
