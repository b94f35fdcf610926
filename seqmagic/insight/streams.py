"""A long text read in streams side by side, each warmed up before what counts: bits, hits and states of it.

Position p stands for "having read ids[0..p], about to predict ids[p + 1]". The positions that count are cut
into as many neighbouring shares as there are streams; a stream reads `WARM_UP` characters before its share.

Axes: B streams (b of them together), T time, U units, k numbers carried, L lesions, n positions that count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmagic.evaluation import units
from seqmagic.evaluation.scorer import cross_entropy
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.replay import replay
from seqmagic.insight.settings import WARM_UP
from seqmagic.network.cells import CELLS, project
from seqmagic.network.network import Network, States

_STREAMS = 16
_SHORTEST_SHARE = 2 * WARM_UP  # positions: else most of what is read would be warming up
_GROUPS = 2
_PIECE = 100  # characters of each stream at a time
_NUMBERS_AT_A_TIME = 2**22


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One number of what a model carries: unit `unit`, from 0, of the state `state` (h or c) of layer `layer`."""

    layer: int
    state: str
    unit: int


@dataclass(frozen=True)
class Lesion:
    """A unit held at one value all the time."""

    unit: Unit
    value: float


@dataclass(frozen=True)
class _Plan:
    """Positions that the streams read, (B, T), of which the last `share` of each stream count: `first` to `stop`."""

    positions: np.ndarray
    share: int
    first: int
    stop: int

    def groups(self) -> list[np.ndarray]:
        """The positions of the streams that are read together, (b, T) each: as many on any machine."""
        return np.array_split(self.positions, min(_GROUPS, len(self.positions)))

    def gather(self, values: np.ndarray) -> np.ndarray:
        """(..., B, T) values of all positions read -> (..., n) of those that count, in their order."""
        found = np.empty((*values.shape[:-2], self.stop - self.first), values.dtype)
        found[..., self.positions[:, -self.share :] - self.first] = values[..., -self.share :]
        return found


def _plan(first: int, stop: int, streams: int = _STREAMS) -> _Plan:
    count = max(1, min(streams, (stop - first) // _SHORTEST_SHARE))
    share = -(-(stop - first) // count)
    starts = np.minimum(first + share * np.arange(count), stop - share)  # the last may count some twice
    return _Plan(starts[:, np.newaxis] + np.arange(-WARM_UP, share), share, first, stop)


def _pieces(positions: np.ndarray) -> Iterator[np.ndarray]:
    """(b, T) positions a few at a time, so that no array over all of them stands in memory with all gates."""
    for start in range(0, positions.shape[1], _PIECE):
        yield positions[:, start : start + _PIECE]


def read_bits(network: Network, ids: np.ndarray, *, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """What each of the positions from `WARM_UP` to below `stop` cost, in bits, and whether the first guess was right.

    Returns:
        (n,) float64 and (n,) bool.
    """
    plan = _plan(WARM_UP, stop, streams=4 * _STREAMS)

    def read(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        states = network.initial_states(len(group))
        found = []
        for positions in _pieces(group):
            outputs, states = network.read(ids[positions], states)
            found.append(_judge(network, outputs.swapaxes(0, 1), ids[positions + 1]))
        bits, hits = zip(*found, strict=True)
        return np.concatenate(bits, axis=1), np.concatenate(hits, axis=1)

    bits, hits = zip(*side_by_side(read, plan.groups()), strict=True)
    return plan.gather(np.concatenate(bits)), plan.gather(np.concatenate(hits))


def units_of(network: Network) -> list[Unit]:
    """All that a network carries from character to character, in the order of `read_states`."""
    return [
        Unit(layer=number, state=name, unit=unit)
        for number, (layer, state) in enumerate(zip(network.layers, network.initial_states(1), strict=True))
        for name in CELLS[layer.cell].state._fields
        for unit in range(getattr(state, name).shape[1])
    ]


def read_states(network: Network, ids: np.ndarray, *, stop: int) -> np.ndarray:
    """What each unit carried after reading the positions from `WARM_UP` to below `stop`: (k, n) float32."""
    plan = _plan(WARM_UP, stop)

    def read(group: np.ndarray) -> np.ndarray:
        states = network.initial_states(len(group))
        kept = []
        for positions in _pieces(group):
            trace = replay(network, ids[positions], states)
            states = trace.last_states
            carried = np.concatenate([array[1:] for layer in trace.layers for array in layer.states], axis=2)
            kept.append(carried.transpose(2, 1, 0))
        return np.concatenate(kept, axis=2)

    return plan.gather(np.concatenate(side_by_side(read, plan.groups()), axis=1))


def read_bits_with_lesions(
    network: Network, lesions: Sequence[Lesion], ids: np.ndarray, *, first: int, stop: int
) -> np.ndarray:
    """What the positions from `first` to below `stop` cost with each of the lesions, in bits, (L, n) float64."""
    plan = _plan(first, stop)

    def read(job: tuple[Lesion, np.ndarray]) -> np.ndarray:
        lesion, group = job
        states = network.initial_states(len(group))
        found = []
        for positions in _pieces(group):
            outputs, states = _read_with_lesion(network, lesion, ids[positions], states)
            found.append(_judge(network, outputs.swapaxes(0, 1), ids[positions + 1])[0])
        return np.concatenate(found, axis=1)

    jobs = [(lesion, group) for lesion in lesions for group in plan.groups()]
    bits = side_by_side(read, jobs)
    each = len(plan.groups())
    return np.stack([plan.gather(np.concatenate(bits[start : start + each])) for start in range(0, len(bits), each)])


def _read_with_lesion(network: Network, lesion: Lesion, ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
    """As `Network.read`, with one unit held at its value: outputs (T, B, U), states."""
    inputs = network.embedding[ids.T]
    last_states = []
    for number, (layer, state) in enumerate(zip(network.layers, states, strict=True)):
        cell = CELLS[layer.cell]
        projected = project(inputs, layer.weights)
        inputs = np.empty((*ids.T.shape, state.h.shape[1]), projected.dtype)
        for step, added in enumerate(projected):
            gates = cell.compute_gates(added, state, layer.weights)
            state = cell.combine(gates, state)
            if lesion.unit.layer == number:
                _hold(state, gates, lesion)
            inputs[step] = state.h
        last_states.append(state)
    return inputs, tuple(last_states)


def _hold(state: Any, gates: Any, lesion: Lesion) -> None:
    """Put the value of a lesion into a new state; what is shown of a held c follows from it."""
    unit = lesion.unit.unit
    getattr(state, lesion.unit.state)[:, unit] = lesion.value
    if lesion.unit.state == "c":
        state.h[:, unit] = gates.output[:, unit] * np.tanh(lesion.value)


def _judge(network: Network, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bits of the targets (B, T), and whether each was the likeliest, from the outputs (B, T, U)."""
    bits, hits = np.empty(targets.shape), np.empty(targets.shape, bool)
    steps = max(1, _NUMBERS_AT_A_TIME // (len(targets) * network.vocabulary_size))
    for start in range(0, targets.shape[1], steps):
        piece = slice(start, start + steps)
        logits = outputs[:, piece] @ network.dense_kernel + network.dense_bias
        hits[:, piece] = logits.argmax(axis=-1) == targets[:, piece]
        bits[:, piece] = units.bits(1) * cross_entropy(logits, targets[:, piece])
    return bits, hits
