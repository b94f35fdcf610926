"""The embedding and the first layer's input product, which only ever sees V different rows.

Instead of T·B products, x·W + b is made once per character of the vocabulary, as a table E·W + b (V, G·U), and
rows are gathered from it; backward, the rows of one character are summed before they are multiplied. That pays
while V is smaller than the number of rows; a Chinese text has thousands of characters, and then the rows are
multiplied one by one.

Axes: T time, B batch, V vocabulary, E embedding, N = G·U.
"""

from __future__ import annotations

import tensorflow as tf

from seqmagic.fused.window import flat, weight_gradient


def is_folded(ids: tf.Tensor, embedding: tf.Tensor) -> bool:
    """Whether the table is smaller than the product of all rows."""
    return embedding.shape[0] <= ids.shape.num_elements()


def project(ids: tf.Tensor, embedding: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, *, gates: int) -> list[tf.Tensor]:
    """embedding[ids]·kernel + bias, cut into the blocks of the gates.

    Args:
        ids: (T, B) int32.
        embedding: (V, E).
        kernel: (E, N).
        bias: (N,).
        gates: G; N is G·U.

    Returns:
        G blocks (T, B, U).
    """
    if is_folded(ids, embedding):
        table = tf.matmul(embedding, kernel) + bias
        return [tf.gather(block, ids) for block in tf.split(table, gates, axis=1)]
    return project_rows(tf.gather(embedding, ids), kernel, bias, gates=gates)


def project_rows(inputs: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, *, gates: int) -> list[tf.Tensor]:
    """inputs·kernel + bias as one product, (T, B, D) -> G blocks (T, B, U)."""
    rows = tf.matmul(flat(inputs), kernel) + bias
    return [tf.reshape(block, (*inputs.shape[:2], block.shape[1])) for block in tf.split(rows, gates, axis=1)]


def project_backward(
    d_projected: tf.Tensor, *, ids: tf.Tensor, embedding: tf.Tensor, kernel: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of the embedding (V, E), the kernel (E, N) and the bias (N,), from that of the rows (T, B, N)."""
    vocabulary = embedding.shape[0]
    rows, characters = flat(d_projected), tf.reshape(ids, (-1,))
    if is_folded(ids, embedding):
        d_table = tf.math.unsorted_segment_sum(rows, characters, vocabulary)
        d_embedding = tf.matmul(d_table, kernel, transpose_b=True)
        return d_embedding, tf.matmul(embedding, d_table, transpose_a=True), tf.reduce_sum(d_table, axis=0)
    d_inputs = tf.matmul(rows, kernel, transpose_b=True)
    d_embedding = tf.math.unsorted_segment_sum(d_inputs, characters, vocabulary)
    d_kernel = weight_gradient(tf.gather(embedding, ids), d_projected)
    return d_embedding, d_kernel, tf.reduce_sum(rows, axis=0)
