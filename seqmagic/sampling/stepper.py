"""The stepper: a network assembled once for writing, one character of every stream per step.

It knows ids and logits only; what is done with the logits is the sampler's matter.

Axes: T time, N streams, V vocabulary, U units of the last layer, S units of all layers, R numbers in an
input row. Floats are float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqmagic.evaluation.scorer import cross_entropy
from seqmagic.network.network import Network
from seqmagic.sampling.steps import FOLDS, STEPS, FoldedLayer

_PAD = 16  # numbers, 64 bytes: a line of the cache
PIECE = 256  # characters of a prompt that pass through a layer at once: bounds the memory a prompt needs


Work = Callable[..., Any]


class State(NamedTuple):
    """The memory of one stream: outputs (S,) of all layers, and what each layer keeps beside its output."""

    outputs: np.ndarray
    memory: tuple[np.ndarray, ...]


def _plainly(work: Work) -> Work:
    return work


@dataclass(frozen=True)
class FoldedNetwork:
    """A network's weights laid out for speed; the steppers that run it share it.

    Attributes:
        layers: The recurrent layers, first to last.
        table: (V, R), the input row of each character: embedding and first input product in one look-up.
        dense: (V, U + _PAD), kernel and bias side by side: multiplied with the output and a 1 it gives the
            logits. Zeros fill it up, so that every row begins where the processor likes it to.
    """

    layers: tuple[FoldedLayer, ...]
    table: np.ndarray
    dense: np.ndarray

    @classmethod
    def of(cls, network: Network) -> FoldedNetwork:
        """Lay out `network`; costs one pass over its weights."""
        layers: list[FoldedLayer] = []
        for layer in network.layers:
            below = layers[-1].units if layers else 0
            layers.append(FOLDS[layer.cell](layer.weights, below))
        dense = np.zeros((network.vocabulary_size, network.units + _PAD), np.float32)
        dense[:, : network.units] = network.dense_kernel.T
        dense[:, network.units] = network.dense_bias
        return cls(tuple(layers), layers[0].rows(network.embedding), dense)

    @functools.cached_property
    def columns(self) -> np.ndarray:
        """(R, V), `table` as steppers of several streams want it; one copy for all of them."""
        return np.ascontiguousarray(self.table.T)

    @property
    def vocabulary_size(self) -> int:
        return self.table.shape[0]

    @property
    def bytes_per_step(self) -> int:
        """Weights read for one character of one stream."""
        return self.dense.nbytes + sum(matrix.nbytes for layer in self.layers for matrix in layer.products)


class Stepper:
    """N streams of one network, advanced together. They start with empty memory.

    Attributes:
        logits: (V,) for one stream, (N, V) for several; overwritten by every step.
    """

    def __init__(self, network: FoldedNetwork, streams: int = 1) -> None:
        self.network = network
        self.streams = streams
        tail = () if streams == 1 else (streams,)
        ends = np.cumsum([layer.units for layer in network.layers]).tolist()
        # one layer above the other, and above them all the 1 that the bias of the dense layer is for
        buffer = np.zeros((ends[-1] + _PAD, *tail), np.float32)
        buffer[ends[-1]] = 1.0
        self._outputs = buffer[: ends[-1]]
        self._spans = [slice(end - layer.units, end) for layer, end in zip(network.layers, ends, strict=True)]
        self._layers = [
            STEPS[layer.cell](layer, buffer[end - layer.units - layer.below : end])
            for layer, end in zip(network.layers, ends, strict=True)
        ]
        self._rows = list(network.table)
        self._scores = np.zeros((network.vocabulary_size, *tail), np.float32)
        self.logits = self._scores.T
        self._top = buffer[self._spans[-1].start :]
        self.step = self._step_of_one() if streams == 1 else self._step_of_many()

    def _step_of_one(self) -> Any:
        """`step(id)`: read one character, return the logits (V,) of the next."""
        first, *above = self._layers
        start, climb = first.from_row, [layer.from_below for layer in above]
        rows, recurrent, dot = self._rows, self.network.layers[0].recurrent, np.dot
        dense, top, logits = self.network.dense, self._top, self.logits

        def step(id: int) -> np.ndarray:
            start(rows[id], recurrent)
            for advance in climb:
                advance()
            return dot(dense, top, logits)

        return step

    def _step_of_many(self) -> Any:
        """`step(ids (N,))`: read one character in each stream, return the logits (N, V) of the next."""
        first, *above = self._layers
        table, recurrent = self.network.columns, self.network.layers[0].recurrent
        gathered = np.empty((len(table), self.streams), np.float32)

        def step(ids: np.ndarray) -> np.ndarray:
            table.take(ids, axis=1, out=gathered, mode="clip")
            first.from_row(gathered, recurrent)
            for layer in above:
                layer.from_below()
            np.dot(self.network.dense, self._top, self._scores)
            return self.logits

        return step

    def read(self, ids: np.ndarray, pace: Callable[[Work], Work] = _plainly) -> np.ndarray:
        """Read `ids` (T,), T > 0, in a single stream; return the logits (V,) of the character after them.

        Args:
            pace: Wraps the step of a layer (see `seqmagic.sampling.threads`).
        """
        for _ in self._pass_through(ids, pace):
            pass
        return np.dot(self.network.dense, self._top, self.logits)

    def predict(self, ids: np.ndarray) -> np.ndarray:
        """As `read`, but the logits after each of `ids`, (T, V); `logits` has those after the last as `read` does.

        The rows agree with what `read` gives but for rounding.
        """
        kernel, bias = self._dense()
        rows = [outputs @ kernel.T + bias for outputs in self._pass_through(ids, _plainly)]
        np.dot(self.network.dense, self._top, self.logits)
        return np.concatenate(rows)

    def score(self, ids: np.ndarray, pace: Callable[[Work], Work] = _plainly) -> np.ndarray:
        """Read `ids` (T,) in a single stream; return the nats of all but the first, (T - 1,), as predicted."""
        kernel, bias = self._dense()
        nats = [np.empty(0, np.float32)]
        position = 1
        for outputs in self._pass_through(ids[:-1], pace):
            targets = ids[position : position + len(outputs)].astype(np.intp)
            logits = outputs @ kernel.T + bias
            nats.append(cross_entropy(logits, targets))
            position += len(outputs)
        return np.concatenate(nats)

    def _dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (V, U) and bias (V,) of the dense layer."""
        kernel, bias = np.split(self.network.dense[:, : 1 - _PAD], [-1], axis=1)
        return kernel, bias[:, 0]

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
        for start in range(0, len(ids), PIECE):
            piece = ids[start : start + PIECE].tolist()
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

    def restore(self, states: Sequence[State], first: int = 0) -> None:
        """Go on from `states`, one for each stream from number `first` on."""
        memory = [kept for layer in self._layers for kept in layer.memory]
        for stream, state in enumerate(states, first):
            where: Any = ... if self.streams == 1 else (slice(None), stream)
            self._outputs[where] = state.outputs
            for mine, given in zip(memory, state.memory, strict=True):
                mine[where] = given
