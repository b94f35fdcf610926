"""The trainings that a series plans: every combination of cells, sizes and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.comparison.rows import label_of


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One training to be done. `None`: left to the recipe for the reference cell, then taken over."""

    cell: str
    layers: int | None
    units: int | None
    seed: int

    @property
    def label(self) -> str:
        return label_of(self.cell, self.layers, self.units)


def plan_entries(
    cells: Sequence[str], units: Sequence[int | None], layers: Sequence[int | None], seeds: Sequence[int]
) -> list[Entry]:
    """Every combination in the order of the table: by size, then by cell, then by seed."""
    return [
        Entry(cell=cell, layers=depth, units=width, seed=seed)
        for depth in layers
        for width in units
        for cell in cells
        for seed in seeds
    ]
