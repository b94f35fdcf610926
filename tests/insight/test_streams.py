"""Reading in streams: every position once and in order, as one reader reads it; and units held still."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight import streams
from seqmagic.insight.replay import in_precision, replay
from seqmagic.insight.settings import WARM_UP
from seqmagic.insight.streams import Lesion, Unit, read_bits, read_bits_with_lesions, read_states, units_of
from seqmagic.network.cells import CELLS, project
from seqmagic.network.network import Network
from tests.helpers import random_weights

STOP = WARM_UP + 2345


def network(cell: str, layers: int = 1) -> Network:
    weights = random_weights(cell, vocabulary_size=9, units=5, layers=layers)
    weights[1:-2] = [0.5 * array for array in weights[1:-2]]  # so that what was long ago is forgotten
    return in_precision(Network.from_weights(cell, weights), np.float64)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 9, STOP + 50)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_bits_and_hits_are_those_of_one_reader(cell: str, ids: np.ndarray) -> None:
    model = network(cell)
    bits, hits = read_bits(model, ids, stop=STOP)
    logits, _ = model.forward(ids[np.newaxis, :STOP], model.initial_states(1))
    powers = np.exp(logits[0, WARM_UP:])
    chosen = powers[np.arange(len(powers)), ids[WARM_UP + 1 : STOP + 1]]
    np.testing.assert_allclose(bits, -np.log2(chosen / powers.sum(axis=1)), atol=1e-9)
    np.testing.assert_array_equal(hits, powers.argmax(axis=1) == ids[WARM_UP + 1 : STOP + 1])


@pytest.mark.parametrize(("cell", "states"), [("rnn", "h"), ("lstm", "hc")])
def test_states_are_those_of_one_reader(cell: str, states: str, ids: np.ndarray) -> None:
    model = network(cell, layers=2)
    units, values = units_of(model), read_states(model, ids, stop=STOP)
    assert [(unit.layer, unit.state, unit.unit) for unit in units] == [
        (layer, state, unit) for layer in range(2) for state in states for unit in range(5)
    ]
    trace = replay(model, ids[np.newaxis, :STOP])
    for unit, own in zip(units, values, strict=True):
        expected = getattr(trace.layers[unit.layer].states, unit.state)[1 + WARM_UP :, 0, unit.unit]
        np.testing.assert_allclose(own, expected, atol=1e-6)


def test_a_unit_held_where_it_is_anyway_costs_nothing(ids: np.ndarray) -> None:
    model = network("gru")
    for array in model.layers[0].weights:
        array[..., 2] = array[..., 7] = array[..., 12] = 0  # unit 2 has nothing but zeros in all gates
    whole, _ = read_bits(model, ids, stop=STOP)
    held = read_bits_with_lesions(model, [Lesion(Unit(layer=0, state="h", unit=2), 0.0)], ids, first=700, stop=STOP)
    np.testing.assert_allclose(held[0], whole[700 - WARM_UP :], atol=1e-9)


@pytest.mark.parametrize(("cell", "state"), [("rnn", "h"), ("lstm", "h"), ("lstm", "c"), ("gru", "h")])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_unit_is_held_at_its_value(cell: str, state: str, layer: int, ids: np.ndarray) -> None:
    model = network(cell, layers=2)
    lesion = Lesion(Unit(layer=layer, state=state, unit=1), 0.25)
    other = Lesion(Unit(layer=layer, state=state, unit=1), -0.25)
    bits = read_bits_with_lesions(model, [lesion, other, lesion], ids, first=WARM_UP, stop=STOP)
    np.testing.assert_array_equal(bits[0], bits[2])
    assert np.abs(bits[0] - bits[1]).max() > 1e-3
    read, (one, two) = streams._read_with_lesion(model, lesion, ids[np.newaxis, :30], model.initial_states(1))
    held = (one, two)[layer]
    assert getattr(held, state)[0, 1] == 0.25
    np.testing.assert_array_equal(read[-1], two.h)


def test_a_held_memory_is_shown_through_the_output_gate(ids: np.ndarray) -> None:
    model = network("lstm")
    lesion = Lesion(Unit(layer=0, state="c", unit=1), 0.25)
    shown, _ = streams._read_with_lesion(model, lesion, ids[np.newaxis, :1], model.initial_states(1))
    weights = model.layers[0].weights
    gates = CELLS["lstm"].compute_gates(project(model.embedding[ids[:1]], weights), model.initial_states(1)[0], weights)
    assert shown[0, 0, 1] == pytest.approx(gates.output[0, 1] * np.tanh(0.25))


@pytest.mark.parametrize("count", [1, 7, 399, 400, 401, 5000])
def test_every_position_is_read_once_and_comes_back_in_its_place(count: int) -> None:
    plan = streams._plan(WARM_UP, WARM_UP + count)
    assert plan.positions.min() >= 0
    assert plan.positions.max() == WARM_UP + count - 1
    np.testing.assert_array_equal(plan.gather(plan.positions), np.arange(WARM_UP, WARM_UP + count))
