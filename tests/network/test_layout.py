"""The one table of how weights are laid out, by hand and against the equations."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic import config
from seqmagic.network.cells import CELLS, Weights
from seqmagic.network.layout import (
    KERAS_PLACES,
    LAYER_ARRAYS,
    LAYOUTS,
    array_names,
    numbered,
    split_arrays,
    weight_shapes,
)


def test_every_cell_has_a_layout_and_equations() -> None:
    assert tuple(LAYOUTS) == tuple(CELLS) == config.CELLS
    for name, cell in CELLS.items():
        assert cell.layout is LAYOUTS[name]
        assert (cell.name, cell.gates) == (name, LAYOUTS[name].gates)
        assert cell.state._fields == LAYOUTS[name].states
    assert Weights._fields == LAYER_ARRAYS


@pytest.mark.parametrize(("cell", "columns", "bias"), [("rnn", 6, (6,)), ("lstm", 24, (24,)), ("gru", 18, (2, 18))])
def test_shapes_by_hand(cell: str, columns: int, bias: tuple[int, ...]) -> None:
    assert weight_shapes(cell, vocabulary_size=9, embedding=4, units=6, layers=2) == {
        "embedding": (9, 4),
        "kernel_1": (4, columns),
        "recurrent_kernel_1": (6, columns),
        "bias_1": bias,
        "kernel_2": (6, columns),
        "recurrent_kernel_2": (6, columns),
        "bias_2": bias,
        "dense_kernel": (6, 9),
        "dense_bias": (9,),
    }


@pytest.mark.parametrize("cell", config.CELLS)
def test_a_step_takes_what_the_layout_says(cell: str) -> None:
    weights = Weights(*(np.full(shape, 0.1) for shape in LAYOUTS[cell].shapes(4, 6).values()))
    state = CELLS[cell].initial_state(3, 6)
    after = CELLS[cell].step(np.ones((3, 4)), state, weights)
    assert [array.shape for array in after] == [(3, 6)] * len(LAYOUTS[cell].states)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_arrays_are_split_as_they_are_named(layers: int) -> None:
    embedding, recurrent, dense_kernel, dense_bias = split_arrays(array_names(layers))
    assert (embedding, dense_kernel, dense_bias) == ("embedding", "dense_kernel", "dense_bias")
    assert recurrent == [[f"{name}_{number}" for name in LAYER_ARRAYS] for number in range(1, layers + 1)]


def test_keras_keeps_every_array_somewhere() -> None:
    for layers in (1, 3):
        of_cell = {layout.keras_class: layers for layout in LAYOUTS.values()}
        for keras_class in of_cell:
            places = [KERAS_PLACES["Embedding"], *[KERAS_PLACES[keras_class]] * layers, KERAS_PLACES["Dense"]]
            assert sum(place.arrays for place in places) == len(array_names(layers))
    assert [numbered("lstm", depth) for depth in range(3)] == ["lstm", "lstm_1", "lstm_2"]
