"""Each recurrence, three ways: NumPy cell, stock Keras layer, numerical gradient; in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmagic.fused import layer
from seqmagic.network import cells

pytestmark = pytest.mark.tf

CELLS = ("rnn", "lstm", "gru")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
KERAS_LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
SHAPES = [(1, 1, 1, 1), (1, 3, 2, 5), (2, 5, 3, 2), (7, 3, 4, 3), (4, 2, 1, 7)]  # T, B, D, U

# float64 throughout: what is compared differs only by the order of sums over some ten numbers.
EXACT = {"rtol": 1e-11, "atol": 1e-12}
# Central differences with a step of 1e-5: the error is the third derivative times 1e-10, and rounding 1e-16/1e-5.
NUMERICAL = {"rtol": 1e-6, "atol": 1e-8}


def random_arguments(cell: str, shape: tuple[int, int, int, int], seed: int = 0) -> dict[str, np.ndarray]:
    """Every argument of a layer by name, none of them zero: inputs, weights and initial states."""
    steps, batch, inputs, units = shape
    width = GATES[cell] * units
    rng = np.random.default_rng(seed)
    shapes = {
        "inputs": (steps, batch, inputs),
        "kernel": (inputs, width),
        "recurrent_kernel": (units, width),
        "bias": (2, width) if cell == "gru" else (width,),
        "h": (batch, units),
        "c": (batch, units),
    }
    if cell != "lstm":
        del shapes["c"]
    return {name: rng.normal(size=size) for name, size in shapes.items()}


def random_cotangents(cell: str, shape: tuple[int, int, int, int], seed: int = 1) -> list[np.ndarray]:
    """What flows in backward: gradients of the outputs and of each final state."""
    steps, batch, _, units = shape
    rng = np.random.default_rng(seed)
    states = 2 if cell == "lstm" else 1
    return [rng.normal(size=(steps, batch, units)), *(rng.normal(size=(batch, units)) for _ in range(states))]


def numpy_outputs(cell: str, arguments: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Outputs (T, B, U) and final states, by the NumPy cell, step by step."""
    weights = cells.Weights(arguments["kernel"], arguments["recurrent_kernel"], arguments["bias"])
    state = cells.CELLS[cell].state(*(arguments[name] for name in ("h", "c") if name in arguments))
    outputs = []
    for x in arguments["inputs"]:
        state = cells.CELLS[cell].step(x, state, weights)
        outputs.append(state.h)
    return [np.stack(outputs), *state]


def split(arguments: dict[str, tf.Tensor]) -> tuple[tf.Tensor, layer.Weights, layer.States]:
    weights = layer.Weights(arguments["kernel"], arguments["recurrent_kernel"], arguments["bias"])
    return arguments["inputs"], weights, tuple(arguments[name] for name in ("h", "c") if name in arguments)


def fused_outputs(cell: str, arguments: dict[str, np.ndarray]) -> list[tf.Tensor]:
    inputs, weights, states = split({name: tf.constant(value) for name, value in arguments.items()})
    outputs, final, _ = layer.forward(cell, inputs, weights, states)
    return [outputs, *final]


def fused_gradients(cell: str, arguments: dict[str, tf.Tensor], cotangents: list[tf.Tensor]) -> dict[str, tf.Tensor]:
    """The gradient of every argument, by name."""
    inputs, weights, states = split(arguments)
    _, _, saved = layer.forward(cell, inputs, weights, states)
    d_inputs, d_weights, d_states = layer.backward(
        cell, saved, cotangents[0], tuple(cotangents[1:]), inputs=inputs, weights=weights
    )
    return {"inputs": d_inputs, **d_weights._asdict(), **dict(zip(("h", "c"), d_states, strict=False))}


