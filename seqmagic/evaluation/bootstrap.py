"""The moving-block bootstrap: resamples of a text that keep neighbours together. NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BLOCK = 200  # characters that stay together: neighbours depend on each other
RESAMPLES = 1000


def block_choices(lengths: Sequence[int], *, block: int, resamples: int, seed: int) -> tuple[np.ndarray, int]:
    """Which blocks make up each resample of a moving-block bootstrap (Künsch 1989).

    Args:
        lengths: Of the stretches of neighbours, one after the other; no block runs over their ends.
        block: Neighbours per block; no more than half of the shortest stretch are taken.
        resamples: How many.
        seed: The same seed gives the same blocks: whatever is resampled with them is paired.

    Returns:
        First place of each block, (resamples, blocks) integer, and the length of the blocks.
    """
    block = max(1, min(block, min(lengths) // 2))
    offsets = np.cumsum([0, *lengths[:-1]])
    starts = np.concatenate(
        [offset + np.arange(length - block + 1) for offset, length in zip(offsets, lengths, strict=True)]
    )
    count = max(1, round(sum(lengths) / block))
    return np.random.default_rng(seed).choice(starts, (resamples, count)), block


def resampled_means(values: np.ndarray, starts: np.ndarray, block: int) -> np.ndarray:
    """Means of `values` (n, ...) over the blocks of each resample, (resamples, ...)."""
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    of_block = (sums[block:] - sums[:-block]) / block  # entry s is the mean of the block that starts at s
    return of_block[starts].mean(axis=1)


def resampled_means_within(values: np.ndarray, masks: np.ndarray, starts: np.ndarray, block: int) -> np.ndarray:
    """Means of `values` (n,) over those of each of `masks` (n, m) bool in each resample, (resamples, m).

    NaN where a resample has none of them.
    """
    sums = resampled_means(values[:, np.newaxis] * masks, starts, block)
    shares = resampled_means(masks, starts, block)
    return np.divide(sums, shares, out=np.full_like(sums, np.nan), where=shares > 0)
