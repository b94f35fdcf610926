"""The dropout masks: right share, right expectation, independent where they must be, the same where they must be."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmagic.fused import dropout

pytestmark = pytest.mark.tf


def make(seed=1, *, layer=0, first_stream=0, shape=(64, 512), rate=0.3) -> np.ndarray:
    return dropout.mask(
        tf.constant(seed), layer=layer, first_stream=first_stream, shape=shape, rate=rate, dtype=tf.float64
    ).numpy()


@given(seed=st.integers(-(2**31), 2**31 - 1), rate=st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9]))
@settings(max_examples=30, deadline=None)
def test_each_factor_is_zero_or_the_inverse_of_what_is_kept(seed, rate):
    mask = make(seed, rate=rate)
    kept = mask != 0
    np.testing.assert_allclose(mask[kept], 1 / (1 - rate))
    deviation = np.sqrt(rate * (1 - rate) / mask.size)
    assert abs(kept.mean() - (1 - rate)) <= 5 * deviation
    assert abs(mask.mean() - 1) <= 5 * deviation / (1 - rate)


@pytest.mark.parametrize("change", [{"seed": 2}, {"layer": 1}, {"first_stream": 64}])
def test_another_step_layer_or_stream_gives_an_independent_mask(change):
    """Two independent masks agree on a share r² + (1 - r)² of their entries."""
    same = make() == make(**change)
    expected = 0.3**2 + 0.7**2
    assert abs(same.mean() - expected) <= 5 * np.sqrt(expected * (1 - expected) / same.size)


def test_streams_units_and_steps_are_uncorrelated():
    """Over consecutive seeds, as in training: no unit, no stream and no pair of neighbours is favoured."""
    kept = np.stack([make(seed, shape=(8, 32), rate=0.5) for seed in range(2000)]) != 0
    signs = np.where(kept, 1.0, -1.0)
    limit = 5 / np.sqrt(len(signs))
    assert np.abs(signs.mean(axis=0)).max() <= limit
    assert np.abs((signs[1:] * signs[:-1]).mean(axis=0)).max() <= limit
    assert np.abs((signs[:, :, 1:] * signs[:, :, :-1]).mean(axis=0)).max() <= limit
    assert np.abs((signs[:, 1:] * signs[:, :-1]).mean(axis=0)).max() <= limit


def test_a_shard_gets_its_rows_of_the_whole_mask():
    whole = make(shape=(7, 33))
    np.testing.assert_array_equal(make(shape=(3, 33), first_stream=4), whole[4:])


def test_compiled_by_xla_it_is_bit_identical():
    compiled = tf.function(
        lambda seed: dropout.mask(seed, layer=2, first_stream=5, shape=(9, 31), rate=0.4, dtype=tf.float64),
        jit_compile=True,
    )
    np.testing.assert_array_equal(compiled(tf.constant(9)), make(9, layer=2, first_stream=5, shape=(9, 31), rate=0.4))
