"""Figures by distance: means, intervals, and no number for a handful of cases."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight.bins import by_bin, figures


def test_each_range_has_the_mean_of_its_cases() -> None:
    distances = np.repeat([1, 4, 5, 9, 100], 20)
    values = distances * 1.0
    found = by_bin(((1, 4), (5, 9), (10, 99), (100, None)), distances, np.arange(100), {"x": values}, seed=0)
    assert [(one["from"], one["to"], one["cases"]) for one in found] == [
        (1, 4, 40),
        (5, 9, 40),
        (10, 99, 0),
        (100, None, 20),
    ]
    assert [one["x"] for one in found] == [2.5, 7.0, None, 100.0]
    assert found[0]["x_interval"][0] < 2.5 < found[0]["x_interval"][1]
    assert (found[2]["median_distance"], found[2]["x_interval"]) == (None, None)
    assert found[2]["reason"] == "0 cases, and fewer than 20 say nothing"


@pytest.mark.parametrize(("cases", "known"), [(19, False), (20, True)])
def test_twenty_cases_are_enough(cases: int, known: bool) -> None:
    entry = figures(np.arange(cases), {"x": np.ones(cases)}, seed=0)
    assert (entry["x"] is not None, "reason" in entry) == (known, not known)
