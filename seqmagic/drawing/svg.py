"""Charts as SVG: a document that stands alone, or an element of a page; for light and dark, phone and desk.

A chart is 560 units wide. On a narrow screen its words grow, so that they can be read there too; room is kept
for them everywhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from xml.sax.saxutils import escape

from seqmagic.drawing.chart import COLOURS, Chart, Line, Point, axis_figure, axis_ticks
from seqmagic.drawing.words import cells, one_line

WIDE = 560
_NARROW = 600  # pixels of a screen below which words are as large as `_LARGE`
_SMALL, _LARGE = 12, 17  # units
_CELL = 0.55 * _LARGE  # units of a terminal cell of text, as a rule
ROW = 1.35 * _LARGE  # units from a row of words to the next
_BOX_HIGH = 250
_LEFT, _RIGHT = 64, 548  # of the axes
_ON_LIGHT, _ON_DARK = zip(*COLOURS, strict=True)
_DASHES = ("", "8 4", "2 3", "10 3 2 3", "5 2", "1 2")


def chart_svg(chart: Chart) -> str:
    """The chart as an SVG document that stands alone, with the finding for screen readers."""
    style = (
        f"svg{{background:#fff;max-width:960px}}{chart_style(ink='#1b1b1b', line='#ddd', colours=_ON_LIGHT)}"
        f"@media(prefers-color-scheme:dark){{svg{{background:#161616}}.chart text{{fill:#eee}}"
        f".chart .grid{{stroke:#333}}{_colour_rules(_ON_DARK)}}}"
    )
    return svg_element(chart, ident="chart", style=style) + "\n"


def chart_style(*, ink: str, line: str, colours: Sequence[str]) -> str:
    """The CSS of charts: `ink` for words, `line` for the grid, `colours` for the lines."""
    return (
        f".chart text{{font:{_SMALL}px system-ui,sans-serif;fill:{ink}}}"
        ".chart .heading{font-weight:600}"
        f".chart .axis{{stroke:#808080;fill:none}}.chart .grid{{stroke:{line}}}"
        ".chart .rule{stroke:#808080;stroke-dasharray:6 3}.chart .sign{font-family:ui-monospace,monospace}"
        f"{_colour_rules(colours)}"
        f"@media(max-width:{_NARROW}px){{.chart text{{font-size:{_LARGE}px}}}}"
    )


def _colour_rules(colours: Sequence[str]) -> str:
    return "".join(f".chart .s{n}{{stroke:{one}}}.chart .f{n}{{fill:{one}}}" for n, one in enumerate(colours))


def svg_element(chart: Chart, *, ident: str, style: str = "") -> str:
    """The chart as an `svg` element of a page that has the CSS of `chart_style`.

    Args:
        ident: What the ids in it start with; another one for every chart of a page.
        style: CSS for the element itself, where nothing else has it.
    """
    parts, top = heading(chart.title, chart.y_label)
    area = _Area(chart, top + 12)
    parts += area.axes() + area.rules()
    for number, line in enumerate(chart.lines):
        parts += area.line(line, number)
    legend, bottom = area.legend()
    parts += legend
    return framed(parts, ident=ident, title=chart.title, finding=chart.finding, bottom=bottom, style=style)


def heading(title: str, below: str) -> tuple[list[str], float]:
    """The title of a picture and a line below it, in as many rows as they need, and where they end."""
    top, parts = 14.0, []
    for attributes, text in ((' class="heading"', title), ("", below)):
        for row in _rows(text):
            top += ROW
            parts.append(f'<text{attributes} x="12" y="{top - 6:.0f}">{svg_words(row)}</text>')
    return parts, top


def framed(parts: Sequence[str], *, ident: str, title: str, finding: str, bottom: float, style: str = "") -> str:
    """The parts of a picture as an `svg` element, `WIDE` units wide, that says what it shows."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDE} {bottom:.0f}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d"><title id="{ident}-t">{svg_words(title)}</title>'
        f'<desc id="{ident}-d">{svg_words(finding)}</desc>'
    )
    return "\n".join([head + (f"<style>{style}</style>" if style else ""), *parts, "</svg>"])


