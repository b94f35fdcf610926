"""One time step of each recurrent cell in NumPy: the one truth of the equations, gates by name.

Axes: B batch, D input size, U units, G gate blocks. Any leading shape `...` works in place of B, in
float32 and float64 alike.

A kernel holds the blocks of all gates side by side, (D, G*U), in Keras's order: LSTM input, forget,
candidate, output; GRU keep (z), reset, candidate. Weights of the stock Keras layers therefore fit as
they are.

Beware of z in the GRU: the z of Keras KEEPS the old state, h = z*h_before + (1 - z)*candidate. Cho et
al. (2014) write it so too; Olah's "Understanding LSTM Networks" and most articles after it let z WRITE,
h = (1 - z)*h_before + z*candidate. The code calls it `keep`.

A step is cut in three. `project`, x·W + b, does not need the step before it, so that a reader of a whole
sequence computes it for all times in one product; a cell's gates come from it and the state before, and
`combine` makes the new state of them. A cell's `advance` does the last two. Who wants to look inside calls
them one by one, and a cell's `backward` goes the same way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from seqmagic.network.layout import LAYOUTS, CellLayout


class Weights(NamedTuple):
    """The weights of one recurrent layer, as `layer.get_weights()` of Keras gives them; also the gradients of them.

    kernel: (D, G*U). recurrent_kernel: (U, G*U). bias: (G*U,); for the GRU (2, 3*U), the second row
    being added to the recurrent product, inside the reset gate. Where TensorFlow computes they are its tensors.
    """

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


class RNNState(NamedTuple):
    """h: (..., U), the output and the whole memory."""

    h: np.ndarray


class LSTMState(NamedTuple):
    """h: (..., U), the output; c: (..., U), the memory that the gates guard."""

    h: np.ndarray
    c: np.ndarray


class GRUState(NamedTuple):
    """h: (..., U), the output and the whole memory."""

    h: np.ndarray


class RNNGates(NamedTuple):
    """What a step computes before its new state; (..., U). A simple cell has no gate, only a candidate."""

    candidate: np.ndarray


class LSTMGates(NamedTuple):
    """What a step computes before its new state; (..., U) each, within (0, 1), the candidate within (-1, 1)."""

    input: np.ndarray
    forget: np.ndarray
    candidate: np.ndarray
    output: np.ndarray


class GRUGates(NamedTuple):
    """What a step computes before its new state; (..., U) each, within (0, 1), the candidate within (-1, 1).

    `recalled` is what the reset gate lets through or not: h_before·U_g + d_g.
    """

    keep: np.ndarray
    reset: np.ndarray
    candidate: np.ndarray
    recalled: np.ndarray


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), written with tanh, which can't overflow; any shape, dtype kept."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def project(x: np.ndarray, weights: Weights) -> np.ndarray:
    """What the input adds to every gate: x·W + b, (..., D) -> (..., G*U). For the GRU b is the first row."""
    return x @ weights.kernel + np.atleast_2d(weights.bias)[0]


def blocks(x: np.ndarray, units: int) -> list[np.ndarray]:
    """The gate blocks of (..., G*U), each a view (..., U), in the order of the cell's `gates`."""
    return [x[..., start : start + units] for start in range(0, x.shape[-1], units)]


def rnn_step(x: np.ndarray, state: RNNState, weights: Weights) -> RNNState:
    """One step of the simple recurrent cell (Elman 1990, "Finding structure in time").

        h = tanh(x·W + h_before·U + b)

    Args:
        x: (..., D) float.
        state: h of the step before, (..., U).
        weights: kernel (D, U), recurrent_kernel (U, U), bias (U,).
    """
    return rnn_advance(project(x, weights), state, weights)


def rnn_advance(projected: np.ndarray, state: RNNState, weights: Weights) -> RNNState:
    """`rnn_step` from x·W + b, (..., U)."""
    return rnn_combine(rnn_gates(projected, state, weights), state)


def rnn_gates(projected: np.ndarray, state: RNNState, weights: Weights) -> RNNGates:
    """The candidate of a step, from x·W + b, (..., U), and the state before."""
    return RNNGates(candidate=np.tanh(projected + state.h @ weights.recurrent_kernel))


