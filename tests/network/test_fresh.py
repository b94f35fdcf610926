"""Untrained networks: the shapes and scales that a training starts from."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.config import ModelConfig
from seqmagic.network.cells import CELLS
from seqmagic.network.fresh import DENSE_GAIN, RECURRENT_GAIN, fresh_network


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("start", ["seqmagic", "keras"])
def test_scales(cell: str, start: str) -> None:
    config = ModelConfig(cell=cell, units=24, layers=2, embedding=16, dropout=0.0)
    network = fresh_network(config, vocabulary_size=300, seed=1, start=start)
    ours = start == "seqmagic"
    assert np.abs(network.embedding).max() == pytest.approx(1.0 if ours else 0.05, rel=0.02)
    gain = RECURRENT_GAIN[cell] if ours else 1.0
    for layer in network.layers:
        kernel = layer.weights.recurrent_kernel
        np.testing.assert_allclose(kernel @ kernel.T, gain**2 * np.eye(24), atol=1e-5)
    limit = np.sqrt(6 / 324) * (DENSE_GAIN if ours else 1)
    assert np.abs(network.dense_kernel).max() == pytest.approx(limit, rel=0.01)
    if cell == "lstm":
        np.testing.assert_array_equal(network.layers[1].weights.bias, np.repeat([0, 1, 0, 0], 24))
    else:
        assert not network.layers[0].weights.bias.any()


def test_a_seed_gives_the_same_network() -> None:
    config = ModelConfig(cell="gru", units=5, layers=1, embedding=3, dropout=0.0)
    one, same, other = (fresh_network(config, vocabulary_size=9, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.embedding, same.embedding)
    assert not np.array_equal(one.embedding, other.embedding)
