"""Nats, bits, perplexity; and what is worse than no training at all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqmagic.evaluation.units import bits, finite, perplexity, worse_than_uniform


def test_a_loss_in_other_units() -> None:
    assert bits(math.log(8)) == pytest.approx(3)
    np.testing.assert_allclose(bits(np.log(np.array([2.0, 4.0], np.float32))), np.array([1, 2], np.float32), rtol=1e-6)
    assert bits(np.zeros(2, np.float32)).dtype == np.float32
    assert perplexity(math.log(8)) == pytest.approx(8)
    assert perplexity(709.9) == math.inf and finite(perplexity(709.9)) is None
    assert finite(math.nan) is None and finite(1.5) == 1.5


def test_only_what_uniform_beats_is_worse_than_uniform() -> None:
    assert worse_than_uniform(1.0, 1.0) is None
    words = "validation loss is worse than uniform (20.000 nats against 4.605): lower --learning-rate"
    assert worse_than_uniform(20.0, math.log(100)) == words
