"""Which losses of a comparison differ by more than chance: intervals over the characters read and over seeds.

Two rows are held against each other on the same characters, paired: what makes a passage hard for both takes no part
in their difference. A moving-block bootstrap says how far that difference would move on other characters of the same
kind. Where a combination was trained with several seeds, the variance over these is added, pooled over all
combinations; where none was, how much a seed matters isn't known, and the interval says nothing about it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqmagic.evaluation.bootstrap import BLOCK, RESAMPLES, block_choices, resampled_means
from seqmagic.runs.record import Count, Figure

FEWEST_BLOCKS = 30  # of BLOCK characters; of a shorter part fewer characters stay together
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)  # 97.5 %, 1 ... 10 degrees


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far a row of the table is from the best one.

    Attributes:
        row: Its place in the table, from 0; None for the best n-gram.
        difference: Its loss minus that of the best row, in nats per character.
        margin: Half of the 95 % interval of the difference.
    """

    row: Count | None
    difference: Figure
    margin: Figure


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What may be chance in a table.

    Attributes:
        part: On which part of the text the rows were held against each other, validation or test.
        characters: How many of its characters were resampled.
        best: Place in the table of the row with the lowest loss.
        seeds: How many degrees of freedom the spread over seeds has in the intervals; 0 where it is not known.
        distances: Of the other rows, as far as their weights could be read, and of the best n-gram.
    """

    part: str
    characters: Count
    best: Count
    seeds: Count
    distances: tuple[Distance, ...]

    def of(self, row: int | None) -> Distance | None:
        """The distance of a row of the table, None for the n-gram; None where it is not known."""
        return next((one for one in self.distances if one.row == row), None)


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A row of the table, or the n-gram, that takes part.

    Attributes:
        losses: One for each seed, nats per character of the whole part.
        costs: (n,) nats of each character that is resampled, the mean over seeds.
        kind: What is the same for trainings that differ in the seed alone; None for what has no seed.
    """

    losses: Sequence[float]
    costs: np.ndarray
    kind: Hashable

    @property
    def loss(self) -> float:
        return math.fsum(self.losses) / len(self.losses)


def measure_chance(contestants: Mapping[int | None, Contestant], *, part: str, seed: int = 0) -> Chance | None:
    """How far each is from the best row of them, with the 95 % interval of that; None without a row.

    Args:
        contestants: By their place in the table, None for the n-gram; `costs` of one length.
        part: Which part of the text it was.
    """
    rows = {place: one for place, one in contestants.items() if place is not None}
    if not rows:
        return None
    best = min(rows, key=lambda place: rows[place].loss)
    length = len(rows[best].costs)
    if length < 2:
        return None
    starts, block = block_choices([length], block=min(BLOCK, max(1, length // FEWEST_BLOCKS)), resamples=RESAMPLES,
                                  seed=seed)  # fmt: skip
    variance, degrees = _over_seeds(list(rows.values()))
    distances = []
    for place, one in contestants.items():
        if place == best:
            continue
        text = float(np.var(resampled_means(one.costs - rows[best].costs, starts, block), ddof=1))
        shares = [1 / len(each.losses) for each in (one, rows[best]) if each.kind is not None]
        margin = _margin([(text, max(1, length // block - 1)), (variance * sum(shares), degrees)])
        distances.append(Distance(row=place, difference=one.loss - rows[best].loss, margin=margin))
    return Chance(part=part, characters=length, best=best, seeds=degrees, distances=tuple(distances))


def _over_seeds(contestants: Sequence[Contestant]) -> tuple[float, int]:
    """Variance of a loss over seeds, pooled over the kinds that have several, and its degrees of freedom; 0, 0."""
    kinds: dict[Hashable, list[float]] = {}
    for one in contestants:
        kinds.setdefault(one.kind, []).extend(one.losses)
    degrees = sum(len(losses) - 1 for losses in kinds.values())
    squares = sum(float(np.var(losses)) * len(losses) for losses in kinds.values())
    return (squares / degrees, degrees) if degrees else (0.0, 0)


def _margin(parts: Sequence[tuple[float, int]]) -> float:
    """Half of a 95 % interval from variances that add up and their degrees of freedom (Satterthwaite 1946)."""
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / degrees for part, degrees in parts if part > 0)
    return student(variance**2 / spread) * math.sqrt(variance) if spread > 0 else 0.0


def student(degrees: float) -> float:
    """The 97.5 % point of Student's distribution: a table for few degrees of freedom, else an expansion around 1.96."""
    whole = max(1, math.floor(degrees + 1e-9))
    if whole <= len(_STUDENT):
        return _STUDENT[whole - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
