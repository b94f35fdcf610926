"""What a chart shows, described once: title, finding, axes and lines, however it is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Range = tuple[float, float]

# of a line: for a light ground and for a dark one, each easy to tell from its neighbours without red and green
COLOURS = (
    ("#0066a6", "#6cb8f0"),
    ("#b34a00", "#f0944d"),
    ("#7b3294", "#c793dc"),
    ("#00735c", "#4cc7a8"),
    ("#7a6000", "#d3b648"),
    ("#a50044", "#f07aa4"),
)


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        label: Its name.
        points: (x, y), x rising; in any order where they stand alone.
        faint: Whether it stands behind the others: no mark, every other dot.
        kin: Number of the line whose colour it takes; its own where `None`.
        band: Lower and upper edge of an interval around it.
        joined: Whether its points are joined; alone they are the dots of a scatter chart.
    """

    label: str
    points: Sequence[Point]
    faint: bool = False
    kin: int | None = None
    band: tuple[Sequence[Point], Sequence[Point]] | None = None
    joined: bool = True


@dataclass(frozen=True)
class Chart:
    """What is drawn: a title, the finding in a sentence, two axes and lines.

    Attributes:
        rules: Upright lines at some x, each with its name.
        x_range, y_range: What the axes run over; where `None`, over what the lines do.
    """

    title: str
    finding: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    log_x: bool = False
    rules: Sequence[tuple[float, str]] = ()
    x_range: Range | None = None
    y_range: Range | None = None

    def x_place(self, x: float) -> float:
        """Where x stands on its axis."""
        return math.log10(max(x, 1e-12)) if self.log_x else x

    def ranges(self) -> tuple[Range, Range]:
        """Least and largest place on the x axis and value on the y axis, each pair apart."""
        points = [point for line in self.lines for point in line.points]
        xs = [self.x_place(x) for x in self.x_range or [x for x, _ in points]] or [0.0]
        ys = list(self.y_range or [y for _, y in points]) or [0.0]
        return _apart(min(xs), max(xs)), _apart(min(ys), max(ys))

    def colour_number(self, number: int) -> int:
        """Which of `COLOURS` the line of that number has."""
        kin = self.lines[number].kin
        return (number if kin is None else kin) % len(COLOURS)


def _apart(low: float, high: float) -> Range:
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)


def axis_figure(value: float) -> str:
    """A number beside an axis."""
    return f"{value:,.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}".replace("-", "−")


def axis_ticks(low: float, high: float, *, log: bool = False, most: int = 6) -> list[float]:
    """Round values for an axis from `low` to `high`, at most `most`; on a logarithmic axis both are log10."""
    if log:
        decades = range(math.floor(low), math.ceil(high) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [step * 10.0**decade for decade in decades for step in steps]
            found = [value for value in found if low - 1e-9 <= math.log10(value) <= high + 1e-9]
            if len(found) <= most:
                break
        return found if len(found) > 1 else [10**low, 10**high]
    rough = (high - low) / (most - 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def points_of(xs: Sequence[float], ys: Sequence[float | None], *, lowest: float = -math.inf) -> list[Point]:
    """(x, y) up to the first y that is missing or below `lowest`."""
    found: list[Point] = []
    for x, y in zip(xs, ys, strict=True):
        if y is None or y < lowest:
            break
        found.append((float(x), float(y)))
    return found
