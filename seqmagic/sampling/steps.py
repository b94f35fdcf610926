"""One time step of each cell, written for speed: in place, few calls, weights laid out for the product.

The equations are those of `seqmagic.network.cells`, the truth that tests hold these against. What differs:

- Units come first: a state is (U,) for one stream and (U, N) for N streams side by side, so that every
  gate is one contiguous block and a product is `matrix (rows, inputs) · state`.
- The outputs of all layers stand in one buffer, one layer above the other. What a layer reads, the output
  below and its own of the step before, is then one slice, and [W; U] one matrix: one product per layer.
- sigmoid(x) = 0.5*tanh(0.5*x) + 0.5, the inner 0.5 multiplied into the weights beforehand (exact, being a
  power of two), so that one tanh serves all gates of a layer.

At one stream a character costs the reading of the weights and some ten calls of NumPy per layer. The second
part is why the gates are ordered so that neighbours share a call.

Axes: D outputs of the layer below, U units, N streams, R numbers in an input row. All arrays are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqmagic.network.cells import Weights, blocks

_HALF = np.array(0.5, np.float32)  # a 0-d array is the cheapest scalar operand of a ufunc


@dataclass(frozen=True)
class FoldedLayer:
    """One layer's weights as its step wants them.

    Attributes:
        cell: rnn, lstm or gru.
        units: U.
        below: D; 0 in the first layer, whose input comes as rows of a table.
        products: The matrices of a step, C order: see `fold_rnn`, `fold_lstm`, `fold_gru`.
        row_kernel, row_bias: (inputs, R) and (R,): x·row_kernel + row_bias is the input row of x.
    """

    cell: str
    units: int
    below: int
    products: tuple[np.ndarray, ...]
    row_kernel: np.ndarray
    row_bias: np.ndarray

    @property
    def recurrent(self) -> np.ndarray:
        """What multiplies the layer's own output where the input comes as a row, C order; a copy where D > 0."""
        if not self.below:
            return self.products[0]
        return np.concatenate([self.products[0][:, self.below :], *self.products[1:2]])

    def rows(self, inputs: np.ndarray) -> np.ndarray:
        """The input rows (T, R) of `inputs` (T, D), or of the embedding (V, E) in the first layer."""
        return inputs @ self.row_kernel + self.row_bias


@dataclass(frozen=True)
class Steps:
    """A layer at work: both calls write its new output into the shared buffer.

    Attributes:
        from_row: Step from an input row, (R,) or (R, N), and the layer's `recurrent` matrix.
        from_below: Step from the output of the layer below, which stands in the buffer.
        memory: What the layer keeps beside its output: (U,) or (U, N) arrays.
    """

    from_row: Callable[[np.ndarray, np.ndarray], None]
    from_below: Callable[[], None]
    memory: tuple[np.ndarray, ...]


def _stack(below: int, kernel: np.ndarray, recurrent_kernel: np.ndarray) -> np.ndarray:
    """[W; U] of some gates, transposed: (rows, D + U) in C order; U alone where D is 0."""
    return np.ascontiguousarray(np.concatenate([kernel[:below], recurrent_kernel]).T, np.float32)


def fold_rnn(weights: Weights, below: int) -> FoldedLayer:
    """One product, [W; U] (U, D + U). A row is x·W + b, R = U."""
    kernel, recurrent_kernel, bias = weights
    product = _stack(below, kernel, recurrent_kernel)
    return FoldedLayer("rnn", recurrent_kernel.shape[0], below, (product,), kernel, bias)


def fold_lstm(weights: Weights, below: int) -> FoldedLayer:
    """One product, [W; U] (4U, D + U), blocks o, i, f halved, then g. A row is x·W + b so arranged, R = 4U."""
    units = weights.recurrent_kernel.shape[0]

    def arrange(array: np.ndarray) -> np.ndarray:
        i, f, g, o = blocks(array, units)
        return np.concatenate([0.5 * o, 0.5 * i, 0.5 * f, g], axis=-1)

    kernel, recurrent_kernel, bias = (arrange(array) for array in weights)
    return FoldedLayer("lstm", units, below, (_stack(below, kernel, recurrent_kernel),), kernel, bias)


def fold_gru(weights: Weights, below: int) -> FoldedLayer:
    """Three products: [W; U] of z and r, halved, (2U, D + U); U of the candidate (U, U); its W (U, D).

    The first layer, which has no W, has one: U of z and r, halved, and of the candidate, (3U, U).

    A row has R = 4U: z and r with the sum of both biases, halved; the inner bias d of the candidate, which
    the reset gate scales with the recurrent product; x·W + b of the candidate.
    """
    units = weights.recurrent_kernel.shape[0]
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)

    def halved(array: np.ndarray) -> np.ndarray:
        return np.concatenate([0.5 * array[..., gates], array[..., candidate]], axis=-1)

    kernel, recurrent_kernel, (bias, inner_bias) = (halved(array) for array in weights)
    if below:
        products: tuple[np.ndarray, ...] = (
            _stack(below, kernel[:, gates], recurrent_kernel[:, gates]),
            np.ascontiguousarray(recurrent_kernel[:, candidate].T),
            np.ascontiguousarray(kernel[:, candidate].T),
        )
    else:
        products = (_stack(0, kernel, recurrent_kernel),)
    nothing = np.zeros_like(kernel[:, candidate])
    row_kernel = np.concatenate([kernel[:, gates], nothing, kernel[:, candidate]], axis=1)
    row_bias = np.concatenate([(bias + inner_bias)[gates], inner_bias[candidate], bias[candidate]])
    return FoldedLayer("gru", units, below, products, row_kernel, row_bias)


