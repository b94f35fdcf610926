"""Estimators that measurements share: robust slopes, and the intervals of what was resampled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CONFIDENCE = (0.025, 0.975)


def theil_sen(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Median slope of all pairs of points, (n,) and (..., n) -> (...): a few wild points don't move it."""
    one, other = np.triu_indices(len(x), 1)
    return np.median((y[..., other] - y[..., one]) / (x[other] - x[one]), axis=-1)


def r_squared(x: np.ndarray, y: np.ndarray) -> float | None:
    """Share of the variance of `y` that a straight line over `x` explains; `None` where y doesn't vary."""
    if len(x) < 3 or np.ptp(y) < 1e-12 or np.ptp(x) < 1e-12:
        return None
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def interval(values: np.ndarray) -> list[Any]:
    """The middle 95 % of resampled values, (resamples, ...) -> [low, high] for JSON."""
    low, high = np.quantile(values, CONFIDENCE, axis=0)
    if np.ndim(low) == 0:
        return [plain(low), plain(high)]
    return [[plain(one), plain(other)] for one, other in zip(low, high, strict=True)]


def plain(value: Any, digits: int = 6) -> float | None:
    """A number as JSON takes it, to so many significant digits; `None` for what is none."""
    number = float(value)
    return float(f"{number:.{digits}g}") if math.isfinite(number) else None


def wilson(successes: float, cases: int) -> list[float]:
    """The 95 % interval of a share, [low, high]: `successes` of `cases` independent ones (Wilson 1927)."""
    z = 1.959963984540054
    share = successes / cases
    middle = (share + z * z / (2 * cases)) / (1 + z * z / cases)
    reach = z / (1 + z * z / cases) * math.sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    return [max(0.0, middle - reach), min(1.0, middle + reach)]