def as_tensors(arguments: dict[str, np.ndarray], cotangents: list[np.ndarray]):
    return {k: tf.constant(v) for k, v in arguments.items()}, [tf.constant(v) for v in cotangents]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_forward_is_the_numpy_cell_step_by_step(cell, shape):
    arguments = random_arguments(cell, shape)
    for fused, expected in zip(fused_outputs(cell, arguments), numpy_outputs(cell, arguments), strict=True):
        np.testing.assert_allclose(fused, expected, **EXACT)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_gradient_of_every_argument_is_the_numerical_one(cell, shape):
    """Differences of the NumPy cell, so that neither TensorFlow nor our forward pass is trusted."""
    arguments, cotangents = random_arguments(cell, shape), random_cotangents(cell, shape)

    def loss() -> float:
        outputs = numpy_outputs(cell, arguments)
        return sum(float(np.vdot(a, b)) for a, b in zip(outputs, cotangents, strict=True))

    gradients = fused_gradients(cell, *as_tensors(arguments, cotangents))
    assert gradients.keys() == arguments.keys()
    for name, value in arguments.items():
        numerical = np.empty_like(value)
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + 1e-5
            above = loss()
            value[index] = kept - 1e-5
            numerical[index] = (above - loss()) / 2e-5
            value[index] = kept
        np.testing.assert_allclose(gradients[name], numerical, err_msg=name, **NUMERICAL)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_gradients_are_those_of_the_stock_keras_layer(cell, shape):
    arguments, cotangents = as_tensors(random_arguments(cell, shape), random_cotangents(cell, shape))
    stock = KERAS_LAYERS[cell](shape[3], return_sequences=True, return_state=True, dtype="float64")
    stock.build((None, None, shape[2]))
    inputs, weights, states = split(arguments)
    for variable, value in zip(stock.trainable_variables, weights, strict=True):
        variable.assign(value)
    watched = [inputs, *states]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs, *final = stock(tf.transpose(inputs, (1, 0, 2)), initial_state=list(states))
        outputs = [tf.transpose(outputs, (1, 0, 2)), *final]
        loss = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(outputs, cotangents, strict=True)])
    variables = [variable.value for variable in stock.trainable_variables]
    d_inputs, *others = tape.gradient(loss, [*watched, *variables])
    d_states, d_weights = others[: len(states)], others[len(states) :]
    expected = {
        "inputs": d_inputs,
        **dict(zip(("h", "c"), d_states, strict=False)),
        **dict(zip(layer.Weights._fields, d_weights, strict=True)),
    }
    for fused, stock_output in zip(fused_outputs(cell, arguments), outputs, strict=True):
        np.testing.assert_allclose(fused, stock_output, **EXACT)
    for name, gradient in fused_gradients(cell, arguments, cotangents).items():
        np.testing.assert_allclose(gradient, expected[name], err_msg=name, **EXACT)


@given(
    cell=st.sampled_from(CELLS),
    shape=st.tuples(*(st.integers(1, high) for high in (9, 7, 6, 9))),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_gradients_are_directional_derivatives_at_any_shape(cell, shape, seed):
    """All arguments move at once along a random direction; the loss must change by <gradient, direction>."""
    arguments, cotangents = random_arguments(cell, shape, seed), random_cotangents(cell, shape, seed + 1)
    direction = random_arguments(cell, shape, seed + 2)

    def loss(step: float) -> float:
        moved = {name: value + step * direction[name] for name, value in arguments.items()}
        outputs = numpy_outputs(cell, moved)
        return sum(float(np.vdot(a, b)) for a, b in zip(outputs, cotangents, strict=True))

    step = 1e-4  # fourth-order differences: the error is the fifth derivative times 1e-16
    numerical = (8 * (loss(step) - loss(-step)) - (loss(2 * step) - loss(-2 * step))) / (12 * step)
    gradients = fused_gradients(cell, *as_tensors(arguments, cotangents))
    expected = sum(float(np.vdot(gradients[name], direction[name])) for name in arguments)
    scale = sum(float(np.abs(gradients[name] * direction[name]).sum()) for name in arguments)
    assert abs(numerical - expected) <= 1e-6 * scale + 1e-8


@pytest.mark.parametrize("cell", CELLS)
def test_compiled_by_xla_they_are_the_same(cell):
    shape = (5, 3, 4, 6)
    arguments, cotangents = as_tensors(random_arguments(cell, shape), random_cotangents(cell, shape))
    compiled = tf.function(lambda a, c: fused_gradients(cell, a, c), jit_compile=True)(arguments, cotangents)
    for name, gradient in fused_gradients(cell, arguments, cotangents).items():
        np.testing.assert_allclose(compiled[name], gradient, err_msg=name, **EXACT)


@pytest.mark.parametrize("cell", CELLS)
def test_two_windows_with_the_state_carried_are_one_long_window(cell):
    arguments = random_arguments(cell, (6, 2, 3, 4))
    whole = fused_outputs(cell, arguments)
    first = fused_outputs(cell, {**arguments, "inputs": arguments["inputs"][:2]})
    carried = dict(zip(("h", "c"), (state.numpy() for state in first[1:]), strict=False))
    second = fused_outputs(cell, {**arguments, **carried, "inputs": arguments["inputs"][2:]})
    np.testing.assert_allclose(tf.concat([first[0], second[0]], axis=0), whole[0], **EXACT)
    for a, b in zip(second[1:], whole[1:], strict=True):
        np.testing.assert_allclose(a, b, **EXACT)