def rnn_combine(gates: RNNGates, state: RNNState) -> RNNState:
    """The state after a step: the candidate, and nothing of the state before."""
    return RNNState(h=gates.candidate)


def rnn_backward(
    d_after: RNNState, gates: RNNGates, before: RNNState, after: RNNState, weights: Weights
) -> tuple[np.ndarray, RNNState]:
    """The way back through a step: see `Cell.backward`."""
    d_block = d_after.h * (1 - after.h**2)
    return d_block, RNNState(h=d_block @ weights.recurrent_kernel.T)


def lstm_step(x: np.ndarray, state: LSTMState, weights: Weights) -> LSTMState:
    """One step of the LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

        i = sigmoid(x·W_i + h_before·U_i + b_i)      input gate: how much is written
        f = sigmoid(x·W_f + h_before·U_f + b_f)      forget gate: how much is kept
        g = tanh(x·W_g + h_before·U_g + b_g)         candidate: what is written (Keras names its block c)
        o = sigmoid(x·W_o + h_before·U_o + b_o)      output gate: how much is shown
        c = f * c_before + i * g
        h = o * tanh(c)

    Args:
        x: (..., D) float.
        state: h and c of the step before, (..., U) each.
        weights: kernel (D, 4*U), recurrent_kernel (U, 4*U), bias (4*U,), blocks i, f, g, o.
    """
    return lstm_advance(project(x, weights), state, weights)


def lstm_advance(projected: np.ndarray, state: LSTMState, weights: Weights) -> LSTMState:
    """`lstm_step` from x·W + b, (..., 4*U)."""
    return lstm_combine(lstm_gates(projected, state, weights), state)


def lstm_gates(projected: np.ndarray, state: LSTMState, weights: Weights) -> LSTMGates:
    """Gates and candidate of a step, from x·W + b, (..., 4*U), and the state before."""
    input_block, forget_block, candidate_block, output_block = blocks(
        projected + state.h @ weights.recurrent_kernel, state.h.shape[-1]
    )
    return LSTMGates(
        input=sigmoid(input_block),
        forget=sigmoid(forget_block),
        candidate=np.tanh(candidate_block),
        output=sigmoid(output_block),
    )


def lstm_combine(gates: LSTMGates, state: LSTMState) -> LSTMState:
    """The state after a step, from its gates and the state before."""
    c = gates.forget * state.c + gates.input * gates.candidate
    return LSTMState(h=gates.output * np.tanh(c), c=c)


def lstm_backward(
    d_after: LSTMState, gates: LSTMGates, before: LSTMState, after: LSTMState, weights: Weights
) -> tuple[np.ndarray, LSTMState]:
    """The way back through a step: see `Cell.backward`."""
    i, f, g, o = gates
    squashed = np.tanh(after.c)
    d_c = d_after.c + d_after.h * o * (1 - squashed**2)
    d_blocks = np.concatenate(
        [
            d_c * g * i * (1 - i),
            d_c * before.c * f * (1 - f),
            d_c * i * (1 - g**2),
            d_after.h * squashed * o * (1 - o),
        ],
        axis=-1,
    )
    return d_blocks, LSTMState(h=d_blocks @ weights.recurrent_kernel.T, c=d_c * f)


def gru_step(x: np.ndarray, state: GRUState, weights: Weights) -> GRUState:
    """One step of the GRU (Cho et al. 2014) in the variant of Keras's `reset_after=True` and of cuDNN.

        z = sigmoid(x·W_z + b_z + h_before·U_z + d_z)      keep gate: how much of the old state stays
        r = sigmoid(x·W_r + b_r + h_before·U_r + d_r)      reset gate: how much of it the candidate sees
        g = tanh(x·W_g + b_g + r * (h_before·U_g + d_g))   candidate
        h = z * h_before + (1 - z) * g

    Cho et al. reset before the product, (r * h_before)·U_g; here the product is reset, with a bias d of
    its own. z keeps here and writes in many articles: see the head of this file.

    Args:
        x: (..., D) float.
        state: h of the step before, (..., U).
        weights: kernel (D, 3*U), recurrent_kernel (U, 3*U), bias (2, 3*U) with rows b and d, blocks z, r, g.
    """
    return gru_advance(project(x, weights), state, weights)


