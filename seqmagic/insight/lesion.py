"""A gate put out of action: held at one value for each unit, whatever is read.

It says what a trained model relies on, not what training without that gate would give.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seqmagic.insight.roles import BLOCKS
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Layer, Network


def with_frozen_gate(network: Network, *, layer: int, role: str, value: np.ndarray) -> Network:
    """`network` with the gate `role` of one layer held at `value`.

    Its weights are put to 0 and its bias to the logit of `value`, so that the equations stay the same.

    Args:
        network: Any.
        layer: Its number, from 0.
        role: keep, write, read or reset, where it is a gate of its own.
        value: (U,) from 0 to 1, ends included.
    """
    old = network.layers[layer]
    units = old.weights.recurrent_kernel.shape[0]
    start = CELLS[old.cell].gates.index(BLOCKS[old.cell][role]) * units
    block = slice(start, start + units)
    kernel, recurrent, bias = (array.copy() for array in old.weights)
    kernel[:, block] = recurrent[:, block] = 0
    with np.errstate(divide="ignore"):
        logit = np.log(value) - np.log1p(-np.asarray(value))
    bias[..., block] = 0
    np.atleast_2d(bias)[0, block] = logit
    new = Layer(old.cell, type(old.weights)(kernel, recurrent, bias))
    return replace(network, layers=(*network.layers[:layer], new, *network.layers[layer + 1 :]))
