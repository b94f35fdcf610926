"""Costs of single predictions, from what the last layer gave out."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight import costs
from seqmagic.insight.costs import bits_and_hits, bits_of, read_on
from seqmagic.network.probabilities import softmax
from tests.insight.networks import SYMBOLS, random_network


def test_a_large_vocabulary_is_scored_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_NUMBERS_AT_A_TIME", 100 * SYMBOLS)
    network = random_network("gru", units=5, layers=2)
    outputs = np.random.default_rng(1).normal(size=(7, 60, 5)).astype(np.float32)
    wanted = np.random.default_rng(2).integers(SYMBOLS, size=(7, 60))
    logits = outputs @ network.dense_kernel + network.dense_bias
    expected = -np.log2(np.take_along_axis(softmax(logits), wanted[..., np.newaxis], axis=-1)[..., 0])
    np.testing.assert_allclose(bits_of(network, outputs, wanted), expected, atol=1e-5)


def test_hits_are_the_likeliest_characters() -> None:
    network = random_network("gru", units=5)
    outputs = np.random.default_rng(1).normal(size=(7, 60, 5)).astype(np.float32)
    wanted = np.random.default_rng(2).integers(SYMBOLS, size=(7, 60))
    costs, hits = bits_and_hits(network, outputs, wanted)
    np.testing.assert_array_equal(costs, bits_of(network, outputs, wanted))
    np.testing.assert_array_equal(hits, (outputs @ network.dense_kernel + network.dense_bias).argmax(-1) == wanted)


def test_reading_on_in_pieces_is_reading() -> None:
    network, ids = random_network("lstm", layers=2), np.random.default_rng(3).integers(SYMBOLS, size=(3, 75))
    outputs, states = network.read(ids, network.initial_states(3))
    last, after = read_on(network, ids, network.initial_states(3))
    np.testing.assert_allclose(last, outputs[-1], atol=1e-6)
    for state, expected in zip(after, states, strict=True):
        np.testing.assert_allclose(np.stack(state), np.stack(expected), atol=1e-6)
