"""The cells against stock Keras layers, against numbers worked out by hand, and by their properties."""

from __future__ import annotations

import warnings
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqmagic.network.cells import (
    CELLS,
    GRUState,
    LSTMState,
    RNNState,
    Weights,
    blocks,
    gru_step,
    lstm_step,
    project,
    rnn_step,
    sigmoid,
)

# A gate with 40 before its sigmoid is 1.0 exactly in float64, with -40 exactly 0.0. Below, up to nine inputs
# and nine units within [-1, 1] can take 18 off.
SURE = 60.0


def random_weights(cell: str, inputs: int, units: int, rng: np.random.Generator, dtype="f8") -> Weights:
    """Normal numbers of variance 1 / rows, so that products neither vanish nor saturate the gates."""
    columns = len(CELLS[cell].gates) * units
    return Weights(
        kernel=rng.normal(scale=inputs**-0.5, size=(inputs, columns)).astype(dtype),
        recurrent_kernel=rng.normal(scale=units**-0.5, size=(units, columns)).astype(dtype),
        bias=rng.normal(scale=0.5, size=(2, columns) if cell == "gru" else columns).astype(dtype),
    )


def random_state(cell: str, shape: tuple[int, ...], rng: np.random.Generator, dtype="f8"):
    kind = CELLS[cell].state
    return kind(*(rng.uniform(-0.9, 0.9, shape).astype(dtype) for _ in kind._fields))


# --- by hand --------------------------------------------------------------------------------------
# sigmoid(ln 3) = 1 / (1 + 1/3) = 3/4, sigmoid(-ln 3) = 1/4, sigmoid(ln 4) = 4/5, sigmoid(0) = 1/2,
# tanh(ln(3)/2) = (3 - 1) / (3 + 1) = 1/2: gates that are plain fractions.


def test_rnn_by_hand():
    # x·W + h·U + b = 2·0.5 + 0.5·(-1) + (ln(3)/2 - 0.5) = ln(3)/2, and tanh of it is 1/2.
    weights = Weights(np.array([[0.5]]), np.array([[-1.0]]), np.array([log(3) / 2 - 0.5]))
    state = rnn_step(np.array([[2.0]]), RNNState(h=np.array([[0.5]])), weights)
    np.testing.assert_allclose(state.h, [[0.5]], rtol=1e-12)


def test_rnn_by_hand_with_two_units():
    # unit 0 sees x and unit 1: 1·0.25 + 0.5·1 = 0.75; unit 1 sees x and unit 0: -1·1 + 0.2·(-0.5) = -1.1
    weights = Weights(np.array([[0.25, -1.0]]), np.array([[0.0, -0.5], [1.0, 0.0]]), np.zeros(2))
    state = rnn_step(np.array([1.0]), RNNState(h=np.array([0.2, 0.5])), weights)
    # tanh(0.75) = (e^1.5 - 1)/(e^1.5 + 1) = 3.4816891/5.4816891; tanh(-1.1) = -(e^2.2 - 1)/(e^2.2 + 1)
    #            = -8.0250135/10.0250135
    np.testing.assert_allclose(state.h, [0.6351489524, -0.8004990218], rtol=1e-9)


def test_lstm_by_hand():
    # One unit, x = 2, h = 0.5, c = 0.25. x·W + h·U + b of each block:
    #   input      2·0.5   + 0.5·1    + (ln 3 - 1.5)     =  ln 3      i = 3/4
    #   forget     2·(-1)  + 0.5·2    + (ln 4 + 1)       =  ln 4      f = 4/5
    #   candidate  2·0.25  + 0.5·(-1) + ln(3)/2          =  ln(3)/2   g = 1/2
    #   output     2·1     + 0.5·(-4) - ln 3             = -ln 3      o = 1/4
    weights = Weights(
        kernel=np.array([[0.5, -1.0, 0.25, 1.0]]),
        recurrent_kernel=np.array([[1.0, 2.0, -1.0, -4.0]]),
        bias=np.array([log(3) - 1.5, log(4) + 1, log(3) / 2, -log(3)]),
    )
    state = lstm_step(np.array([[2.0]]), LSTMState(h=np.array([[0.5]]), c=np.array([[0.25]])), weights)
    # c = 4/5·0.25 + 3/4·1/2 = 0.575
    # h = 1/4·tanh(0.575) = 1/4·(e^1.15 - 1)/(e^1.15 + 1) = 1/4·2.1581929097/4.1581929097
    np.testing.assert_allclose(state.c, [[0.575]], rtol=1e-12)
    np.testing.assert_allclose(state.h, [[0.1297554585]], rtol=1e-9)


