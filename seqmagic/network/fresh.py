"""A network before its training, in NumPy: drawn as this tool starts its models, or as Keras would.

Axes: D input size, U units, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from seqmagic.config import ModelConfig
from seqmagic.network.cells import blocks
from seqmagic.network.layout import LAYOUTS
from seqmagic.network.network import Network

RECURRENT_GAIN = {"rnn": 0.5, "lstm": 0.25, "gru": 0.25}
DENSE_GAIN = 4.0
EMBEDDING_RANGE = 1.0


def fresh_network(config: ModelConfig, *, vocabulary_size: int, seed: int, start: str = "seqmagic") -> Network:
    """An untrained network of the shape of `config`.

    Its distribution is that of `seqmagic.training.model.build_model` (`start` seqmagic) or of stock Keras
    layers (`start` keras: the embedding within ±0.05, recurrent and dense kernels at gain 1); the draws
    are NumPy's, so a seed gives other numbers than the same seed in Keras.
    """
    ours = start == "seqmagic"
    rng = np.random.default_rng(seed)
    layout = LAYOUTS[config.cell]
    units, width = int(config.units or 0), config.embedding
    reach = EMBEDDING_RANGE if ours else 0.05
    arrays = [rng.uniform(-reach, reach, (vocabulary_size, width))]
    for _ in range(config.layers or 0):
        shapes = layout.shapes(width, units)
        columns, bias = shapes["kernel"][1], np.zeros(shapes["bias"])
        if "forget" in layout.gates:
            blocks(bias, units)[layout.gates.index("forget")][:] = 1.0  # starts open (Jozefowicz et al. 2015)
        gain = RECURRENT_GAIN[config.cell] if ours else 1.0
        arrays += [_glorot(rng, width, columns), gain * _orthogonal(rng, units, columns), bias]
        width = units
    arrays += [(DENSE_GAIN if ours else 1.0) * _glorot(rng, width, vocabulary_size), np.zeros(vocabulary_size)]
    return Network.from_weights(config.cell, arrays)


def _glorot(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    limit = np.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns))


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """(rows, columns), rows <= columns, with orthonormal rows, uniform among all such."""
    q, r = np.linalg.qr(rng.normal(size=(columns, rows)).astype(np.float32))
    return (q * np.sign(np.diag(r))).T
