"""cuDNN for the simple recurrent cell, which stock Keras never gives it.

`tf.raw_ops.CudnnRNNV3` has the mode "rnn_tanh" and a gradient; it runs on a GPU only. Its weights are one flat
vector. An engine that uses it is checked against the stock layer when training starts (`trial`).

Axes: B batch, T time, D input size, U units.
"""

from __future__ import annotations

import tensorflow as tf

from seqmagic.fused.layer import States
from seqmagic.network.cells import Weights


def pack(weights: Weights) -> tf.Tensor:
    """The flat vector (U·D + U·U + 2·U,) that cuDNN reads.

    In order: the input matrix and the recurrent matrix, both transposed, then the bias of each. Keras has one
    bias; the input's is zero.
    """
    matrices = [tf.reshape(tf.transpose(matrix), (-1,)) for matrix in (weights.kernel, weights.recurrent_kernel)]
    return tf.concat([*matrices, tf.zeros_like(weights.bias), weights.bias], axis=0)


def simple_rnn(inputs: tf.Tensor, weights: Weights, states: States) -> tuple[tf.Tensor, States]:
    """A whole layer on a GPU.

    Args:
        inputs: (B, T, D).
        weights: As the stock SimpleRNN layer keeps them.
        states: (h,) before the window, (B, U).

    Returns:
        The outputs (B, T, U) and (h,) after the window.
    """
    (h,) = states
    batch, steps, _ = inputs.shape
    outputs, final_h, *_ = tf.raw_ops.CudnnRNNV3(
        input=inputs,
        input_h=h[:, None],  # (B, layers, U) where the batch comes first
        input_c=tf.zeros((), inputs.dtype),
        params=pack(weights),
        sequence_lengths=tf.fill([batch], steps),
        rnn_mode="rnn_tanh",
        time_major=False,
    )
    return outputs, (final_h[:, 0],)
