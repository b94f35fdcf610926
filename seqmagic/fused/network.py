"""Forward, loss and backward of a whole network over one window, as one pure function for XLA to compile.

Embedding, recurrent layers with a dropout mask after each, dense layer, softmax, cross-entropy; the backward pass
is written by hand, so that nothing is kept or computed that is not needed, and no loop is differentiated.

Axes: T time, B batch, V vocabulary, E embedding, U units, G gates. Inside, time comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from seqmagic.fused import embedding as first_product
from seqmagic.fused import layer as recurrent_layer
from seqmagic.fused.layer import States
from seqmagic.fused.window import flat
from seqmagic.network.cells import Weights
from seqmagic.network.layout import split_arrays

Masks = Sequence[tf.Tensor] | None  # one (B, U) per layer, or no dropout


class Parameters(NamedTuple):
    """The weights of a network, or their gradients."""

    embedding: tf.Tensor  # (V, E)
    layers: tuple[Weights, ...]
    dense_kernel: tf.Tensor  # (U, V)
    dense_bias: tf.Tensor  # (V,)


def unflatten(weights: Sequence[tf.Tensor]) -> Parameters:
    """From the order of a Keras model's `trainable_weights`."""
    embedding, layers, dense_kernel, dense_bias = split_arrays(weights)
    return Parameters(embedding, tuple(Weights(*layer) for layer in layers), dense_kernel, dense_bias)


def flatten(parameters: Parameters) -> list[tf.Tensor]:
    """Back into the order of a Keras model's `trainable_weights`."""
    middle = [tensor for layer in parameters.layers for tensor in layer]
    return [parameters.embedding, *middle, parameters.dense_kernel, parameters.dense_bias]


def forward(
    cell: str,
    parameters: Parameters,
    ids: tf.Tensor,
    states: Sequence[States],
    masks: Masks,
    *,
    predicted: int | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor], tuple[States, ...], list[Any]]:
    """ids (T, B) -> logits (T·B, V), the masked outputs (T, B, U) of each layer, new states, what is kept.

    Where only the last `predicted` steps are asked for a prediction, the logits are (predicted·B, V).
    """
    outputs: list[tf.Tensor] = []
    new_states: list[States] = []
    saved: list[Any] = []
    for depth, (weights, state) in enumerate(zip(parameters.layers, states, strict=True)):
        if depth == 0:
            bias = recurrent_layer.input_bias(cell, weights.bias)
            gates = recurrent_layer.GATES[cell]
            projected = first_product.project(ids, parameters.embedding, weights.kernel, bias, gates=gates)
            hs, state, kept = recurrent_layer.run(cell, projected, weights, state)
        else:
            hs, state, kept = recurrent_layer.forward(cell, outputs[-1], weights, state)
        outputs.append(hs if masks is None else hs * masks[depth])
        new_states.append(state)
        saved.append(kept)
    asked = outputs[-1] if predicted is None else outputs[-1][-predicted:]
    logits = tf.matmul(flat(asked), parameters.dense_kernel) + parameters.dense_bias
    return logits, outputs, tuple(new_states), saved


def cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Nats of each prediction (N,) and the probabilities (N, V); logits (N, V), targets (N,) int32."""
    chosen = tf.one_hot(targets, logits.shape[1], dtype=logits.dtype)
    shifted = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    exponentials = tf.exp(shifted)
    total = tf.reduce_sum(exponentials, axis=1, keepdims=True)
    return tf.math.log(total[:, 0]) - tf.reduce_sum(shifted * chosen, axis=1), exponentials / total


def dense_backward(
    probabilities: tf.Tensor,
    targets: tf.Tensor,
    *,
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    factors: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of the summed cross-entropy by the dense layer's inputs (N, U), kernel (U, V) and bias (V,).

    V is seldom a multiple of a vector register, and with V rows instead of V columns the kernel's gradient takes
    half the time; so the logits' gradient, probabilities - one-hot, is made a second time with its axes turned.
    The one row more, cut off after, keeps XLA from turning the product back.
    With `factors` (N,) the sum is of each cross-entropy times its own.
    """
    vocabulary = probabilities.shape[1]
    d_logits = probabilities - tf.one_hot(targets, vocabulary, dtype=probabilities.dtype)
    one_more = tf.pad(tf.transpose(probabilities), [[0, 1], [0, 0]])
    d_logits_transposed = one_more - tf.one_hot(targets, vocabulary + 1, axis=0, dtype=probabilities.dtype)
    if factors is not None:
        d_logits, d_logits_transposed = d_logits * factors[:, None], d_logits_transposed * factors
    d_kernel = tf.transpose(tf.matmul(d_logits_transposed, inputs)[:vocabulary])
    return tf.matmul(d_logits, kernel, transpose_b=True), d_kernel, tf.reduce_sum(d_logits, axis=0)