def test_gru_by_hand():
    # One unit, x = 2, h = 0.4. x·W + b and h·U + d of each block:
    #   keep       2·0.5 - 1      = 0          0.4·5 + (ln 3 - 2) = ln 3   z = sigmoid(ln 3) = 3/4
    #   reset      2·(-1) + 2     = 0          0.4·2.5 - 1        = 0      r = sigmoid(0) = 1/2
    #   candidate  2·0.25 - 0.5   = 0          0.4·(-5) + (ln 3 + 2) = ln 3
    # g = tanh(0 + 1/2·ln 3) = 1/2: the bias d of the candidate is inside the reset gate.
    weights = Weights(
        kernel=np.array([[0.5, -1.0, 0.25]]),
        recurrent_kernel=np.array([[5.0, 2.5, -5.0]]),
        bias=np.array([[-1.0, 2.0, -0.5], [log(3) - 2, -1.0, log(3) + 2]]),
    )
    state = gru_step(np.array([[2.0]]), GRUState(h=np.array([[0.4]])), weights)
    # z keeps: h = 3/4·0.4 + 1/4·1/2 = 0.425 (a z that writes would give 1/4·0.4 + 3/4·1/2 = 0.475)
    np.testing.assert_allclose(state.h, [[0.425]], rtol=1e-12)


# --- against Keras --------------------------------------------------------------------------------

SHAPES = [  # batch, time, input size, units, layers
    (1, 1, 1, 1, 1),
    (1, 7, 3, 5, 1),
    (3, 2, 1, 4, 2),
    (5, 13, 7, 1, 2),
    (2, 9, 5, 11, 3),
    (4, 20, 16, 32, 2),
]
# float64 holds the equations themselves: nothing but rounding (1e-16 a step) may differ.
# float32 rounds each of the D + U <= 48 products of a sum to 6e-8 of its size, and Keras adds them in another
# order: up to 48·6e-8 = 3e-6 a step where all errors point one way. Recurrent kernels of variance 1/U have
# a spectral radius near 1, and tanh and sigmoid flatten, so a step does not enlarge what came before it.
TOLERANCES = {"float64": 1e-12, "float32": 1e-5}


@pytest.mark.tf
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_cells_are_the_stock_layers_of_keras(cell, shape, dtype):
    import keras

    layer_class = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    batch, time, inputs, units, layers = shape
    rng = np.random.default_rng(sum(shape))
    outputs = keras_outputs = rng.normal(size=(batch, time, inputs)).astype(dtype)
    for _ in range(layers):
        weights = random_weights(cell, outputs.shape[-1], units, rng, dtype)
        state = random_state(cell, (batch, units), rng, dtype)
        layer = layer_class(units, return_sequences=True, return_state=True, dtype=dtype)
        layer.build(keras_outputs.shape)
        layer.set_weights(list(weights))
        start = list(state) if cell == "lstm" else state.h
        keras_outputs, *keras_state = layer(keras_outputs, initial_state=start)

        steps = []
        for x in outputs.swapaxes(0, 1):
            state = CELLS[cell].step(x, state, weights)
            steps.append(state.h)
        outputs = np.stack(steps, axis=1)

        assert outputs.dtype == dtype
        np.testing.assert_allclose(outputs, keras_outputs, rtol=0, atol=TOLERANCES[dtype])
        assert len(state) == len(keras_state)
        for ours, theirs in zip(state, keras_state, strict=True):
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCES[dtype])


# --- properties -----------------------------------------------------------------------------------


def gate_bias(cell: str, units: int, **values: float) -> np.ndarray:
    """A bias that adds a value to the blocks named."""
    row = np.concatenate([np.full(units, values.get(gate, 0.0)) for gate in CELLS[cell].gates])
    return np.stack([row, np.zeros_like(row)]) if cell == "gru" else row


@given(seed=st.integers(0, 2**32 - 1), units=st.integers(1, 9), inputs=st.integers(1, 9))
def test_a_gru_that_keeps_everything_stands_still(seed, units, inputs):
    rng = np.random.default_rng(seed)
    weights = Weights(
        kernel=rng.uniform(-1, 1, (inputs, 3 * units)),
        recurrent_kernel=rng.uniform(-1, 1, (units, 3 * units)),
        bias=gate_bias("gru", units, keep=SURE),
    )
    before = random_state("gru", (4, units), rng)
    after = gru_step(rng.uniform(-1, 1, (4, inputs)), before, weights)
    np.testing.assert_array_equal(after.h, before.h)


