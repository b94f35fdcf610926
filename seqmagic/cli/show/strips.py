"""A text with rows of marks below it, one for each character, cut where the terminal ends; and scales of colour."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from seqmagic.cli.console import make_console, one_line
from seqmagic.drawing.words import shorten

BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Scale:
    """Steps of colour, in their order, for each kind of terminal; black or white text on each of them."""

    truecolor: Sequence[str]
    eight_bit: Sequence[str]
    standard: Sequence[str]

    def styles(self, system: str | None) -> Sequence[str] | None:
        """For what `colour_system` gives; None without colours."""
        if system is None:
            return None
        return {"truecolor": self.truecolor, "256": self.eight_bit}.get(system, self.standard)


def _codes(*pairs: tuple[int, int] | None) -> Sequence[str]:
    """Styles of a terminal of 256 colours from pairs of text and ground."""
    return ["" if pair is None else f"color({pair[0]}) on color({pair[1]})" for pair in pairs]


# Yellow to brown, lighter to darker; the first step is left as the terminal has it.
RISING = Scale(
    truecolor=(
        "", "#000000 on #fff1c9", "#000000 on #fed98e", "#000000 on #fe9929", "#000000 on #e0701a",
        "#ffffff on #993404",
    ),
    eight_bit=_codes(None, (16, 230), (16, 222), (16, 214), (16, 172), (231, 94)),
    standard=(
        "", "black on bright_yellow", "black on yellow", "black on bright_red", "white on red", "bold white on magenta",
    ),
)  # fmt: skip
# Blue to nothing to orange.
DIVERGING = Scale(
    truecolor=(
        "#ffffff on #08519c", "#ffffff on #2b6cb0", "#000000 on #6baed6", "#000000 on #c6dbef", "",
        "#000000 on #fdd0a2", "#000000 on #fd8d3c", "#ffffff on #b84a07", "#ffffff on #8c3003",
    ),
    eight_bit=_codes(
        (231, 24), (231, 25), (16, 74), (16, 153), None, (16, 223), (16, 208), (231, 130), (231, 94)
    ),
    standard=(
        "bold white on blue", "white on blue", "black on cyan", "black on bright_cyan", "", "black on bright_yellow",
        "black on yellow", "white on red", "bold white on red",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Marks below a text.

    Attributes:
        label: What they are.
        marks: One for each character of the text; a mark wider than its character is left out.
        styles: One for each, or none.
    """

    label: str
    marks: Sequence[str]
    styles: Sequence[str] | None = None


def colour_system() -> str | None:
    """What standard output can show: "truecolor", "256", "standard" ...; None for no colours."""
    return make_console(sys.stdout).color_system


def can_show(text: str) -> bool:
    """Whether the encoding of standard output has these characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def glyph(character: str) -> str:
    """One character as it is shown: what has no width of its own, and what the terminal lacks, as its code."""
    shown = one_line(character)
    if can_show(shown) and cell_len(shown):
        return shown
    if can_show(f"◌{shown}") and cell_len(f"◌{shown}") == 1:
        return f"◌{shown}"  # a mark without its letter
    return character.encode("unicode_escape").decode("ascii")


def level_marks(shares: Sequence[float | None]) -> list[str]:
    """Numbers from 0 to 1 as blocks of rising height, or digits from 0 to 9; a space for none."""
    steps = BLOCKS if can_show(BLOCKS) else "0123456789"
    return [" " if share is None else steps[min(int(share * len(steps)), len(steps) - 1)] for share in shares]


def folded(
    shown: Sequence[str], characters: Sequence[str], width: int, *, breaks: bool = True
) -> Iterator[tuple[int, int]]:
    """Where lines of at most `width` cells begin and end; with `breaks`, a line break ends one too."""
    start, used = 0, 0
    for place, (glyph_, character) in enumerate(zip(shown, characters, strict=True)):
        cells = cell_len(glyph_)
        if place > start and used + cells > width:
            yield start, place
            start, used = place, 0
        used += cells
        if breaks and character == "\n":
            yield start, place + 1
            start, used = place + 1, 0
    if start < len(shown):
        yield start, len(shown)


def laid(
    characters: Sequence[str],
    rows: Sequence[Row],
    *,
    width: int,
    styles: Sequence[str] | None = None,
    spaced: bool = False,
) -> Iterator[Text]:
    """The text line by line, and below each line its part of the rows; labels stand in a margin on the left.

    Args:
        characters: The text.
        rows: Of marks.
        width: Of the terminal.
        styles: One for each character, or none.
        spaced: Whether an empty line ends what belongs together; lines are then as long as they can be.
    """
    shown = [glyph(character) for character in characters]
    margin = max((cell_len(row.label) for row in rows), default=0)
    margin = min(margin + 1, width // 3) if margin else 0
    for start, stop in folded(shown, characters, max(1, width - margin), breaks=not spaced):
        widths = [cell_len(one) for one in shown[start:stop]]
        yield _line("", shown[start:stop], widths, None if styles is None else styles[start:stop], margin)
        for row in rows:
            marks = row.marks[start:stop]
            yield _line(row.label, marks, widths, None if row.styles is None else row.styles[start:stop], margin)
        if spaced:
            yield Text()


def _line(label: str, marks: Sequence[str], widths: Sequence[int], styles: Sequence[str] | None, margin: int) -> Text:
    label = shorten(label, margin - 1) if margin else ""
    line = Text(label + " " * (margin - cell_len(label)), no_wrap=True, overflow="ignore", end="")
    for number, (mark, cells) in enumerate(zip(marks, widths, strict=True)):
        missing = cells - cell_len(mark)
        fitted = mark * cells if mark in BLOCKS else mark + " " * missing if missing >= 0 else " " * cells
        line.append(fitted, style=styles[number] if styles else "")
    line.append("\n")
    return line
