"""What stands in a text more than once: its longest repeat, and how much of one part another one has word for word.

Exact, without hashes, and without a suffix array: all stretches of a length get numbers, equal ones the same, so
that the stretches of twice the length are pairs of numbers (Karp, Miller & Rosenberg 1972). A stretch that stands
there once gets 0 and drops out, with all longer ones that hold it; of most texts little is left beyond 32
characters. Ten million characters take ten seconds and 0.6 GB, most of it to sort the shortest stretches; 1.3 GB
where all of them are the same one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_WORD = 8  # bytes that are numbered at once


class Repeat(NamedTuple):
    """The longest stretch of characters that a text has more than once; the occurrences may overlap.

    Attributes:
        length: Of the stretch, in characters; 0 where no character stands there twice.
        places: Where it begins, ascending.
    """

    length: int
    places: tuple[int, ...]


def longest_repeat(ids: np.ndarray) -> Repeat:
    """The longest repeat of `ids`, (n,) unsigned; of several of one length the one whose first place is first."""
    length, numbers = _shortest(ids)
    levels = []  # for each length that has repeats: that length, and the numbers of its stretches
    while numbers.any():
        levels.append((length, numbers))
        numbers = _joined(numbers, numbers, length)
        length *= 2
    # the places that are left, and numbers for what stands at them, `found` characters long
    found, places, current = 0, np.arange(len(ids)), np.zeros(len(ids), np.int64)
    if levels:
        found, numbers = levels.pop()
        places = np.flatnonzero(numbers)
        current = numbers[places].astype(np.int64)
    for length, numbers in reversed(levels):
        kept, longer = _extended(places, current, numbers, found)
        if kept.size:
            found, places, current = found + length, kept, longer
    characters = ids.astype(np.int64) + 1
    while True:  # less than a word more
        kept, longer = _extended(places, current, characters, found)
        if not kept.size:
            break
        found, places, current = found + 1, kept, longer
    if not found:
        return Repeat(0, ())
    first = current[np.argmin(places)]
    return Repeat(found, tuple(sorted(int(place) for place in places[current == first])))


def share_found(before: np.ndarray, after: np.ndarray, length: int) -> float:
    """The share of the characters of `after` that lie in a stretch of `length` or more that `before` has as well.

    Args:
        before, after: (n,) and (m,) unsigned, in one numbering.
        length: Of the stretches, in characters; 8 or more.
    """
    if len(after) < length or len(before) < length:
        return 0.0
    # a boundary that no id is equal to, so that no stretch goes across it
    boundary = max(int(before.max()), int(after.max())) + 1
    ids = np.concatenate([before, [boundary], after]).astype(np.min_scalar_type(boundary))
    reached, numbers = _shortest(ids)
    while reached < length:
        step = min(reached, length - reached)  # the halves may overlap
        numbers = _joined(numbers, numbers, step)
        reached += step
    known = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    known[numbers[: len(before)]] = True
    known[0] = False
    starts = known[numbers[len(before) + 1 :]]
    # +1 where a stretch begins, -1 behind its end: positive between the two
    edges = np.zeros(len(after) + length + 1, np.int64)
    edges[: len(starts)] += starts
    edges[length : length + len(starts)] -= starts
    return float(np.mean(np.cumsum(edges)[: len(after)] > 0))


def _shortest(ids: np.ndarray) -> tuple[int, np.ndarray]:
    """The numbers of the stretches that fill a word of the machine, and their length in characters."""
    ids = np.ascontiguousarray(ids, np.min_scalar_type(int(ids.max(initial=0))))
    length = _WORD // ids.itemsize
    numbers = np.zeros(len(ids), np.int32)
    if len(ids) >= length:
        windows = np.lib.stride_tricks.sliding_window_view(ids, length)
        keys = np.ascontiguousarray(windows).view(np.uint64)[:, 0]
        numbers[: len(keys)] = _numbered(keys)
    return length, numbers


def _joined(first: np.ndarray, second: np.ndarray, step: int) -> np.ndarray:
    """Numbers (n,) int32 for the stretches made of one of `first` and, `step` further on, one of `second`."""
    numbers = np.zeros(len(first), np.int32)
    places = np.flatnonzero(first[: max(0, len(first) - step)])
    kept, found = _extended(places, first[places].astype(np.int64), second, step)
    numbers[kept] = found
    return numbers


def _extended(places: np.ndarray, current: np.ndarray, numbers: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The places (k,) at which a longer stretch stands that stands at another as well, and their new numbers.

    Args:
        places: (m,) where stretches begin.
        current: (m,) their numbers.
        numbers: (n,) those of what they are extended by, 0 where that stands nowhere else.
        step: How far behind each place that begins.
    """
    inside = places < len(numbers) - step
    places, current = places[inside], current[inside]
    following = numbers[places + step]
    both = following > 0
    places, current, following = places[both], current[both], following[both]
    base = np.int64(following.max(initial=0)) + 1
    found = _numbered(current * base + following)
    return places[found > 0], found[found > 0]


def _numbered(keys: np.ndarray) -> np.ndarray:
    """A number from 1 for each key (n,), equal ones the same, 0 for one that stands alone: (n,) int32."""
    order = np.argsort(keys)
    ordered = keys[order]
    is_new = np.ones(len(keys), bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    alone = is_new & np.append(is_new[1:], True)
    ranks = np.cumsum(is_new & ~alone, dtype=np.int32)
    ranks[alone] = 0
    numbers = np.empty(len(keys), np.int32)
    numbers[order] = ranks
    return numbers
