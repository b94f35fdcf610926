"""Accuracy by distance in one figure: how far back a model answers half as well as it might."""

from __future__ import annotations

import math
from collections.abc import Sequence


def half_distance(distances: Sequence[int], accuracies: Sequence[float], chance: float) -> float:
    """d50: where accuracy falls below the middle between guessing and 1, going outwards; on a logarithmic scale.

    Between two distances a straight line over log2 of the distance is taken. 0 where the first accuracy is below
    the middle already, infinite where none is.

    Args:
        distances: Rising, from 1.
        accuracies: The share of right answers at each.
        chance: The share that guessing gets right.
    """
    middle = (1 + chance) / 2
    if accuracies[0] < middle:
        return 0.0
    for place in range(1, len(distances)):
        before, after = accuracies[place - 1], accuracies[place]
        if after < middle:
            near, far = math.log2(distances[place - 1]), math.log2(distances[place])
            return float(2 ** (near + (far - near) * (before - middle) / (before - after)))
    return math.inf
