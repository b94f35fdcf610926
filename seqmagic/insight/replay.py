"""Replay: a network reads again, and every gate, candidate and state of every step is kept.

The equations are those that write text (`seqmagic.network.cells`), here in float64 as a rule, and so are
the exact gradients: of any loss, with respect to any earlier state or input.

Axes: B batch, T time, E embedding, U units, V vocabulary. Time comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from seqmagic.errors import RunError
from seqmagic.evaluation import units
from seqmagic.network.cells import CELLS, Weights, project
from seqmagic.network.network import Layer, Network, States, kept_state
from seqmagic.network.probabilities import softmax

TOLERANCE = 1e-4  # of a probability: how far a replay may be from the model's own float32
_CHECKED = 500  # characters that the check reads
_PIECE = 64  # of them at a time, so that no (T, V) array of a large vocabulary stands in memory whole


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did.

    Attributes:
        gates: The cell's named tuple of gates and candidate, (T, B, U) each.
        states: The cell's named tuple of states, (T + 1, B, U) each: entry t is the state after t steps.
    """

    gates: Any
    states: Any

    def before(self, step: int) -> Any:
        """The state that step number `step`, from 0, started from."""
        return type(self.states)(*(array[step] for array in self.states))

    def after(self, step: int) -> Any:
        """The state that step number `step` ended in."""
        return self.before(step + 1)


@dataclass(frozen=True)
class Trace:
    """What all layers of `network` did while they read; `network` has the precision of the replay.

    `keep` is as `Network.keep` gives it: where a record begins, a step starts from an empty state, not from the one
    that the step before it ended in.
    """

    network: Network
    layers: tuple[LayerTrace, ...]
    keep: np.ndarray | None = None

    @property
    def outputs(self) -> np.ndarray:
        """What the last recurrent layer put out, (T, B, U)."""
        return self.layers[-1].states.h[1:]

    @property
    def steps(self) -> int:
        return len(self.outputs)

    @property
    def last_states(self) -> States:
        """The states after the last step, to go on from."""
        return tuple(layer.after(self.steps - 1) for layer in self.layers)

    def logits(self) -> np.ndarray:
        """Of the character after each one read, (T, B, V)."""
        return self.outputs @ self.network.dense_kernel + self.network.dense_bias


def in_precision(network: Network, dtype: DTypeLike) -> Network:
    """The same network with its weights as `dtype`."""
    layers = (Layer(layer.cell, Weights(*(a.astype(dtype) for a in layer.weights))) for layer in network.layers)
    return replace(
        network,
        embedding=network.embedding.astype(dtype),
        layers=tuple(layers),
        dense_kernel=network.dense_kernel.astype(dtype),
        dense_bias=network.dense_bias.astype(dtype),
    )


def replay(network: Network, ids: np.ndarray, states: States | None = None) -> Trace:
    """Read `ids` (B, T) from `states` on, from an empty memory where none are given, and keep everything.

    The precision is that of the weights: `replay(in_precision(network, np.float64), ids)` for float64.
    """
    if states is None:
        states = network.initial_states(len(ids))
    traces = []
    inputs = network.embedding[ids.T]
    keep = network.keep(ids)
    for layer, state in zip(network.layers, states, strict=True):
        trace = _replay_layer(layer, project(inputs, layer.weights), state, keep)
        inputs = trace.states.h[1:]
        traces.append(trace)
    return Trace(network, tuple(traces), keep)


def _replay_layer(layer: Layer, projected: np.ndarray, state: Any, keep: np.ndarray | None) -> LayerTrace:
    cell = CELLS[layer.cell]
    steps, batch = projected.shape[:2]
    units = layer.weights.recurrent_kernel.shape[0]
    states = type(state)(*(np.empty((steps + 1, batch, units), projected.dtype) for _ in state))
    for kept, array in zip(states, state, strict=True):
        kept[0] = array
    all_gates: Any = None
    for step, inputs in enumerate(projected):
        if keep is not None:
            state = kept_state(state, keep[step])
        gates = cell.compute_gates(inputs, state, layer.weights)
        state = cell.combine(gates, state)
        if all_gates is None:
            all_gates = type(gates)(*(np.empty((steps, batch, units), projected.dtype) for _ in gates))
        for kept, array in zip((*all_gates, *states), (*gates, *state), strict=True):
            kept[step if len(kept) == steps else step + 1] = array
    return LayerTrace(all_gates, states)


