"""From logits to probabilities: by hand, and where exponentials would overflow or vanish."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqmagic.network.probabilities import log_softmax, softmax


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_hand(dtype: type) -> None:
    """Softmax of (0, ln 3) is (1/4, 3/4), whatever is added to both; any shape."""
    logits = np.array([[[0, math.log(3)]], [[500, 500 + math.log(3)]], [[-1e4, -1e4 + math.log(3)]]], dtype)
    for found in (softmax(logits), np.exp(log_softmax(logits))):
        assert found.dtype == dtype and found.shape == logits.shape
        np.testing.assert_allclose(found, np.broadcast_to([0.25, 0.75], logits.shape), rtol=1e-3)


def test_what_cannot_be_is_0_and_its_logarithm_stays_finite() -> None:
    assert softmax(np.array([0, -np.inf])).tolist() == [1, 0]
    assert log_softmax(np.array([0, -1000.0])).tolist() == [0, -1000]


def test_the_logits_are_left_as_they_are() -> None:
    logits = np.array([1.0, 2.0, 3.0])
    softmax(logits), log_softmax(logits)
    assert logits.tolist() == [1, 2, 3]
