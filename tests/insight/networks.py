"""Networks whose memory is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seqmagic.network.cells import Weights
from seqmagic.network.network import Layer, Network

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
