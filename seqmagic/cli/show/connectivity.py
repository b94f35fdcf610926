"""`inspect connectivity` for a reader: the text painted by gradients on one scale for all models, and the strongest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, excerpt_words
from seqmagic.cli.show.strips import RISING, Row, colour_system, glyph, laid
from seqmagic.cli.show.tables import WIDE, Column, fold_table

_DECADES = (-4, -3, -2, -1, 0)  # log10 of the lengths at which a step begins: the same for every model
_STRONGEST = [Column("character", figures=False), Column("place"), Column("characters back"), Column("gradient")]


def connectivity_pages(document: Document, *, width: int) -> Group:
    """Each run in turn."""
    system = colour_system()
    styles = RISING.styles(system)
    pages: list[Text | Table] = []
    for model in document["models"]:
        target = model["target"]
        head = (
            f"{one_line(model['run'])}: prediction of {glyph(target['character'])!r} at place {target['place']} "
            f"({target['bits']:.2f} bits), {excerpt_words(document)}"
        )
        pages.append(Text(head, style="bold" if system else ""))
        steps = [step_of(length) for length in model["gradient"]]
        characters = [*model["characters"], target["character"]]
        rows = [] if styles else [Row("", [*map(str, steps), "^"])]
        painted = [*(styles[step] for step in steps), "reverse"] if styles else None
        pages += laid(characters, rows, width=width, styles=painted)
        pages.append(Text())
        if model["strongest"]:
            pages += [_strongest(model), Text()]
    pages.append(_legend(styles))
    return Group(*pages)


def step_of(length: float) -> int:
    """Which of the six steps, from 0."""
    return 0 if length <= 0 else sum(math.log10(length) >= edge for edge in _DECADES)


def _strongest(model: Document) -> Table:
    rows = [
        [_visible(one["character"]), f"{one['place']:,}", f"{one['back']:,}", f"{one['gradient']:.3g}"]
        for one in model["strongest"]
    ]
    return fold_table(_STRONGEST, [[(row, "") for row in rows]], width=WIDE, pairs=())


def _visible(character: str) -> str:
    return repr(character) if character == " " else glyph(character)


def _legend(styles: Sequence[str] | None) -> Text:
    words = ["<0.0001", *(f"{10.0**edge:g}" for edge in _DECADES[:-1]), "1 or more"]
    legend = Text("bits per unit of the embedding, the same scale for all models: ")
    for number, word in enumerate(words):
        if styles:
            legend.append(f" {word} ", style=styles[number])
            legend.append(" ")
        else:
            legend.append(f"{number} is {word}" + (", " if number < len(words) - 1 else ""))
    return legend
