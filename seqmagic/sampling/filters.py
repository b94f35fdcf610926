"""The filters of decoding: pure functions from scores to scores, each with its effect on probabilities.

Scores are logits or logarithms of probabilities, (..., V) float: their softmax is the distribution, -inf is
probability 0, and a number added to all of a row changes nothing. A filter returns a new array of the same
shape and takes at least one character from every row with it, namely the likeliest.

Their order, from first to last:

    1. ban                  never these characters
    2. repetition_penalty   divide the probability of what was just written
    3. temperature          sharpen or flatten
    4. top_k                the k likeliest
    5. top_p                the likeliest that together reach p
    6. min_p                those with at least a share of the likeliest one's probability

Top-k, top-p and min-p thus see the distribution that would be drawn from. At temperature 0 the likeliest
character after 1 and 2 is written, and 4 to 6, which always keep it, have nothing to do.

Where several characters are equally likely, the one with the lower id counts as the likelier.
"""

from __future__ import annotations

import math

import numpy as np

_NEVER = np.array(-np.inf, np.float32)
_COLDEST = 1e-30  # below it a temperature would turn differences between logits into infinities


def ban(scores: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Probability 0 for `ids` (n,) integer."""
    scores = scores.copy()
    scores[..., ids] = _NEVER
    return scores


def repetition_penalty(scores: np.ndarray, recent: np.ndarray, penalty: float) -> np.ndarray:
    """Divide the probability of every id in `recent` by `penalty`, once however often it stands there.

    After Keskar et al. (2019, CTRL, section 4.1), who divide the logit; dividing the probability does the
    same to logits that are shifted by some number, which means the same.

    Args:
        scores: (..., V).
        recent: (..., W) integer, the ids written last.
        penalty: 1 or more.
    """
    factors = np.zeros_like(scores)
    flat, recent = factors.reshape(-1, scores.shape[-1]), recent.reshape(-1, recent.shape[-1])
    flat[np.arange(len(flat))[:, np.newaxis], recent] = math.log(penalty)
    return scores - factors


def temperature(scores: np.ndarray, value: float) -> np.ndarray:
    """Raise probabilities to the power 1 / `value`, which is above 0."""
    return scores * scores.dtype.type(1 / max(value, _COLDEST))


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Keep exactly the k likeliest of each row, all where there are no more than k."""
    size = scores.shape[-1]
    if k >= size:
        return scores.copy()
    least = np.partition(scores, size - k, axis=-1)[..., size - k, np.newaxis]
    return _keep_first(scores, least, np.full(least.shape, k))


def top_p(scores: np.ndarray, p: float | np.ndarray) -> np.ndarray:
    """Keep the smallest number of the likeliest whose probabilities add up to p (Holtzman et al. 2020).

    Args:
        scores: (..., V).
        p: Above 0, at most 1; one for all rows, or one for each, (..., 1) float.
    """
    ordered = np.sort(scores, axis=-1)[..., ::-1]
    weights = np.exp(ordered - ordered[..., :1])
    total = weights.cumsum(axis=-1)
    # a character is needed while those before it fall short of p
    counts = np.count_nonzero(total - weights < p * total[..., -1:], axis=-1, keepdims=True)
    return _keep_first(scores, np.take_along_axis(ordered, counts - 1, axis=-1), counts)


def min_p(scores: np.ndarray, share: float) -> np.ndarray:
    """Keep those at least `share` times as likely as the likeliest one (Nguyen et al. 2024)."""
    if share == 0:
        return scores.copy()
    least = scores.max(axis=-1, keepdims=True) + scores.dtype.type(math.log(share))
    return np.where(scores >= least, scores, _NEVER)


def _keep_first(scores: np.ndarray, least: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Keep `counts` scores of each row, of which the lowest is `least`, both (..., 1); of equals the first ones."""
    keep = scores >= least
    if np.count_nonzero(keep) != counts.sum():
        tied = scores == least
        room = counts - np.count_nonzero(scores > least, axis=-1, keepdims=True)
        keep &= ~tied | (tied.cumsum(axis=-1) <= room)
    return np.where(keep, scores, _NEVER)
