"""Neuron search: which unit tells most about a feature of the text, and whether that is more than chance.

The score of a unit is |2 AUC - 1| for a feature that is on or off, |Spearman's rho| for a number: both need
nothing but the ranks of the unit, so that its scale and shape don't matter. A unit is picked on the first half
of the text and reported on the second one. Chance is what shifted features give: the feature is moved in a
circle by 1,000 characters and more, which keeps how slowly it changes, and the best of all units is taken each
time, as there were as many to pick from.

Axes: k units, n characters (of a half), S shifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqmagic.insight.features import Feature
from seqmagic.insight.parallel import side_by_side

FEWEST = 20  # characters on either side of a feature, in each half: fewer give no number
AFTER_DELIMITER = 3  # characters after one that may only echo it
SMALLEST_SHIFT = 1000  # characters
SIGNIFICANT = 0.01
_RIDGE = 0.01  # of the variance of a unit
_ROWS = 64


@dataclass(frozen=True, eq=False)
class Half:
    """One half of the text: the units' ranks there and the characters read.

    Attributes:
        ranks: (k, n) float32, centred ranks of each unit.
        units: (k, n) float32, their values.
        ids: (n,) integer, the characters.
    """

    ranks: np.ndarray
    units: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, units: np.ndarray, ids: np.ndarray) -> Half:
        rows = [units[start : start + _ROWS] for start in range(0, len(units), _ROWS)]
        return cls(np.concatenate(side_by_side(centred_ranks, rows)), units, ids)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search for one feature came to.

    Attributes:
        unit: Number of the unit picked.
        sign: +1 or -1: whether the unit is high or low where the feature is.
        score: Of the unit, on the second half.
        null: What the best unit reaches for 95 % of shifted features.
        p: How often a shifted feature does as well with any unit.
        away: The score without the characters just after a delimiter; None where too few are left.
        character: What the character just read tells by itself.
    """

    unit: int
    sign: int
    score: float
    null: float
    p: float
    away: float | None
    character: float

    @property
    def stands_out(self) -> bool:
        return self.p < SIGNIFICANT

    @property
    def echo(self) -> bool:
        """Whether the character just read tells as much: then the unit need not remember anything."""
        return self.character >= self.score


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of each row, the mean rank for equal values, less the mean of all: (k, n) -> (k, n) float32."""
    ranks = np.empty(values.shape, np.float32)
    for row, out in zip(values, ranks, strict=True):
        order = np.argsort(row)
        ascending = row[order]
        first = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
        counts = np.diff(first, append=len(row))
        out[order] = np.repeat(first + (counts - 1) / 2, counts)
    return ranks - np.float32((values.shape[1] - 1) / 2)


def prepared(values: np.ndarray, *, binary: bool) -> np.ndarray:
    """The values of a feature, (n,), as `associations` takes them: as they are, or their centred ranks; float32."""
    return values.astype(np.float32) if binary else centred_ranks(values[np.newaxis])[0]


def associations(ranks: np.ndarray, features: np.ndarray, *, binary: bool) -> np.ndarray:
    """2 AUC - 1, or Spearman's rho, of each unit with each feature; 0 where one of the two doesn't vary.

    Args:
        ranks: (k, n) float32, centred.
        features: (m, n) float32, `prepared`; all rows have the same values in another order.
        binary: Which of the two.

    Returns:
        (k, m) float32.
    """
    if binary:
        on = float(features[0].sum())
        size: np.ndarray | float = on * (features.shape[1] - on) / 2
    else:
        lengths = np.sqrt(np.einsum("kn,kn->k", ranks, ranks, dtype=np.float64))
        size = (lengths * np.linalg.norm(features[0].astype(np.float64)))[:, np.newaxis]
    found = ranks @ features.T
    return np.divide(found, size, out=np.zeros_like(found), where=np.asarray(size) > 0)


def missing(feature: Feature, half: slice) -> str | None:
    """Why nothing can be said of a feature in a part of the text; None where there is plenty."""
    values = feature.values[half]
    _, counts = np.unique(values, return_counts=True)
    rest = len(values) - int(counts.max())
    if rest >= FEWEST:
        return None
    if feature.binary and values.mean() > 0.5:
        return f"{rest} characters of a half are outside it; {FEWEST} or more are needed"
    return f"{rest} characters of a half have it; {FEWEST} or more are needed"


def shifts_of(characters: int, count: int, seed: int) -> np.ndarray:
    """By how much to shift a feature of so many characters, (S,) integer: `count`, or all that there are."""
    smallest = min(SMALLEST_SHIFT, characters // 4)
    possible = np.arange(smallest, characters - smallest + 1)
    return np.random.default_rng(seed).choice(possible, min(count, len(possible)), replace=False)


def search(first: Half, second: Half, feature: Feature, halves: tuple[slice, slice], shifts: np.ndarray) -> Found:
    """The unit that tells most about a feature.

    Args:
        first, second: The halves of the text.
        feature: For the whole text.
        halves: Where they are in it.
        shifts: As `shifts_of` gives them for the second half.
    """
    binary = feature.binary
    one, other = (feature.values[half] for half in halves)
    picked = int(np.abs(associations(first.ranks, prepared(one, binary=binary)[np.newaxis], binary=binary)).argmax())
    ready = prepared(other, binary=binary)
    own = associations(second.ranks[picked : picked + 1], ready[np.newaxis], binary=binary)[0, 0]
    score = float(abs(own))
    shifted = np.stack([np.roll(ready, shift) for shift in shifts])
    null = np.abs(associations(second.ranks, shifted, binary=binary)).max(axis=0)
    return Found(
        unit=picked,
        sign=-1 if own < 0 else 1,
        score=score,
        null=float(np.quantile(null, 0.95)),
        p=float((1 + np.count_nonzero(null >= score)) / (1 + len(null))),
        away=_away(second.units[picked], other, feature.delimiters[halves[1]], binary=binary),
        character=_score(_by_character(first.ids, one, second.ids), other, binary=binary),
    )


def _score(values: np.ndarray, feature: np.ndarray, *, binary: bool) -> float:
    """The score of any numbers (n,) for a feature (n,)."""
    ranks = centred_ranks(values[np.newaxis])
    return float(abs(associations(ranks, prepared(feature, binary=binary)[np.newaxis], binary=binary)[0, 0]))


def _away(unit: np.ndarray, feature: np.ndarray, delimiters: np.ndarray, *, binary: bool) -> float | None:
    recent = np.convolve(delimiters, np.ones(AFTER_DELIMITER), "full")[: len(delimiters)] > 0
    left = feature[~recent]
    if len(left) < 2 * FEWEST or len(left) - np.unique(left, return_counts=True)[1].max() < FEWEST:
        return None
    return _score(unit[~recent], left, binary=binary)


def _by_character(ids: np.ndarray, feature: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The mean of a feature for each character, as `ids` (n,) have it, looked up for `others` (m,): (m,)."""
    size = int(max(ids.max(), others.max())) + 1
    counts = np.bincount(ids, minlength=size)
    sums = np.bincount(ids, weights=feature, minlength=size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), feature.mean())[others]


def probes(first: Half, second: Half, features: Sequence[Feature], halves: tuple[slice, slice]) -> list[float]:
    """What a straight line through all units tells about each feature: ridge regression, fitted on the first half."""
    mean, deviation = first.units.mean(axis=1, keepdims=True), first.units.std(axis=1, keepdims=True)
    fit, test = ((half.units - mean) / np.maximum(deviation, 1e-6) for half in (first, second))
    wanted = [prepared(one.values[halves[0]], binary=one.binary) for one in features]
    targets = np.stack([(values - values.mean()) / values.std() for values in wanted], axis=1)
    gram = (fit @ fit.T).astype(np.float64)
    gram[np.diag_indices_from(gram)] += _RIDGE * fit.shape[1]
    guesses = np.linalg.solve(gram, (fit @ targets).astype(np.float64)).T @ test
    return [
        _score(guess, one.values[halves[1]], binary=one.binary) for guess, one in zip(guesses, features, strict=True)
    ]
