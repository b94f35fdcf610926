"""What a trace shows is what the cell did, from the right character on."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight.excerpts import open_reader, read_excerpt
from seqmagic.insight.inspect_trace import choose_units, inspect_trace, persistence
from seqmagic.insight.replay import replay
from seqmagic.insight.settings import ExcerptConfig, TraceConfig
from seqmagic.insight.timescales import MOST_KEPT, timescale
from seqmagic.runs.folder import Run


def test_the_values_are_those_of_the_replay(tiny_run: Run) -> None:
    excerpt = read_excerpt(tiny_run, ExcerptConfig(at=10), length=20)
    subject = open_reader(tiny_run, excerpt)
    [model] = inspect_trace([subject], excerpt, TraceConfig(units="0,3"))["models"]
    trace = replay(subject.network, subject.passage.ids[np.newaxis]).layers[0]
    np.testing.assert_allclose(model["keep"]["mean"], trace.gates.forget[200:, 0].mean(axis=1), atol=1e-3)
    np.testing.assert_allclose(model["units"][1]["cell_state"], trace.states.c[201:, 0, 3], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model["units"][1]["read"], trace.gates.output[200:, 0, 3], rtol=1e-3)


def test_a_unit_without_gates_that_moves_slowly_comes_first() -> None:
    steps = np.arange(200)
    hidden = np.stack([np.cos(3 * steps), np.cos(0.05 * steps), np.zeros(200)], axis=1)
    assert list(np.argsort(-persistence(None, hidden))) == [1, 0, 2] or persistence(None, hidden)[2] == -1
    assert np.argmax(persistence(None, hidden)) == 1
    assert persistence(np.full((9, 2), 0.5), hidden) == pytest.approx([1 / np.log(2)] * 2)


def test_timescales_end_somewhere() -> None:
    assert timescale(np.ones((5, 1))) == pytest.approx(-1 / np.log(MOST_KEPT))
    assert 0 < timescale(np.zeros((5, 1))) < 0.1


def test_units_are_chosen_by_rank_or_number() -> None:
    order = np.array([0.3, 0.9, 0.1])
    assert choose_units("top:2", order, "x") == [1, 0]
    assert choose_units("top:9", order, "x") == [1, 0, 2]
    assert choose_units("top:0", order, "x") == []
    assert choose_units("2,0,2", order, "x") == [2, 0]
