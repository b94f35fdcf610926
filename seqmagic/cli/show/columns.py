"""Texts side by side, each folded to its column of the terminal."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from seqmagic.cli.console import one_line
from seqmagic.cli.show.painting import Painter
from seqmagic.drawing.words import cells, shorten
from seqmagic.sampling.pieces import Text

NARROWEST = 18  # columns that a text needs to be read beside another
_GAP = " │ "
_TAB = "    "

Line = list[tuple[str, float | None]]  # characters with their probability


def side_by_side(
    texts: Sequence[Text], headings: Sequence[str], width: int, painter: Painter | None = None
) -> list[str]:
    """The lines that show `texts` in columns under `headings`; below each other where `width` is too small."""
    column = (width - len(_GAP) * (len(texts) - 1)) // len(texts)
    if column < NARROWEST:
        return [
            line
            for heading, text in zip(headings, texts, strict=True)
            for line in [_rule(heading, width), *_below_each_other(fold(text, width), painter), ""]
        ]
    columns = [fold(text, column) for text in texts]
    rows = [_GAP.join(_padded(shorten(heading, column), column) for heading in headings)]
    rows.append("─┼─".join("─" * column for _ in texts))
    for lines in itertools.zip_longest(*columns, fillvalue=[]):
        parts = [_painted(line, painter) for line in lines]
        padded = [shown + " " * (column - _width(line)) for line, (shown, _) in zip(lines, parts, strict=True)]
        rows.append(_GAP.join(padded))
        if any(digits for _, digits in parts):
            rows.append(_GAP.join(f"{digits:{column}}" for _, digits in parts))
    return [row.rstrip() for row in rows]


def fold(text: Text, width: int) -> list[Line]:
    """`text` as lines of at most `width` cells, broken at spaces where there are some."""
    lines: list[Line] = [[]]
    probabilities: Sequence[float | None] = text.probabilities or [None] * len(text.characters)
    for character, probability in zip(text.characters, probabilities, strict=True):
        if character == "\n":
            lines.append([])
            continue
        shown = _TAB if character == "\t" else one_line(character)
        for sign in shown:
            if _width(lines[-1]) + cells(sign) > width:
                lines.append(_carried_over(lines[-1]))
            lines[-1].append((sign, probability))
    return lines


def _carried_over(line: Line) -> Line:
    """Cut the word at the end of a full line off; return it, the beginning of the next one."""
    spaces = [place for place, (character, _) in enumerate(line) if character == " "]
    cut = spaces[-1] + 1 if spaces and spaces[-1] + 1 < len(line) else len(line)
    word = line[cut:]
    del line[cut:]
    return word


def _width(line: Line) -> int:
    return sum(cells(character) for character, _ in line)


def _painted(line: Line, painter: Painter | None) -> tuple[str, str]:
    """A line as it is shown, and the digits below it where there are no colours."""
    characters = "".join(character for character, _ in line)
    probabilities = [probability for _, probability in line if probability is not None]
    return painter.line(characters, probabilities) if painter and probabilities else (characters, "")


def _below_each_other(lines: Sequence[Line], painter: Painter | None) -> Iterator[str]:
    for line in lines:
        shown, digits = _painted(line, painter)
        yield shown
        if digits:
            yield digits


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _rule(heading: str, width: int) -> str:
    return f"── {heading} " + "─" * max(0, width - 4 - cells(heading))
