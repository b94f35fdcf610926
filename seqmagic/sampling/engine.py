"""The engine: a network assembled once for writing, one character of every stream per step.

It knows ids and logits only; what is done with the logits is the sampler's matter.

Axes: T time, N streams, V vocabulary, U units of the last layer, S units of all layers, R numbers in an
input row. Floats are float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqmagic.network import Network, cross_entropy
from seqmagic.sampling.steps import FOLDS, STEPS, FoldedLayer

_PIECE = 256  # characters of a prompt that pass through a layer at once: bounds the memory a prompt needs


Work = Callable[..., Any]


class State(NamedTuple):
    """The memory of one stream: outputs (S,) of all layers, and what each layer keeps beside its output."""

    outputs: np.ndarray
    memory: tuple[np.ndarray, ...]


def _plainly(work: Work) -> Work:
    return work


@dataclass(frozen=True)
class FoldedNetwork:
    """A network's weights laid out for speed; the engines that run it share it.

    Attributes:
        layers: The recurrent layers, first to last.
        table: (V, R), the input row of each character: embedding and first input product in one look-up.
        dense_kernel, dense_bias: (V, U) and (V,).
    """

    layers: tuple[FoldedLayer, ...]
    table: np.ndarray
    dense_kernel: np.ndarray
    dense_bias: np.ndarray

    @classmethod
    def of(cls, network: Network) -> FoldedNetwork:
        """Lay out `network`; costs one pass over its weights."""
        layers: list[FoldedLayer] = []
        for layer in network.layers:
            below = layers[-1].units if layers else 0
            layers.append(FOLDS[layer.cell](layer.weights, below))
        table = layers[0].rows(network.embedding)
        return cls(tuple(layers), table, np.ascontiguousarray(network.dense_kernel.T), network.dense_bias)

    @property
    def vocabulary_size(self) -> int:
        return self.table.shape[0]

    @property
    def bytes_per_step(self) -> int:
        """Weights read for one character of one stream."""
        return self.dense_kernel.nbytes + sum(matrix.nbytes for layer in self.layers for matrix in layer.products)


class Engine:
    """N streams of one network, advanced together. They start with empty memory.

    Attributes:
        logits: (V,) for one stream, (N, V) for several; overwritten by every step.
    """

    def __init__(self, network: FoldedNetwork, streams: int = 1) -> None:
        self.network = network
        self.streams = streams
        tail = () if streams == 1 else (streams,)
        ends = np.cumsum([layer.units for layer in network.layers]).tolist()
        self._outputs = np.zeros((ends[-1], *tail), np.float32)
        self._spans = [slice(end - layer.units, end) for layer, end in zip(network.layers, ends, strict=True)]
        self._layers = [
            STEPS[layer.cell](layer, self._outputs[end - layer.units - layer.below : end])
            for layer, end in zip(network.layers, ends, strict=True)
        ]
        self._rows = list(network.table)
        if streams == 1:
            self.logits = np.zeros(network.vocabulary_size, np.float32)
        else:
            self.logits = np.zeros((streams, network.vocabulary_size), np.float32)
            self._table = np.ascontiguousarray(network.table.T)
            self._gathered = np.empty((self._table.shape[0], streams), np.float32)
        self.step = self._step_of_one() if streams == 1 else self._step_of_many()

    def _step_of_one(self) -> Any:
        """`step(id)`: read one character, return the logits of the next."""
        first, *above = self._layers
        start, climb = first.from_row, [layer.from_below for layer in above]
        rows, recurrent = self._rows, self.network.layers[0].recurrent
        kernel, bias, logits, top = (
            self.network.dense_kernel,
            self.network.dense_bias,
            self.logits,
            self._outputs[self._spans[-1]],
        )
        dot, add = np.dot, np.add

        def step(id: int) -> np.ndarray:
            start(rows[id], recurrent)
            for advance in climb:
                advance()
            dot(kernel, top, logits)
            return add(logits, bias, logits)

        return step

    def _step_of_many(self) -> Any:
        """`step(ids (N,))`: read one character in each stream, return the logits (N, V) of the next."""
        first, *above = self._layers
        table, gathered, recurrent = self._table, self._gathered, self.network.layers[0].recurrent
        kernel, bias, logits = self.network.dense_kernel.T, self.network.dense_bias, self.logits
        top = self._outputs[self._spans[-1]].T

        def step(ids: np.ndarray) -> np.ndarray:
            table.take(ids, axis=1, out=gathered, mode="clip")
            first.from_row(gathered, recurrent)
            for layer in above:
                layer.from_below()
            np.dot(top, kernel, logits)
            return np.add(logits, bias, logits)

        return step

    def read(self, ids: np.ndarray, pace: Callable[[Work], Work] = _plainly) -> np.ndarray:
        """Read `ids` (T,), T > 0, in a single stream; return the logits (V,) of the character after them.

        Args:
            pace: Wraps the step of a layer (see `seqmagic.sampling.threads`).
        """
        for outputs in self._pass_through(ids, pace):
            last = outputs[-1]
        np.dot(self.network.dense_kernel, last, self.logits)
        return np.add(self.logits, self.network.dense_bias, self.logits)

    def score(self, ids: np.ndarray, pace: Callable[[Work], Work] = _plainly) -> np.ndarray:
        """Read `ids` (T,) in a single stream; return the nats of all but the first, (T - 1,), as predicted."""
        nats = [np.empty(0, np.float32)]
        position = 1
        for outputs in self._pass_through(ids[:-1], pace):
            targets = ids[position : position + len(outputs)].astype(np.intp)
            logits = outputs @ self.network.dense_kernel.T + self.network.dense_bias
            nats.append(cross_entropy(logits, targets))
            position += len(outputs)
        return np.concatenate(nats)

    def _pass_through(self, ids: np.ndarray, pace: Callable[[Work], Work]) -> Iterator[np.ndarray]:
        """The outputs (t, U) of the last layer for `ids` (T,), piece by piece.

        The layers take a piece one after another, so that what a layer adds for the output of the one below
        is one product for the whole piece.
        """
        layers = [
            (layer, self._outputs[span], pace(steps.from_row), layer.recurrent)
            for layer, span, steps in zip(self.network.layers, self._spans, self._layers, strict=True)
        ]
        outputs = np.empty(0, np.float32)
        for start in range(0, len(ids), _PIECE):
            piece = ids[start : start + _PIECE].tolist()
            rows: Any = [self._rows[character] for character in piece]
            for layer, h, advance, recurrent in layers:
                if layer.below:
                    rows = layer.rows(outputs)
                outputs = np.empty((len(piece), layer.units), np.float32)
                for time, row in enumerate(rows):
                    advance(row, recurrent)
                    outputs[time] = h
            yield outputs

    def state(self, stream: int = 0) -> State:
        """A copy of the memory of one stream."""

        def own(array: np.ndarray) -> np.ndarray:
            return array.copy() if self.streams == 1 else array[:, stream].copy()

        return State(own(self._outputs), tuple(own(kept) for layer in self._layers for kept in layer.memory))

    def restore(self, states: Sequence[State]) -> None:
        """Go on from `states`, one for each stream."""
        memory = [kept for layer in self._layers for kept in layer.memory]
        for stream, state in enumerate(states):
            where: Any = ... if self.streams == 1 else (slice(None), stream)
            self._outputs[where] = state.outputs
            for mine, given in zip(memory, state.memory, strict=True):
                mine[where] = given
