"""Sequences with a question at their end, and its answer at a known distance before it.

Every task has one alphabet, as ids: the symbols that may be an answer first, then the filler, then the question
mark. What is asked for is determined by the sequence; all else is chance, drawn from the generator that is given.

Axes: B sequences, T characters, A answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

COPIED = 10  # symbols that `copy` repeats (Hochreiter & Schmidhuber 1997, Arjovsky et al. 2016)
DEEPEST = 4  # open brackets of `dyck2` at once


class Sequences(NamedTuple):
    """What is read, what is asked for, and where each answer lies."""

    ids: np.ndarray  # (B, T) int32
    answers: np.ndarray  # (B, A) int32: the right predictions of the last A steps
    distances: np.ndarray  # (B,) int32, as `Task` says
    depths: np.ndarray  # (B,) int32, of the bracket asked for, from 1; 0 in tasks without


class Maker(Protocol):
    """Makes a sequence of T = `length` for each of the distances (B,), all within the task's range."""

    def __call__(self, rng: np.random.Generator, distances: np.ndarray, length: int) -> Sequences: ...


@dataclass(frozen=True)
class Task:
    """A kind of question.

    Attributes:
        name: As on the command line.
        alphabet: The character of each id.
        symbols: How many ids may be answers, 0 ... symbols - 1; guessing is right once in so many times.
        answers: A, how many characters are asked for.
        frame: Characters of a sequence besides the filler of the distance: T is at least distance + frame.
        step: Distances are multiples of it.
        make: Its sequences.
    """

    name: str
    alphabet: str
    symbols: int
    answers: int
    frame: int
    step: int
    make: Maker

    @property
    def chance(self) -> float:
        return 1 / self.symbols

    def draw(self, rng: np.random.Generator, count: int, *, farthest: int, length: int) -> Sequences:
        """`count` sequences of `length` whose distances are uniform up to `farthest`."""
        distances = self.step * rng.integers(1, farthest // self.step + 1, count)
        return self.make(rng, distances, length)


def _recall(rng: np.random.Generator, distances: np.ndarray, length: int) -> Sequences:
    """Noise, one of 8 symbols, `distance` characters of noise, `?`; the answer is the symbol."""
    count = len(distances)
    ids = rng.integers(8, 12, (count, length), np.int32)
    symbols = rng.integers(0, 8, count, np.int32)
    ids[np.arange(count), length - 2 - distances] = symbols
    ids[:, -1] = 12
    return Sequences(ids, symbols[:, None], distances.astype(np.int32), np.zeros(count, np.int32))


def _copy(rng: np.random.Generator, distances: np.ndarray, length: int) -> Sequences:
    """Blanks, 10 of 8 symbols, `distance` blanks, 10 times `?`; the answers are the symbols in their order."""
    count = len(distances)
    ids = np.full((count, length), 8, np.int32)
    symbols = rng.integers(0, 8, (count, COPIED), np.int32)
    starts = length - 2 * COPIED - distances
    ids[np.arange(count)[:, None], starts[:, None] + np.arange(COPIED)] = symbols
    ids[:, -COPIED:] = 9
    return Sequences(ids, symbols, distances.astype(np.int32), np.zeros(count, np.int32))


def _dyck2(rng: np.random.Generator, distances: np.ndarray, length: int) -> Sequences:
    """Brackets of two kinds, at most 4 deep, then `?`; the answer closes the innermost open one.

    `distance` brackets, balanced among themselves, stand between that one and the question; it is 1 to 3 deep.
    What stands before it is as long as the rest leaves, a dot first where that is odd.
    """
    count = len(distances)
    rows = np.arange(count)
    openers = length - 2 - distances
    depths = rng.integers(1, DEEPEST, count)
    starts = (openers - depths + 1) % 2
    ids = np.full((count, length), _DOT, np.int32)
    ids[:, -1] = _DOT + 1
    kinds = rng.integers(0, 2, (count, length), np.int32)
    likes_up = rng.integers(0, 2, (count, length)).astype(bool)
    stack = np.zeros((count, DEEPEST + 1), np.int32)  # the kinds of the open brackets; the last is never read
    height = np.zeros(count, np.int64)
    for place in range(length - 1):
        inside = place > openers  # between the bracket that is asked for and the question
        floor = np.where(inside, depths, 0)
        goal = np.where(inside, depths, depths - 1)
        left = np.where(inside, length - 1, openers) - place  # steps to the goal, this one included
        may_open = (height < DEEPEST) & (height + 1 - goal < left)
        may_close = (height > floor) & (goal - height + 1 < left)
        opens = (place == openers) | (may_open & (likes_up[:, place] | ~may_close))
        stack[rows, height] = np.where(opens, kinds[:, place], stack[rows, height])
        brackets = np.where(opens, 2 + kinds[:, place], stack[rows, height - 1])
        begun = place >= starts
        ids[:, place] = np.where(begun, brackets, _DOT)
        height += np.where(begun, np.where(opens, 1, -1), 0)
    return Sequences(ids, stack[rows, height - 1][:, None], distances.astype(np.int32), depths.astype(np.int32))


_DOT = 4

TASKS = {
    task.name: task
    for task in (
        Task("recall", "ABCDEFGHabcd?", symbols=8, answers=1, frame=2, step=1, make=_recall),
        Task("copy", "ABCDEFGH.?", symbols=8, answers=COPIED, frame=2 * COPIED, step=1, make=_copy),
        Task("dyck2", ")]([.?", symbols=2, answers=1, frame=5, step=2, make=_dyck2),
    )
}
