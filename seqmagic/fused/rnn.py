"""The simple recurrence over a window: forward and hand-written backward.

    h = tanh(p + h₋·R)                       Keras SimpleRNN; Elman 1990

Axes: T time, B batch, U units. `p` is the projected input x·W + b, made outside for all steps at once.
Kept for the backward pass, in numbers: T·B·U (h).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from seqmagic.fused.window import Buffer, before, buffer, overwritable, weight_gradient


class Saved(NamedTuple):
    """What the backward pass needs."""

    outputs: tf.Tensor  # (T, B, U) h of every step
    initial_h: tf.Tensor  # (B, U)
    recurrent_kernel: tf.Tensor  # (U, U)


class Gradients(NamedTuple):
    """Each has the shape of what it is the gradient of."""

    projected: tf.Tensor  # (T, B, U)
    states: tuple[tf.Tensor]  # (B, U)
    recurrent_kernel: tf.Tensor  # (U, U)


def forward(
    projected: Sequence[tf.Tensor], states: tuple[tf.Tensor], recurrent_kernel: tf.Tensor
) -> tuple[tf.Tensor, tuple[tf.Tensor], Saved]:
    """Run over the window.

    Args:
        projected: p as its only block, (T, B, U).
        states: (h,) before the window, (B, U).
        recurrent_kernel: R, (U, U).

    Returns:
        The outputs h (T, B, U), the states after the window, and what `backward` needs.
    """
    (initial_h,) = states
    (block,) = projected
    steps = block.shape[0]

    def step(t: tf.Tensor, h: tf.Tensor, outputs: Buffer) -> tuple:
        h = tf.tanh(outputs.read(t) + tf.matmul(h, recurrent_kernel))
        return t + 1, h, outputs.write(t, h)

    start = (0, initial_h, overwritable(block))
    _, h, outputs = tf.while_loop(lambda t, *_: t < steps, step, start)
    hs = outputs.stack()
    return hs, (h,), Saved(hs, initial_h, recurrent_kernel)


def backward(saved: Saved, d_outputs: tf.Tensor, d_states: tuple[tf.Tensor]) -> Gradients:
    """Backpropagation through the window.

    Args:
        saved: From `forward`.
        d_outputs: Gradient of the outputs, (T, B, U).
        d_states: Gradient of the states after the window, (B, U).
    """
    hs, recurrent_transposed = saved.outputs, tf.transpose(saved.recurrent_kernel)
    steps = hs.shape[0]

    def step(t: tf.Tensor, d_h: tf.Tensor, d_projected: Buffer) -> tuple:
        h = hs[t]
        d_p = (d_outputs[t] + d_h) * (1 - h * h)
        return t - 1, tf.matmul(d_p, recurrent_transposed), d_projected.write(t, d_p)

    (d_h,) = d_states
    start = (steps - 1, d_h, buffer(steps, d_h.shape, hs.dtype))
    _, d_h, d_projected = tf.while_loop(lambda t, *_: t >= 0, step, start)
    d_ps = d_projected.stack()
    d_recurrent_kernel = weight_gradient(before(saved.initial_h, hs), d_ps)
    return Gradients(d_ps, (d_h,), d_recurrent_kernel)
