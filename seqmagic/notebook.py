"""How an object shows itself in a notebook: a small table of names and values, escaped."""

from __future__ import annotations

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


def _row(tag: str, values: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(_words(value))}</{tag}>' for value in values)}</tr>"


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
