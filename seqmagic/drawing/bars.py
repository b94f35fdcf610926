"""Bars beside each other, a group for each thing that is compared, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.drawing.chart import COLOURS, axis_figure, axis_ticks
from seqmagic.drawing.svg import ROW, WIDE, framed, heading, svg_words

_LEFT, _RIGHT = 12, 500  # a figure stands to the right of the longest bar
_HIGH = 13


@dataclass(frozen=True)
class Bars:
    """What is drawn.

    Attributes:
        title: Its name.
        finding: In a sentence.
        x_label: What the length of a bar says.
        groups: Names of the groups.
        series: Name and values of what has a bar in each group; none where a value is missing.
    """

    title: str
    finding: str
    x_label: str
    groups: Sequence[str]
    series: Sequence[tuple[str, Sequence[float | None]]]


def bars_element(bars: Bars, *, ident: str) -> str:
    """The bars as an `svg` element of a page that has the CSS of `chart_style`; ids start with `ident`."""
    parts, top = heading(bars.title, bars.x_label)
    values = [value for _, of_series in bars.series for value in of_series if value is not None]
    longest = max(values, default=0.0) or 1.0
    for tick in axis_ticks(0.0, longest):
        x = _LEFT + tick / longest * (_RIGHT - _LEFT)
        parts.append(f'<text x="{x:.1f}" y="{top + ROW - 8:.1f}" text-anchor="{"start" if x < 30 else "middle"}">'
                     f"{axis_figure(tick)}</text>")  # fmt: skip
    first = top = top + ROW
    lines = len(parts)
    for place, group in enumerate(bars.groups):
        top += ROW
        parts.append(f'<text x="{_LEFT}" y="{top - 3:.1f}">{svg_words(group)}</text>')
        top += 4
        for number, (_, of_series) in enumerate(bars.series):
            value = of_series[place]
            if value is not None:
                width = value / longest * (_RIGHT - _LEFT)
                colour = number % len(COLOURS)
                parts.append(
                    f'<rect class="f{colour}" x="{_LEFT}" y="{top:.1f}" width="{width:.1f}" height="{_HIGH - 2}"/>'
                )
                if number:  # also without colour one bar can be told from the next
                    parts.append(_stripes(number, top, width))
            top += _HIGH
        top += 6
    for tick in axis_ticks(0.0, longest):
        x = _LEFT + tick / longest * (_RIGHT - _LEFT)
        parts.insert(lines, f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{first:.1f}" y2="{top:.1f}"/>')
    top += ROW
    x = float(_LEFT)
    for number, (name, _) in enumerate(bars.series):
        needed = 40 + 9.5 * len(name)
        if x > _LEFT and x + needed > WIDE:
            x, top = float(_LEFT), top + ROW
        parts.append(f'<rect class="f{number % len(COLOURS)}" x="{x:.1f}" y="{top - 10:.1f}" width="20" height="11"/>')
        if number:
            parts.append(_stripes(number, top - 10, 20, left=x))
        parts.append(f'<text x="{x + 26:.1f}" y="{top:.1f}">{svg_words(name)}</text>')
        x += needed
    return framed(parts, ident=ident, title=bars.title, finding=bars.finding, bottom=top + 12)


def _stripes(number: int, top: float, width: float, *, left: float = _LEFT) -> str:
    """Gaps in a bar, the closer the higher its number."""
    step = 24 / number
    places = [left + step * (count + 1) for count in range(int(width / step))]
    path = "".join(f"M{x:.1f} {top:.1f}v{_HIGH - 2}" for x in places)
    return f'<path class="gap" d="{path}"/>' if path else ""