@given(seed=st.integers(0, 2**32 - 1), units=st.integers(1, 9), inputs=st.integers(1, 9))
def test_an_lstm_that_forgets_and_writes_nothing_keeps_c(seed, units, inputs):
    rng = np.random.default_rng(seed)
    weights = Weights(
        kernel=rng.uniform(-1, 1, (inputs, 4 * units)),
        recurrent_kernel=rng.uniform(-1, 1, (units, 4 * units)),
        bias=gate_bias("lstm", units, forget=SURE, input=-SURE),
    )
    before = random_state("lstm", (4, units), rng)
    after = lstm_step(rng.uniform(-1, 1, (4, inputs)), before, weights)
    np.testing.assert_array_equal(after.c, before.c)
    assert np.all(np.abs(after.h) <= np.abs(np.tanh(before.c)))  # what is shown is never more than is held


@given(seed=st.integers(0, 2**32 - 1), units=st.integers(1, 9))
def test_an_lstm_that_forgets_all_writes_all_and_shows_all_is_tanh_of_the_rnn(seed, units):
    rng = np.random.default_rng(seed)
    x, before = rng.uniform(-1, 1, (3, 2)), random_state("lstm", (3, units), rng)
    kernel, recurrent_kernel = rng.uniform(-1, 1, (2, units)), rng.uniform(-1, 1, (units, units))

    def only_candidate(block: np.ndarray) -> np.ndarray:
        gates = CELLS["lstm"].gates
        return np.concatenate([block if gate == "candidate" else 0 * block for gate in gates], axis=-1)

    bias = gate_bias("lstm", units, input=SURE, forget=-SURE, output=SURE)
    after = lstm_step(x, before, Weights(only_candidate(kernel), only_candidate(recurrent_kernel), bias))
    plain = rnn_step(x, RNNState(before.h), Weights(kernel, recurrent_kernel, np.zeros(units)))
    np.testing.assert_allclose(after.h, np.tanh(plain.h), rtol=1e-12)


@settings(max_examples=40)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    leading=hnp.array_shapes(min_dims=0, max_dims=3, max_side=3),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_leading_shape_is_a_batch_of_independent_rows(cell, leading, seed):
    rng = np.random.default_rng(seed)
    weights = random_weights(cell, 3, 5, rng)
    x, state = rng.normal(size=(*leading, 3)), random_state(cell, (*leading, 5), rng)
    after = CELLS[cell].step(x, state, weights)
    for index in np.ndindex(*leading):
        alone = CELLS[cell].step(x[index], CELLS[cell].state(*(part[index] for part in state)), weights)
        for together, part in zip(after, alone, strict=True):
            np.testing.assert_allclose(together[index], part, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_is_project_then_advance_in_the_dtype_given(cell, dtype):
    rng = np.random.default_rng(3)
    weights = random_weights(cell, 4, 6, rng, dtype)
    x, state = rng.normal(size=(2, 4)).astype(dtype), random_state(cell, (2, 6), rng, dtype)
    step = CELLS[cell].step(x, state, weights)
    advanced = CELLS[cell].advance(project(x, weights), state, weights)
    for a, b, empty in zip(step, advanced, CELLS[cell].initial_state(2, 6, dtype), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == empty.dtype == np.dtype(dtype)
        assert a.shape == empty.shape == (2, 6)
        assert not empty.any()


@given(hnp.arrays(np.float32, 5, elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)))
def test_sigmoid_neither_warns_nor_leaves_its_range(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = sigmoid(x)
    assert y.dtype == np.float32
    assert np.all((y >= 0) & (y <= 1))
    np.testing.assert_allclose(y + sigmoid(-x), 1, atol=2e-7)


def test_sigmoid_has_the_values_of_its_definition():
    x = np.linspace(-30, 30, 601)
    np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)), rtol=0, atol=1e-15)


def test_blocks_are_cut_in_the_order_of_the_gates():
    np.testing.assert_array_equal(
        np.stack(blocks(np.arange(12).reshape(2, 6), 2)), [[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [10, 11]]]
    )
