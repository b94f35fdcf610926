"""Networks whose memory is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seqmagic.network.cells import CELLS, Weights
from seqmagic.network.network import Layer, Network
from tests.helpers import random_weights

SYMBOLS = 8


def orthogonal(size: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def linear_rnn(recurrent: np.ndarray, *, size: float = 1e-4, seed: int = 0) -> Network:
    """A simple network so small in its inputs that tanh is the identity: its memory is that of `recurrent`."""
    rng = np.random.default_rng(seed)
    units = len(recurrent)
    return Network(
        embedding=size * rng.normal(size=(SYMBOLS, units)),
        layers=(Layer("rnn", Weights(np.eye(units), recurrent, np.zeros(units))),),
        dense_kernel=rng.normal(size=(units, SYMBOLS)),
        dense_bias=np.zeros(SYMBOLS),
    )


def without_recurrence(network: Network) -> Network:
    layer = network.layers[0]
    zero = np.zeros_like(layer.weights.recurrent_kernel)
    return replace(network, layers=(Layer(layer.cell, layer.weights._replace(recurrent_kernel=zero)),))


def random_network(cell: str, *, units: int = 6, layers: int = 1, seed: int = 1) -> Network:
    """Of random weights, float32, on `SYMBOLS` characters."""
    return Network.from_weights(
        cell, random_weights(cell, vocabulary_size=SYMBOLS, units=units, layers=layers, seed=seed)
    )


def with_gate_bias(network: Network, **biases: float) -> Network:
    """The same with the weights of these gates of the first layer at 0, and their bias as given."""
    layer = network.layers[0]
    units, gates = layer.weights.recurrent_kernel.shape[0], CELLS[layer.cell].gates
    kernel, recurrent, bias = (array.copy() for array in layer.weights)
    for gate, value in biases.items():
        block = slice(gates.index(gate) * units, (gates.index(gate) + 1) * units)
        kernel[:, block] = recurrent[:, block] = bias[..., block] = 0
        np.atleast_2d(bias)[0, block] = value
    weights = Weights(kernel, recurrent, bias)
    return replace(network, layers=(Layer(layer.cell, weights), *network.layers[1:]))


def shift_register(distance: int, *, sure: float = 0.9) -> Network:
    """Predicts again, with probability `sure`, what it read `distance` characters before; knows nothing else."""
    size = 1e-3  # so small that tanh is the identity
    units = distance * SYMBOLS
    recurrent = np.eye(units, k=SYMBOLS)  # every step moves each character one place on
    kernel = np.eye(SYMBOLS, units)
    logit = np.log(sure / (1 - sure) * (SYMBOLS - 1))
    return Network(
        embedding=size * np.eye(SYMBOLS),
        layers=(Layer("rnn", Weights(kernel, recurrent, np.zeros(units))),),
        dense_kernel=np.eye(units, SYMBOLS, k=SYMBOLS - units) * logit / size,
        dense_bias=np.zeros(SYMBOLS),
    )


def copying_text(distance: int, characters: int, *, sure: float = 0.9, seed: int = 0) -> np.ndarray:
    """Ids from 1 to SYMBOLS - 1: each that of `distance` before with probability `sure`, else any."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, SYMBOLS, characters)
    copied = rng.random(characters) < sure
    for place in range(distance, characters):
        if copied[place]:
            ids[place] = ids[place - distance]
    return ids
