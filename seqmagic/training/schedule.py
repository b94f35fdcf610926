"""The learning rate over a budget: a short warm-up, then a straight line down to nothing."""

from __future__ import annotations

from collections.abc import Callable


def make_schedule(peak: float, *, warm_up: float = 0.01) -> Callable[[float], float]:
    """A function from the fraction of the budget that is spent (0..1) to the learning rate.

    Tied to the budget rather than to a step count, the rate ends at nothing whenever the training ends. A
    straight line to zero did a little better than the habitual cosine (`bench/RESULTS.md`; also Bergsma et
    al. 2025, "Straight to Zero").

    Args:
        peak: Highest rate, reached at the end of the warm-up.
        warm_up: Fraction of the budget over which the rate rises from a hundredth of the peak.
    """

    def learning_rate(fraction: float) -> float:
        fraction = min(max(fraction, 0.0), 1.0)
        if fraction < warm_up:
            return peak * (0.01 + 0.99 * fraction / warm_up)
        return peak * (1.0 - fraction) / (1.0 - warm_up)

    return learning_rate
