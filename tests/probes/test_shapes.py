"""Models of one size: within two percent, by the numbers of the real weights."""

from __future__ import annotations

import math

import pytest

from seqmagic.errors import ConfigError
from seqmagic.probes.shapes import TOLERANCE, attention_shapes, shapes_of

CELLS = ("rnn", "lstm", "gru", "attention")


@pytest.mark.parametrize("parameters", [2_000, 5_000, 20_000, 100_000])
@pytest.mark.parametrize("vocabulary_size", [6, 13])
def test_all_are_within_two_percent(parameters: int, vocabulary_size: int) -> None:
    for shape in shapes_of(CELLS, parameters, vocabulary_size=vocabulary_size):
        assert abs(shape.parameters / parameters - 1) <= TOLERANCE


def test_the_parameters_of_attention_are_those_of_its_weights() -> None:
    (shape,) = shapes_of(["attention"], 20_000, vocabulary_size=13)
    shapes = attention_shapes(vocabulary_size=13, embedding=shape.embedding, units=shape.units)
    assert shape.parameters == sum(map(math.prod, shapes.values()))


def test_a_size_that_can_not_be_met_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--params 300 can't be met within 2% by lstm, the nearest being \d+; give"):
        shapes_of(CELLS, 300, vocabulary_size=13)
