"""The network as a TensorFlow graph of its own: hand-written cells, one step and whole loops over ids.

Nothing here needs Keras, so that a SavedModel loads fast and a TFLite file holds built-in operations only.
The equations are those of `seqmagic.network.cells`.

Axes: B batch, V vocabulary, E embedding, U units, G gate blocks, P prompt, N characters written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from seqmagic.network.cells import CELLS, project
from seqmagic.network.network import Layer, Network

State = tuple[tf.Tensor, ...]  # h, or h and c: (B, U) each
States = tuple[State, ...]  # one a layer
Pick = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # logits (B, V), uniforms (B, 1) -> ids (B,)


class LayerWeights(NamedTuple):
    """One layer's weights inside a graph.

    kernel (D, G*U) and bias (G*U,) make the projected input; both are None in the first layer when its
    projection is folded into the embedding. recurrent_bias (3*U,) is the GRU's second bias.
    """

    kernel: tf.Tensor | None
    bias: tf.Tensor | None
    recurrent_kernel: tf.Tensor
    recurrent_bias: tf.Tensor | None


class NetworkWeights(NamedTuple):
    """All weights as tensors, read from their variables once and not once per character.

    embedding: (V, E), or (V, G*U) when it is a table of projected inputs. dense_kernel: (U, V).
    """

    embedding: tf.Tensor
    layers: tuple[LayerWeights, ...]
    dense_kernel: tf.Tensor
    dense_bias: tf.Tensor


class GraphNetwork(tf.Module):
    """The weights of a network as variables of a module of their own."""

    def __init__(self, network: Network) -> None:
        super().__init__(name="network")
        self.cells = [CELLS[layer.cell] for layer in network.layers]
        self.units = [layer.weights.recurrent_kernel.shape[0] for layer in network.layers]
        first, embedding = network.layers[0], network.embedding
        # E·W + b for every character saves a product per step, but is large where the vocabulary is
        folded = project(embedding, first.weights)
        is_folded = folded.size <= embedding.size + first.weights.kernel.size
        self._embedding = _variable(folded if is_folded else embedding, "embedding")
        self._layers = [
            _layer_variables(layer, number, without_input=is_folded and number == 1)
            for number, layer in enumerate(network.layers, 1)
        ]
        self._dense_kernel = _variable(network.dense_kernel, "dense_kernel")
        self._dense_bias = _variable(network.dense_bias, "dense_bias")

    def read(self) -> NetworkWeights:
        """The weights as tensors of the graph that is being made."""
        return NetworkWeights(
            tf.convert_to_tensor(self._embedding),
            tuple(
                LayerWeights(*(None if value is None else tf.convert_to_tensor(value) for value in layer))
                for layer in self._layers
            ),
            tf.convert_to_tensor(self._dense_kernel),
            tf.convert_to_tensor(self._dense_bias),
        )

    def initial_states(self, batch: tf.Tensor | int) -> States:
        """Empty memory: zeros, (batch, U) each."""
        return tuple(
            tuple(tf.zeros((batch, units)) for _ in cell.layout.states)
            for cell, units in zip(self.cells, self.units, strict=True)
        )

    def state_names(self) -> list[str]:
        """The states' names in their order: h_1, c_1, h_2, ... for the layers from 1."""
        return [f"{field}_{number}" for number, cell in enumerate(self.cells, 1) for field in cell.layout.states]

    def state_specs(self, batch: int | None) -> list[tf.TensorSpec]:
        """The states' shapes, (batch, U) float32, with their names."""
        shapes = tf.nest.flatten(self.initial_states(1))
        return [
            tf.TensorSpec((batch, state.shape[1]), tf.float32, name)
            for name, state in zip(self.state_names(), shapes, strict=True)
        ]

    def nested(self, states: Sequence[tf.Tensor]) -> States:
        """States in the order of `state_names`, sorted by layer."""
        rest = iter(states)
        return tuple(tuple(next(rest) for _ in cell.layout.states) for cell in self.cells)

    def named(self, states: States) -> dict[str, tf.Tensor]:
        """States by name."""
        return dict(zip(self.state_names(), tf.nest.flatten(states), strict=True))

    def step(self, weights: NetworkWeights, ids: tf.Tensor, states: States) -> tuple[tf.Tensor, States]:
        """Read one character a stream, ids (B,) int32: the last layer's output (B, U) and the new states."""
        output = tf.gather(weights.embedding, ids)
        new_states = []
        for cell, layer, state in zip(self.cells, weights.layers, states, strict=True):
            projected = output if layer.kernel is None else tf.matmul(output, layer.kernel) + layer.bias
            new_states.append(_ADVANCE[cell.name](projected, state, layer))
            output = new_states[-1][0]
        return output, tuple(new_states)

    def read_ragged(self, weights: NetworkWeights, ids: tf.Tensor, counts: tf.Tensor, states: States) -> States:
        """The states after the first `counts` (B,) of `ids` (B, P) in each row; the rest changes nothing."""

        def body(position: tf.Tensor, states: States) -> tuple[tf.Tensor, States]:
            _, after = self.step(weights, ids[:, position], states)
            reading = (position < counts)[:, tf.newaxis]
            return position + 1, tf.nest.map_structure(lambda new, old: tf.where(reading, new, old), after, states)

        last = tf.reduce_max(counts)
        return tf.while_loop(lambda position, _: position < last, body, (tf.constant(0), states))[1]

    def write(
        self, weights: NetworkWeights, last: tf.Tensor, states: States, *, uniforms: tf.Tensor, pick: Pick
    ) -> tuple[tf.Tensor, States]:
        """Write on, one character a step and stream, id 0 never.

        Args:
            weights: Of `read`.
            last: The ids (B,) int32 to go on from, not read yet.
            states: From before `last`.
            uniforms: One random number in [0, 1) for each character, (N, B, 1) float32.
            pick: Chooses from the logits, whose first is -infinity.

        Returns:
            The ids written (B, N) int32, and the states before the last of them.
        """
        never = tf.constant([-np.inf], weights.dense_bias.dtype)
        bias = tf.concat([never, weights.dense_bias[1:]], axis=0)
        length = tf.shape(uniforms)[0]

        def body(
            position: tf.Tensor, ids: tf.Tensor, states: States, written: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, States, tf.TensorArray]:
            output, states = self.step(weights, ids, states)
            ids = pick(tf.matmul(output, weights.dense_kernel) + bias, uniforms[position])
            return position + 1, ids, states, written.write(position, ids)

        written = tf.TensorArray(tf.int32, size=length, element_shape=last.shape)
        _, _, states, written = tf.while_loop(
            lambda position, *_: position < length, body, (tf.constant(0), last, states, written)
        )
        return tf.transpose(written.stack()), states


