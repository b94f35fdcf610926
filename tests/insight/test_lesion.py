"""A frozen gate has the value it was given, and freezing what never moves changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight.lesion import with_frozen_gate
from seqmagic.insight.replay import replay
from seqmagic.insight.roles import BLOCKS, gates_by_role
from tests.insight.networks import SYMBOLS, random_network, with_gate_bias

IDS = np.random.default_rng(0).integers(0, SYMBOLS, (2, 40))
CASES = [(cell, role) for cell in ("lstm", "gru") for role in BLOCKS[cell]]


@pytest.mark.parametrize(("cell", "role"), CASES)
@pytest.mark.parametrize("layer", [0, 1])
def test_the_gate_has_the_value_and_the_others_are_as_they_were(cell: str, role: str, layer: int) -> None:
    network = random_network(cell, layers=2)
    value = np.array([0.0, 0.1, 0.5, 0.9, 1.0, 0.3])
    frozen = with_frozen_gate(network, layer=layer, role=role, value=value)
    gates = gates_by_role(cell, replay(frozen, IDS).layers[layer].gates)
    np.testing.assert_allclose(gates[role], np.broadcast_to(value, gates[role].shape), atol=1e-6)
    if layer == 1:
        before, after = (replay(one, IDS).layers[0].states.h for one in (network, frozen))
        np.testing.assert_array_equal(before, after)
    for other in set(BLOCKS[cell]) - {role}:
        first = [gates_by_role(cell, replay(one, IDS).layers[layer].gates)[other][0] for one in (network, frozen)]
        np.testing.assert_array_equal(*first)  # the first step depends on no gate


@pytest.mark.parametrize(("cell", "role"), CASES)
def test_a_gate_that_never_moves_can_be_frozen_without_a_change(cell: str, role: str) -> None:
    network = with_gate_bias(random_network(cell), **{BLOCKS[cell][role]: 0.7})
    value = np.full(6, 1 / (1 + np.exp(-0.7)))
    frozen = with_frozen_gate(network, layer=0, role=role, value=value)
    np.testing.assert_allclose(replay(frozen, IDS).logits(), replay(network, IDS).logits(), atol=1e-6)


def test_a_gru_whose_keep_is_held_at_one_never_moves() -> None:
    frozen = with_frozen_gate(random_network("gru"), layer=0, role="keep", value=np.ones(6))
    assert np.all(replay(frozen, IDS).layers[0].states.h == 0)
