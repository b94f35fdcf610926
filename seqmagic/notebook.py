"""How an object shows itself in a notebook: a small table of names and values, escaped, and a picture."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any


def html_table(rows: Iterable[Sequence[Any]], *, head: Sequence[str] = (), caption: str = "") -> str:
    """A table in HTML; what may come from a file is shown, not obeyed. None is –, a float has four decimals."""
    parts = [f"<caption>{html.escape(caption)}</caption>"] if caption else []
    if head:
        parts.append(_row("th", head))
    parts += [_row("td", row) for row in rows]
    return f"<table>{''.join(parts)}</table>"


def html_picture(svg: str, *, words: str) -> str:
    """An SVG document as an image, so that its style and its ids stay its own; `words` say what is to be seen."""
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(words)}" style="width:100%;max-width:720px">'


def _row(tag: str, values: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(_words(value))}</{tag}>' for value in values)}</tr>"


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