def rnn_steps(layer: FoldedLayer, outputs: np.ndarray) -> Steps:
    """`rnn_step` of `seqmagic.network.cells` in place; arguments as for `lstm_steps`."""
    dot, add, tanh = np.dot, np.add, np.tanh
    h = outputs[layer.below :]
    (both,) = layer.products
    bias = _column(layer.row_bias, h)
    sums = np.empty_like(h)

    def from_row(row: np.ndarray, recurrent: np.ndarray) -> None:
        dot(recurrent, h, sums)
        add(sums, row, sums)
        tanh(sums, h)

    def from_below() -> None:
        dot(both, outputs, sums)
        add(sums, bias, sums)
        tanh(sums, h)

    return Steps(from_row, from_below, ())


def lstm_steps(layer: FoldedLayer, outputs: np.ndarray) -> Steps:
    """`lstm_step` of `seqmagic.network.cells` in place.

    Args:
        layer: The weights.
        outputs: (D + U,) or (D + U, N), contiguous: output of the layer below, then this layer's own h.
    """
    dot, add, multiply, tanh = np.dot, np.add, np.multiply, np.tanh
    units = layer.units
    h = outputs[layer.below :]
    (both,) = layer.products
    bias = _column(layer.row_bias, h)
    # o | i | f | g | c in one array: i and f stand over against g and c, so one call makes both products
    work = np.zeros((5 * units, *h.shape[1:]), np.float32)
    gates, sigmoids, output_gate = work[: 4 * units], work[: 3 * units], work[:units]
    input_and_forget, candidate_and_c, c = work[units : 3 * units], work[3 * units :], work[4 * units :]
    products = np.empty((2 * units, *h.shape[1:]), np.float32)
    written, kept = products[:units], products[units:]

    def finish() -> None:
        tanh(gates, gates)
        multiply(sigmoids, _HALF, sigmoids)
        add(sigmoids, _HALF, sigmoids)
        multiply(input_and_forget, candidate_and_c, products)
        add(written, kept, c)
        tanh(c, h)
        multiply(output_gate, h, h)

    def from_row(row: np.ndarray, recurrent: np.ndarray) -> None:
        dot(recurrent, h, gates)
        add(gates, row, gates)
        finish()

    def from_below() -> None:
        dot(both, outputs, gates)
        add(gates, bias, gates)
        finish()

    return Steps(from_row, from_below, (c,))


def gru_steps(layer: FoldedLayer, outputs: np.ndarray) -> Steps:
    """`gru_step` of `seqmagic.network.cells` in place; arguments as for `lstm_steps`."""
    dot, add, subtract, multiply, tanh = np.dot, np.add, np.subtract, np.multiply, np.tanh
    units = layer.units
    below, h = outputs[: layer.below], outputs[layer.below :]
    products = layer.products
    bias = _column(layer.row_bias, h)
    # z | r | U·h of the candidate | x·W of the candidate, as in an input row
    work = np.zeros((4 * units, *h.shape[1:]), np.float32)
    gates, keep, reset = work[: 2 * units], work[:units], work[units : 2 * units]
    recurrent_sums, candidate, from_input = work[: 3 * units], work[2 * units : 3 * units], work[3 * units :]
    row_sums = 3 * units

    def finish(projected: np.ndarray) -> None:
        tanh(gates, gates)
        multiply(gates, _HALF, gates)
        add(gates, _HALF, gates)
        multiply(reset, candidate, candidate)
        add(candidate, projected, candidate)
        tanh(candidate, candidate)
        subtract(h, candidate, h)  # h = z*h + (1 - z)*g = g + z*(h - g)
        multiply(keep, h, h)
        add(candidate, h, h)

    def from_row(row: np.ndarray, recurrent: np.ndarray) -> None:
        dot(recurrent, h, recurrent_sums)
        add(recurrent_sums, row[:row_sums], recurrent_sums)
        finish(row[row_sums:])

    def from_below() -> None:
        dot(products[0], outputs, gates)
        dot(products[1], h, candidate)
        dot(products[2], below, from_input)
        add(work, bias, work)
        finish(from_input)

    return Steps(from_row, from_below, ())


def _column(bias: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The bias (R,) as it is added to the work of one stream, (R,), or of several, (R, N), a column for each."""
    return bias if h.ndim == 1 else np.repeat(bias[:, np.newaxis], h.shape[1], axis=1)


FOLDS = {"rnn": fold_rnn, "lstm": fold_lstm, "gru": fold_gru}
STEPS = {"rnn": rnn_steps, "lstm": lstm_steps, "gru": gru_steps}
