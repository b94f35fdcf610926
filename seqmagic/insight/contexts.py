"""What a prediction costs after exactly k characters: the one matrix A[target, k] that memory is read off.

A window reads from some character on, with an empty memory or a given one, and is scored at every target that it
passes: the window that starts at a has read k = t - a + 1 characters when it predicts the character after t.
Targets stand `SPACING` characters apart, so that a window passes one every `SPACING` steps; one window in so
many is read to the end, and those that start between them only so far as their context lengths are wanted:

    k = 1, 2, 3 ... 16, then every 2nd to 32, every 4th to 64, and every 8th further on

Every k has the same targets, each after exactly k characters, at a cost that grows with the longest context
and not with its square. Only p(target) is kept, and logits stand in memory for a few predictions at a time,
however large the vocabulary.

Axes: M targets, K context lengths, U units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.insight.costs import bits_of, take
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.settings import CARRIED, WARM_UP
from seqmagic.network.network import Network, States

SPACING = 8  # characters between targets; a power of two
FINE = 16  # context lengths up to here are measured one by one
_STRETCHES = 4  # places of the text that targets are taken from
_FEWEST = 32  # targets: below, nothing can be said
_TOGETHER = 96  # windows read in one product
_POOL = 64  # places whose memory is given to other places


@dataclass(frozen=True, eq=False)
class Targets:
    """Places of the last character read before each prediction.

    Attributes:
        places: (M,) integer, rising.
        lengths: Of the stretches of targets `SPACING` apart, which follow each other in `places`.
    """

    places: np.ndarray
    lengths: tuple[int, ...]

    def stretches(self) -> list[np.ndarray]:
        """`places` by stretch."""
        return np.split(self.places, np.cumsum(self.lengths)[:-1])


def choose_targets(characters: int, *, targets: int, max_context: int) -> Targets:
    """Targets that have `max_context` characters before them, and `CARRIED`, in a few stretches of the text.

    Raises:
        CorpusError: the text is too short.
    """
    first, last = max(CARRIED, max_context) - 1, characters - 2
    room = (last - first) // SPACING + 1
    if room < _FEWEST:
        raise CorpusError(
            f"the held-out part has {characters:,} characters, and measuring memory needs "
            f"{first + 2 + SPACING * (_FEWEST - 1):,} ({first + 1:,} to read before {_FEWEST} predictions {SPACING} "
            "apart); choose a run with a longer text" + (" or a smaller --max-context" if max_context > CARRIED else "")
        )
    count = min(targets, room)
    stretches = min(_STRETCHES, count // _FEWEST)
    length = count // stretches
    starts = np.linspace(first, last - SPACING * (length - 1), stretches).astype(np.int64)
    places = (starts[:, np.newaxis] + SPACING * np.arange(length)).ravel()
    return Targets(places, (length,) * stretches)


def context_lengths(max_context: int) -> np.ndarray:
    """The k that are measured, (K,) integer, rising."""
    return np.unique(np.concatenate([_lengths_of(offset, max_context) for offset in range(1, SPACING + 1)]))


def _lengths_of(offset: int, max_context: int) -> np.ndarray:
    """The context lengths that windows `offset` - 1 characters before a target have at the targets they pass."""
    finest = offset & -offset  # the largest power of two in it: the rounder the offset, the further it is read
    limit = max_context if finest == SPACING else min(max_context, FINE * finest)
    return np.arange(offset, limit + 1, SPACING)


Start = Callable[[np.ndarray], States]  # first characters of windows (B,) -> the states that they start from


@dataclass(frozen=True, eq=False)
class _Windows:
    """Windows of one stretch that start `offset` - 1 characters before a target, or before where one would be.

    Window number i, which may be negative, passes target i + r of the stretch at its pause number r.
    """

    stretch: int
    offset: int
    numbers: np.ndarray


def context_bits(
    network: Network, ids: np.ndarray, targets: Targets, *, max_context: int, start: Start | None = None
) -> np.ndarray:
    """A[target, k]: the bits of each target after exactly k characters, (M, K) float32; k as `context_lengths` has it.

    Args:
        network: The model.
        ids: (N,) of the text.
        targets: From `choose_targets`.
        max_context: The largest k.
        start: States that windows start from; an empty memory where it is `None`.
    """
    lengths = context_lengths(max_context)
    costs = np.full((len(targets.places), len(lengths)), np.nan, np.float32)
    begin = start or (lambda first: network.initial_states(len(first)))

    def read(windows: _Windows) -> None:  # no two write to the same place
        _read(network, ids, targets, windows, begin=begin, lengths=lengths, costs=costs)

    side_by_side(read, _all_windows(targets, max_context))
    return costs


def _all_windows(targets: Targets, max_context: int) -> list[_Windows]:
    """In pieces that are read side by side, the longest first."""
    pieces = []
    for offset in range(1, SPACING + 1):
        pauses = len(_lengths_of(offset, max_context))
        for stretch, length in enumerate(targets.lengths):
            numbers = np.arange(1 - pauses, length)
            parts = np.array_split(numbers, math.ceil(len(numbers) / _TOGETHER))
            pieces += [(pauses * len(part), _Windows(stretch, offset, part)) for part in parts]
    return [windows for _, windows in sorted(pieces, key=lambda piece: -piece[0])]


def _read(
    network: Network,
    ids: np.ndarray,
    targets: Targets,
    windows: _Windows,
    *,
    begin: Start,
    lengths: np.ndarray,
    costs: np.ndarray,
) -> None:
    """Read these windows to their last target, and put the bits of every target that they pass into `costs`."""
    before = sum(targets.lengths[: windows.stretch])
    places = targets.places[before : before + targets.lengths[windows.stretch]]
    numbers = windows.numbers
    first = places[0] + SPACING * numbers + 1 - windows.offset
    states = begin(first)
    done = 0
    for pause, length in enumerate(_lengths_of(windows.offset, int(lengths[-1]))):
        alive = int(np.searchsorted(numbers, len(places) - pause))  # the others have passed the last target
        if not alive:
            return
        numbers, first, states = numbers[:alive], first[:alive], take(states, slice(alive))
        outputs, states = network.read(ids[first[:, np.newaxis] + np.arange(done, length)], states)
        done = int(length)
        passing = slice(int(np.searchsorted(numbers, -pause)), None)  # the others are before the first target
        reached = numbers[passing] + pause
        column = int(np.searchsorted(lengths, length))
        costs[before + reached, column] = bits_of(network, outputs[-1, passing], ids[places[reached] + 1])


def carried_bits(network: Network, ids: np.ndarray, targets: Targets) -> np.ndarray:
    """The bits of each target with the state carried over `CARRIED` characters or more before it, (M,) float32."""

    def read(places: np.ndarray) -> np.ndarray:
        first = int(places[0]) - CARRIED + 1
        _, states = network.read(ids[np.newaxis, first : places[0]], network.initial_states(1))
        outputs, _ = network.read(ids[np.newaxis, places[0] : places[-1] + 1], states)
        return bits_of(network, outputs[::SPACING, 0], ids[places + 1])

    return np.concatenate(side_by_side(read, targets.stretches()))


def foreign_start(network: Network, ids: np.ndarray, *, seed: int) -> Start:
    """Starts from what a model remembers of other places of the text, a quarter of it away or more.

    The places are drawn by the first character of a window, so that all models get the same.
    """
    pool = np.linspace(0, len(ids) - WARM_UP, min(_POOL, len(ids) - WARM_UP), dtype=np.int64)
    halves = np.array_split(pool, 2)

    def read(places: np.ndarray) -> States:
        return network.read(ids[places[:, np.newaxis] + np.arange(WARM_UP)], network.initial_states(len(places)))[1]

    one, other = side_by_side(read, halves)
    states = tuple(
        type(state)(*(np.concatenate(pair) for pair in zip(state, more, strict=True)))
        for state, more in zip(one, other, strict=True)
    )
    size = len(pool)
    away = np.random.default_rng(seed).integers(math.ceil(size / 4), size - size // 4, size=len(ids) + SPACING)

    def begin(first: np.ndarray) -> States:
        near = np.searchsorted(pool, first)
        return take(states, (near + away[first]) % size)

    return begin
