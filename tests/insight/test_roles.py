"""The neutral names of gates: keep keeps, in every cell."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight.replay import replay
from seqmagic.insight.roles import gates_by_role, memory, roles_of
from tests.insight.networks import SYMBOLS, random_network, with_gate_bias

IDS = np.random.default_rng(0).integers(0, SYMBOLS, (1, 50))


@pytest.mark.parametrize(
    ("cell", "roles"), [("rnn", []), ("lstm", ["keep", "write", "read"]), ("gru", ["keep", "write", "reset"])]
)
def test_each_cell_has_its_gates(cell: str, roles: list[str]) -> None:
    trace = replay(random_network(cell), IDS).layers[0]
    gates = gates_by_role(cell, trace.gates)
    assert roles_of(cell) == list(gates) == roles
    assert np.all(np.abs(memory(cell, trace.states)) <= 1)


def test_where_all_is_kept_the_state_of_a_gru_does_not_change() -> None:
    """The z of Keras keeps; a table that took it for the z of most articles would show keep 0 here."""
    network = with_gate_bias(random_network("gru"), keep=20.0)
    start = network.initial_states(1)[0]._replace(h=np.full((1, 6), 0.3, np.float32))
    trace = replay(network, IDS, (start,)).layers[0]
    gates = gates_by_role("gru", trace.gates)
    assert np.all(gates["keep"] > 0.999999)
    assert np.all(gates["write"] < 1e-6)
    np.testing.assert_allclose(trace.states.h, 0.3, atol=1e-6)


def test_keep_and_write_of_an_lstm_are_its_forget_and_input_gates() -> None:
    network = with_gate_bias(random_network("lstm"), forget=20.0, input=-20.0, output=1.0)
    gates = gates_by_role("lstm", replay(network, IDS).layers[0].gates)
    assert np.all(gates["keep"] > 0.999999)
    assert np.all(gates["write"] < 1e-6)
    np.testing.assert_allclose(gates["read"], 1 / (1 + np.exp(-1)), atol=1e-6)
