"""Equal time and equal data side by side: two comparisons that are kept apart and shown as two blocks of one table."""

from __future__ import annotations

import contextlib
import html
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqmagic.comparison.record import FORMAT, Comparison, is_comparison, read_comparison
from seqmagic.comparison.verdict import LEVEL
from seqmagic.drawing.words import listed
from seqmagic.errors import RunError

NAMES = ("time", "data")  # of the blocks, as programs read them


@dataclass(frozen=True, kw_only=True)
class Block:
    """One of two blocks: which of `NAMES`, and its rows."""

    name: str
    comparison: Comparison

    @property
    def title(self) -> str:
        """What was held equal."""
        return f"equal {self.name}"

    @property
    def heading(self) -> str:
        """The same with the budget: "equal time: each row 1 minute"."""
        return f"{self.title}: each row {self.comparison.budget}"


@dataclass(frozen=True, kw_only=True)
class Both:
    """The same models trained for equal time and on equal data.

    Attributes:
        time: The rows that had equal time.
        data: The rows that had equal data: what the row of `time` that read the least read in its time. None where
            they aren't there (yet).
        trouble: Why they aren't, and what to do; None where they are.
    """

    time: Comparison
    data: Comparison | None = None
    trouble: str | None = None

    @property
    def name(self) -> str | None:
        return self.time.name

    @property
    def status(self) -> str:
        """That of the block which is not complete, if any: running, complete, interrupted, failed or died."""
        if self.time.status != "complete":
            return self.time.status
        return "interrupted" if self.data is None else self.data.status

    @property
    def is_whole(self) -> bool:
        """Whether both blocks and all of their rows are complete."""
        return self.data is not None and self.time.is_whole and self.data.is_whole

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Those that are there, equal time first."""
        found = zip(NAMES, (self.time, self.data), strict=True)
        return tuple(Block(name=name, comparison=one) for name, one in found if one is not None)

    @property
    def sentences(self) -> list[str]:
        """One for each block, and one on the order of the rows in both, where that can be told."""
        said = [f"{block.title.capitalize()}: {block.comparison.sentence}" for block in self.blocks]
        return [*said, *filter(None, [self.order])]

    @property
    def order(self) -> str | None:
        """Whether both blocks put the rows in one order; None where fewer than two have a loss in both."""
        return None if self.data is None else order_in_both(self.time, self.data)

    def __repr__(self) -> str:
        return f"Both({', '.join([f'{block.title} {block.comparison!r}' for block in self.blocks])})"

    def _repr_html_(self) -> str:
        """Each block under its heading, as a comparison shows itself, and a sentence on both."""
        parts = [f"<h4>{html.escape(one.heading)}</h4>{one.comparison._repr_html_()}" for one in self.blocks]
        return "".join([*parts, *(f"<p>{html.escape(words)}</p>" for words in (self.order, self.trouble) if words)])

    def to_json(self) -> dict[str, Any]:
        """Both documents, each with the name of its block in front."""
        return {
            "format": FORMAT,
            "name": self.name,
            "status": self.status,
            "blocks": [{"block": one.name, **one.comparison.to_json()} for one in self.blocks],
            "sentence": self.order,
            "notes": [self.trouble] if self.trouble else [],
        }


def read_kept(folder: Path) -> Comparison | Both:
    """The comparison in `folder`, with its block of equal data where it is to have one.

    That block being gone or corrupt is said in `Both.trouble`.

    Raises:
        RunError: the comparison itself is corrupt, or of a newer format.
    """
    comparison = read_comparison(folder)
    return comparison if comparison.beside is None else with_data(comparison, folder.parent)


def with_data(time: Comparison, models: Path) -> Both:
    """A comparison that is to have a block of equal data, with that block as it is kept below `models`."""
    try:
        data = find_data(time, models)
    except RunError as problem:
        return Both(time=time, trouble=f"{problem}.")
    if data is not None:
        return Both(time=time, data=data)
    if time.status == "running":
        return Both(time=time, trouble=f"Its block of equal data, {time.beside}, comes after it.")
    trouble = f"Its block of equal data, {time.beside}, is not there; train it: seqmagic compare --resume {time.name}"
    return Both(time=time, trouble=trouble)


def find_data(time: Comparison, models: Path) -> Comparison | None:
    """The block of equal data that was made for `time`; None where there is none, or one of another comparison.

    Raises:
        RunError: it is corrupt, or of a newer format.
    """
    folder = models / (time.beside or "")
    if time.beside is None or not is_comparison(folder):
        return None
    found = read_comparison(folder)
    # an older one of the same name is what a comparison left that was since overwritten
    return found if found.beside_of == time.name and found.created >= time.created else None


def data_name_of(folder: Path) -> str | None:
    """What the block of equal data of the comparison in `folder` is called; None where there is none to be read."""
    with contextlib.suppress(RunError):
        data = find_data(read_comparison(folder), folder.parent)
        return None if data is None else data.name
    return None


def order_in_both(time: Comparison, data: Comparison) -> str | None:
    """One sentence on whether the rows of both blocks are in one order; None where fewer than two can be held so."""
    first, second = _standings(time), _standings(data)
    shared = [label for label in first if label in second]
    if len(shared) < 2 or not (time.comparable and data.comparable):
        return None
    swapped = [pair for pair in itertools.combinations(shared, 2) if _gap(first, pair) * _gap(second, pair) < 0]
    if not swapped:
        return "The order of the rows is the same in both blocks."
    if not any(_is_clear(first, pair) and _is_clear(second, pair) for pair in swapped):
        return "The order of the rows is the same in both blocks but for rows that are level in one of them."
    orders = [listed(sorted(shared, key=lambda label: one[label].loss)) for one in (first, second)]
    return f"The order of the rows is not the same: from the best {orders[0]} by time, {orders[1]} by data."


@dataclass(frozen=True)
class _Standing:
    """A row in its block: its loss, and half of the interval of its distance to the best row, where that is known."""

    loss: float
    margin: float | None


def _standings(comparison: Comparison) -> Mapping[str, _Standing]:
    """By label the rows that have a loss."""
    chance = comparison.chance
    found = {}
    for place, one in enumerate(comparison.summaries):
        if (loss := one.loss_on(comparison.part)) is not None:
            distance = chance.of(place) if chance else None
            best = chance is not None and place == chance.best
            found[one.label] = _Standing(loss, 0.0 if best else None if distance is None else distance.margin)
    return found


def _gap(standings: Mapping[str, _Standing], pair: Sequence[str]) -> float:
    a, b = pair
    return standings[a].loss - standings[b].loss


def _is_clear(standings: Mapping[str, _Standing], pair: Sequence[str]) -> bool:
    """Whether two rows differ by more than chance, as far as their distances to the best row say that.

    The margins of both are added, for nothing is known of how they go together: rather level than not.
    """
    margins = [standings[label].margin or 0.0 for label in pair]
    return abs(_gap(standings, pair)) >= max(LEVEL, sum(margins))
