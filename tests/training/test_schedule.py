"""The learning rate over a budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.training.schedule import make_schedule


def test_numbers_by_hand() -> None:
    rate = make_schedule(0.01, warm_up=0.2)
    assert rate(0.0) == pytest.approx(0.0001)
    assert rate(0.1) == pytest.approx(0.00505)  # half-way between a hundredth of the peak and the peak
    assert rate(0.2) == pytest.approx(0.01)
    assert rate(0.6) == pytest.approx(0.005)  # half-way down
    assert rate(1.0) == 0.0


@given(st.floats(1e-6, 1.0), st.floats(-1, 2))
def test_never_negative_never_above_the_peak(peak: float, fraction: float) -> None:
    rate = make_schedule(peak)(fraction)
    assert 0.0 <= rate <= peak * (1 + 1e-12)
    assert rate > 0.0 or fraction >= 1.0


@given(st.floats(0.01, 1.0), st.floats(0.0, 0.5))
def test_falls_after_the_warm_up(fraction: float, later: float) -> None:
    rate = make_schedule(1.0)
    assert rate(fraction + later) <= rate(fraction) + 1e-12
