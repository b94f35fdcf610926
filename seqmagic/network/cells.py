"""One time step of each recurrent cell in NumPy: the one truth of the equations, gates by name.

Axes: B batch, D input size, U units, G gate blocks. Any leading shape `...` works in place of B, in
float32 and float64 alike.

A kernel holds the blocks of all gates side by side, (D, G*U), in Keras's order: LSTM input, forget,
candidate, output; GRU keep (z), reset, candidate. Weights of the stock Keras layers therefore fit as
they are.

Beware of z in the GRU: the z of Keras KEEPS the old state, h = z*h_before + (1 - z)*candidate. Cho et
al. (2014) write it so too; Olah's "Understanding LSTM Networks" and most articles after it let z WRITE,
h = (1 - z)*h_before + z*candidate. The code calls it `keep`.

A step is cut in two: `project`, x·W + b, does not need the step before it, so that a reader of a whole
sequence computes it for all times in one product; a cell's `advance` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike


class Weights(NamedTuple):
    """The weights of one recurrent layer, as `layer.get_weights()` of Keras gives them.

    kernel: (D, G*U). recurrent_kernel: (U, G*U). bias: (G*U,); for the GRU (2, 3*U), the second row
    being added to the recurrent product, inside the reset gate.
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
    return RNNState(h=np.tanh(projected + state.h @ weights.recurrent_kernel))


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
    input_block, forget_block, candidate_block, output_block = blocks(
        projected + state.h @ weights.recurrent_kernel, state.h.shape[-1]
    )
    input_gate = sigmoid(input_block)
    forget_gate = sigmoid(forget_block)
    candidate = np.tanh(candidate_block)
    output_gate = sigmoid(output_block)
    c = forget_gate * state.c + input_gate * candidate
    return LSTMState(h=output_gate * np.tanh(c), c=c)


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
    units = state.h.shape[-1]
    x_keep, x_reset, x_candidate = blocks(projected, units)
    h_keep, h_reset, h_candidate = blocks(state.h @ weights.recurrent_kernel + weights.bias[1], units)
    keep = sigmoid(x_keep + h_keep)
    reset = sigmoid(x_reset + h_reset)
    candidate = np.tanh(x_candidate + reset * h_candidate)
    return GRUState(h=keep * state.h + (1 - keep) * candidate)


@dataclass(frozen=True)
class Cell:
    """A kind of cell: what a reader of sequences needs to know about it.

    Attributes:
        name: As on the command line.
        gates: Names of the blocks, in their order inside a kernel.
        state: Type of the state, a named tuple of (B, U) arrays whose first is the output h.
        step: (x (..., D), state, weights) -> state.
        advance: (projected (..., G*U), state, weights) -> state; `step` after `project`.
    """

    name: str
    gates: tuple[str, ...]
    state: type[Any]
    step: Callable[..., Any]
    advance: Callable[..., Any]

    def initial_state(self, batch: int, units: int, dtype: DTypeLike = np.float32) -> Any:
        """The empty memory: zeros, (batch, units) each."""
        return self.state(*(np.zeros((batch, units), dtype) for _ in self.state._fields))


CELLS = {
    "rnn": Cell("rnn", ("candidate",), RNNState, rnn_step, rnn_advance),
    "lstm": Cell("lstm", ("input", "forget", "candidate", "output"), LSTMState, lstm_step, lstm_advance),
    "gru": Cell("gru", ("keep", "reset", "candidate"), GRUState, gru_step, gru_advance),
}
