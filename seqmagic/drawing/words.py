"""Words from anywhere as they can be shown in a line: what would move a cursor or turn a line, as its code."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_JOINERS = "\u200c\u200d"  # they shape Indic letters and emoji, and move no cursor


def visible(character: str) -> str:
    """A character that can be seen: a line break as ⏎, a tab as →, a control character as its code."""
    if character == "\n":
        return "⏎"
    if character == "\t":
        return "→"
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS:
        return f"\\u{ord(character):04x}"
    return character


def one_line(text: str) -> str:
    """Text for one line: line breaks as ⏎, tabs as →, control characters as their code."""
    return "".join(map(visible, text))


def cells(text: str) -> int:
    """How many columns of a terminal `text` takes; a Chinese character takes two, an accent on its own none."""
    from wcwidth import wcswidth

    return max(0, wcswidth(one_line(text)))


def shorten(text: str, width: int) -> str:
    """`text` cut to a width in terminal cells, with … where it was cut."""
    if cells(text) <= width:
        return text
    from wcwidth import iter_graphemes

    kept, used = "", 0
    for cluster in iter_graphemes(text):
        used += cells(cluster)
        if used > width - 1:
            break
        kept += cluster
    return kept.rstrip() + "…"


def listed(phrases: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))
