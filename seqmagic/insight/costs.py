"""What single predictions cost, in bits, from what the last layer gave out.

Axes: B streams, T time, U units, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqmagic.evaluation.scorer import cross_entropy
from seqmagic.evaluation.units import bits
from seqmagic.network.network import Network, States

_STEPS = 32  # characters whose outputs stand in memory together
_NUMBERS_AT_A_TIME = 2**18  # logits in memory


def take(states: States, which: slice | np.ndarray) -> States:
    """Some of the streams of `states`."""
    return tuple(type(state)(*(array[which] for array in state)) for state in states)


def read_on(network: Network, ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
    """Read `ids` (B, T) a few steps at a time: the outputs of the last step, (B, U), and the states after it."""
    outputs = np.empty((0, len(ids), network.dense_kernel.shape[0]), network.dense_kernel.dtype)
    for start in range(0, ids.shape[1], _STEPS):
        outputs, states = network.read(ids[:, start : start + _STEPS], states)
    return outputs[-1], states


def bits_of(network: Network, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """-log2 p(target) from the outputs of the last layer, (..., U) and (...) integer -> (...), as precise as they."""
    costs = np.empty(targets.size, outputs.dtype)
    for piece, logits, wanted in _pieces(network, outputs, targets):
        costs[piece] = bits(cross_entropy(logits, wanted))
    return costs.reshape(targets.shape)


def bits_and_hits(network: Network, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`bits_of`, and whether each target was the likeliest character, (...) bool."""
    costs, hits = np.empty(targets.size, outputs.dtype), np.empty(targets.size, bool)
    for piece, logits, wanted in _pieces(network, outputs, targets):
        hits[piece] = logits.argmax(axis=-1) == wanted
        costs[piece] = bits(cross_entropy(logits, wanted))
    return costs.reshape(targets.shape), hits.reshape(targets.shape)


def _pieces(
    network: Network, outputs: np.ndarray, targets: np.ndarray
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Which predictions, their logits (n, V) and their targets (n,): so many at a time that a large vocabulary
    takes no more memory.
    """
    together = max(1, _NUMBERS_AT_A_TIME // network.vocabulary_size)
    flat, wanted = outputs.reshape(-1, outputs.shape[-1]), targets.ravel()
    for begin in range(0, len(flat), together):
        piece = slice(begin, begin + together)
        yield piece, flat[piece] @ network.dense_kernel + network.dense_bias, wanted[piece]
