"""How a graph chooses: exact shares on four characters, and random numbers that depend on nothing else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytestmark = pytest.mark.tf

SHARES = (0.1, 0.4, 0.2, 0.3)  # of the ids 0 to 3
GRID = 1000


def drawn(pick: object, shares: tuple[float, ...] = SHARES) -> dict[int, float]:
    """The share of each id when the random numbers are evenly spread over [0, 1)."""
    import tensorflow as tf

    logits = tf.tile(tf.math.log(tf.constant([shares])), [GRID, 1])
    even = (np.arange(GRID, dtype=np.float32) + 0.5)[:, np.newaxis] / GRID
    counts = Counter(pick(logits, tf.constant(even)).numpy().tolist())  # type: ignore[operator]
    return {number: count / GRID for number, count in sorted(counts.items())}


def among(top_k: int, top_p: float) -> object:
    import tensorflow as tf

    from seqmagic.export import choose

    return choose.among_likeliest(tf.constant(top_k), tf.constant(top_p))


def test_likeliest_is_the_first_of_the_largest() -> None:
    from seqmagic.export import choose

    assert drawn(choose.likeliest) == {1: 1.0}
    assert drawn(choose.likeliest, (0.1, 0.1, 0.4, 0.4)) == {2: 1.0}


def test_by_chance_draws_the_shares() -> None:
    from seqmagic.export import choose

    assert drawn(choose.by_chance) == pytest.approx({0: 0.1, 1: 0.4, 2: 0.2, 3: 0.3}, abs=1.5 / GRID)
    assert drawn(choose.by_chance, (0.0, 0.5, 0.0, 0.5)) == pytest.approx({1: 0.5, 3: 0.5})


@pytest.mark.parametrize(
    ("top_k", "top_p", "expected"),
    [
        (0, 1.0, {0: 0.1, 1: 0.4, 2: 0.2, 3: 0.3}),
        (4, 1.0, {0: 0.1, 1: 0.4, 2: 0.2, 3: 0.3}),
        (9, 1.0, {0: 0.1, 1: 0.4, 2: 0.2, 3: 0.3}),
        (2, 1.0, {1: 4 / 7, 3: 3 / 7}),
        (1, 1.0, {1: 1.0}),
        (0, 0.35, {1: 1.0}),
        (0, 0.65, {1: 4 / 7, 3: 3 / 7}),  # the one that reaches the share stays
        (0, 0.75, {1: 4 / 9, 2: 2 / 9, 3: 3 / 9}),
        (0, 0.95, {0: 0.1, 1: 0.4, 2: 0.2, 3: 0.3}),
        (3, 0.7, {1: 4 / 7, 3: 3 / 7}),  # of the three that stay, two hold 7/9
        (3, 0.8, {1: 4 / 9, 2: 2 / 9, 3: 3 / 9}),
    ],
)
def test_filters_leave_exactly_these(top_k: int, top_p: float, expected: dict[int, float]) -> None:
    assert drawn(among(top_k, top_p)) == pytest.approx(expected, abs=1.5 / GRID)


def test_ties_at_top_k_keep_exactly_k() -> None:
    assert drawn(among(2, 1.0), (0.25, 0.25, 0.25, 0.25)) == pytest.approx({0: 0.5, 1: 0.5})


def pcg3d(x: int, y: int, z: int) -> int:
    """The first number of pcg3d, from its paper: Jarzynski and Olano 2020, listing in section 4."""
    limit = 2**32
    x, y, z = ((value * 1664525 + 1013904223) % limit for value in (x % limit, y % limit, z % limit))
    for last in (False, True):
        x = (x + y * z) % limit
        y = (y + z * x) % limit
        z = (z + x * y) % limit
        if not last:
            x, y, z = (value ^ (value >> 16) for value in (x, y, z))
    return x


def test_random_numbers_are_those_of_pcg3d() -> None:
    import tensorflow as tf

    from seqmagic.export import choose

    for seed in (0, 1, -1, 2**31 - 1):
        found = choose.uniforms(tf.constant(seed), tf.constant(3), tf.constant(5))[:, :, 0].numpy()
        expected = [[(pcg3d(seed, row, step) >> 8) / 2**24 for row in range(3)] for step in range(5)]
        np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_random_numbers_are_spread_evenly_and_unrelated() -> None:
    import tensorflow as tf

    from seqmagic.export import choose

    numbers = choose.uniforms(tf.constant(1), tf.constant(50), tf.constant(2000))[:, :, 0].numpy()
    assert numbers.min() >= 0 and numbers.max() < 1
    shares = np.histogram(numbers, bins=20, range=(0, 1))[0] / numbers.size
    np.testing.assert_allclose(shares, 1 / 20, atol=4 * np.sqrt(0.05 * 0.95 / numbers.size))  # 4 deviations
    rows, steps = np.corrcoef(numbers.T), np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())
    assert np.abs(rows - np.eye(50)).max() < 5 / np.sqrt(2000)
    assert abs(steps[0, 1]) < 4 / np.sqrt(numbers.size)
