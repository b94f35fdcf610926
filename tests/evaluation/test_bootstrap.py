"""Resamples that keep neighbours together, by hand."""

from __future__ import annotations

import numpy as np

from seqmagic.evaluation.bootstrap import block_choices, resampled_means


def test_blocks_stay_within_their_stretch() -> None:
    starts, block = block_choices([30, 50], block=10, resamples=500, seed=0)
    assert (block, starts.shape) == (10, (500, 8))
    assert set(starts.flat) == {*range(21), *range(30, 71)}
    assert block_choices([30, 6], block=10, resamples=5, seed=0)[1] == 3


def test_means_are_those_of_the_blocks() -> None:
    values = np.arange(12.0).reshape(6, 2)
    found = resampled_means(values, np.array([[0, 3], [2, 2]]), 3)
    wanted = [np.concatenate([values[0:3], values[3:6]]).mean(0), values[2:5].mean(0)]
    np.testing.assert_allclose(found, wanted)
