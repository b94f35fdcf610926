"""How many numbers a model learns, and how wide another cell must be to learn as many."""

from __future__ import annotations

import math

from seqmagic.network.layout import weight_shapes


def count_parameters(cell: str, *, units: int, layers: int, embedding: int, vocabulary_size: int) -> int:
    """The trainable numbers of a model: embedding, recurrent layers and dense layer.

    Per layer with input width D and U units, as Keras lays them out (GRU with `reset_after`, two biases):
    SimpleRNN U(D+U+1), LSTM 4U(D+U+1), GRU 3U(D+U+2).
    """
    shapes = weight_shapes(cell, vocabulary_size=vocabulary_size, embedding=embedding, units=units, layers=layers)
    return sum(map(math.prod, shapes.values()))


def match_units(target: int, cell: str, *, layers: int, embedding: int, vocabulary_size: int) -> int:
    """The units with which a model of `cell` comes nearest to `target` parameters (the fewer of two).

    From 60 units on that is within 2 %; below, one unit makes a larger difference.
    """

    def count(units: int) -> int:
        return count_parameters(cell, units=units, layers=layers, embedding=embedding, vocabulary_size=vocabulary_size)

    low, high = 1, 2
    while count(high) < target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= target else (low, middle)
    return min((low, high), key=lambda units: abs(count(units) - target))
