"""Counts of parameters, by hand and from the shapes of the weights, and widths that match them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.config import CELLS
from seqmagic.network.sizes import count_parameters, match_units
from tests.helpers import random_weights


def test_counts_by_hand() -> None:
    # V 65, E 64, U 128: embedding 4160, dense 128·65 + 65 = 8385, and the layer
    shape: dict[str, Any] = {"units": 128, "layers": 1, "embedding": 64, "vocabulary_size": 65}
    assert count_parameters("rnn", **shape) == 4160 + 8385 + 128 * (64 + 128 + 1)
    assert count_parameters("lstm", **shape) == 4160 + 8385 + 98_816
    assert count_parameters("gru", **shape) == 4160 + 8385 + 3 * 128 * (64 + 128 + 2)


@given(
    cell=st.sampled_from(CELLS),
    units=st.integers(1, 20),
    layers=st.integers(1, 3),
    embedding=st.integers(1, 10),
    vocabulary_size=st.integers(2, 30),
)
def test_counts_are_those_of_the_weights(
    cell: str, units: int, layers: int, embedding: int, vocabulary_size: int
) -> None:
    shape: dict[str, Any] = {
        "units": units, "layers": layers, "embedding": embedding, "vocabulary_size": vocabulary_size
    }  # fmt: skip
    assert count_parameters(cell, **shape) == sum(array.size for array in random_weights(cell, **shape))


def test_units_that_match_an_lstm_of_128() -> None:
    # the recurrent part alone: 284·349 = 99,116 is nearer to 98,816 than 283·348 = 98,484,
    # and 3·151·217 = 98,301 nearer than 3·152·218 = 99,408
    recurrent = {"layers": 1, "embedding": 64, "vocabulary_size": 0}
    assert match_units(98_816, "rnn", **recurrent) == 284
    assert match_units(98_816, "gru", **recurrent) == 151


@given(
    cell=st.sampled_from(CELLS),
    reference=st.sampled_from(CELLS),
    units=st.integers(1, 1024),
    layers=st.integers(1, 3),
    vocabulary_size=st.integers(10, 300),
)
def test_matched_models_agree(cell: str, reference: str, units: int, layers: int, vocabulary_size: int) -> None:
    shape: dict[str, Any] = {"layers": layers, "embedding": 64, "vocabulary_size": vocabulary_size}
    target = count_parameters(reference, units=units, **shape)
    matched = match_units(target, cell, **shape)
    found = count_parameters(cell, units=matched, **shape)
    for neighbour in (max(1, matched - 1), matched + 1):
        assert abs(count_parameters(cell, units=neighbour, **shape) - target) >= abs(found - target)
    if matched >= 60:  # from there on one unit more is less than 4 %
        assert abs(found - target) <= 0.02 * target
    if cell == reference:
        assert matched == units


@pytest.mark.parametrize("target", [0, 1, 200])
def test_a_target_below_the_smallest_model_gets_one_unit(target: int) -> None:
    assert match_units(target, "lstm", layers=1, embedding=64, vocabulary_size=65) == 1
