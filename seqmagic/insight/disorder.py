"""Texts whose far past is in disorder: is it the order of what lies far back that a model uses, or its words?

After Khandelwal et al. 2018, "Sharp Nearby, Fuzzy Far Away": of the `WINDOW` characters before a prediction, those
further back than a boundary b are shuffled or turned round, and the loss is compared with that of the text as
it is. Every model gets the same disorder.

Axes: M targets, J boundaries, W characters of a window.
"""

from __future__ import annotations

import numpy as np

from seqmagic.insight.costs import bits_of
from seqmagic.insight.parallel import side_by_side
from seqmagic.network.network import Network

WINDOW = 304  # characters read before a prediction
BOUNDARIES = (1, 2, 5, 10, 20, 48, 96, 200)  # each a context length that is measured: see `contexts`
_SHUFFLES = 3


def disorder_bits(
    network: Network, ids: np.ndarray, places: np.ndarray, *, how: str, blanks: np.ndarray, seed: int
) -> np.ndarray:
    """The bits of each target after each disorder, a mean over some shuffles, (M, J + 1) float32.

    The last column is that of the text as it is.

    Args:
        network: The model.
        ids: (N,) of the text.
        places: (M,) of the last character read before each prediction.
        how: "shuffle-chars", "shuffle-words" or "reverse".
        blanks: (V,) bool, the ids that stand between words.
        seed: Of the shuffles.
    """
    intact = ids[places[:, np.newaxis] + np.arange(1 - WINDOW, 1)]
    wanted = ids[places + 1]
    times = 1 if how == "reverse" else _SHUFFLES
    jobs = [(number, boundary) for number in range(times) for boundary in BOUNDARIES]

    def read(job: tuple[int, int] | None) -> np.ndarray:
        windows = intact
        if job is not None:
            number, boundary = job
            windows = intact.copy()
            for row, text in enumerate(windows):
                rng = np.random.default_rng((seed, number, row))
                text[:-boundary] = disordered(text[:-boundary], how=how, blanks=blanks, rng=rng)
        outputs, states = np.empty(0), network.initial_states(len(windows))
        for piece in np.split(windows, WINDOW // _PIECE, axis=1):
            outputs, states = network.read(piece, states)
        return bits_of(network, outputs[-1], wanted)

    as_it_is, *costs = side_by_side(read, [None, *jobs])
    by_boundary = np.stack(costs).reshape(times, len(BOUNDARIES), -1).mean(axis=0)
    return np.concatenate([by_boundary, as_it_is[np.newaxis]]).T


_PIECE = 16  # steps whose outputs stand in memory together


def disordered(ids: np.ndarray, *, how: str, blanks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`ids` (n,) in another order. Words change places, and the blanks between them stay what they are."""
    if how == "reverse":
        return ids[::-1]
    if how == "shuffle-chars":
        return rng.permutation(ids)
    edges = np.flatnonzero(np.diff(blanks[ids])) + 1
    runs = np.split(ids, edges)
    words = [number for number, run in enumerate(runs) if len(run) and not blanks[run[0]]]
    moved = dict(zip(words, rng.permutation(words), strict=True))
    return np.concatenate([runs[moved.get(number, number)] for number in range(len(runs))])