class _Area:
    """Where the axes of a chart lie, and what is drawn between and below them."""

    def __init__(self, chart: Chart, top: float) -> None:
        self.chart, self.top, self.bottom = chart, top, top + _BOX_HIGH
        (self.left, self.right), (self.low, self.high) = chart.ranges()

    def x(self, value: float) -> float:
        share = (self.chart.x_place(value) - self.left) / (self.right - self.left)
        return _LEFT + min(max(share, 0), 1) * (_RIGHT - _LEFT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.bottom - min(max(share, 0), 1) * (self.bottom - self.top)

    def place(self, point: Point) -> str:
        return f"{self.x(point[0]):.1f},{self.y(point[1]):.1f}"

    def axes(self) -> list[str]:
        parts = []
        for value in axis_ticks(self.low, self.high):
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{axis_figure(value)}</text>')
        for value in axis_ticks(self.left, self.right, log=self.chart.log_x):
            x = self.x(value)
            anchor = "end" if x > _RIGHT - 20 else "middle"
            parts.append(
                f'<text x="{x:.1f}" y="{self.bottom + 20:.1f}" text-anchor="{anchor}">{axis_figure(value)}</text>'
            )
        parts.append(f'<path class="axis" d="M{_LEFT} {self.top:.1f}V{self.bottom:.1f}H{_RIGHT}"/>')
        return parts

    def rules(self) -> list[str]:
        return [
            f'<line class="rule" x1="{self.x(x):.1f}" x2="{self.x(x):.1f}" y1="{self.top:.1f}" y2="{self.bottom:.1f}"/>'
            for x, _ in self.chart.rules
        ]

    def line(self, line: Line, number: int) -> list[str]:
        colour = self.chart.colour_number(number)
        parts = []
        if line.band:
            edge = " ".join(self.place(point) for point in [*line.band[0], *reversed(line.band[1])])
            parts.append(f'<polygon class="f{colour}" points="{edge}" opacity="0.15"/>')
        if line.joined:
            points = " ".join(self.place(point) for point in line.points)
            parts.append(f'<polyline points="{points}" {_stroke(line, number, colour)}/>')
        else:
            parts += [self.dot(self.x(x), self.y(y), number, colour) for x, y in line.points]
        return parts

    def dot(self, x: float, y: float, number: int, colour: int) -> str:
        """A dot of a scatter chart: round, square or three-cornered, one after the other."""
        shape = f'class="f{colour}" opacity="0.6"'
        if number % 3 == 1:
            return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" {shape}/>'
        if number % 3 == 2:
            return f'<path d="M{x:.1f} {y - 4:.1f}l4 7h-8z" {shape}/>'
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" {shape}/>'

    def legend(self) -> tuple[list[str], float]:
        """The name of the x axis and of each line below it, and where they end."""
        parts = []
        bottom = self.bottom + 20
        for row in _rows(self.chart.x_label):
            bottom += ROW
            middle = (_LEFT + _RIGHT) / 2
            parts.append(f'<text x="{middle:.0f}" y="{bottom:.1f}" text-anchor="middle">{svg_words(row)}</text>')
        x, bottom = 12.0, bottom + 10 + ROW
        seen: set[str] = set()
        entries: list[tuple[str, Callable[[float, float], str]]] = []
        for number, line in enumerate(self.chart.lines):
            if not line.faint or line.label not in seen:  # models that stand behind share one entry
                entries.append((line.label, partial(self._sample, line, number)))
                seen.update([line.label] if line.faint else [])
        entries += [(name, lambda x, y: _level('class="rule"', x, y)) for _, name in self.chart.rules]
        for label, sample in entries:
            first, *others = _rows(label, room=WIDE - 60)
            needed = 52 + _CELL * cells(first)
            if x > 12 and x + needed > WIDE:
                x, bottom = 12.0, bottom + ROW
            parts.append(sample(x, bottom - 5))
            parts.append(f'<text x="{x + 32:.0f}" y="{bottom:.1f}">{svg_words(first)}</text>')
            x += needed
            for row in others:
                bottom += ROW
                parts.append(f'<text x="44" y="{bottom:.1f}">{svg_words(row)}</text>')
                x = WIDE
        return parts, bottom + 12

    def _sample(self, line: Line, number: int, x: float, y: float) -> str:
        """How the legend shows a line, from x on."""
        colour = self.chart.colour_number(number)
        return _level(_stroke(line, number, colour), x, y) if line.joined else self.dot(x + 13, y, number, colour)


def _level(stroke: str, x: float, y: float) -> str:
    return f'<line x1="{x:.0f}" x2="{x + 26:.0f}" y1="{y:.1f}" y2="{y:.1f}" {stroke}/>'


def _stroke(line: Line, number: int, colour: int) -> str:
    dash = "1 4" if line.faint else _DASHES[number % len(_DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'class="s{colour}" fill="none" stroke-width="{1 if line.faint else 2}"{dashed}'


def _rows(text: str, *, room: float = WIDE - 24) -> list[str]:
    """`text` as rows that fit beside each other's edges, also where the words are large."""
    most = int(room / _CELL)
    shown = one_line(text)
    if cells(shown) <= most:
        return [shown]
    wide = cells(shown) / len(shown)
    return textwrap.wrap(shown, max(8, int(most / wide)))


def svg_words(text: str) -> str:
    """Text for an element: escaped, and nothing in it that turns a line."""
    return escape(one_line(text))
