"""Figures by distance: a mean and its interval for each range, and none where there are too few cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqmagic.evaluation.bootstrap import resampled_means
from seqmagic.insight.statistics import draw_blocks, interval, plain

Bin = tuple[int, int | None]  # first and last distance; no last one: all beyond

FEWEST = 20  # cases: below, a mean says nothing


def of_bin(distances: np.ndarray, one: Bin) -> np.ndarray:
    """Which distances (n,) lie in a range, (n,) bool."""
    first, last = one
    return (distances >= first) & (distances <= (math.inf if last is None else last))


def figures(places: np.ndarray, values: Mapping[str, np.ndarray], *, seed: int) -> dict[str, Any]:
    """Means of `values`, (n,) each, of n cases with their intervals, as JSON; null and a reason below `FEWEST`.

    Cases that stand near each other in the text, at `places` (n,) rising, are resampled together; the same
    places and seed give the same draws.
    """
    entry: dict[str, Any] = {"cases": len(places)}
    drawn = resampled(places, values, seed=seed)
    for name, value in values.items():
        entry[name] = None if drawn is None else plain(value.mean(dtype=np.float64))
        entry[f"{name}_interval"] = None if drawn is None else interval(drawn[name])
    if drawn is None:
        entry["reason"] = f"{len(places)} cases, and fewer than {FEWEST} say nothing"
    return entry


def resampled(places: np.ndarray, values: Mapping[str, np.ndarray], *, seed: int) -> dict[str, np.ndarray] | None:
    """Resampled means (R,) by name; `None` below `FEWEST` cases."""
    if len(places) < FEWEST:
        return None
    spacing = max(1.0, float(places[-1] - places[0]) / len(places))
    starts, block = draw_blocks([len(places)], spacing=spacing, seed=seed)
    return {name: resampled_means(value, starts, block) for name, value in values.items()}


def by_bin(
    bins: Sequence[Bin], distances: np.ndarray, places: np.ndarray, values: Mapping[str, np.ndarray], *, seed: int
) -> list[dict[str, Any]]:
    """`figures` for each range: with `from`, `to` (null: all beyond) and the `median_distance` of its cases."""
    entries = []
    for one in bins:
        chosen = of_bin(distances, one)
        median = plain(np.median(distances[chosen])) if chosen.any() else None
        entry = {"from": one[0], "to": one[1], "median_distance": median}
        picked = {name: value[chosen] for name, value in values.items()}
        entries.append({**entry, **figures(places[chosen], picked, seed=seed)})
    return entries
