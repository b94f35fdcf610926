"""Each filter on a distribution of four numbers, and what holds for every filter and every distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqmagic.network.probabilities import softmax
from seqmagic.sampling import filters

P = np.array([0.1, 0.4, 0.2, 0.3], np.float32)
LEVEL = np.full(4, 0.25, np.float32)
TIED = np.array([0.2, 0.4, 0.2, 0.2], np.float32)

scores = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 9)),
    # logits below the smallest normal number tie when they are divided; no model has them
    elements=st.floats(-60, 60, width=32, allow_subnormal=False),
)


def log(probabilities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def check(filtered: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(softmax(filtered), np.array(expected), atol=1e-6)
    assert filtered.dtype == np.float32


@pytest.mark.parametrize(
    ("apply", "given", "expected"),
    [
        (lambda s: filters.ban(s, np.array([1])), P, [1 / 6, 0, 2 / 6, 3 / 6]),
        (lambda s: filters.ban(s, np.array([], int)), P, [0.1, 0.4, 0.2, 0.3]),
        # 0.4 / 2, the rest stays: 0.1 : 0.2 : 0.2 : 0.3; seen twice is punished once
        (lambda s: filters.repetition_penalty(s, np.array([1, 1]), 2.0), P, [1 / 8, 2 / 8, 2 / 8, 3 / 8]),
        (lambda s: filters.repetition_penalty(s, np.array([0, 3]), 4.0), LEVEL, [0.1, 0.4, 0.4, 0.1]),
        (lambda s: filters.repetition_penalty(s, np.array([2]), 1.0), P, [0.1, 0.4, 0.2, 0.3]),
        # squares: 1 : 16 : 4 : 9
        (lambda s: filters.temperature(s, 0.5), P, [1 / 30, 16 / 30, 4 / 30, 9 / 30]),
        (lambda s: filters.temperature(s, 1.0), P, [0.1, 0.4, 0.2, 0.3]),
        (lambda s: filters.temperature(s, 1e-9), P, [0, 1, 0, 0]),
        (lambda s: filters.temperature(s, 1e-300), TIED, [0, 1, 0, 0]),
        (lambda s: filters.temperature(s, 1e9), P, [0.25, 0.25, 0.25, 0.25]),
        (lambda s: filters.top_k(s, 1), P, [0, 1, 0, 0]),
        (lambda s: filters.top_k(s, 2), P, [0, 4 / 7, 0, 3 / 7]),
        (lambda s: filters.top_k(s, 4), P, [0.1, 0.4, 0.2, 0.3]),
        (lambda s: filters.top_k(s, 99), P, [0.1, 0.4, 0.2, 0.3]),
        # of equals the first: exactly k
        (lambda s: filters.top_k(s, 2), LEVEL, [0.5, 0.5, 0, 0]),
        (lambda s: filters.top_k(s, 2), TIED, [1 / 3, 2 / 3, 0, 0]),
        (lambda s: filters.top_k(s, 3), TIED, [1 / 4, 2 / 4, 1 / 4, 0]),
        (lambda s: filters.top_p(s, 0.3), P, [0, 1, 0, 0]),
        (lambda s: filters.top_p(s, 0.5), P, [0, 4 / 7, 0, 3 / 7]),
        (lambda s: filters.top_p(s, 0.85), P, [0, 4 / 9, 2 / 9, 3 / 9]),
        (lambda s: filters.top_p(s, 0.95), P, [0.1, 0.4, 0.2, 0.3]),
        (lambda s: filters.top_p(s, 1e-9), LEVEL, [1, 0, 0, 0]),
        (lambda s: filters.top_p(s, 0.6), LEVEL, [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda s: filters.top_p(s, 0.55), TIED, [1 / 3, 2 / 3, 0, 0]),
        (lambda s: filters.min_p(s, 0.0), P, [0.1, 0.4, 0.2, 0.3]),
        (lambda s: filters.min_p(s, 0.4), P, [0, 4 / 9, 2 / 9, 3 / 9]),
        (lambda s: filters.min_p(s, 0.6), P, [0, 4 / 7, 0, 3 / 7]),
        (lambda s: filters.min_p(s, 1.0), P, [0, 1, 0, 0]),
        (lambda s: filters.min_p(s, 1.0), LEVEL, [0.25, 0.25, 0.25, 0.25]),
    ],
)
def test_on_four_numbers(apply: Callable[[np.ndarray], np.ndarray], given: np.ndarray, expected: list[float]) -> None:
    logits = log(given)
    before = logits.copy()
    check(apply(logits), expected)
    check(apply(logits + np.float32(3)), expected)  # the zero of logits means nothing
    np.testing.assert_array_equal(logits, before)  # a filter changes nothing in place
    rows = np.stack([logits, log(LEVEL)])
    np.testing.assert_array_equal(apply(rows)[0], apply(logits))  # rows are independent


def test_a_penalty_of_each_row_is_its_own() -> None:
    recent = np.array([[0, 0], [2, 3]])
    check(filters.repetition_penalty(log(np.stack([LEVEL, LEVEL])), recent, 4.0)[0], [1 / 13, 4 / 13, 4 / 13, 4 / 13])
    check(filters.repetition_penalty(log(np.stack([LEVEL, LEVEL])), recent, 4.0)[1], [0.4, 0.4, 0.1, 0.1])


@given(scores, st.integers(1, 12))
def test_top_k_keeps_the_k_first_of_a_stable_sort(rows: np.ndarray, k: int) -> None:
    rows = np.round(rows / 10)  # many ties
    kept = filters.top_k(rows, k)
    for row, left in zip(rows, kept, strict=True):
        order = sorted(range(len(row)), key=lambda place: (-row[place], place))
        assert np.flatnonzero(left > -np.inf).tolist() == sorted(order[:k])
        assert all(left[place] == row[place] for place in order[:k])


@given(scores, st.floats(0.001, 1.0))
def test_top_p_keeps_enough_and_no_more_than_needed(rows: np.ndarray, p: float) -> None:
    for row, left in zip(rows, filters.top_p(rows, p), strict=True):
        probabilities = np.exp(row.astype(float) - row.max())
        probabilities /= probabilities.sum()
        kept = np.flatnonzero(left > -np.inf)
        assert probabilities[kept].sum() >= p - 1e-5
        assert probabilities[kept].sum() - probabilities[kept].min() < p + 1e-5
        assert probabilities[kept].min() >= np.delete(probabilities, kept).max(initial=0)


@given(scores, st.floats(0.0, 1.0))
def test_min_p_is_a_share_of_the_likeliest(rows: np.ndarray, share: float) -> None:
    for row, left in zip(rows, filters.min_p(rows, share), strict=True):
        ratio = np.exp(row.astype(float) - row.max())
        assert (left[ratio > share * 1.001 + 1e-30] > -np.inf).all()
        assert (left[ratio < share * 0.999] == -np.inf).all()


@given(
    rows=scores,
    penalty=st.floats(1, 1000),
    value=st.floats(1e-12, 100),
    k=st.integers(1, 10),
    p=st.floats(1e-6, 1),
    share=st.floats(0, 1),
    data=st.data(),
)
def test_whatever_is_applied_stays_a_distribution_that_holds_the_likeliest(
    rows: np.ndarray, penalty: float, value: float, k: int, p: float, share: float, data: st.DataObject
) -> None:
    size = rows.shape[1]
    banned = data.draw(st.lists(st.integers(0, size - 1), max_size=size - 1, unique=True))
    recent = data.draw(arrays(int, (len(rows), 3), elements=st.integers(0, size - 1)))
    chain: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda s: filters.ban(s, np.array(banned, int)),
        lambda s: filters.repetition_penalty(s, recent, penalty),
        lambda s: filters.temperature(s, value),
        lambda s: filters.top_k(s, k),
        lambda s: filters.top_p(s, p),
        lambda s: filters.min_p(s, share),
    ]
    likeliest = None
    for number, apply in enumerate(chain):
        rows = apply(rows)
        assert rows.dtype == np.float32 and not np.isnan(rows).any()
        distribution = softmax(rows)
        assert (distribution >= 0).all()
        np.testing.assert_allclose(distribution.sum(axis=1), 1, rtol=1e-4)
        if number == 1:
            likeliest = rows.argmax(axis=1)
        if number > 1:
            assert likeliest is not None
            np.testing.assert_array_equal(rows.max(axis=1), rows[np.arange(len(rows)), likeliest])
    assert (np.count_nonzero(rows > -np.inf, axis=1) <= k).all()
    assert (softmax(rows)[:, banned] == 0).all()


@given(scores)
def test_greedy_is_the_limit_of_temperature_0(rows: np.ndarray) -> None:
    rows = np.unique(np.round(rows[0], 2))  # apart from each other
    cold = softmax(filters.temperature(rows, 1e-5))
    assert cold.argmax() == rows.argmax()
    assert cold.max() == pytest.approx(1, abs=1e-6)


def test_the_penalty_is_a_quotient_of_probabilities() -> None:
    filtered = filters.repetition_penalty(log(P), np.array([3]), 1.7)
    assert filtered[3] == pytest.approx(math.log(0.3 / 1.7), abs=1e-6)
    np.testing.assert_array_equal(filtered[:3], log(P)[:3])
