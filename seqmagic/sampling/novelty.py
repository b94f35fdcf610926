"""Is it copying? How much of what was written stands word for word in the training text.

Every window of L characters gets a 64-bit key, those of the written texts are looked up among those of the
training text, and L is found by bisection, as a shared run of L characters holds shared runs of every
shorter length. Keys of two windows that differ agree with a chance of some 2^-64 per pair.

Keys of length 2^k are made by doubling, from two of half the length (as ranks are by Karp, Miller and
Rosenberg 1972); any other length is covered by two such windows that overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqmagic.errors import RunError
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import OwnTextError, read_own_text
from seqmagic.texts.vocabulary import Vocabulary

GRAM = 8  # length of the n-grams whose novelty is counted
_BLOCK = 2**20  # windows of the training text looked at together: bounds the memory
_SPREAD, _FINISH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)  # odd, with mixed bits
_TABLE_BITS = 22


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """How new the written texts are.

    Attributes:
        longest: Length of the longest run of characters that stands in the training text.
        copied: That run.
        grams: How many n-grams of `GRAM` characters the texts have; none are counted across texts.
        new_share: The share of them that the training text does not have; None where there are none.
    """

    longest: int
    copied: str
    grams: int
    new_share: float | None


def training_ids(run: Run) -> np.ndarray:
    """The ids (n,) of the text that `run` was trained on, without its validation and test part.

    Raises:
        RunError: the text can't be read any more, or is another one now.
    """
    try:
        return read_own_text(run, "train").ids
    except OwnTextError as problem:
        raise RunError(f"--novelty needs the text that {run.name} was trained on: {problem}") from problem


def measure_novelty(texts: Sequence[str], training: np.ndarray, vocabulary: Vocabulary) -> Novelty:
    """Compare `texts` with the text of ids `training` (n,), in the same vocabulary."""
    written = _joined(texts, vocabulary)
    reach = max((len(text) for text in texts), default=0)
    mine = _Keys(written)
    length, place = 0, 0
    known: set[int] = set()
    grams = mine.of(GRAM)[_gram_starts(texts)]
    for start in range(0, len(training), _BLOCK):
        theirs = _Keys(training[start : start + _BLOCK + reach])
        known.update(_shared(grams, theirs.of(GRAM)).tolist())
        while length < reach and len(_shared(mine.of(length + 1), theirs.of(length + 1))):
            length, place = _longest_shared(mine, theirs, length + 1, reach)
    old = int(np.isin(grams, np.fromiter(known, np.uint64, len(known))).sum())
    return Novelty(
        longest=length,
        copied=vocabulary.decode(written[place : place + length]),
        grams=len(grams),
        new_share=1 - old / len(grams) if len(grams) else None,
    )


def _longest_shared(mine: _Keys, theirs: _Keys, shared: int, limit: int) -> tuple[int, int]:
    """The largest length up to `limit` of a shared window, and where one begins in mine; `shared` is one."""
    step = 1
    while shared + step <= limit and len(_shared(mine.of(shared + step), theirs.of(shared + step))):
        shared, step = shared + step, 2 * step
    while step > 1:
        step //= 2
        if shared + step <= limit and len(_shared(mine.of(shared + step), theirs.of(shared + step))):
            shared += step
    keys = mine.of(shared)
    return shared, int(np.flatnonzero(np.isin(keys, _shared(keys, theirs.of(shared))))[0])


class _Keys:
    """The keys of all windows of a sequence of ids, for every length."""

    def __init__(self, ids: np.ndarray) -> None:
        self._levels = [_mixed(ids.astype(np.uint64), np.uint64(1))]

    def of(self, length: int) -> np.ndarray:
        """The keys (n - length + 1,) uint64 of the windows of `length` characters; (0,) where there are none."""
        power = length.bit_length() - 1
        while len(self._levels) <= power:
            half, step = self._levels[-1], 2 ** (len(self._levels) - 1)
            self._levels.append(_mixed(half[: max(0, len(half) - step)], half[step:]))
        keys, overlap = self._levels[power], length - 2**power
        return _mixed(keys[: max(0, len(keys) - overlap)], keys[overlap:]) if overlap else keys


def _mixed(first: np.ndarray, second: np.ndarray | np.uint64) -> np.ndarray:
    """One key from two; not the same for (a, b) and (b, a)."""
    keys = first * _SPREAD
    keys += second
    keys ^= keys >> np.uint64(32)
    keys *= _FINISH
    keys ^= keys >> np.uint64(29)
    return keys


def _shared(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The distinct keys of `mine` that are in `theirs`, the longer one."""
    top = np.uint64(64 - _TABLE_BITS)
    marked = np.zeros(2**_TABLE_BITS, bool)  # most of theirs are ruled out by one look at the first bits
    marked[mine >> top] = True
    return np.intersect1d(mine, theirs[marked[theirs >> top]])


def _joined(texts: Sequence[str], vocabulary: Vocabulary) -> np.ndarray:
    """The ids of all texts, each followed by an id of its own that stands nowhere else; (n,) int64."""
    parts = [
        part for number, text in enumerate(texts) for part in (vocabulary.encode(text), [vocabulary.size + number])
    ]
    return np.concatenate([np.asarray(part, np.int64) for part in parts]) if parts else np.zeros(0, np.int64)


def _gram_starts(texts: Sequence[str]) -> np.ndarray:
    """Where the n-grams within one text begin in what `_joined` returns, (grams,) int64."""
    starts, offset = [np.zeros(0, np.int64)], 0
    for text in texts:
        starts.append(np.arange(offset, offset + len(text) - GRAM + 1))
        offset += len(text) + 1
    return np.concatenate(starts)