def step_back(trace: Trace, step: int, d_states: States) -> tuple[np.ndarray, States]:
    """From the gradient with respect to the states after `step` to what was there before it, exactly.

    Args:
        trace: Of the replay.
        step: Number of the step, from 0.
        d_states: Gradient of a number with respect to the states of all layers after the step. What the
            number owes to the output of the last layer at this step belongs to the h of that layer.

    Returns:
        The gradients with respect to the input of the first layer at this step, (B, E), and to the states
        of all layers before it.
    """
    d_before: list[Any] = []
    d_input: Any = None
    for layer, kept, d_after in reversed(list(zip(trace.network.layers, trace.layers, d_states, strict=True))):
        if d_input is not None:
            d_after = d_after._replace(h=d_after.h + d_input)
        before = kept.before(step) if trace.keep is None else kept_state(kept.before(step), trace.keep[step])
        d_projected, d_state = CELLS[layer.cell].backward(
            d_after, type(kept.gates)(*(gate[step] for gate in kept.gates)), before, kept.after(step), layer.weights
        )
        d_state = d_state if trace.keep is None else kept_state(d_state, trace.keep[step])
        d_input = d_projected @ layer.weights.kernel.T
        d_before.append(d_state)
    return d_input, tuple(reversed(d_before))


@dataclass(frozen=True)
class Gradients:
    """Gradient of one number with respect to everything before it.

    Attributes:
        inputs: With respect to the embedded character of each step, (T, B, E).
        states: For each layer, with respect to its state after t steps, t from 0: (T + 1, B, U) each. A
            state counts as what is carried into the next step; what the layer above reads of it in the
            same step is counted there.
    """

    inputs: np.ndarray
    states: tuple[Any, ...]


def gradients(trace: Trace, d_outputs: Mapping[int, np.ndarray]) -> Gradients:
    """Go all the way back.

    Args:
        trace: Of the replay.
        d_outputs: By step, the gradient with respect to the output of the last layer there, (B, U); of
            bits, `bits_gradient` gives it. Steps that the number does not depend on may be left out.
    """
    network = trace.network
    d_states = network.initial_states(trace.outputs.shape[1])
    kept = tuple(type(layer.states)(*(np.zeros_like(a) for a in layer.states)) for layer in trace.layers)
    inputs = np.empty((trace.steps, trace.outputs.shape[1], network.embedding.shape[1]), trace.outputs.dtype)
    for step in reversed(range(trace.steps)):
        if step in d_outputs:
            top = d_states[-1]
            d_states = (*d_states[:-1], top._replace(h=top.h + d_outputs[step]))
        for arrays, d_state in zip(kept, d_states, strict=True):
            for array, d_array in zip(arrays, d_state, strict=True):
                array[step + 1] = d_array
        inputs[step], d_states = step_back(trace, step, d_states)
    for arrays, d_state in zip(kept, d_states, strict=True):
        for array, d_array in zip(arrays, d_state, strict=True):
            array[0] = d_array
    return Gradients(inputs, kept)


def bits_gradient(network: Network, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Gradient of -log2 p(target) with respect to the outputs of the last layer: (..., U), (...) -> (..., U)."""
    d_logits = softmax(outputs @ network.dense_kernel + network.dense_bias)
    chosen = np.take_along_axis(d_logits, targets[..., np.newaxis], axis=-1)
    np.put_along_axis(d_logits, targets[..., np.newaxis], chosen - 1, axis=-1)
    return units.bits(d_logits @ network.dense_kernel.T)


def check_replay(network: Network, ids: np.ndarray, name: str) -> float:
    """How far the replay in float64 is from the model's own float32 probabilities on the head of `ids` (N,).

    Returns:
        The largest difference of any probability.

    Raises:
        RunError: it is above `TOLERANCE`, or no number.
    """
    exact = in_precision(network, np.float64)
    own_states, states = network.initial_states(1), exact.initial_states(1)
    worst = 0.0
    for start in range(0, min(len(ids), _CHECKED), _PIECE):
        piece = ids[np.newaxis, start : start + _PIECE]
        own, own_states = network.forward(piece, own_states)
        trace = replay(exact, piece, states)
        states = trace.last_states
        difference = np.abs(softmax(trace.logits()[:, 0]) - softmax(own[0])).max()
        if not difference <= TOLERANCE:
            raise RunError(
                f"run {name} cannot be replayed: its probabilities differ by {difference:.2g} from those of its own "
                f"float32, more than {TOLERANCE:g}; nothing measured on it could be trusted"
            )
        worst = max(worst, float(difference))
    return worst
