"""The live display of rows that are trained at once: a bar for each and one for all, lines with the name of the row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seqmagic.cli.console import one_line
from seqmagic.cli.show.progress import COMPILING, LEGEND, SAMPLE_CELLS, LiveDisplay, evaluation_words
from seqmagic.comparison.course import Course
from seqmagic.comparison.series import OfRow, RowFinished, RowStarted
from seqmagic.drawing.words import shorten
from seqmagic.training.events import Evaluated, Finished, Started

if TYPE_CHECKING:
    from rich.console import RenderableType

LEAST_BAR = 8  # columns


class RowsDisplay(LiveDisplay):
    """Draws the events of a series with several rows at once:

        with RowsDisplay() as display:
            for event in compare(..., jobs=2):
                display.show(event)

    On a terminal each row that is on has a bar, and each evaluation scrolls by above them. Elsewhere an evaluation is
    one line. What the trainings say of machine and settings is told once.
    """

    stopping = "stopping: what the rows have reached is kept; again to stop now"

    def __init__(self, **common: Any) -> None:
        """`common` is as for `LiveDisplay`."""
        super().__init__(**common)
        self._course = Course()
        self._stepping: set[int] = set()

    def show(self, event: Any) -> None:
        """Draw one event."""
        if isinstance(event, RowFinished):
            self._stepping.discard(event.position)
        self._course.note(event)
        match event:
            case RowStarted(entry=entry, number=number, total=total):
                self.line(f"{entry.label} ({number} of {total})", style="bold")
            case RowFinished(row=row) if row.error:
                self.line(f"{row.label}: {row.error}", style="bold")
            case OfRow(position=position, event=Started() as started):
                self._stepping.add(position)
                self.tell(started.lines)
                self._detail_of(position, started.details)
            case OfRow(position=position, event=Evaluated() as evaluated):
                self._show_evaluation(self._course.running[position].label, evaluated)
            case OfRow(position=position, event=Finished() as finished):
                self._detail_of(position, finished.details)
        self._compiling = not self._stepping
        self._draw()

    def _detail_of(self, position: int, lines: Iterable[str]) -> None:
        label = self._course.running[position].label
        self.detail(*(f"{label}: {text}" for text in lines))

    def _show_evaluation(self, label: str, event: Evaluated) -> None:
        self.tell([LEGEND])
        sample = one_line(event.sample.strip())
        figures = f"{label}: {evaluation_words(event)}"
        if self._plain:
            self.line(f"{figures}  | {shorten(sample, SAMPLE_CELLS)}")
            return
        self.line(figures)
        self._show_sample(sample)

    def _bars(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        course = self._course
        labels = [one.label for one in course.running.values()]
        whole = f"all {course.total}"
        room = min(max(map(len, [*labels, whole])), self._console.width - LEAST_BAR - 24)
        rows: list[RenderableType] = []
        for one in course.running.values():
            if one.progress is None:
                rows.append(Text(f"{one.label}  {COMPILING} …", style="dim", no_wrap=True, overflow="ellipsis"))
            else:
                title = shorten(one.label, room)
                rows.append(self._bar(title, one.progress.fraction, one.progress.seconds_left, room=room))
        if course.seconds_left is not None:
            rows.append(self._bar(whole, course.fraction, course.seconds_left, room=room))
        return Group(*rows)
