"""Costs of single characters: against the replay in float64, however the text is cut into shares."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight import costs
from seqmagic.insight.costs import bits_of, text_bits
from seqmagic.insight.replay import in_precision, replay
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Network
from seqmagic.network.probabilities import softmax
from tests.helpers import random_weights
from tests.insight.networks import SYMBOLS

IDS = np.random.default_rng(0).integers(SYMBOLS, size=2203)


def random_network(cell: str) -> Network:
    return Network.from_weights(cell, random_weights(cell, vocabulary_size=SYMBOLS, units=5, layers=2))


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("characters", [2, 33, 1000, 1602, 2203])
def test_each_character_costs_what_the_replay_says(cell: str, characters: int) -> None:
    network, ids = random_network(cell), IDS[:characters]
    logits = replay(in_precision(network, np.float64), ids[np.newaxis, :-1]).logits()[:, 0]
    expected = -np.log2(np.take_along_axis(softmax(logits), ids[1:, np.newaxis], axis=-1)[:, 0])
    np.testing.assert_allclose(text_bits(network, ids), expected, atol=1e-4)


def test_a_large_vocabulary_is_scored_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_NUMBERS_AT_A_TIME", 100 * SYMBOLS)
    network = random_network("gru")
    outputs = np.random.default_rng(1).normal(size=(7, 60, 5)).astype(np.float32)
    wanted = np.random.default_rng(2).integers(SYMBOLS, size=(7, 60))
    logits = outputs @ network.dense_kernel + network.dense_bias
    expected = -np.log2(np.take_along_axis(softmax(logits), wanted[..., np.newaxis], axis=-1)[..., 0])
    np.testing.assert_allclose(bits_of(network, outputs, wanted), expected, atol=1e-5)