def loss_and_gradients(
    cell: str,
    weights: Sequence[tf.Tensor],
    ids: tf.Tensor,
    targets: tf.Tensor,
    states: Sequence[States],
    masks: Masks,
    counted: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor], tuple[States, ...]]:
    """One window of one shard.

    Args:
        cell: "rnn", "lstm" or "gru".
        weights: In the order of the Keras model's `trainable_weights`.
        ids: (B, T) int32.
        targets: (B, T) int32, or (B, A) where the last A steps alone are predicted.
        states: Per layer, before the window.
        masks: Dropout factors (B, U) per layer, or `None`.
        counted: The factor of each loss, of the shape of `targets`, or `None` for 1 everywhere.

    Returns:
        The sum of the losses in nats, the gradients of that sum in the order of `weights` (none flows into
        the states: backpropagation stops at the window's start), and the states after the window.
    """
    parameters = unflatten(weights)
    ids, targets = tf.transpose(ids), tf.transpose(targets)  # time first
    predicted = targets.shape[0]
    logits, outputs, new_states, saved = forward(cell, parameters, ids, states, masks, predicted=predicted)
    characters = tf.reshape(targets, (-1,))
    nats, probabilities = cross_entropy(logits, characters)
    factors = None if counted is None else tf.reshape(tf.transpose(counted), (-1,))
    nats = nats if factors is None else nats * factors
    d_rows, d_dense_kernel, d_dense_bias = dense_backward(
        probabilities,
        characters,
        inputs=flat(outputs[-1][-predicted:]),
        kernel=parameters.dense_kernel,
        factors=factors,
    )
    d_outputs = tf.reshape(d_rows, (predicted, *outputs[-1].shape[1:]))
    d_outputs = tf.pad(d_outputs, [[ids.shape[0] - predicted, 0], [0, 0], [0, 0]])
    d_layers: list[Weights] = []
    for depth in reversed(range(len(parameters.layers))):
        layer = parameters.layers[depth]
        d_outputs = d_outputs if masks is None else d_outputs * masks[depth]
        d_states = tuple(tf.zeros_like(state) for state in states[depth])
        if depth == 0:
            gradients = recurrent_layer.run_backward(cell, saved[0], d_outputs, d_states)
            d_embedding, d_kernel, d_bias = first_product.project_backward(
                gradients.projected, ids=ids, embedding=parameters.embedding, kernel=layer.kernel
            )
            d_bias = recurrent_layer.join_bias(cell, d_bias, gradients)
            d_layers.append(Weights(d_kernel, gradients.recurrent_kernel, d_bias))
        else:
            d_outputs, d_weights, _ = recurrent_layer.backward(
                cell, saved[depth], d_outputs, d_states, inputs=outputs[depth - 1], weights=layer
            )
            d_layers.append(d_weights)
    d_parameters = Parameters(d_embedding, tuple(reversed(d_layers)), d_dense_kernel, d_dense_bias)
    return tf.reduce_sum(nats), flatten(d_parameters), new_states


def score(
    cell: str, weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
) -> tuple[tf.Tensor, tuple[States, ...]]:
    """Nats of every prediction, (B, T), without dropout, and the states after the window."""
    logits, _, new_states, _ = forward(cell, unflatten(weights), tf.transpose(ids), states, None)
    nats, _ = cross_entropy(logits, tf.reshape(tf.transpose(targets), (-1,)))
    return tf.transpose(tf.reshape(nats, (ids.shape[1], ids.shape[0]))), new_states