def _variable(values: np.ndarray, name: str) -> tf.Variable:
    return tf.Variable(np.asarray(values, np.float32), trainable=False, name=name)


def _layer_variables(layer: Layer, number: int, *, without_input: bool) -> list[tf.Variable | None]:
    """The variables of one layer in the order of LayerWeights."""
    kernel, recurrent_kernel, bias = layer.weights
    input_bias, *more = np.atleast_2d(bias)
    return [
        None if without_input else _variable(kernel, f"kernel_{number}"),
        None if without_input else _variable(input_bias, f"bias_{number}"),
        _variable(recurrent_kernel, f"recurrent_kernel_{number}"),
        _variable(more[0], f"recurrent_bias_{number}") if more else None,
    ]


def _rnn_advance(projected: tf.Tensor, state: State, weights: LayerWeights) -> State:
    """One step of `seqmagic.network.cells.rnn_step` from x·W + b, (B, U)."""
    return (tf.tanh(projected + tf.matmul(state[0], weights.recurrent_kernel)),)


def _lstm_advance(projected: tf.Tensor, state: State, weights: LayerWeights) -> State:
    """One step of `seqmagic.network.cells.lstm_step` from x·W + b, (B, 4*U): input, forget, candidate, output."""
    h, c = state
    input_block, forget_block, candidate_block, output_block = tf.split(
        projected + tf.matmul(h, weights.recurrent_kernel), 4, axis=1
    )
    c = tf.sigmoid(forget_block) * c + tf.sigmoid(input_block) * tf.tanh(candidate_block)
    return tf.sigmoid(output_block) * tf.tanh(c), c


def _gru_advance(projected: tf.Tensor, state: State, weights: LayerWeights) -> State:
    """One step of `seqmagic.network.cells.gru_step` from x·W + b, (B, 3*U): keep, reset, candidate."""
    (h,) = state
    recurrent = tf.matmul(h, weights.recurrent_kernel) + weights.recurrent_bias
    x_keep, x_reset, x_candidate = tf.split(projected, 3, axis=1)
    h_keep, h_reset, h_candidate = tf.split(recurrent, 3, axis=1)
    keep = tf.sigmoid(x_keep + h_keep)
    candidate = tf.tanh(x_candidate + tf.sigmoid(x_reset + h_reset) * h_candidate)
    return (candidate + keep * (h - candidate),)


_ADVANCE: dict[str, Callable[[tf.Tensor, State, LayerWeights], State]] = {
    "rnn": _rnn_advance,
    "lstm": _lstm_advance,
    "gru": _gru_advance,
}
