"""One causal attention head over the characters read: the step after recurrent networks, for comparison.

Each place is e_t beside e_{t-1}, as in the smallest head that finds again what it has seen (Olsson et al. 2022,
induction heads). There are no positions: what it attends to it finds by content, at any distance equally well.

Axes: B sequences, T characters, A answers, V alphabet, E embedding, H width of the head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from seqmagic.probes.shapes import attention_shapes


def fresh_weights(*, vocabulary_size: int, embedding: int, units: int, seed: int) -> dict[str, np.ndarray]:
    """Before training, float32: the embedding uniform in [-1, 1], kernels Glorot-uniform, the bias zero."""
    rng = np.random.default_rng(seed)
    shapes = attention_shapes(vocabulary_size=vocabulary_size, embedding=embedding, units=units)
    weights = {}
    for name, shape in shapes.items():
        limit = {"embedding": 1.0, "dense_bias": 0.0}.get(name, math.sqrt(6 / sum(shape)))
        weights[name] = rng.uniform(-limit, limit, shape).astype(np.float32)
    return weights


def logits(weights: Sequence[tf.Tensor], ids: tf.Tensor, answers: int) -> tf.Tensor:
    """ids (B, T) int32 -> the logits (B, A, V) of the last A = `answers` steps.

    `weights` are in the order of `attention_shapes`.
    """
    embedding, query_kernel, key_kernel, value_kernel, dense_kernel, dense_bias = weights
    steps = ids.shape[1]
    here = tf.gather(embedding, ids)
    places = tf.concat([here, tf.pad(here[:, :-1], [[0, 0], [1, 0], [0, 0]])], axis=2)
    queries = tf.matmul(places[:, -answers:], query_kernel)
    keys = tf.matmul(places, key_kernel)
    scores = tf.matmul(queries, keys, transpose_b=True) / math.sqrt(query_kernel.shape[1])
    seen = tf.range(steps)[None, :] <= tf.range(steps - answers, steps)[:, None]  # causal: not what comes after
    shares = tf.nn.softmax(tf.where(seen, scores, -1e9), axis=2)
    attended = tf.matmul(tf.matmul(shares, places), value_kernel)  # (B, A, H)
    return tf.matmul(attended, dense_kernel) + dense_bias
