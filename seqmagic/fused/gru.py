"""The gated recurrent unit over a window: forward and hand-written backward.

    q = h₋·R + b_R
    z, r, h̃ = σ(p_z + q_z), σ(p_r + q_r), tanh(p_h + r·q_h)
    h = z·h₋ + (1 − z)·h̃                     Keras GRU, reset_after=True; Cho et al. 2014

Keras's z keeps the old state; in many articles z writes the new one. Axes: T time, B batch, U units; 3U: the
blocks z, r, h̃ side by side, as Keras keeps them. `p` is the projected input x·W + b, made outside for all
steps at once.
Kept for the backward pass, in numbers: 5·T·B·U (z, r, h̃, q_h and h).

As in the LSTM, each gate has a buffer of its own, which starts as its block of `p`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from seqmagic.fused.window import Buffer, buffer, flat, overwritable, weight_gradient


class Saved(NamedTuple):
    """What the backward pass needs."""

    hs: tf.Tensor  # (T + 1, B, U) h before the first step and after every step
    gates: list[tf.Tensor]  # z, r, h̃ of every step, (T, B, U) each
    products: tf.Tensor  # (T, B, U) q_h of every step
    recurrent_kernel: tf.Tensor  # (U, 3U)


class Gradients(NamedTuple):
    """Each has the shape of what it is the gradient of."""

    projected: tf.Tensor  # (T, B, 3U)
    states: tuple[tf.Tensor]  # (B, U)
    recurrent_kernel: tf.Tensor  # (U, 3U)
    recurrent_bias: tf.Tensor  # (3U,)


def forward(
    projected: Sequence[tf.Tensor],
    states: tuple[tf.Tensor],
    recurrent_kernel: tf.Tensor,
    recurrent_bias: tf.Tensor,
) -> tuple[tf.Tensor, tuple[tf.Tensor], Saved]:
    """Run over the window.

    Args:
        projected: The blocks of p, z, r, h̃, (T, B, U) each.
        states: (h,) before the window, (B, U).
        recurrent_kernel: R, (U, 3U).
        recurrent_bias: b_R, (3U,).

    Returns:
        The outputs h (T, B, U), the states after the window, and what `backward` needs.
    """
    (initial_h,) = states
    steps, dtype = projected[0].shape[0], projected[0].dtype

    def step(t: tf.Tensor, h: tf.Tensor, hs: Buffer, products: Buffer, *gates: Buffer) -> tuple:
        q_z, q_r, q_h = tf.split(tf.matmul(h, recurrent_kernel) + recurrent_bias, 3, axis=1)
        p_z, p_r, p_h = (gate.read(t) for gate in gates)
        z, r = tf.sigmoid(p_z + q_z), tf.sigmoid(p_r + q_r)
        candidate = tf.tanh(p_h + r * q_h)
        h = z * h + (1 - z) * candidate
        written = (gate.write(t, now) for gate, now in zip(gates, (z, r, candidate), strict=True))
        return t + 1, h, hs.write(t + 1, h), products.write(t, q_h), *written

    hs = buffer(steps + 1, initial_h.shape, dtype).write(0, initial_h)
    products = buffer(steps, initial_h.shape, dtype)
    blocks = [overwritable(block) for block in projected]
    _, h, hs, products, *blocks = tf.while_loop(lambda t, *_: t < steps, step, (0, initial_h, hs, products, *blocks))
    all_hs = hs.stack()
    saved = Saved(all_hs, [block.stack() for block in blocks], products.stack(), recurrent_kernel)
    return all_hs[1:], (h,), saved


def backward(saved: Saved, d_outputs: tf.Tensor, d_states: tuple[tf.Tensor]) -> Gradients:
    """Backpropagation through the window.

    Args:
        saved: From `forward`.
        d_outputs: Gradient of the outputs, (T, B, U).
        d_states: Gradient of (h,) after the window, (B, U).
    """
    recurrent_transposed = tf.transpose(saved.recurrent_kernel)
    steps, batch, units = d_outputs.shape

    def step(t: tf.Tensor, d_h: tf.Tensor, d_projected: Buffer, d_recurrent: Buffer) -> tuple:
        z, r, candidate = (gate[t] for gate in saved.gates)
        d_h = d_outputs[t] + d_h
        d_p_z = d_h * (saved.hs[t] - candidate) * z * (1 - z)
        d_p_h = d_h * (1 - z) * (1 - candidate * candidate)
        d_p_r = d_p_h * saved.products[t] * r * (1 - r)
        d_q = tf.concat([d_p_z, d_p_r, d_p_h * r], axis=1)
        d_projected = d_projected.write(t, tf.concat([d_p_z, d_p_r, d_p_h], axis=1))
        return t - 1, d_h * z + tf.matmul(d_q, recurrent_transposed), d_projected, d_recurrent.write(t, d_q)

    (d_h,) = d_states
    d_ps, d_qs = (buffer(steps, (batch, 3 * units), d_outputs.dtype) for _ in range(2))
    _, d_h, d_ps, d_qs = tf.while_loop(lambda t, *_: t >= 0, step, (steps - 1, d_h, d_ps, d_qs))
    d_projected, d_recurrent = d_ps.stack(), d_qs.stack()
    d_recurrent_kernel = weight_gradient(saved.hs[:-1], d_recurrent)
    return Gradients(d_projected, (d_h,), d_recurrent_kernel, tf.reduce_sum(flat(d_recurrent), axis=0))
