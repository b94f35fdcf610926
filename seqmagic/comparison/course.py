"""How far a series has come of which several rows are trained at once, told from its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqmagic.comparison.rows import label_of
from seqmagic.comparison.series import OfRow, RowFinished, RowStarted
from seqmagic.training.events import Progress, Started, clock


@dataclass
class RowOnItsWay:
    """A row that is trained now; `progress` is None until its first steps."""

    cell: str
    label: str
    progress: Progress | None = None


class Course:
    """What is trained now, and the share and the time of the whole.

    Attributes:
        running: By position, in the order in which they began.
        total: Rows of the series.
    """

    def __init__(self) -> None:
        self.running: dict[int, RowOnItsWay] = {}
        self.total = 0
        self._begun = self._jobs = 0

    def note(self, event: Any) -> bool:
        """Take in an event of a series; whether it was one that moves what `fraction` and `seconds_left` say."""
        match event:
            case RowStarted(position=position, number=number, total=total, entry=entry):
                self.running[position] = RowOnItsWay(entry.cell, entry.label)
                self._begun, self.total = number, total
                self._jobs = max(self._jobs, len(self.running))
            case OfRow(position=position, event=Started(settings={"layers": int(layers), "units": int(units)})):
                row = self.running[position]
                row.label = label_of(row.cell, layers, units)  # it may have been open until now
            case OfRow(position=position, event=Progress() as progress):
                self.running[position].progress = progress
                return True
            case RowFinished(position=position):
                self.running.pop(position)
        return False

    @property
    def fraction(self) -> float:
        """Of all rows, 0..1."""
        under_way = sum(one.progress.fraction for one in self.running.values() if one.progress)
        return (self._begun - len(self.running) + under_way) / max(1, self.total)

    @property
    def seconds_left(self) -> float | None:
        """For the rows that are on and those after them, if these take as long; None while no row has stepped."""
        known = [one.progress for one in self.running.values() if one.progress]
        if not known:
            return None
        each = sum(one.seconds_left / max(1.0 - one.fraction, 1e-3) for one in known) / len(known)
        to_begin = len(self.running) - len(known) + self.total - self._begun
        left = [one.seconds_left for one in known]
        return max([*left, (sum(left) + to_begin * each) / self._jobs])

    @property
    def words(self) -> str:
        """What is on, and what is left, in one line."""
        labels = ", ".join(one.label for one in self.running.values())
        left = self.seconds_left
        return f"{labels} (of {self.total} rows)" + ("" if left is None else f"  {clock(left)} left")
