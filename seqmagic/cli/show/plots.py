"""Charts of lines: one description, drawn with braille dots on a terminal or as SVG.

Lines differ by a mark as well as by colour, so that a chart can be read without colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from rich.cells import cell_len

from seqmagic.cli.console import one_line, shorten

Point = tuple[float, float]

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille cell: four rows of two
_MARKS = "ox+*#@%&"
_CODES = ("36", "33", "35", "34", "32", "31")
_RESET = "\x1b[0m"
_AXIS = 7  # columns for the figures of the y axis


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        label: Its name.
        points: (x, y), x rising.
        faint: Whether it stands behind the others: no mark, every other dot.
        kin: Number of the line whose colour it takes; its own where `None`.
        band: Lower and upper edge of an interval around it, in SVG.
        joined: Whether its points make a line; else each stands alone, as a mark.
    """

    label: str
    points: Sequence[Point]
    faint: bool = False
    kin: int | None = None
    band: tuple[Sequence[Point], Sequence[Point]] | None = None
    joined: bool = True


@dataclass(frozen=True)
class Chart:
    """What is drawn: a title, the finding in a sentence, two axes and lines."""

    title: str
    finding: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    log_x: bool = False

    def x_place(self, x: float) -> float:
        """Where x stands on its axis."""
        return math.log10(max(x, 1e-12)) if self.log_x else x

    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Least and largest place on the x axis and value on the y axis, each pair apart."""
        points = [point for line in self.lines for point in line.points]
        xs = [self.x_place(x) for x, _ in points] or [0.0]
        ys = [y for _, y in points] or [0.0]
        return _apart(min(xs), max(xs)), _apart(min(ys), max(ys))


def _apart(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)


# ---------------------------------------------------------------- terminal


def chart_lines(chart: Chart, *, width: int, height: int = 12, colour: bool, braille: bool = True) -> list[str]:
    """The chart as lines of at most `width` cells; marks alone where the terminal has no braille dots."""
    columns = max(10, width - _AXIS - 1)
    cells: list[list[tuple[str, int]]] = [[(" ", -1)] * columns for _ in range(height)]
    (left, right), (bottom, top) = chart.ranges()
    own = [number for number, line in enumerate(chart.lines) if not line.faint]
    for number in sorted(range(len(chart.lines)), key=lambda number: not chart.lines[number].faint):
        line = chart.lines[number]
        colour_of = number if line.kin is None else line.kin
        dots = _dots(chart, line, columns, height, (left, right), (bottom, top))
        for (row, column), bits in dots.items():
            before = cells[row][column][0]
            old = ord(before) - 0x2800 if "\u2800" <= before <= "\u28ff" else 0
            if braille and line.joined:
                shown = chr(0x2800 | old | bits)
            else:
                shown = "." if line.faint else _mark(own.index(number))
            cells[row][column] = (shown, colour_of)
        if not line.faint and line.joined:
            _put_marks(cells, dots, _mark(own.index(number)), colour_of, own.index(number), len(own))
    rows = [shorten(one_line(chart.y_label), width)]
    for place, cells_of_row in enumerate(cells):
        value = top - (top - bottom) * place / (height - 1)
        figure = f"{value:{_AXIS - 1}.3g}" if place in (0, height // 2, height - 1) else ""
        rows.append(f"{figure:>{_AXIS - 1}} {'┤' if braille else '|'}{_painted(cells_of_row, colour=colour)}".rstrip())
    rows.append(" " * _AXIS + ("└" + "─" * columns if braille else "+" + "-" * columns))
    rows += _x_axis(chart, columns, left, right, width)
    rows += _legend(chart, own, width, colour=colour, braille=braille)
    return rows


def _mark(number: int) -> str:
    return _MARKS[number % len(_MARKS)]


def _dots(
    chart: Chart, line: Line, columns: int, height: int, xs: tuple[float, float], ys: tuple[float, float]
) -> dict[tuple[int, int], int]:
    """The braille dots of a line, by cell; straight between its points, without gaps where it is steep."""
    wide, high = 2 * columns - 1, 4 * height - 1

    def place(point: Point) -> tuple[float, float]:
        x = (chart.x_place(point[0]) - xs[0]) / (xs[1] - xs[0])
        y = (point[1] - ys[0]) / (ys[1] - ys[0])
        return x * wide, (1 - y) * high

    places = [place(point) for point in line.points]
    dots: dict[tuple[int, int], int] = {}
    nexts = [*places[1:], *places[-1:]] if line.joined else places
    for (x0, y0), (x1, y1) in zip(places, nexts, strict=False):
        steps = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
        for step in range(steps + 1):
            x, y = round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)
            if line.faint and (x + y) % 3:
                continue
            cell = (y // 4, x // 2)
            dots[cell] = dots.get(cell, 0) | _DOTS[y % 4][x % 2]
    return dots


def _put_marks(
    cells: list[list[tuple[str, int]]],
    dots: dict[tuple[int, int], int],
    mark: str,
    colour_of: int,
    number: int,
    lines: int,
) -> None:
    """Marks along a line, where those of the others are not."""
    by_column: dict[int, list[int]] = {}
    for row, column in dots:
        by_column.setdefault(column, []).append(row)
    distance = 4 * max(2, lines)
    for column in range(2 + number * distance // max(1, lines), len(cells[0]), distance):
        if column in by_column:
            rows = sorted(by_column[column])
            cells[rows[len(rows) // 2]][column] = (mark, colour_of)


def _painted(row: Sequence[tuple[str, int]], *, colour: bool) -> str:
    text = "".join(character for character, _ in row)
    if not colour:
        return text
    return "".join(
        f"\x1b[{_CODES[number % len(_CODES)]}m{character}{_RESET}" if number >= 0 else character
        for character, number in row
    )


def _x_axis(chart: Chart, columns: int, left: float, right: float, width: int) -> list[str]:
    def value(place: float) -> str:
        return f"{10**place if chart.log_x else place:,.4g}"

    ends = [value(left), value((left + right) / 2), value(right)]
    line = list(" " * (_AXIS + 1 + columns))
    for text, start in zip(ends, (0, columns // 2 - len(ends[1]) // 2, columns - len(ends[2])), strict=True):
        line[_AXIS + 1 + start : _AXIS + 1 + start + len(text)] = text
    return ["".join(line).rstrip(), shorten(f"{'':{_AXIS + 1}}{one_line(chart.x_label)}", width)]


def _legend(chart: Chart, own: Sequence[int], width: int, *, colour: bool, braille: bool) -> list[str]:
    """Marks and names, as many on a line as it holds."""
    rows, used = [" " * (_AXIS + 1)], _AXIS + 1
    names = [(f"{_mark(place)} {one_line(chart.lines[number].label)}", number) for place, number in enumerate(own)]
    for line in dict.fromkeys(line.label for line in chart.lines if line.faint):
        names.append((f"{'⠢⠢' if braille else '..'} {one_line(line)}", -1))
    for name, number in names:
        name = shorten(name, width - _AXIS - 1)
        if used + cell_len(name) > width:
            rows.append(" " * (_AXIS + 1))
            used = _AXIS + 1
        painted = f"\x1b[{_CODES[number % len(_CODES)]}m{name}{_RESET}" if colour and number >= 0 else name
        rows[-1] += painted + "   "
        used += cell_len(name) + 3
    return [row.rstrip() for row in rows]


# ---------------------------------------------------------------- SVG

_WIDE = 720
_BOX = (64, 64, 696, 356)  # left, top, right and bottom of the axes
_COLOURS = ("#0072b2", "#d55e00", "#7b3294", "#00735c", "#8a6d00", "#a50044")
_DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 2", "1 2")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1b}.h{font-weight:600;font-size:15px}"
    "svg{background:#fff}.a{stroke:#777;fill:none}.g{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}svg{background:#161616}.g{stroke:#333}.l{filter:brightness(1.5)}}"
)


def chart_svg(chart: Chart) -> str:
    """The chart as an SVG document that stands alone: for light and dark, with the finding for screen readers."""
    (left, right), (bottom, top) = chart.ranges()
    x0, y0, x1, y1 = _BOX

    def place(point: Point) -> str:
        x = x0 + (chart.x_place(point[0]) - left) / (right - left) * (x1 - x0)
        y = y1 - (min(max(point[1], bottom), top) - bottom) / (top - bottom) * (y1 - y0)
        return f"{x:.1f},{y:.1f}"

    title, finding = _words(chart.title), _words(chart.finding)
    parts = [
        f'<text class="h" x="16" y="24">{title}</text><text x="16" y="46">{_words(chart.y_label)}</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y, x = y1 - share * (y1 - y0), x0 + share * (x1 - x0)
        place_x = left + share * (right - left)
        parts.append(f'<line class="g" x1="{x0}" x2="{x1}" y1="{y:.1f}" y2="{y:.1f}"/>')
        value = bottom + share * (top - bottom)
        parts.append(f'<text x="{x0 - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        shown = f"{10**place_x if chart.log_x else place_x:,.4g}"
        parts.append(f'<text x="{x:.1f}" y="{y1 + 20}" text-anchor="middle">{shown}</text>')
    parts.append(f'<path class="a" d="M{x0} {y0}V{y1}H{x1}"/>')
    parts.append(f'<text x="{(x0 + x1) / 2}" y="{y1 + 42}" text-anchor="middle">{_words(chart.x_label)}</text>')
    legend = [x0, y1 + 66]
    for number, line in enumerate(chart.lines):
        colour = _COLOURS[(number if line.kin is None else line.kin) % len(_COLOURS)]
        if line.band:
            edge = " ".join(place(point) for point in [*line.band[0], *reversed(line.band[1])])
            parts.append(f'<polygon points="{edge}" fill="{colour}" opacity="0.13"/>')
        dash = "1 4" if line.faint else _DASHES[number % len(_DASHES)]
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        points = " ".join(place(point) for point in line.points)
        shape = f'fill="none" stroke="{colour}" stroke-width="{1 if line.faint else 2}"{dashed}'
        if line.joined:
            parts.append(f'<polyline class="l" points="{points}" {shape}/>')
        else:
            parts += [_dot(place(point), number, colour) for point in line.points]
        if not line.faint:
            needed = 60 + 9 * cell_len(line.label)
            if legend[0] > x0 and legend[0] + needed > x1:
                legend = [x0, legend[1] + 22]
            x, y = legend
            if line.joined:
                parts.append(f'<line class="l" x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}" {shape}/>')
            else:
                parts.append(_dot(f"{x + 13},{y - 4}", number, colour))
            parts.append(f'<text x="{x + 32}" y="{y}">{_words(line.label)}</text>')
            legend[0] += needed
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {legend[1] + 16}" role="img" '
        f'aria-labelledby="t d"><title id="t">{title}</title><desc id="d">{finding}</desc><style>{_STYLE}</style>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


_SHAPES = ("M-3-3H3V3H-3Z", "M-4 3L0-4L4 3Z", "M0-4L4 0L0 4L-4 0Z", "M-4-3L0 4L4-3Z")  # square, triangles, diamond


def _dot(place: str, number: int, colour: str) -> str:
    """A point that stands alone, its shape by the number of its line."""
    shape = _SHAPES[number % len(_SHAPES)]
    return f'<path class="l" transform="translate({place})" d="{shape}" fill="{colour}" fill-opacity="0.55"/>'


def _words(text: str) -> str:
    return escape(one_line(text))
