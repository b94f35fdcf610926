"""Retention of the gradient: networks that keep a known share, and texts that are too short."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqmagic.errors import CorpusError
from seqmagic.insight.replay import bits_gradient, gradients, in_precision, replay
from seqmagic.insight.retention import choose_targets, log_retention, summary
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Layer, Network
from tests.helpers import random_weights
from tests.insight.networks import SYMBOLS, linear_rnn, orthogonal, without_recurrence

IDS = np.random.default_rng(0).integers(SYMBOLS, size=1500)


def measured(network: Network, *, lag: int = 60, wrt: str = "state", targets: int = 24):
    places = choose_targets(len(IDS), targets=targets, max_lag=lag)
    [logs] = log_retention([(network, places)], IDS, max_lag=lag, wrt=wrt)
    return logs, summary(logs, places, seed=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wrt", ["state", "input"])
def test_nine_tenths_of_an_orthogonal_step_is_found_as_such(wrt: str, dtype: type) -> None:
    network = in_precision(linear_rnn(0.9 * orthogonal(12)), dtype)
    logs, found = measured(network, wrt=wrt)
    np.testing.assert_allclose(logs, np.log10(0.9) * np.arange(61) * np.ones((24, 1)), atol=1e-3)
    assert found["rho"] == pytest.approx(0.9, abs=1e-5)
    assert found["rho_interval"] == pytest.approx([0.9, 0.9], abs=1e-5)
    assert found["half_life"] == pytest.approx(np.log(0.5) / np.log(0.9), rel=1e-4)
    assert found["r2_exponential"] == pytest.approx(1, abs=1e-6)
    assert found["r2_power"] < 0.95
    assert found["rho_by_window"]["1-10"] == pytest.approx(0.9, abs=1e-5)
    assert found["exploding_share"] == 0


def test_float32_goes_far_below_what_float32_can_hold() -> None:
    logs, found = measured(in_precision(linear_rnn(0.3 * orthogonal(6)), np.float32), lag=150)
    assert logs[:, -1] == pytest.approx(150 * np.log10(0.3), abs=1e-2)  # 10^-78
    assert found["rho"] == pytest.approx(0.3, abs=1e-4)


def test_an_exploding_gradient_is_seen() -> None:
    network = linear_rnn(1.1 * orthogonal(6), size=1e-16)
    _, found = measured(network)
    assert found["rho"] == pytest.approx(1.1, abs=1e-4)
    assert found["exploding_share"] == 1
    assert found["half_life"] is None
    assert found["reasons"]["half_life"] == "the gradient does not shrink with distance"


def test_without_recurrent_weights_nothing_is_left_of_the_first_character_on() -> None:
    logs, found = measured(without_recurrence(linear_rnn(orthogonal(6))))
    assert not logs[:, 0].any()
    assert (logs[:, 1:] < -1e8).all()
    assert found["median_log10"] == [0.0] + [None] * 60
    assert (found["rho"], found["half_life"], found["rho_interval"]) == (0.0, 0.0, None)
    assert found["reasons"]["rho_interval"] == "the gradient is exactly 0 one character back"


def test_an_lstm_that_keeps_all_and_a_frozen_gru_lose_nothing() -> None:
    for cell, gates in (("lstm", {"input": -60, "forget": 60}), ("gru", {"keep": 60})):
        weights = random_weights(cell, vocabulary_size=SYMBOLS, units=5)
        network = in_precision(Network.from_weights(cell, weights), np.float64)
        layer = network.layers[0]
        bias = layer.weights.bias.copy()
        for name, value in gates.items():
            place = CELLS[cell].gates.index(name)
            np.atleast_2d(bias)[0, 5 * place : 5 * place + 5] = value
        recurrent = np.zeros_like(layer.weights.recurrent_kernel)
        network = replace(network, layers=(Layer(cell, layer.weights._replace(bias=bias, recurrent_kernel=recurrent)),))
        logs, found = measured(network)
        np.testing.assert_allclose(logs[:, 1:], logs[:, 1:2] * np.ones(60), atol=1e-9)
        assert found["rho"] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("wrt", ["state", "input"])
@pytest.mark.parametrize("cell", list(CELLS))
def test_it_is_the_length_of_the_joint_gradient(cell: str, wrt: str) -> None:
    weights = random_weights(cell, vocabulary_size=SYMBOLS, units=5, layers=2)
    network = in_precision(Network.from_weights(cell, weights), np.float64)
    logs, _ = measured(network, lag=12, wrt=wrt, targets=8)
    place = int(choose_targets(len(IDS), targets=8, max_lag=12)[3])
    ids = IDS[np.newaxis, place - 212 : place + 1]
    trace = replay(network, ids[:, -20:], replay(network, ids[:, :-20]).last_states)
    found = gradients(trace, {19: bits_gradient(network, trace.outputs[-1], IDS[place + 1 : place + 2])})
    if wrt == "input":
        lengths = np.linalg.norm(found.inputs[::-1, 0], axis=-1)[:13]
    else:
        parts = [array[::-1, 0] for state in found.states for array in state]
        lengths = np.linalg.norm(np.concatenate(parts, axis=-1), axis=-1)[:13]
    np.testing.assert_allclose(logs[3], np.log10(lengths / lengths[0]), atol=1e-5)


def test_targets_are_spread_and_have_their_context_before_them() -> None:
    places = choose_targets(1000, targets=10, max_lag=50)
    assert (places[0], places[-1], len(places)) == (250, 998, 10)
    assert np.ptp(np.diff(places)) <= 1
    assert choose_targets(252, targets=10, max_lag=50).tolist() == [250]
    with pytest.raises(CorpusError, match="the text has 251 characters, and a lag of 50 needs 252"):
        choose_targets(251, targets=10, max_lag=50)
