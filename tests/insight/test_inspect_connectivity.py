"""What a prediction depends on: the exact gradient, and none where nothing is carried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqmagic.insight.inspect_connectivity import connectivity
from seqmagic.insight.replay import in_precision, replay
from seqmagic.network.cells import CELLS, project
from seqmagic.network.network import Network
from seqmagic.network.probabilities import softmax
from tests.insight.networks import SYMBOLS, random_network, without_recurrence

IDS = np.random.default_rng(3).integers(0, SYMBOLS, 12)


def bits_of_last(network: Network, inputs: np.ndarray) -> float:
    """Of the last of `IDS`, when these (N - 1, E) vectors are read for the characters before it."""
    for layer in network.layers:
        [state] = replace(network, layers=(layer,)).initial_states(1)
        outputs = []
        for vector in inputs:
            state = CELLS[layer.cell].advance(project(vector[np.newaxis], layer.weights), state, layer.weights)
            outputs.append(state.h[0])
        inputs = np.array(outputs)
    logits = inputs[-1] @ network.dense_kernel + network.dense_bias
    return float(-np.log2(softmax(logits)[IDS[-1]]))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_it_is_the_numerical_gradient(cell: str, layers: int) -> None:
    network = in_precision(random_network(cell, layers=layers), np.float64)
    lengths, bits = connectivity(network, IDS)
    inputs, step = network.embedding[IDS[:-1]], 1e-5
    expected = np.empty_like(inputs)
    for place in np.ndindex(*inputs.shape):
        moved = [inputs.copy(), inputs.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        expected[place] = (bits_of_last(network, moved[0]) - bits_of_last(network, moved[1])) / (2 * step)
    np.testing.assert_allclose(lengths, np.linalg.norm(expected, axis=1), rtol=1e-5, atol=1e-9)
    assert bits == pytest.approx(bits_of_last(network, inputs))
    trace = replay(network, IDS[np.newaxis, :-1])
    assert bits == pytest.approx(float(-np.log2(softmax(trace.logits()[-1, 0])[IDS[-1]])))


@pytest.mark.parametrize("cell", ["rnn"])
def test_where_nothing_is_carried_only_the_character_before_counts(cell: str) -> None:
    lengths, _ = connectivity(in_precision(without_recurrence(random_network(cell)), np.float64), IDS)
    assert lengths[-1] > 0
    assert np.all(lengths[:-1] == 0)
