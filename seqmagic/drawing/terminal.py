"""A chart on a terminal: lines of braille dots, or of marks where there are none.

Lines differ by a mark as well as by colour, so that a chart can be read without colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqmagic.drawing.chart import Chart, Line, Point
from seqmagic.drawing.words import cells, one_line, shorten

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille cell: four rows of two
_MARKS = "ox+*#@%&"
_CODES = ("36", "33", "35", "34", "32", "31")
_RESET = "\x1b[0m"
_AXIS = 7  # columns for the figures of the y axis


def chart_lines(chart: Chart, *, width: int, height: int = 12, colour: bool, braille: bool = True) -> list[str]:
    """The chart as lines of at most `width` cells; marks alone where the terminal has no braille dots."""
    columns = max(10, width - _AXIS - 1)
    grid: list[list[tuple[str, int]]] = [[(" ", -1)] * columns for _ in range(height)]
    (left, right), (bottom, top) = chart.ranges()
    own = [number for number, line in enumerate(chart.lines) if not line.faint]
    for x, _ in chart.rules:
        column = round(min(max((chart.x_place(x) - left) / (right - left), 0), 1) * (columns - 1))
        for line_of_grid in grid:
            line_of_grid[column] = (_rule(braille), -1)
    for number in sorted(range(len(chart.lines)), key=lambda number: not chart.lines[number].faint):
        line = chart.lines[number]
        colour_of = number if line.kin is None else line.kin
        dots = _dots(chart, line, columns, height, (left, right), (bottom, top))
        for (row, column), bits in dots.items():
            before = grid[row][column][0]
            old = ord(before) - 0x2800 if "\u2800" <= before <= "\u28ff" else 0
            if not line.joined or not braille:
                shown = "." if line.faint else _mark(own.index(number))
            else:
                shown = chr(0x2800 | old | bits)
            grid[row][column] = (shown, colour_of)
        if line.joined and not line.faint:
            _put_marks(grid, dots, _mark(own.index(number)), colour_of, own.index(number), len(own))
    rows = [shorten(one_line(chart.y_label), width)]
    for place, cells_of_row in enumerate(grid):
        value = top - (top - bottom) * place / (height - 1)
        figure = f"{value:{_AXIS - 1}.3g}" if place in (0, height // 2, height - 1) else ""
        rows.append(f"{figure:>{_AXIS - 1}} {'┤' if braille else '|'}{_painted(cells_of_row, colour=colour)}".rstrip())
    rows.append(" " * _AXIS + ("└" + "─" * columns if braille else "+" + "-" * columns))
    rows += _x_axis(chart, columns, left, right, width)
    rows += _legend(chart, own, width, colour=colour, braille=braille)
    return rows


def _rule(braille: bool) -> str:
    return "╎" if braille else ":"


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
        return min(max(x, 0), 1) * wide, (1 - min(max(y, 0), 1)) * high

    places = [place(point) for point in line.points]
    dots: dict[tuple[int, int], int] = {}
    for (x0, y0), (x1, y1) in zip(places, [*places[1:], *places[-1:]], strict=False):
        steps = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0)))) if line.joined else 0
        for step in range(steps + 1):
            x, y = round(x0 + (x1 - x0) * step / max(1, steps)), round(y0 + (y1 - y0) * step / max(1, steps))
            if line.faint and line.joined and (x + y) % 3:
                continue
            cell = (y // 4, x // 2)
            dots[cell] = dots.get(cell, 0) | _DOTS[y % 4][x % 2]
    return dots


def _put_marks(
    grid: list[list[tuple[str, int]]],
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
    for column in range(2 + number * distance // max(1, lines), len(grid[0]), distance):
        if column in by_column:
            rows = sorted(by_column[column])
            grid[rows[len(rows) // 2]][column] = (mark, colour_of)


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
    names += [(f"{_rule(braille)} {one_line(name)}", -1) for _, name in chart.rules]
    for name, number in names:
        name = shorten(name, width - _AXIS - 1)
        if used + cells(name) > width:
            rows.append(" " * (_AXIS + 1))
            used = _AXIS + 1
        painted = f"\x1b[{_CODES[number % len(_CODES)]}m{name}{_RESET}" if colour and number >= 0 else name
        rows[-1] += painted + "   "
        used += cells(name) + 3
    return [row.rstrip() for row in rows]
