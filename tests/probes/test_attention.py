"""The attention head: weights set by hand answer exactly at any distance, and nothing is seen before it comes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from seqmagic.probes import attention
from seqmagic.probes.settings import TEST_DISTANCES
from seqmagic.probes.shapes import attention_shapes
from seqmagic.probes.tasks import TASKS

pytestmark = pytest.mark.tf


def by_hand() -> list[tf.Tensor]:
    """The question looks for a capital, and what is found is copied to the output."""
    size, symbols = len(TASKS["recall"].alphabet), 8
    shapes = attention_shapes(vocabulary_size=size, embedding=size, units=symbols + 1)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    weights["embedding"][:] = np.eye(size)
    weights["query_kernel"][size - 1, symbols] = 100 * math.sqrt(symbols + 1)
    weights["key_kernel"][:symbols, symbols] = 1
    weights["value_kernel"][range(symbols), range(symbols)] = 1
    weights["dense_kernel"][range(symbols), range(symbols)] = 20
    return [tf.constant(array) for array in weights.values()]


@pytest.mark.parametrize("distance", TEST_DISTANCES)
def test_a_head_set_by_hand_recalls_exactly_at_any_distance(distance: int) -> None:
    task = TASKS["recall"]
    asked = task.make(np.random.default_rng(0), np.full(64, distance), distance + task.frame + 3)
    probabilities = tf.nn.softmax(attention.logits(by_hand(), tf.constant(asked.ids), 1)).numpy()
    assert (probabilities.argmax(axis=2) == asked.answers).all()
    assert probabilities.max(axis=2).min() > 0.9999


def test_no_answer_sees_what_comes_after_it() -> None:
    fresh = attention.fresh_weights(vocabulary_size=10, embedding=4, units=6, seed=0)
    weights = [tf.constant(array) for array in fresh.values()]
    ids = np.random.default_rng(0).integers(0, 10, (3, 12), np.int32)
    changed = ids.copy()
    changed[:, -2:] = (ids[:, -2:] + 1) % 10
    one, other = (attention.logits(weights, tf.constant(read), 5).numpy() for read in (ids, changed))
    assert one[:, :3] == pytest.approx(other[:, :3], abs=1e-6)
    assert np.abs(one[:, 3:] - other[:, 3:]).min(axis=2).max() > 1e-3


def test_the_character_before_is_seen_too() -> None:
    fresh = attention.fresh_weights(vocabulary_size=4, embedding=4, units=6, seed=0)
    weights = [tf.constant(array) for array in fresh.values()]
    one, other = (
        attention.logits(weights, tf.constant([ids], tf.int32), 1).numpy() for ids in ([0, 1, 2, 3], [1, 0, 2, 3])
    )
    assert np.abs(one - other).max() > 1e-3
