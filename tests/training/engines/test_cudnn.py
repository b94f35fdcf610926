"""cuDNN for the simple cell, as far as a machine without a GPU can tell: packing, shapes, and the gradient's graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from seqmagic.network.cells import Weights
from seqmagic.training.engines import cudnn

pytestmark = pytest.mark.tf


def random_weights(inputs: int, units: int) -> Weights:
    rng = np.random.default_rng(inputs * 100 + units)
    shapes = [(inputs, units), (units, units), (units,)]
    return Weights(*(tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes))


def test_the_flat_vector_by_hand():
    weights = Weights(
        tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        tf.constant([[7.0, 8.0], [9.0, 10.0]]),
        tf.constant([11.0, 12.0]),
    )
    expected = [1, 3, 5, 2, 4, 6, 7, 9, 8, 10, 0, 0, 11, 12]
    np.testing.assert_array_equal(cudnn.pack(weights), expected)


def test_packing_has_a_gradient_for_every_weight():
    """A linear map: the gradient of <pack(w), v> is the part of v where each weight landed."""
    weights = random_weights(3, 2)
    v = tf.range(14.0)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        inner = tf.reduce_sum(cudnn.pack(weights) * v)
    kernel, recurrent_kernel, bias = tape.gradient(inner, list(weights))
    np.testing.assert_array_equal(kernel, [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(recurrent_kernel, [[6, 8], [7, 9]])
    np.testing.assert_array_equal(bias, [12, 13])


def test_the_operation_and_its_gradient_build_with_the_right_shapes():
    """Building a graph needs no GPU; running it does."""

    @tf.function
    def gradients(inputs, h, *weights):
        with tf.GradientTape() as tape:
            tape.watch([inputs, h, *weights])
            outputs, (final,) = cudnn.simple_rnn(inputs, Weights(*weights), (h,))
            assert outputs.shape == (5, 7, 4)
            assert final.shape == (5, 4)
            loss = tf.reduce_sum(outputs) + tf.reduce_sum(final)
        return tape.gradient(loss, [inputs, h, *weights])

    shapes = [(5, 7, 3), (5, 4), (3, 4), (4, 4), (4,)]
    graph = gradients.get_concrete_function(*(tf.TensorSpec(shape, tf.float32) for shape in shapes)).graph
    operations = {operation.type for operation in graph.get_operations()}
    assert {"CudnnRNNV3", "CudnnRNNBackpropV3"} <= operations
    modes = {
        operation.get_attr("rnn_mode") for operation in graph.get_operations() if operation.type.startswith("Cudnn")
    }
    assert modes == {b"rnn_tanh"}
