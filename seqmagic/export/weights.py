"""The weights of a network as named arrays, in one order that all formats share, in float32 or float16."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seqmagic.errors import ExportError
from seqmagic.network.layout import array_names
from seqmagic.network.network import Network


def named_arrays(network: Network) -> dict[str, np.ndarray]:
    """The arrays of `network` in the order of Keras, float32.

    embedding (V, E); kernel_1 (E, G*U), recurrent_kernel_1 (U, G*U), bias_1 and so on for each layer, as
    in `seqmagic.network.cells.Weights`; dense_kernel (U, V), dense_bias (V,).
    """
    return dict(zip(array_names(len(network.layers)), network.arrays, strict=True))


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
