"""Small pieces that every recurrence over a window shares: buffers, shifted states, weight gradients."""

from __future__ import annotations

from typing import TypeAlias

import tensorflow as tf

Buffer: TypeAlias = tf.TensorArray  # one array per step, which XLA keeps as one array (steps, …) written in place


def buffer(steps: int, shape: tf.TensorShape | tuple[int, ...], dtype: tf.DType) -> Buffer:
    """Room for one array of `shape` per step."""
    return tf.TensorArray(dtype, size=steps, element_shape=shape)


def overwritable(values: tf.Tensor) -> Buffer:
    """A buffer that holds `values` (steps, …): each step may read its array and write another over it."""
    return buffer(values.shape[0], values.shape[1:], values.dtype).unstack(values)


def before(initial: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """The state before each step, (T, B, U), from the one before the window (B, U) and those after each step."""
    return tf.concat([initial[None], after[:-1]], axis=0)


def weight_gradient(inputs: tf.Tensor, d_outputs: tf.Tensor) -> tf.Tensor:
    """Gradient of a matrix used at every step, as one product.

    Args:
        inputs: (T, B, D), what the matrix was multiplied with.
        d_outputs: (T, B, N), gradient of the products.

    Returns:
        (D, N): the sum over steps and streams.
    """
    return tf.matmul(flat(inputs), flat(d_outputs), transpose_a=True)


def flat(x: tf.Tensor) -> tf.Tensor:
    """(T, B, N) -> (T·B, N)."""
    return tf.reshape(x, (-1, x.shape[-1]))
