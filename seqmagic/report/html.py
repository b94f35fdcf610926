"""Pieces of HTML: everything that is text goes through `escaped`, and figures come with their numbers."""

from __future__ import annotations

import html
from collections.abc import Sequence

from seqmagic.drawing.words import one_line
from seqmagic.report.texts import Texts

NONE = "–"
_START = ' class="start"'


def escaped(text: str) -> str:
    """Text for an element or an attribute; what would turn a line or can't be seen, as its code."""
    return html.escape(one_line(text))


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, heads: int = 1) -> str:
    """A table of text; the first `heads` cells of a row are its heads."""
    head = "".join(
        f'<th scope="col"{_START if place < heads else ""}>{escaped(one)}</th>' for place, one in enumerate(headings)
    )
    body = []
    for row in rows:
        cells = [f'<th scope="row"{_START}>{escaped(one)}</th>' for one in row[:heads]]
        cells += [f"<td>{escaped(one)}</td>" for one in row[heads:]]
        body.append(f"<tr>{''.join(cells)}</tr>")
    name = escaped(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table><caption>{name}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def figure(picture: str, numbers: str, *, texts: Texts) -> str:
    """A picture, an `svg` element, and, folded away below it, its numbers: one `table` or several."""
    return f"<figure>{picture}{folded(texts('numbers'), numbers)}</figure>"


def folded(summary: str, content: str) -> str:
    """HTML that a reader can unfold."""
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def number(value: float | None, form: str = ".3f") -> str:
    """A number for a reader; – where there is none."""
    return NONE if value is None else format(value, form).replace("-", "−").replace("%", " %")


def spread(interval: Sequence[float | None] | None, form: str = ".3f") -> str:
    """An interval: "0.81 … 0.82"."""
    return NONE if interval is None else f"{number(interval[0], form)} … {number(interval[1], form)}"
