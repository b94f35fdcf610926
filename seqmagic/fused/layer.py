"""One recurrent layer over a window: the input product for all steps at once, then the recurrence.

Axes: T time, B batch, D input size, U units, G gates (rnn 1, lstm 4, gru 3), V vocabulary, E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seqmagic.fused import gru, lstm, rnn
from seqmagic.fused.embedding import project_rows
from seqmagic.fused.window import flat, weight_gradient
from seqmagic.network.cells import Weights
from seqmagic.network.layout import LAYOUTS

GATES = {cell: len(layout.gates) for cell, layout in LAYOUTS.items()}
RECURRENCES: dict[str, Any] = {"rnn": rnn, "lstm": lstm, "gru": gru}
States = tuple[tf.Tensor, ...]  # (h,) or, for lstm, (h, c); each (B, U)


def input_bias(cell: str, bias: tf.Tensor) -> tf.Tensor:
    """The bias (G·U,) that is added to the input product."""
    return bias[0] if cell == "gru" else bias


def run(cell: str, projected: Sequence[tf.Tensor], weights: Weights, states: States) -> tuple[tf.Tensor, States, Any]:
    """The recurrence of `cell` on inputs that are projected already, as G blocks (T, B, U)."""
    if cell == "gru":
        return gru.forward(projected, states, weights.recurrent_kernel, weights.bias[1])
    return RECURRENCES[cell].forward(projected, states, weights.recurrent_kernel)


def run_backward(cell: str, saved: Any, d_outputs: tf.Tensor, d_states: States) -> Any:
    """The gradients of the recurrence: of `projected`, `states` and `recurrent_kernel` (gru: of its bias)."""
    return RECURRENCES[cell].backward(saved, d_outputs, d_states)


def join_bias(cell: str, d_input_bias: tf.Tensor, gradients: Any) -> tf.Tensor:
    """The gradient of the layer's bias, from that of the input product's and, for gru, the recurrence's."""
    return tf.stack([d_input_bias, gradients.recurrent_bias]) if cell == "gru" else d_input_bias


def forward(cell: str, inputs: tf.Tensor, weights: Weights, states: States) -> tuple[tf.Tensor, States, Any]:
    """A whole layer: inputs (T, B, D) -> outputs (T, B, U), states after the window, what is kept."""
    bias = input_bias(cell, weights.bias)
    projected = project_rows(inputs, weights.kernel, bias, gates=GATES[cell])
    return run(cell, projected, weights, states)


def backward(
    cell: str, saved: Any, d_outputs: tf.Tensor, d_states: States, *, inputs: tf.Tensor, weights: Weights
) -> tuple[tf.Tensor, Weights, States]:
    """Gradients of `forward`: of the inputs (T, B, D), of the weights, of the states before the window."""
    gradients = run_backward(cell, saved, d_outputs, d_states)
    d_inputs = tf.matmul(flat(gradients.projected), weights.kernel, transpose_b=True)
    d_kernel = weight_gradient(inputs, gradients.projected)
    d_bias = join_bias(cell, tf.reduce_sum(flat(gradients.projected), axis=0), gradients)
    d_weights = Weights(d_kernel, gradients.recurrent_kernel, d_bias)
    return tf.reshape(d_inputs, inputs.shape), d_weights, gradients.states
