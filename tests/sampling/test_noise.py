"""The noise: standard Gumbel, a stream of its own for each text."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.sampling import noise
from seqmagic.sampling.noise import GumbelNoise


def test_the_numbers_are_standard_gumbel() -> None:
    source = GumbelNoise(5, [0, 1], 500)
    numbers = np.concatenate([source.block().ravel() for _ in range(12)]).astype(float)
    # P(X <= x) = exp(-exp(-x)); Kolmogorov-Smirnov, far below the 0.1 % point 1.95 / sqrt(n)
    ordered = np.sort(numbers)
    distance = np.abs(np.exp(-np.exp(-ordered)) - np.arange(1, len(ordered) + 1) / len(ordered)).max()
    assert distance < 1.95 / np.sqrt(len(ordered))
    assert numbers.mean() == pytest.approx(0.5772, abs=0.02)
    assert np.isfinite(numbers).all()


def test_a_text_has_its_numbers_whatever_else_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = GumbelNoise(7, [3], 10)
    together = GumbelNoise(7, [0, 1, 2, 3, 4], 10)
    np.testing.assert_array_equal(alone.block()[0], together.block()[3])
    np.testing.assert_array_equal(alone.block()[0], together.block()[3])
    # the length of a block changes nothing
    long = np.concatenate([GumbelNoise(7, [3], 10).block()[0]])
    monkeypatch.setattr(noise, "_LONGEST_BLOCK", 3)
    short = GumbelNoise(7, [3], 10)
    np.testing.assert_array_equal(np.concatenate([short.block()[0] for _ in range(4)]), long[:12])


def test_seeds_and_texts_differ() -> None:
    first = GumbelNoise(7, [0, 1], 10).block()
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], GumbelNoise(8, [0], 10).block()[0])
    assert np.abs(np.corrcoef(first[0].ravel(), first[1].ravel())[0, 1]) < 0.1


def test_a_vocabulary_of_thousands_makes_short_blocks() -> None:
    assert GumbelNoise(1, [0], 8000).block().shape == (1, 1, 8000)
    assert GumbelNoise(1, [0], 20).block().shape[1] == 128


def test_texts_can_be_dropped() -> None:
    some, all_of_them = GumbelNoise(7, [0, 1, 2], 10), GumbelNoise(7, [0, 1, 2], 10)
    some.block(), all_of_them.block()
    some.keep([0, 2])
    np.testing.assert_array_equal(some.block(), all_of_them.block()[[0, 2]])
