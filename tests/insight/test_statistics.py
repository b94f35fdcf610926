"""Slopes and intervals: by hand, and on data whose uncertainty is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqmagic.evaluation.bootstrap import block_choices, resampled_means
from seqmagic.insight.statistics import (
    count_interval,
    difference,
    interval,
    plain,
    r_squared,
    theil_sen,
    wilson,
)


def test_a_slope_is_the_median_of_all_pairs() -> None:
    x = np.arange(6)
    y = 2.0 * x + 1
    y[3] = 100  # one wild point
    assert theil_sen(x, y) == pytest.approx(2.0, abs=0.5)
    assert theil_sen(x, np.stack([3.0 * x, -x])).tolist() == [3.0, -1.0]


def test_r_squared_of_a_line_and_of_nothing() -> None:
    x = np.arange(10.0)
    assert r_squared(x, 3 - 2 * x) == pytest.approx(1)
    assert r_squared(x, np.ones(10)) is None
    assert r_squared(x[:2], x[:2]) is None


def test_intervals_of_dependent_values_are_wider_than_those_of_single_ones() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=40), 50)  # 40 independent values, each 50 times
    widths = []
    for block in (100, 1):
        starts, length = block_choices([len(values)], block=block, resamples=2000, seed=1)
        low, high = interval(resampled_means(values, starts, length))
        assert low < values.mean() < high
        widths.append(high - low)
    assert widths[0] == pytest.approx(2 * 1.96 / np.sqrt(40), rel=0.3)
    assert widths[1] < widths[0] / 4


def test_numbers_for_json() -> None:
    assert plain(1 / 3) == 0.333333
    assert plain(np.float32(0.5)) == 0.5
    assert plain(float("nan")) is None and plain(-np.inf) is None


@pytest.mark.parametrize(
    ("successes", "cases", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (64, 512, 0.09912, 0.15647)],
)
def test_the_interval_of_a_share(successes: float, cases: int, low: float, high: float) -> None:
    """Against roots of (share - p)² = z² p (1 - p) / n, which define it."""
    found = wilson(successes, cases)
    assert found == pytest.approx([low, high], abs=1e-5)
    for edge in found:
        if 1e-9 < edge < 1 - 1e-9:
            deviation = 1.959964 * math.sqrt(edge * (1 - edge) / cases)
            assert abs(successes / cases - edge) == pytest.approx(deviation, rel=1e-5)


def test_differences_are_paired_and_turn_round() -> None:
    rng = np.random.default_rng(0)
    text = rng.normal(size=1000)  # what both runs share
    one, other = (2.0, 2 + text), (2.5, 2.5 + text + 0.01 * rng.normal(size=1000))
    there, back = difference("b", "a", {"loss": (one, other)}), difference("a", "b", {"loss": (other, one)})
    assert (there["run"], there["to"], there["loss"], there["reasons"]) == ("b", "a", 0.5, {})
    low, high = there["loss_interval"]
    assert 0.45 < low < 0.5 < high < 0.55
    assert (back["loss"], back["loss_interval"]) == (-0.5, [-high, -low])


def test_a_figure_that_is_missing_or_often_infinite_has_no_difference() -> None:
    some, never = np.ones(100), np.full(100, np.inf)
    few = np.where(np.arange(100) < 2, np.inf, 3.0)
    assert difference("b", "a", {"k": ((1, some), (3, few))})["k_interval"] == [2, 2]
    for other in ((None, never), (None, few)):
        entry = difference("b", "a", {"k": ((1, some), other)})
        assert entry["k"] is None
        assert entry["reasons"]["k"].startswith("one of the two has no such figure")
    assert difference("b", "a", {"k": ((None, never), (None, never))})["k_interval"] is None


def test_an_interval_of_counts_may_be_open() -> None:
    assert count_interval(np.array([1.0] * 50 + [2.0] * 50)) == [1, 2]
    assert count_interval(np.array([1.0] * 50 + [np.inf] * 50)) == [1, None]
