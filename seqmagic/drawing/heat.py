"""Rows of numbers under a text, a field for each character, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.drawing.svg import ROW, framed, heading, svg_words
from seqmagic.drawing.words import visible

_LEFT = 100  # room for the names of the rows
_ACROSS = 32  # characters in a line
_FIELD, _HIGH = 14, 18
_LEVELS = 8  # of a colour


@dataclass(frozen=True)
class Heat:
    """What is drawn.

    Attributes:
        title: Its name.
        finding: In a sentence.
        scale: What the colours say.
        characters: The text.
        rows: Name and values of each row, one for each character, from -1 to 1; values below 0 have a colour
            of their own.
    """

    title: str
    finding: str
    scale: str
    characters: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float | None]]]


def heat_element(heat: Heat, *, ident: str) -> str:
    """The fields as an `svg` element of a page that has the CSS of `chart_style`; ids start with `ident`."""
    parts, top = heading(heat.title, heat.scale)
    fields: dict[tuple[int, int], list[str]] = {}
    for start in range(0, len(heat.characters), _ACROSS):
        piece = range(start, min(start + _ACROSS, len(heat.characters)))
        top += ROW
        for place in piece:
            shown = heat.characters[place]
            if shown != " ":
                x = _LEFT + _FIELD * (place - start + 0.5)
                sign = visible(shown) if len(visible(shown)) == 1 else "◌"
                parts.append(
                    f'<text class="sign" x="{x:.0f}" y="{top - 4:.1f}" text-anchor="middle">{svg_words(sign)}</text>'
                )
        for name, values in heat.rows:
            parts.append(f'<text x="{_LEFT - 6}" y="{top + 13:.1f}" text-anchor="end">{svg_words(name)}</text>')
            for place in piece:
                level = _level(values[place])
                if level:
                    x = _LEFT + _FIELD * (place - start)
                    key = (int(level < 0), abs(level))
                    fields.setdefault(key, []).append(f"M{x} {top:.1f}h{_FIELD - 1}v{_HIGH - 1}h-{_FIELD - 1}z")
            top += _HIGH
        top += 10
    # the colour of what is above 0 is that of the first line of a chart, of what is below that of the second
    for (below, level), paths in sorted(fields.items()):
        parts.append(f'<path class="f{below}" opacity="{level / _LEVELS:.3f}" d="{"".join(paths)}"/>')
    return framed(parts, ident=ident, title=heat.title, finding=heat.finding, bottom=top + 6)


def _level(value: float | None) -> int:
    """From -8 to 8."""
    return 0 if value is None else round(_LEVELS * min(max(value, -1.0), 1.0))
