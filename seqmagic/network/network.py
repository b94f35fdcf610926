"""The network in NumPy: read from a run's model.keras without TensorFlow, run over texts, scored.

Axes: B batch, T time, V vocabulary, E embedding, U units, G gate blocks. Inside, time comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqmagic.network.cells import CELLS, Weights, project
from seqmagic.network.layout import LAYOUTS, split_arrays

States = tuple[Any, ...]


@dataclass(frozen=True)
class Layer:
    """One recurrent layer: the name of its cell and its weights."""

    cell: str
    weights: Weights


@dataclass(frozen=True)
class Network:
    """Embedding (V, E), recurrent layers, dense layer (U, V) and (V,): ids in, logits out.

    A state is a tuple with the state of each layer's cell, (B, U) arrays. Nothing is kept between calls.
    A model that was trained on records has the id of their end as its `boundary`: a stream that reads it forgets
    what it has read before. What only writes one record, or leaves for elsewhere, needs none.
    """

    embedding: np.ndarray
    layers: tuple[Layer, ...]
    dense_kernel: np.ndarray
    dense_bias: np.ndarray
    boundary: int | None = field(default=None, kw_only=True)

    @classmethod
    def from_weights(cls, cell: str, arrays: Sequence[np.ndarray]) -> Network:
        """The network of these weights, copied to float32.

        Args:
            cell: rnn, lstm or gru, for all layers.
            arrays: In the order of `model.trainable_weights` of Keras: embedding; kernel, recurrent
                kernel and bias of each layer; dense kernel, dense bias.

        Raises:
            ValueError: the shapes don't make a network.
        """
        embedding, recurrent, *dense = split_arrays([np.array(array, np.float32) for array in arrays])
        network = cls(embedding, tuple(Layer(cell, Weights(*weights)) for weights in recurrent), *dense)
        network.check_shapes()
        return network

    @property
    def arrays(self) -> list[np.ndarray]:
        """Its weights in the order of `from_weights`."""
        recurrent = [array for layer in self.layers for array in layer.weights]
        return [self.embedding, *recurrent, self.dense_kernel, self.dense_bias]

    def check_shapes(self) -> None:
        """Raise ValueError, naming the array, unless every shape follows from the ones before it."""
        if self.embedding.ndim != 2 or not self.layers:
            raise ValueError("a network needs an embedding (V, E) and one recurrent layer or more")
        vocabulary_size, width = self.embedding.shape
        for number, (cell, weights) in enumerate(((layer.cell, layer.weights) for layer in self.layers), 1):
            units = weights.recurrent_kernel.shape[0]
            for name, expected in LAYOUTS[cell].shapes(width, units).items():
                _check_shape(f"{name} of layer {number} ({cell})", getattr(weights, name), expected)
            width = units
        _check_shape("dense kernel", self.dense_kernel, (width, vocabulary_size))
        _check_shape("dense bias", self.dense_bias, (vocabulary_size,))

    @property
    def vocabulary_size(self) -> int:
        return self.embedding.shape[0]

    @property
    def units(self) -> int:
        """Units of the last recurrent layer."""
        return self.dense_kernel.shape[0]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        recurrent = sum(array.size for layer in self.layers for array in layer.weights)
        return self.embedding.size + recurrent + self.dense_kernel.size + self.dense_bias.size

    def initial_states(self, batch: int) -> States:
        """Empty memory for `batch` streams."""
        return tuple(
            CELLS[layer.cell].initial_state(
                batch, layer.weights.recurrent_kernel.shape[0], layer.weights.recurrent_kernel.dtype
            )
            for layer in self.layers
        )

    def forward(self, ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Read `ids` from `states` on.

        Args:
            ids: (B, T) integer, below V.
            states: From `initial_states` or an earlier call.

        Returns:
            The logits of the character after each one read, (B, T, V) float, and the states after the last.
        """
        outputs, states = self.read(ids, states)
        return (outputs @ self.dense_kernel + self.dense_bias).swapaxes(0, 1), states

    def read(self, ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """The outputs of the last recurrent layer for `ids` (B, T), time first: (T, B, U); and the states."""
        first = self.layers[0].weights
        if ids.size > self.vocabulary_size:  # then a table of what each character adds is the smaller product
            projected = project(self.embedding, first)[ids.T]
        else:
            projected = project(self.embedding[ids.T], first)
        new_states = []
        outputs = np.empty(0)
        keep = self.keep(ids)
        for number, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            if number > 0:
                projected = project(outputs, layer.weights)
            outputs, state = _recur(layer, projected, state, keep)
            new_states.append(state)
        return outputs, tuple(new_states)

    def keep(self, ids: np.ndarray) -> np.ndarray | None:
        """Factors of the state before each character of `ids` (B, T), 0 where a record begins: (T, B, 1) float32.

        None where none begins.
        """
        if self.boundary is None:
            return None
        factors = np.not_equal(ids.T, self.boundary).astype(np.float32)[..., np.newaxis]
        return None if factors.all() else factors


def kept_state(state: Any, factors: np.ndarray) -> Any:
    """A cell's state, arrays (B, U), times `factors` (B, 1)."""
    return type(state)(*(array * factors.astype(array.dtype) for array in state))


def _check_shape(name: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ValueError(f"the {name} has shape {array.shape} where {expected} is needed")


def _recur(layer: Layer, projected: np.ndarray, state: Any, keep: np.ndarray | None) -> tuple[np.ndarray, Any]:
    """All steps of one layer: projected (T, B, G*U) -> outputs (T, B, U) and the last state."""
    advance = CELLS[layer.cell].advance
    outputs = np.empty((*projected.shape[:2], layer.weights.recurrent_kernel.shape[0]), projected.dtype)
    for step, inputs in enumerate(projected):
        if keep is not None and not keep[step].all():
            state = kept_state(state, keep[step])
        state = advance(inputs, state, layer.weights)
        outputs[step] = state.h
    return outputs, state
