"""The whole step of a shard: loss and every gradient against differences of a NumPy network, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from seqmagic.fused import embedding, network
from seqmagic.network import cells

pytestmark = pytest.mark.tf

CELLS = ("rnn", "lstm", "gru")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
# Central differences with a step of 1e-5 of a loss of some tens of nats.
NUMERICAL = {"rtol": 1e-6, "atol": 2e-8}


class Case:
    """A small network with random weights, states, masks and a window of text."""

    def __init__(self, cell: str, *, batch=3, steps=5, vocabulary=6, width=3, units=4, layers=2, seed=0):
        rng = np.random.default_rng(seed)
        gates = GATES[cell] * units
        self.cell, self.layers = cell, layers
        self.weights = [rng.normal(size=(vocabulary, width))]
        for depth in range(layers):
            bias = (2, gates) if cell == "gru" else (gates,)
            shapes = [(units if depth else width, gates), (units, gates), bias]
            self.weights += [rng.normal(size=shape) for shape in shapes]
        self.weights += [rng.normal(size=(units, vocabulary)), rng.normal(size=vocabulary)]
        self.ids, self.targets = (rng.integers(0, vocabulary, (batch, steps)).astype(np.int32) for _ in "ab")
        kinds = 2 if cell == "lstm" else 1
        self.states = [[rng.normal(size=(batch, units)) for _ in range(kinds)] for _ in range(layers)]
        self.masks = [rng.integers(0, 2, (batch, units)) / 0.5 for _ in range(layers)]

    def tensors(self):
        states = tuple(tuple(tf.constant(part) for part in layer) for layer in self.states)
        weights = [tf.constant(weight) for weight in self.weights]
        return weights, tf.constant(self.ids), tf.constant(self.targets), states

    def nats(self, masks) -> np.ndarray:
        """(B, T), by NumPy cells and a softmax written out."""
        table, *middle, dense_kernel, dense_bias = self.weights
        states = [cells.CELLS[self.cell].state(*layer) for layer in self.states]
        nats = np.empty(self.ids.shape)
        for t in range(self.ids.shape[1]):
            x = table[self.ids[:, t]]
            for depth in range(self.layers):
                weights = cells.Weights(*middle[3 * depth : 3 * depth + 3])
                states[depth] = cells.CELLS[self.cell].step(x, states[depth], weights)
                x = states[depth].h * (1 if masks is None else masks[depth])
            logits = x @ dense_kernel + dense_bias
            probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            nats[:, t] = -np.log(probabilities[np.arange(len(x)), self.targets[:, t]])
        self.after = states
        return nats


def differences(case: Case, masks) -> list[np.ndarray]:
    gradients = []
    for weight in case.weights:
        gradient = np.empty_like(weight)
        for index in np.ndindex(weight.shape):
            kept = weight[index]
            weight[index] = kept + 1e-5
            above = case.nats(masks).sum()
            weight[index] = kept - 1e-5
            gradient[index] = (above - case.nats(masks).sum()) / 2e-5
            weight[index] = kept
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("vocabulary", [6, 20])  # below and above the limit of folding the embedding
@pytest.mark.parametrize("cell", CELLS)
def test_loss_states_and_every_gradient(cell, vocabulary, masked):
    case = Case(cell, vocabulary=vocabulary)
    weights, ids, targets, states = case.tensors()
    assert embedding.is_folded(ids, weights[0]) == (vocabulary == 6)
    masks = case.masks if masked else None
    loss, gradients, after = network.loss_and_gradients(cell, weights, ids, targets, states, masks)
    np.testing.assert_allclose(loss, case.nats(masks).sum(), rtol=1e-12)
    for ours, expected in zip(tf.nest.flatten(after), tf.nest.flatten(case.after), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)
    for i, (gradient, expected) in enumerate(zip(gradients, differences(case, masks), strict=True)):
        np.testing.assert_allclose(gradient, expected, err_msg=f"weight {i}", **NUMERICAL)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_score_gives_the_nats_of_each_prediction(cell, layers):
    case = Case(cell, layers=layers)
    nats, after = network.score(cell, *case.tensors())
    np.testing.assert_allclose(nats, case.nats(None), rtol=1e-11)
    for ours, expected in zip(tf.nest.flatten(after), tf.nest.flatten(case.after), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)


def test_one_step_of_one_stream():
    case = Case("lstm", batch=1, steps=1)
    loss, gradients, _ = network.loss_and_gradients("lstm", *case.tensors(), None)
    np.testing.assert_allclose(loss, case.nats(None).sum(), rtol=1e-12)
    for gradient, expected in zip(gradients, differences(case, None), strict=True):
        np.testing.assert_allclose(gradient, expected, **NUMERICAL)


def test_large_logits_do_not_overflow():
    nats, probabilities = network.cross_entropy(
        tf.constant([[1000.0, 0.0, -1000.0], [0.0, 1000.0, 0.0]]), tf.constant([0, 0])
    )
    np.testing.assert_allclose(nats, [0.0, 1000.0])
    np.testing.assert_allclose(probabilities, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def test_flatten_undoes_unflatten():
    weights, *_ = Case("gru", layers=3).tensors()
    assert all(a is b for a, b in zip(network.flatten(network.unflatten(weights)), weights, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_the_last_steps_alone_may_be_predicted(cell):
    case = Case(cell)
    weights, ids, targets, states = case.tensors()
    nats = case.nats
    case.nats = lambda masks: nats(masks)[:, -2:]
    loss, gradients, _ = network.loss_and_gradients(cell, weights, ids, targets[:, -2:], states, case.masks)
    np.testing.assert_allclose(loss, case.nats(case.masks).sum(), rtol=1e-12)
    for i, (gradient, expected) in enumerate(zip(gradients, differences(case, case.masks), strict=True)):
        np.testing.assert_allclose(gradient, expected, err_msg=f"weight {i}", **NUMERICAL)