def gru_advance(projected: np.ndarray, state: GRUState, weights: Weights) -> GRUState:
    """`gru_step` from x·W + b, (..., 3*U)."""
    return gru_combine(gru_gates(projected, state, weights), state)


def gru_gates(projected: np.ndarray, state: GRUState, weights: Weights) -> GRUGates:
    """Gates and candidate of a step, from x·W + b, (..., 3*U), and the state before."""
    units = state.h.shape[-1]
    x_keep, x_reset, x_candidate = blocks(projected, units)
    h_keep, h_reset, recalled = blocks(state.h @ weights.recurrent_kernel + weights.bias[1], units)
    reset = sigmoid(x_reset + h_reset)
    return GRUGates(
        keep=sigmoid(x_keep + h_keep),
        reset=reset,
        candidate=np.tanh(x_candidate + reset * recalled),
        recalled=recalled,
    )


def gru_combine(gates: GRUGates, state: GRUState) -> GRUState:
    """The state after a step, from its gates and the state before."""
    return GRUState(h=gates.keep * state.h + (1 - gates.keep) * gates.candidate)


def gru_backward(
    d_after: GRUState, gates: GRUGates, before: GRUState, after: GRUState, weights: Weights
) -> tuple[np.ndarray, GRUState]:
    """The way back through a step: see `Cell.backward`."""
    z, r, g, recalled = gates
    d_z = d_after.h * (before.h - g) * z * (1 - z)
    d_g = d_after.h * (1 - z) * (1 - g**2)
    d_r = d_g * recalled * r * (1 - r)
    d_recurrent = np.concatenate([d_z, d_r, d_g * r], axis=-1)  # the product was reset, so its gradient is too
    d_h = d_after.h * z + d_recurrent @ weights.recurrent_kernel.T
    return np.concatenate([d_z, d_r, d_g], axis=-1), GRUState(h=d_h)


@dataclass(frozen=True)
class Cell:
    """A kind of cell: what a reader of sequences needs to know about it.

    Attributes:
        layout: Of its weights and states.
        state: Type of the state, a named tuple of (B, U) arrays as `layout` names them.
        step: (x (..., D), state, weights) -> state.
        advance: (projected (..., G*U), state, weights) -> state; `step` after `project`.
        compute_gates: (projected (..., G*U), state, weights) -> gates, a named tuple of (..., U) arrays that
            has every name of `gates`; the first half of `advance`.
        combine: (gates, state) -> state; the second half of `advance`.
        backward: (d_after, gates, before, after, weights) -> (d_projected (..., G*U), d_before): from the
            gradient of any number with respect to the state `after` a step, exactly that with respect to
            x·W + b and to the state `before` it.
    """

    layout: CellLayout
    state: type[Any]
    step: Callable[..., Any]
    advance: Callable[..., Any]
    compute_gates: Callable[..., Any]
    combine: Callable[..., Any]
    backward: Callable[..., Any]

    @property
    def name(self) -> str:
        """As on the command line."""
        return self.layout.name

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the blocks, in their order inside a kernel."""
        return self.layout.gates

    def initial_state(self, batch: int, units: int, dtype: DTypeLike = np.float32) -> Any:
        """The empty memory: zeros, (batch, units) each."""
        return self.state(*(np.zeros((batch, units), dtype) for _ in self.state._fields))


CELLS = {
    "rnn": Cell(LAYOUTS["rnn"], RNNState, rnn_step, rnn_advance, rnn_gates, rnn_combine, rnn_backward),
    "lstm": Cell(
        LAYOUTS["lstm"],
        LSTMState,
        lstm_step,
        lstm_advance,
        lstm_gates,
        lstm_combine,
        lstm_backward,
    ),
    "gru": Cell(LAYOUTS["gru"], GRUState, gru_step, gru_advance, gru_gates, gru_combine, gru_backward),
}
