"""The weights of a network as named arrays, in one order that all formats share, in float32 or float16."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from seqmagic.errors import ExportError
from seqmagic.network.cells import Weights
from seqmagic.network.network import Layer, Network


def named_arrays(network: Network) -> dict[str, np.ndarray]:
    """The arrays of `network` in the order of Keras, float32.

    embedding (V, E); kernel_1 (E, G*U), recurrent_kernel_1 (U, G*U), bias_1 and so on for each layer, as
    in `seqmagic.network.cells.Weights`; dense_kernel (U, V), dense_bias (V,).
    """
    arrays = {"embedding": network.embedding}
    for number, layer in enumerate(network.layers, 1):
        arrays |= {f"{name}_{number}": array for name, array in layer.weights._asdict().items()}
    return arrays | {"dense_kernel": network.dense_kernel, "dense_bias": network.dense_bias}


def cells_of(network: Network) -> list[str]:
    """The cell of each layer, first to last."""
    return [layer.cell for layer in network.layers]


def to_float16(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`arrays` rounded to the nearest float16.

    Raises:
        ExportError: a weight is too large for float16, which ends at 65,504.
    """
    halves = {}
    for name, array in arrays.items():
        largest = float(np.abs(array).max(initial=0.0))
        if not largest < 65_520:  # what rounds to 65,504; NaN is refused as well
            raise ExportError(
                f"{name} has a weight of {largest:g}, which float16 can't hold (at most 65,504); "
                "export without --quantize float16, in another format than web"
            )
        halves[name] = array.astype(np.float16)
    return halves


def rounded_to_float16(network: Network) -> Network:
    """`network` with every weight rounded to float16 and held as float32: what a float16 export computes."""
    arrays = {name: array.astype(np.float32) for name, array in to_float16(named_arrays(network)).items()}
    layers = tuple(
        Layer(cell, Weights(*(arrays[f"{name}_{number}"] for name in Weights._fields)))
        for number, cell in enumerate(cells_of(network), 1)
    )
    return replace(
        network,
        embedding=arrays["embedding"],
        layers=layers,
        dense_kernel=arrays["dense_kernel"],
        dense_bias=arrays["dense_bias"],
    )
