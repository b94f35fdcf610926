"""The update rule against Keras's AdamW, clipping by hand, and steps that must not happen."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqmagic.training.step import BETA_1, BETA_2, EPSILON, Adam, make_step

pytestmark = pytest.mark.tf


def variables(seed: int) -> list[keras.Variable]:
    rng = np.random.default_rng(seed)
    return [
        keras.Variable(rng.normal(size=(5, 3)).astype(np.float32), name="kernel"),
        keras.Variable(rng.normal(size=(3,)).astype(np.float32), name="bias"),
    ]


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_update_is_keras_adamw(weight_decay: float) -> None:
    ours, theirs = variables(0), variables(0)
    optimizer = Adam(ours, weight_decay=weight_decay)
    reference = keras.optimizers.AdamW(0.01, weight_decay=weight_decay, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON)
    reference.exclude_from_weight_decay(var_list=[theirs[1]])
    rng = np.random.default_rng(1)
    for _ in range(5):
        gradients = [tf.constant(rng.normal(size=v.shape).astype(np.float32)) for v in ours]
        optimizer.apply(gradients, tf.constant(0.01))
        reference.apply(gradients, theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=2e-5, atol=1e-6)


def test_the_slots_are_all_that_it_remembers() -> None:
    """Put back, they make a step go as it went the first time."""
    weights = variables(0)
    optimizer = Adam(weights, weight_decay=0.0)
    gradients = [tf.ones(v.shape) for v in weights]
    optimizer.apply(gradients, tf.constant(0.1))
    before = [np.copy(array.numpy()) for array in (*optimizer.slots, *optimizer.variables)]
    moved = []
    for _ in range(2):
        for variable, value in zip((*optimizer.slots, *optimizer.variables), before, strict=True):
            variable.assign(value)
        optimizer.apply(gradients, tf.constant(0.1))
        moved.append([np.copy(weight.numpy()) for weight in weights])
    for one, other in zip(*moved, strict=True):
        np.testing.assert_array_equal(one, other)


def run_once(gradient: np.ndarray, *, clip_norm: float) -> tuple[float, float, np.ndarray, np.ndarray]:
    """One step of an engine that always gives `gradient` as the gradient of the loss's sum over 2x3 characters."""
    weight = keras.Variable(np.zeros(gradient.shape, np.float32), name="bias")
    seen = []

    def loss_and_gradients(weights, ids, targets, states, seed):
        seen.append(states)
        return tf.constant(12.0), [tf.constant(gradient)], states

    step = make_step(loss_and_gradients, Adam([weight], weight_decay=0.0), clip_norm=clip_norm)
    ids = tf.zeros((2, 3), tf.int32)
    states = ((tf.ones((2, 4)),),)
    keep = tf.constant([[1.0], [0.0]])
    loss, norm, after = step(ids, ids, keep, states, tf.constant(0), tf.constant(0.1))
    return float(loss), float(norm), weight.numpy(), after[0][0].numpy()


def test_means_norm_and_kept_states() -> None:
    loss, norm, weight, states = run_once(np.array([18.0, 24.0], np.float32), clip_norm=1.0)
    assert loss == pytest.approx(2.0)  # 12 nats over 6 characters
    assert norm == pytest.approx(5.0)  # the length of (3, 4)
    np.testing.assert_allclose(weight, [-0.1, -0.1], rtol=1e-3)  # Adam's first step is the rate, whatever the length
    np.testing.assert_array_equal(states, [[1, 1, 1, 1], [0, 0, 0, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_moves_nothing(bad: float) -> None:
    _, norm, weight, _ = run_once(np.array([1.0, bad], np.float32), clip_norm=1.0)
    assert not np.isfinite(norm)
    np.testing.assert_array_equal(weight, [0.0, 0.0])


def test_clipping_scales_down_to_the_length_allowed() -> None:
    """Seen through the second moment, which after one step is (1 - beta_2) times the clipped gradient squared."""
    weight = keras.Variable(np.zeros(2, np.float32), name="bias")
    optimizer = Adam([weight], weight_decay=0.0)

    def loss_and_gradients(weights, ids, targets, states, seed):
        return tf.constant(0.0), [tf.constant([3.0, 4.0])], states

    step = make_step(loss_and_gradients, optimizer, clip_norm=0.5)
    one = tf.zeros((1, 1), tf.int32)
    step(one, one, tf.ones((1, 1)), ((tf.zeros((1, 1)),),), tf.constant(0), tf.constant(0.1))
    clipped = np.sqrt(optimizer.second[0].numpy() / (1 - BETA_2))
    np.testing.assert_allclose(clipped, [0.3, 0.4], rtol=1e-4)
