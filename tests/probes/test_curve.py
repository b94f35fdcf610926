"""Where accuracy is half way between guessing and always right, on curves whose middle is known."""

from __future__ import annotations

import math

import pytest

from seqmagic.probes.curve import half_distance

DISTANCES = (1, 2, 4, 8, 16, 32, 64, 128)


def test_a_step_is_half_way_between_its_distances() -> None:
    accuracies = [1.0] * 5 + [0.125] * 3
    assert half_distance(DISTANCES, accuracies, 0.125) == pytest.approx(2**4.5)


def test_a_straight_line_over_the_logarithm() -> None:
    """From 1 at distance 1 down to chance at 128: half way at the root of 128."""
    accuracies = [1 - 0.5 * math.log2(distance) / 7 for distance in DISTANCES]
    assert half_distance(DISTANCES, accuracies, 0.5) == pytest.approx(math.sqrt(128))


def test_outside_of_the_distances() -> None:
    assert half_distance(DISTANCES, [1.0] * 8, 0.125) == math.inf
    assert half_distance(DISTANCES, [0.125] * 8, 0.125) == 0.0


def test_the_first_fall_counts() -> None:
    assert half_distance((1, 2, 4, 8), [1.0, 0.0, 1.0, 1.0], 0.0) == pytest.approx(math.sqrt(2))
