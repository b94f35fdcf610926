"""How the weights of a network are laid out: their order and shapes, blocks, states, and Keras's names for them.

Every place that lays weights out or takes them apart gets it from here. Pure Python.

Axes: V vocabulary, E embedding, D input size of a layer, U units, G gate blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Shape = tuple[int, ...]

LAYER_ARRAYS = ("kernel", "recurrent_kernel", "bias")  # the weights of a recurrent layer, in Keras's order


@dataclass(frozen=True)
class CellLayout:
    """The layout of one recurrent layer.

    Attributes:
        name: As on the command line.
        keras_class: The stock layer of Keras.
        keras_name: What Keras names the first such layer, and its folder in model.weights.h5.
        gates: Names of the blocks that stand side by side in kernels and bias, in Keras's order.
        states: Names of the (B, U) arrays that a layer carries on, the output first.
        biases: Rows of the bias: one, or two where the recurrent product has a bias of its own.
    """

    name: str
    keras_class: str
    keras_name: str
    gates: tuple[str, ...]
    states: tuple[str, ...]
    biases: int = 1

    def shapes(self, width: int, units: int) -> dict[str, Shape]:
        """The shape of each of `LAYER_ARRAYS`, for inputs of D = `width`: (D, G*U), (U, G*U), (G*U,) or (2, G*U)."""
        columns = len(self.gates) * units
        bias = (columns,) if self.biases == 1 else (self.biases, columns)
        return dict(zip(LAYER_ARRAYS, ((width, columns), (units, columns), bias), strict=True))


LAYOUTS = {
    layout.name: layout
    for layout in (
        CellLayout("rnn", "SimpleRNN", "simple_rnn", gates=("candidate",), states=("h",)),
        CellLayout("lstm", "LSTM", "lstm", gates=("input", "forget", "candidate", "output"), states=("h", "c")),
        CellLayout("gru", "GRU", "gru", gates=("keep", "reset", "candidate"), states=("h",), biases=2),
    )
}


class KerasPlace(NamedTuple):
    """Where Keras keeps the arrays of a layer in model.weights.h5: layers/FOLDER/INNER/0, 1 ..."""

    folder: str
    inner: str
    arrays: int


KERAS_PLACES = {
    "Embedding": KerasPlace("embedding", "vars", 1),
    **{one.keras_class: KerasPlace(one.keras_name, "cell/vars", len(LAYER_ARRAYS)) for one in LAYOUTS.values()},
    "Dense": KerasPlace("dense", "vars", 2),
}


_RECURRENT = {"use_bias": True, "return_sequences": True, "go_backwards": False, "activation": "tanh"}

# What a layer of each class must be set to, to compute the equations of `network.cells`: so models are built, and
# of a model.keras that says otherwise the weights can't be used.
KERAS_SETTINGS: dict[str, dict[str, Any]] = {
    "Embedding": {"mask_zero": False},
    "SimpleRNN": _RECURRENT,
    "LSTM": {**_RECURRENT, "recurrent_activation": "sigmoid"},
    "GRU": {**_RECURRENT, "recurrent_activation": "sigmoid", "reset_after": True},
    "Dense": {"use_bias": True, "activation": "linear"},
}


def numbered(keras_name: str, depth: int) -> str:
    """Keras's name for the layer of its kind at `depth`, from 0: lstm, lstm_1, lstm_2 ..."""
    return f"{keras_name}_{depth}" if depth else keras_name


def array_names(layers: int) -> list[str]:
    """The names of a network's weights, in the order of `model.trainable_weights` of Keras; layers count from 1."""
    recurrent = [f"{name}_{number}" for number in range(1, layers + 1) for name in LAYER_ARRAYS]
    return ["embedding", *recurrent, "dense_kernel", "dense_bias"]


def weight_shapes(cell: str, *, vocabulary_size: int, embedding: int, units: int, layers: int) -> dict[str, Shape]:
    """The shapes of a network's weights by their `array_names`, in that order."""
    shapes: list[Shape] = [(vocabulary_size, embedding)]
    for depth in range(layers):
        shapes += LAYOUTS[cell].shapes(units if depth else embedding, units).values()
    shapes += [(units, vocabulary_size), (vocabulary_size,)]
    return dict(zip(array_names(layers), shapes, strict=True))


def split_arrays(arrays: Sequence[T]) -> tuple[T, list[Sequence[T]], T, T]:
    """What belongs together: the embedding, the `LAYER_ARRAYS` of each layer, the dense kernel and bias.

    Args:
        arrays: One for each of `array_names`, in that order.
    """
    embedding, *recurrent, dense_kernel, dense_bias = arrays
    count = len(LAYER_ARRAYS)
    return (
        embedding,
        [recurrent[first : first + count] for first in range(0, len(recurrent), count)],
        dense_kernel,
        dense_bias,
    )
