"""Rare words that come again: where, how far apart, and which other rare word could stand in their place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SHORTEST = 6  # letters
# Scripts that write no spaces between words: there a run of letters is no word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"(?<![\w])[^\W\d_{_UNSPACED}]{{{SHORTEST},}}(?![\w])")
_PIECE = 2**20  # characters of a text that are looked at together


class Mention(NamedTuple):
    """A rare word that comes again: its place, and those of all its mentions before, one or more, rising."""

    word: str
    place: int
    earlier: tuple[int, ...]

    @property
    def distance(self) -> int:
        """Characters back to the mention before."""
        return self.place - self.earlier[-1]


def words_of(text: str) -> Iterator[tuple[int, str]]:
    """The words of `SHORTEST` letters and more, and where they begin."""
    for found in _WORD.finditer(text):
        yield found.start(), found[0]


def count_words(pieces: Iterator[str]) -> Counter[str]:
    """How often each word comes; one that lies across two pieces may be missed."""
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(word for _, word in words_of(piece))
    return counts


def pieces_of(ids: np.ndarray) -> Iterator[np.ndarray]:
    """`ids` (n,) in pieces that are looked at one after the other."""
    for start in range(0, len(ids), _PIECE):
        yield ids[start : start + _PIECE]


def later_mentions(text: str, counts: Counter[str], *, rare: int) -> list[Mention]:
    """Every mention but the first of each word of `text` that `counts` has at most `rare` times, by place."""
    seen: dict[str, tuple[int, ...]] = {}
    found = []
    for place, word in words_of(text):
        if counts[word] <= rare:
            earlier = seen.get(word, ())
            if earlier:
                found.append(Mention(word, place, earlier))
            seen[word] = (*earlier, place)
    return found


def shape(word: str) -> tuple[int, bool, bool]:
    """What a word must share with one that takes its place: its length, and how it is capitalised."""
    return len(word), word[0].isupper(), word.isupper()


def substitutes(
    mentions: list[Mention], counts: Counter[str], known: Counter[str], *, rare: int, seed: int
) -> list[str | None]:
    """For each mention another rare word of its shape, drawn at random; `None` where there is none.

    Args:
        mentions: From `later_mentions`.
        counts: Of the words of the training part.
        known: Of the words of the text itself, which may stand in too.
        rare: Most times that a substitute comes in the training part.
        seed: Of the draw.
    """
    by_shape: dict[tuple[int, bool, bool], list[str]] = {}
    for word in sorted({*counts, *known}):
        if counts[word] <= rare:
            by_shape.setdefault(shape(word), []).append(word)
    rng = np.random.default_rng(seed)
    chosen: list[str | None] = []
    for mention in mentions:
        others = [word for word in by_shape.get(shape(mention.word), []) if word[0] != mention.word[0]]
        chosen.append(others[rng.integers(len(others))] if others else None)
    return chosen
