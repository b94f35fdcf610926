"""Figures about gates of networks whose gates are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight.inspect_gates import Windows, cut_windows, lesions, tally_gates
from seqmagic.insight.replay import replay
from seqmagic.insight.roles import gates_by_role
from seqmagic.insight.timescales import MOST_KEPT
from seqmagic.network.network import Network
from tests.insight.networks import SYMBOLS, random_network, with_gate_bias

IDS = np.random.default_rng(0).integers(0, SYMBOLS, 700)
WINDOWS = Windows(ids=IDS[np.newaxis], warm_up=100)


def document(network: Network, windows: Windows = WINDOWS) -> dict:
    [tally] = tally_gates(network, windows, low=0.1, high=0.9)
    return tally.document()


def test_an_lstm_that_only_keeps() -> None:
    found = document(with_gate_bias(random_network("lstm"), forget=20.0, input=-20.0))
    assert found["keep"]["saturated_high"] == [1.0] * 6
    assert found["keep"]["saturated_low"] == [0.0] * 6
    assert found["write"]["saturated_low"] == [1.0] * 6
    np.testing.assert_allclose(found["keep"]["timescale"], -1 / np.log(MOST_KEPT), rtol=1e-3)
    assert (found["integrators"], found["feed_forward"]) == (6, 0)
    assert found["coupling"]["correlation"] == [None] * 6  # nothing moves
    np.testing.assert_allclose(found["coupling"]["distance"], 0, atol=1e-6)


def test_a_gru_that_only_keeps() -> None:
    found = document(with_gate_bias(random_network("gru"), keep=20.0))
    assert found["keep"]["saturated_high"] == [1.0] * 6
    assert found["write"]["saturated_low"] == [1.0] * 6
    assert "coupling" not in found
    assert "read" not in found


def test_the_timescale_of_a_constant_gate() -> None:
    found = document(with_gate_bias(random_network("lstm"), forget=1.0))
    np.testing.assert_allclose(found["keep"]["timescale"], 3.19, atol=0.01)  # a fresh LSTM: sigmoid(1) is 0.731
    assert found["timescale_quantiles"]["50"] == pytest.approx(3.19, abs=0.01)


def test_coupling_is_what_numpy_says_and_one_where_the_gates_are_one() -> None:
    network = random_network("lstm")
    gates = gates_by_role("lstm", replay(network, IDS[np.newaxis]).layers[0].gates)
    i, f = (gates[role][100:, 0] for role in ("write", "keep"))
    found = document(network)
    expected = [np.corrcoef(i[:, unit], 1 - f[:, unit])[0, 1] for unit in range(6)]
    np.testing.assert_allclose(found["coupling"]["correlation"], expected, atol=1e-4)
    np.testing.assert_allclose(found["coupling"]["distance"], np.abs(i + f - 1).mean(axis=0), atol=1e-4)
    kernel, recurrent, bias = network.layers[0].weights
    for array in (kernel, recurrent, bias):
        array[..., :6] = -array[..., 6:12]  # the input gate is 1 - the forget gate
    found = document(network)
    np.testing.assert_allclose(found["coupling"]["correlation"], 1, atol=1e-4)


def test_a_simple_rnn_has_no_gates_but_its_saturation() -> None:
    network = random_network("rnn")
    found = document(network)
    h = replay(network, IDS[np.newaxis]).layers[0].states.h[101:, 0]
    assert set(found) == {"units", "hidden_state"}
    np.testing.assert_allclose(found["hidden_state"]["saturated"], (np.abs(h) > 0.9).mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(found["hidden_state"]["slope"], (1 - h**2).mean(axis=0), atol=1e-4)


def test_streams_count_every_character_once_in_order() -> None:
    ids = np.arange(6500)
    cut = cut_windows(ids, before=200)
    counted = cut.ids[:, cut.warm_up :].ravel()
    np.testing.assert_array_equal(counted, ids[200 : 200 + len(counted)])
    assert len(ids) - 200 - len(counted) < len(cut.ids)
    assert cut.counted == len(counted)
    without = cut_windows(ids, before=0)  # nothing before: the first characters are given up
    assert without.ids[0, without.warm_up] == 200
    short = cut_windows(ids[:900], before=50)
    assert (short.ids.shape, short.warm_up) == ((1, 900), 50)


def test_figures_hardly_depend_on_the_cut() -> None:
    ids = np.random.default_rng(1).integers(0, SYMBOLS, 4200)
    network = random_network("gru")
    one = document(network, Windows(ids=ids[np.newaxis], warm_up=200))
    several = document(network, cut_windows(ids, before=200))
    np.testing.assert_allclose(several["keep"]["saturated_high"], one["keep"]["saturated_high"], atol=1e-3)
    np.testing.assert_allclose(several["keep"]["timescale"], one["keep"]["timescale"], rtol=1e-3)


def test_the_lesion_of_a_gate_that_is_constant_costs_nothing() -> None:
    network = with_gate_bias(random_network("lstm"), forget=0.4)
    tallies = tally_gates(network, WINDOWS, low=0.1, high=0.9)
    found = lesions(network, WINDOWS, tallies, seed=0)["lesion"]
    cost = {(one["gate"], one["to"]): one for one in found}
    assert len(cost) == 6
    assert cost["keep", "mean"]["difference_bits"] == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(cost["keep", "mean"]["interval"], 0, atol=1e-5)
    assert abs(cost["write", "mean"]["difference_bits"]) > 1e-4
    low, high = cost["write", "one"]["interval"]
    assert low <= cost["write", "one"]["difference_bits"] <= high


def test_a_simple_rnn_has_no_lesions() -> None:
    network = random_network("rnn")
    tallies = tally_gates(network, WINDOWS, low=0.1, high=0.9)
    assert lesions(network, WINDOWS, tallies, seed=0)["lesion"] == []
