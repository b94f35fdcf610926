"""What each character of a text costs a model, in bits, one by one.

Axes: N characters, B streams, U units, V vocabulary.
"""

from __future__ import annotations

import math

import numpy as np

from seqmagic.evaluation.scorer import cross_entropy
from seqmagic.evaluation.units import bits
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.settings import WARM_UP
from seqmagic.network.network import Network, States

_STREAMS = 64  # shares of a text that are read side by side
_TOGETHER = 32  # of them in one product
_STEPS = 32  # characters whose outputs stand in memory together
_NUMBERS_AT_A_TIME = 2**18  # logits in memory
_TO_BITS = np.float32(bits(1.0))


def text_bits(network: Network, ids: np.ndarray) -> np.ndarray:
    """The bits of each character but the first, (N - 1,) float32.

    The text is read in shares, each after the `WARM_UP` characters before it: only what lies further back
    is lost to their first predictions. A short text is read as one.
    """
    predicted = len(ids) - 1
    streams = max(1, min(_STREAMS, predicted // (4 * WARM_UP)))
    share = math.ceil(predicted / streams)
    starts = np.maximum(np.minimum(share * np.arange(streams), predicted - share) - WARM_UP, 0)
    length = share + (WARM_UP if streams > 1 else 0)
    costs = np.empty(predicted, np.float32)

    def read(first: np.ndarray) -> np.ndarray:
        states, found = network.initial_states(len(first)), []
        for begin in range(0, length, _STEPS):
            places = first[:, np.newaxis] + np.arange(begin, min(begin + _STEPS, length))
            outputs, states = network.read(ids[places], states)
            found.append(bits_of(network, outputs, ids[places.T + 1]))
        return np.concatenate(found).T

    found = np.concatenate(side_by_side(read, np.array_split(starts, math.ceil(streams / _TOGETHER))))
    for start, row in zip(starts, found, strict=True):
        known = 0 if start == 0 else WARM_UP
        costs[start + known : start + length] = row[known:]
    return costs


def take(states: States, which: slice | np.ndarray) -> States:
    """Some of the streams of `states`."""
    return tuple(type(state)(*(array[which] for array in state)) for state in states)


def bits_of(network: Network, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """-log2 p(target) from the outputs of the last layer, (..., U) and (...) integer -> (...) float32.

    Logits stand in memory for so many predictions at a time that a large vocabulary takes no more of it.
    """
    together = max(1, _NUMBERS_AT_A_TIME // network.vocabulary_size)
    flat, wanted = outputs.reshape(-1, outputs.shape[-1]), targets.ravel()
    costs = np.empty(len(flat), np.float32)
    for begin in range(0, len(flat), together):
        piece = slice(begin, begin + together)
        costs[piece] = cross_entropy(flat[piece] @ network.dense_kernel + network.dense_bias, wanted[piece]) * _TO_BITS
    return costs.reshape(targets.shape)
