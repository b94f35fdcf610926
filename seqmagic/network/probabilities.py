"""From logits to probabilities. Written once; the largest logit is taken off first, so that nothing overflows.

Axes: V vocabulary.
"""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """The probabilities: e^logit over their sum, (..., V) float, dtype kept."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """The logarithms of the probabilities, (..., V) float, dtype kept; finite where those round to 0."""
    lowered = logits - logits.max(axis=-1, keepdims=True)
    return lowered - np.log(np.exp(lowered).sum(axis=-1, keepdims=True))
