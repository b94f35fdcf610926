"""How a character is chosen inside a graph: the likeliest, by chance, or by chance among the likeliest.

Axes: B batch, V vocabulary, N characters. `uniforms` (B, 1) float32 in [0, 1) decide; the choice is the
inverse of the cumulative distribution, one random number a character, so a text depends on its own random
numbers alone and not on what else is in the batch.
"""

from __future__ import annotations

import tensorflow as tf

from seqmagic.export.graph import Pick

COLDEST = 1e-6  # a temperature below it is 0: logits divided by less could leave the range of float32


def likeliest(logits: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
    """The id of the largest of `logits` (B, V), the first where several are equal: (B,) int32."""
    return tf.argmax(logits, axis=1, output_type=tf.int32)


def by_chance(logits: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
    """An id (B,) int32 drawn from softmax of `logits` (B, V)."""
    cumulative = tf.cumsum(tf.nn.softmax(logits), axis=1)
    return _first_above(cumulative, uniforms * cumulative[:, -1:])


def among_likeliest(top_k: tf.Tensor, top_p: tf.Tensor) -> Pick:
    """A pick that draws from the `top_k` likeliest, and of these from the fewest that hold the share `top_p`.

    Args:
        top_k: () int32; exactly so many stay, the lower ids where several are equally likely. 0: all.
        top_p: () float32 above 0; the character that reaches the share stays. 1: all.
    """

    def pick(logits: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
        size = tf.shape(logits)[1]
        count = tf.where(top_k > 0, tf.minimum(top_k, size), size)
        probabilities, ids = tf.math.top_k(tf.nn.softmax(logits), k=count)
        cumulative = tf.cumsum(probabilities, axis=1)
        # a character stays when those before it do not yet hold the share
        before = cumulative - probabilities
        inside = tf.logical_or(before < top_p * cumulative[:, -1:], top_p >= 1.0)
        mass = tf.reduce_max(tf.where(inside, cumulative, 0.0), axis=1, keepdims=True)
        chosen = _first_above(cumulative, uniforms * mass)
        return tf.gather(ids, chosen, batch_dims=1)

    return pick


def _first_above(cumulative: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Where a row of `cumulative` (B, V) first exceeds `threshold` (B, 1): never at a probability of 0."""
    return tf.reduce_sum(tf.cast(cumulative <= threshold, tf.int32), axis=1)


def uniforms(seed: tf.Tensor, batch: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Random numbers in [0, 1), (length, batch, 1) float32, each a function of seed, row and position alone.

    So the text of a row does not change with the number of rows, and a longer text starts like a shorter
    one. The function is pcg3d (Jarzynski and Olano 2020, "Hash Functions for GPU Rendering"), which a
    counter-based generator of TensorFlow would equal in quality, but not in that independence.
    """
    shape = (length, batch)
    x = tf.broadcast_to(tf.cast(seed, tf.uint32), shape)
    y = tf.broadcast_to(tf.cast(tf.range(batch), tf.uint32)[tf.newaxis, :], shape)
    z = tf.broadcast_to(tf.cast(tf.range(length), tf.uint32)[:, tf.newaxis], shape)
    x, y, z = (value * 1_664_525 + 1_013_904_223 for value in (x, y, z))
    x, y, z = _stir(x, y, z)
    half = tf.constant(16, tf.uint32)
    x, y, z = (tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, half)) for value in (x, y, z))
    x, y, z = _stir(x, y, z)
    bits = tf.cast(tf.bitwise.right_shift(x, tf.constant(8, tf.uint32)), tf.float32)  # 24 fit a float32
    return (bits * 2.0**-24)[:, :, tf.newaxis]


def _stir(x: tf.Tensor, y: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One round of pcg3d; products and sums modulo 2^32."""
    x = x + y * z
    y = y + z * x
    z = z + x * y
    return x, y, z
