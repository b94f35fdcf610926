"""Dropout masks that stay the same over a window, from a stateless integer hash.

One mask per stream and unit for all steps of a window (Gal and Ghahramani 2016) needs B·U numbers, and each is
a function of (seed, layer, stream, unit) alone: shards and engines agree, and a step can be repeated. Inside
XLA a number costs a few integer operations, where TensorFlow's default generator costs hundreds of nanoseconds.
"""

from __future__ import annotations

import tensorflow as tf

_GOLDEN = 0x9E3779B9  # 2^32 / golden ratio: spreads consecutive numbers


def _mix(x: tf.Tensor) -> tf.Tensor:
    """A bijection of uint32 whose every output bit depends on every input bit (Wellons, "lowbias32")."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32)))
        x *= tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(16, tf.uint32)))


def mask(
    seed: tf.Tensor,
    *,
    layer: int,
    first_stream: tf.Tensor | int,
    shape: tuple[int, int],
    rate: float,
    dtype: tf.DType,
) -> tf.Tensor:
    """Factors of the outputs of one layer over a window: 0 with probability `rate`, else 1 / (1 - rate).

    Args:
        seed: Scalar int32, another one for each step.
        layer: Number of the recurrent layer whose outputs are masked.
        first_stream: Number of the first stream of this shard in the whole batch.
        shape: (B, U) of the shard.
        rate: Share of the outputs that are silenced, from 0 to below 1.

    Returns:
        (B, U), expectation 1.
    """
    streams, units = shape
    rows = tf.range(streams) + first_stream
    key = _mix(_mix(tf.bitcast(seed, tf.uint32)) + tf.constant((layer + 1) * _GOLDEN % 2**32, tf.uint32))
    row_keys = _mix(tf.bitcast(rows, tf.uint32) * tf.constant(_GOLDEN, tf.uint32) + key)
    numbers = _mix(row_keys[:, None] + tf.bitcast(tf.range(units), tf.uint32) * tf.constant(_GOLDEN, tf.uint32))
    kept = numbers >= tf.constant(round(rate * 2**32), tf.uint32)
    return tf.cast(kept, dtype) / (1 - rate)
