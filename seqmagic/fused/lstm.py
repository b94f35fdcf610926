"""The long short-term memory over a window: forward and hand-written backward.

    i, f, c̃, o = σ(p_i + h₋·R_i), σ(p_f + h₋·R_f), tanh(p_c + h₋·R_c), σ(p_o + h₋·R_o)
    c = f·c₋ + i·c̃        h = o·tanh(c)      Keras LSTM; Hochreiter & Schmidhuber 1997, Gers et al. 2000

Axes: T time, B batch, U units; 4U: the blocks i, f, c̃, o side by side, as Keras keeps them. `p` is the
projected input x·W + b, made outside for all steps at once.
Kept for the backward pass, in numbers: 6·T·B·U (the four gates, c and h).

The blocks of `p` are arrays of their own, and each gate is written over its block: XLA then reads and writes
every (B, U) array of a step as one contiguous run and makes vector code of it. With the four gates in one
(T, B, 4U) buffer it made scalar code of the backward step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from seqmagic.fused.window import Buffer, before, buffer, overwritable, weight_gradient


class Saved(NamedTuple):
    """What the backward pass needs."""

    outputs: tf.Tensor  # (T, B, U) h of every step
    cells: tf.Tensor  # (T + 1, B, U) c before the first step and after every step
    gates: list[tf.Tensor]  # i, f, c̃, o of every step, (T, B, U) each
    initial_h: tf.Tensor  # (B, U)
    recurrent_kernel: tf.Tensor  # (U, 4U)


class Gradients(NamedTuple):
    """Each has the shape of what it is the gradient of."""

    projected: tf.Tensor  # (T, B, 4U)
    states: tuple[tf.Tensor, tf.Tensor]  # (B, U) each
    recurrent_kernel: tf.Tensor  # (U, 4U)


def forward(
    projected: Sequence[tf.Tensor], states: tuple[tf.Tensor, tf.Tensor], recurrent_kernel: tf.Tensor
) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor], Saved]:
    """Run over the window.

    Args:
        projected: The blocks of p, i, f, c̃, o, (T, B, U) each.
        states: (h, c) before the window, (B, U) each.
        recurrent_kernel: R, (U, 4U).

    Returns:
        The outputs h (T, B, U), the states after the window, and what `backward` needs.
    """
    initial_h, initial_c = states
    steps, dtype = projected[0].shape[0], projected[0].dtype

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, hs: Buffer, cs: Buffer, *gates: Buffer) -> tuple:
        products = tf.split(tf.matmul(h, recurrent_kernel), 4, axis=1)
        i, f, candidate, o = (gate.read(t) + product for gate, product in zip(gates, products, strict=True))
        i, f, candidate, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(candidate), tf.sigmoid(o)
        c = f * c + i * candidate
        h = o * tf.tanh(c)
        written = (gate.write(t, now) for gate, now in zip(gates, (i, f, candidate, o), strict=True))
        return t + 1, h, c, hs.write(t, h), cs.write(t + 1, c), *written

    hs = buffer(steps, initial_h.shape, dtype)
    cs = buffer(steps + 1, initial_c.shape, dtype).write(0, initial_c)
    blocks = [overwritable(block) for block in projected]
    _, h, c, hs, cs, *blocks = tf.while_loop(lambda t, *_: t < steps, step, (0, initial_h, initial_c, hs, cs, *blocks))
    outputs = hs.stack()
    saved = Saved(outputs, cs.stack(), [block.stack() for block in blocks], initial_h, recurrent_kernel)
    return outputs, (h, c), saved


def backward(saved: Saved, d_outputs: tf.Tensor, d_states: tuple[tf.Tensor, tf.Tensor]) -> Gradients:
    """Backpropagation through the window.

    Args:
        saved: From `forward`.
        d_outputs: Gradient of the outputs, (T, B, U).
        d_states: Gradients of (h, c) after the window, (B, U) each.
    """
    recurrent_transposed = tf.transpose(saved.recurrent_kernel)
    steps, batch, units = d_outputs.shape

    def step(t: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, d_projected: Buffer) -> tuple:
        i, f, candidate, o = (gate[t] for gate in saved.gates)
        squashed_c = tf.tanh(saved.cells[t + 1])
        d_h = d_outputs[t] + d_h
        d_c = d_c + d_h * o * (1 - squashed_c * squashed_c)
        d_blocks = [
            d_c * candidate * i * (1 - i),
            d_c * saved.cells[t] * f * (1 - f),
            d_c * i * (1 - candidate * candidate),
            d_h * squashed_c * o * (1 - o),
        ]
        d_p = tf.concat(d_blocks, axis=1)
        return t - 1, tf.matmul(d_p, recurrent_transposed), d_c * f, d_projected.write(t, d_p)

    start = (steps - 1, *d_states, buffer(steps, (batch, 4 * units), d_outputs.dtype))
    _, d_h, d_c, d_projected = tf.while_loop(lambda t, *_: t >= 0, step, start)
    d_ps = d_projected.stack()
    d_recurrent_kernel = weight_gradient(before(saved.initial_h, saved.outputs), d_ps)
    return Gradients(d_ps, (d_h, d_c), d_recurrent_kernel)
