"""Repeats, against the plain definition of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.texts.repeats import Repeat, longest_repeat, share_found

TEXTS = st.one_of(st.text("ab", max_size=60), st.text("abc\U0001f600", max_size=60), st.text("a", max_size=40))


def ids_of(text: str) -> np.ndarray:
    points = np.array([ord(character) for character in text], np.uint32)
    return points.astype(np.min_scalar_type(int(points.max(initial=0))))


def plain_longest(text: str) -> Repeat:
    for length in range(len(text) - 1, 0, -1):
        places: dict[str, list[int]] = {}
        for start in range(len(text) - length + 1):
            places.setdefault(text[start : start + length], []).append(start)
        repeats = [found for found in places.values() if len(found) > 1]
        if repeats:
            return Repeat(length, tuple(min(repeats)))
    return Repeat(0, ())


def plain_share(before: str, after: str, length: int) -> float:
    covered = [False] * len(after)
    for start in range(len(after) - length + 1):
        if after[start : start + length] in before:
            covered[start : start + length] = [True] * length
    return sum(covered) / len(after) if after else 0.0


@given(TEXTS)
def test_the_longest_repeat_is_that_of_the_definition(text: str) -> None:
    assert longest_repeat(ids_of(text)) == plain_longest(text)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 31, 100, 1000])
def test_a_repeat_of_any_length_is_found_whole(length: int) -> None:
    random = np.random.default_rng(length)
    text = random.permutation(5000).astype(np.uint16)  # no two characters are the same
    text[3000 : 3000 + length] = text[100 : 100 + length]
    assert longest_repeat(text) == Repeat(length, (100, 3000))


@given(TEXTS, TEXTS, st.integers(8, 20))
def test_the_share_is_that_of_the_definition(before: str, after: str, length: int) -> None:
    assert share_found(ids_of(before), ids_of(after), length) == pytest.approx(plain_share(before, after, length))


def test_a_stretch_across_the_boundary_is_none() -> None:
    before, after = ids_of("x" * 10 + "abcdefgh"), ids_of("ijklmnop" + "abcdefghijklmnop")
    assert share_found(before, after, 10) == 0.0
    assert share_found(before, after, 8) == 8 / 24


def test_no_id_is_taken_for_the_boundary() -> None:
    before = np.arange(1, 9, dtype=np.uint8)
    after = np.concatenate([np.arange(11, 19), np.arange(1, 9), [0], np.arange(11, 19)]).astype(np.uint8)
    assert share_found(before, after, 10) == 0.0
