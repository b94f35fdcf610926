"""Estimators that measurements share: robust slopes, and the intervals of what was resampled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqmagic.evaluation.bootstrap import BLOCK, RESAMPLES, block_choices

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


def draw_blocks(lengths: Sequence[int], *, seed: int, spacing: float = 1.0) -> tuple[np.ndarray, int]:
    """`block_choices` as all measurements take them: so many resamples, blocks of `BLOCK` characters.

    `spacing` is how many characters lie between neighbours.
    """
    return block_choices(lengths, block=math.ceil(BLOCK / spacing), resamples=RESAMPLES, seed=seed)


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


def count_interval(values: np.ndarray) -> list[int | None]:
    """The middle 95 % of resampled counts, (R,) float, inf where a level is never reached: `None` for JSON."""
    low, high = np.quantile(values, CONFIDENCE, method="nearest")
    return [int(value) if math.isfinite(value) else None for value in (low, high)]


Figure = tuple[float | None, np.ndarray]  # a value, and its resampled values (R,)


def difference(
    run: str, to: str, figures: Mapping[str, tuple[Figure, Figure]], *, reason: str | None = None
) -> dict[str, Any]:
    """`run` minus `to`, as JSON: by name of the figure, its difference and the paired interval of that.

    Args:
        run: The run that is compared.
        to: The run that it is compared with.
        figures: By name: first that of `to`, then that of `run`; resampled with the same draws.
        reason: Why there is no figure at all.
    """
    entry: dict[str, Any] = {"run": run, "to": to, "reasons": {} if reason is None else {"all": reason}}
    for name, ((value, drawn), (other, other_drawn)) in figures.items():
        with np.errstate(invalid="ignore"):  # two counts that are never reached, inf, have no difference
            apart = np.quantile(other_drawn - drawn, CONFIDENCE, method="nearest")
        entry[name] = None if value is None or other is None else plain(other - value)
        entry[f"{name}_interval"] = [plain(end) for end in apart] if np.isfinite(apart).all() else None
        if entry[name] is None or entry[f"{name}_interval"] is None:
            entry["reasons"][name] = "one of the two has no such figure, or not in enough resamples"
    return entry
