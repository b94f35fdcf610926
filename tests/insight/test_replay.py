"""The replay and its gradients: against numerical differences, Keras and TensorFlow, and known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqmagic.errors import RunError
from seqmagic.insight.replay import (
    bits_gradient,
    check_replay,
    gradients,
    in_precision,
    replay,
)
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Layer, Network
from tests.helpers import random_weights

CELL_NAMES = list(CELLS)
V, U, E = 7, 5, 4


def make_network(cell: str, *, layers: int = 1, units: int = U, seed: int = 3) -> Network:
    weights = random_weights(cell, vocabulary_size=V, units=units, layers=layers, embedding=E, seed=seed)
    return in_precision(Network.from_weights(cell, weights), np.float64)


def with_layer(network: Network, **arrays: np.ndarray) -> Network:
    layer = network.layers[0]
    return replace(network, layers=(Layer(layer.cell, layer.weights._replace(**arrays)),))


def random_states(network: Network, batch: int, rng: np.random.Generator):
    return tuple(
        type(state)(*(rng.uniform(-0.9, 0.9, array.shape) for array in state))
        for state in network.initial_states(batch)
    )


def bits(network: Network, ids: np.ndarray, states, target: np.ndarray) -> float:
    """-log2 p of `target` after `ids`, all streams together."""
    logits = replay(network, ids, states).logits()[-1]
    logits = logits - logits.max(-1, keepdims=True)
    chosen = np.take_along_axis(logits, target[:, None], -1)[:, 0]
    return float((np.log(np.exp(logits).sum(-1)) - chosen).sum() / np.log(2))


def last_loss_gradients(network: Network, ids: np.ndarray, states, target: np.ndarray):
    trace = replay(network, ids, states)
    return gradients(trace, {ids.shape[1] - 1: bits_gradient(network, trace.outputs[-1], target)})


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_replay_is_what_the_network_does(cell: str, layers: int) -> None:
    network = make_network(cell, layers=layers)
    ids = np.random.default_rng(0).integers(V, size=(2, 20))
    logits, states = network.forward(ids, network.initial_states(2))
    trace = replay(network, ids)
    np.testing.assert_allclose(trace.logits(), logits.swapaxes(0, 1), rtol=1e-12)
    for one, other in zip(trace.last_states, states, strict=True):
        np.testing.assert_array_equal(one, other)
    first = replay(network, ids[:, :8])
    second = replay(network, ids[:, 8:], first.last_states)
    np.testing.assert_allclose(second.outputs[-1], trace.outputs[-1], rtol=1e-12)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_gates_make_the_states(cell: str) -> None:
    trace = replay(make_network(cell), np.random.default_rng(0).integers(V, size=(2, 9)))
    layer = trace.layers[0]
    assert set(CELLS[cell].gates) <= set(layer.gates._fields)
    for step in range(trace.steps):
        gates = type(layer.gates)(*(gate[step] for gate in layer.gates))
        np.testing.assert_array_equal(CELLS[cell].combine(gates, layer.before(step)), layer.after(step))


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_gradients_are_those_of_numerical_differences(cell: str, layers: int) -> None:
    network = make_network(cell, layers=layers)
    rng = np.random.default_rng(1)
    ids, target = rng.integers(V, size=(2, 6)), rng.integers(V, size=2)
    states = random_states(network, 2, rng)
    found = last_loss_gradients(network, ids, states, target)
    nudge = 1e-6
    for number, state in enumerate(states):
        for name in state._fields:
            array = getattr(state, name)
            for place in [(0, 0), (1, U - 1)]:
                losses = []
                for sign in (1, -1):
                    moved = array.copy()
                    moved[place] += sign * nudge
                    changed = (*states[:number], state._replace(**{name: moved}), *states[number + 1 :])
                    losses.append(bits(network, ids, changed, target))
                numerical = (losses[0] - losses[1]) / (2 * nudge)
                exact = getattr(found.states[number], name)[0][place]
                assert exact == pytest.approx(numerical, abs=1e-8, rel=1e-6)
    # a state in the middle: start a second replay from there
    middle = replay(network, ids[:, :3], states).last_states
    later = last_loss_gradients(network, ids[:, 3:], middle, target)
    for whole, part in zip(found.states, later.states, strict=True):
        for one, other in zip(whole, part, strict=True):
            np.testing.assert_allclose(one[3:], other, rtol=1e-12, atol=1e-300)
    # an input: its row of the embedding, where the character stands nowhere else
    only = np.array([[0, 1, 2, 3, 4, 5]])
    found = last_loss_gradients(network, only, network.initial_states(1), target[:1])
    for row in (0, 3, 5):
        losses = []
        for sign in (1, -1):
            embedding = network.embedding.copy()
            embedding[row, 2] += sign * nudge
            moved = replace(network, embedding=embedding)
            losses.append(bits(moved, only, network.initial_states(1), target[:1]))
        assert found.inputs[row, 0, 2] == pytest.approx((losses[0] - losses[1]) / (2 * nudge), abs=1e-8, rel=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_nothing_goes_over_the_end_of_a_record(cell: str, layers: int) -> None:
    network = replace(make_network(cell, layers=layers), boundary=1)
    rng = np.random.default_rng(1)
    states = random_states(network, 2, rng)
    ids = np.array([[2, 3, 1, 4, 5, 6], [1, 3, 4, 5, 6, 2]])
    trace = replay(network, ids, states)
    logits, _ = network.forward(ids, states)
    np.testing.assert_allclose(trace.logits(), logits.swapaxes(0, 1), rtol=1e-12)
    alone = replay(network, ids[:1, 2:])
    np.testing.assert_allclose(trace.outputs[2:, :1], alone.outputs, rtol=1e-12)
    found = last_loss_gradients(network, ids, states, np.array([3, 4]))
    expected = last_loss_gradients(network, ids[:1, 2:], network.initial_states(1), np.array([3]))
    np.testing.assert_allclose(found.inputs[2:, :1], expected.inputs, rtol=1e-12)
    assert not found.inputs[:2, 0].any() and found.inputs[2:].any(axis=2).all()
    for state in found.states:
        for array in state:
            assert not array[:3, 0].any() and not array[0, 1].any() and array[3:6].any(axis=2).all()


@pytest.mark.tf
@pytest.mark.parametrize(
    ("layers", "steps"),
    [(1, 200), (2, 60), (3, 20), *(pytest.param(layers, 200, marks=pytest.mark.slow) for layers in (2, 3))],
)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_gradients_are_those_of_tensorflow_and_outputs_those_of_keras(cell: str, layers: int, steps: int) -> None:
    import keras
    import tensorflow as tf

    network = make_network(cell, layers=layers, units=6)
    rng = np.random.default_rng(2)
    ids, target = rng.integers(V, size=(2, steps)), rng.integers(V, size=2)
    kinds = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    start = random_states(network, 2, rng)
    inputs = tf.constant(network.embedding[ids])
    states = [[tf.constant(array) for array in state] for state in start]
    stack = []
    for layer in network.layers:
        made = kinds[cell](6, return_sequences=True, dtype="float64")
        made.build((2, steps, layer.weights.kernel.shape[0]))
        made.set_weights(list(layer.weights))
        stack.append(made)
    with tf.GradientTape() as tape:
        tape.watch([inputs, states])
        x = inputs
        for made, state in zip(stack, states, strict=True):
            x = made(x, initial_state=state)
        logits = x @ network.dense_kernel + network.dense_bias
        last = tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits[:, -1])
        loss = tf.reduce_sum(last) / np.log(2)
    d_inputs, d_states = tape.gradient(loss, [inputs, states])
    np.testing.assert_allclose(replay(network, ids, start).logits(), logits.numpy().swapaxes(0, 1), rtol=1e-6)
    found = last_loss_gradients(network, ids, start, target)
    for step in range(steps):
        difference = np.linalg.norm(found.inputs[step] - d_inputs[:, step])
        assert difference <= 1e-6 * np.linalg.norm(d_inputs[:, step])
    for mine, theirs in zip(found.states, d_states, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert np.linalg.norm(one[0] - other) <= 1e-6 * np.linalg.norm(other)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_without_recurrent_weights_nothing_comes_back_but_through_an_lstm_cell(cell: str) -> None:
    network = make_network(cell)
    zero = np.zeros_like(network.layers[0].weights.recurrent_kernel)
    network = with_layer(network, recurrent_kernel=zero)
    ids = np.arange(6)[None]
    found = last_loss_gradients(network, ids, network.initial_states(1), np.array([1]))
    earlier = found.states[0].h[:-1]
    if cell == "gru":  # it keeps z of the old state, recurrent weights or not
        assert np.abs(earlier).max() > 0
    else:
        assert not earlier.any()
    if cell == "rnn":
        assert not found.inputs[:-1].any()
        assert found.inputs[-1].any()


def test_an_lstm_that_keeps_all_carries_the_gradient_unchanged() -> None:
    network = make_network("lstm")
    weights = network.layers[0].weights
    bias = weights.bias.copy()
    bias[:U], bias[U : 2 * U] = -60, 60  # nothing is written, all is kept
    network = with_layer(network, bias=bias, recurrent_kernel=np.zeros_like(weights.recurrent_kernel))
    start = random_states(network, 1, np.random.default_rng(0))
    found = last_loss_gradients(network, np.arange(7)[None] % V, start, np.array([2]))
    norms = np.linalg.norm(found.states[0].c[:-1, 0], axis=-1)
    assert norms[0] > 0
    np.testing.assert_allclose(norms, norms[0], rtol=1e-12)


def test_a_gru_whose_z_is_one_is_frozen() -> None:
    """The z of Keras KEEPS; a z that writes would replace the state here."""
    network = make_network("gru")
    bias = network.layers[0].weights.bias.copy()
    bias[0, :U] = 60
    network = with_layer(network, bias=bias)
    start = random_states(network, 1, np.random.default_rng(0))
    trace = replay(network, np.arange(7)[None] % V, start)
    np.testing.assert_allclose(trace.layers[0].states.h, np.broadcast_to(start[0].h, (8, 1, U)), atol=1e-12)


def test_the_check_lets_a_network_pass_and_stops_one_that_is_no_number() -> None:
    weights = random_weights("gru", vocabulary_size=V, units=U, embedding=E)
    ids = np.random.default_rng(0).integers(V, size=700)
    assert 0 < check_replay(Network.from_weights("gru", weights), ids, "good") < 1e-5
    weights[-1][0] = np.nan
    with pytest.raises(RunError, match="run bad cannot be replayed: its probabilities differ by nan"):
        check_replay(Network.from_weights("gru", weights), ids, "bad")


def test_the_check_sees_half_a_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network.from_weights("rnn", random_weights("rnn", vocabulary_size=V, units=U, embedding=E))
    own = Network.forward
    monkeypatch.setattr(Network, "forward", lambda *a: (lambda out: (out[0] * 1.005, out[1]))(own(*a)))
    with pytest.raises(RunError, match=r"more than 0\.0001"):
        check_replay(network, np.arange(50) % V, "wrong")
