"""What is seen where the library is used: tables and pictures of objects in a notebook, a bar while something runs."""

from __future__ import annotations

import base64
import html
import itertools
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Self, TextIO

_LENGTH = 24  # columns of a bar on a terminal


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


# Background and text of each step of surprise, on light and on dark pages; the first is left as the page has it.
_STEPS = (
    "", "background:#fff1c9;color:#000", "background:#fed98e;color:#000", "background:#fe9929;color:#000",
    "background:#e0701a;color:#000", "background:#993404;color:#fff",
)  # fmt: skip


def html_painted(characters: str, steps: Sequence[int]) -> str:
    """Characters on the colour of the step of each, from 0 to 5; without steps as they are."""
    if not steps:
        return html.escape(characters)
    runs = itertools.groupby(zip(characters, steps, strict=True), key=lambda pair: pair[1])
    return "".join(_painted("".join(character for character, _ in run), step) for step, run in runs)


def _painted(characters: str, step: int) -> str:
    escaped = html.escape(characters)
    return f'<span style="{_STEPS[step]}">{escaped}</span>' if step else escaped


def _row(tag: str, values: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(_words(value))}</{tag}>' for value in values)}</tr>"


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


class Bar:
    """How far something has come, where it runs: one line of a terminal, a bar in a notebook, else nothing.

    with Bar() as bar:
        bar.show(0.4, "train 1.62")
    """

    def __init__(self, wanted: bool | None = None, *, stream: TextIO | None = None) -> None:
        """`wanted` None: where somebody can see it; `stream`: in place of standard error."""
        self._stream = stream or sys.stderr
        self._cell = _notebook_cell() if wanted is not False else None
        at_terminal = self._cell is None and self._stream.isatty()
        self._line = bool(at_terminal if wanted is None else wanted and self._cell is None)

    def __enter__(self) -> Self:
        return self

    def show(self, fraction: float, words: str) -> None:
        """Draw it again: `fraction` from 0 to 1."""
        if self._cell is not None:
            bar = f'<progress max="1" value="{fraction:.3f}"></progress>'
            self._cell.update(_Html(f"<div>{bar} {fraction:.0%}&ensp;{html.escape(words)}</div>"))
        elif self._line:
            line = f"{'━' * round(_LENGTH * fraction):{_LENGTH}} {fraction:4.0%}  {words}"
            self._write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")

    def __exit__(self, *_: object) -> None:
        if self._line:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # nobody sees it any more
            self._line = False


class _Html(str):
    """HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)


def _notebook_cell() -> Any:
    """A place in the output of the cell that runs, which can be drawn again; None outside notebooks."""
    ipython = sys.modules.get("IPython")  # nothing is imported for it: in a notebook it is there
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return sys.modules["IPython.display"].display(_Html(""), display_id=True)
