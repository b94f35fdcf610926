"""The gate timescale of a unit: how many characters its keep gate lets pass until 1/e of what it held is left."""

from __future__ import annotations

import numpy as np

MOST_KEPT = 1 - 1e-6  # the largest keep that is counted: a timescale ends at a million characters
_LEAST_KEPT = 1e-12


def log_keep(keep: np.ndarray) -> np.ndarray:
    """ln of keep within the range that is counted; any shape, float64."""
    return np.log(np.clip(keep.astype(np.float64), _LEAST_KEPT, MOST_KEPT))


def timescale(keep: np.ndarray) -> np.ndarray:
    """-1 / mean over time of ln keep, in characters: (T, ...) -> (...)."""
    return -1 / log_keep(keep).mean(axis=0)
