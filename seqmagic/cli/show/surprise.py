"""`inspect surprise` for a reader: the text painted by the bits of each character, or by a difference of bits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Group
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, excerpt_words
from seqmagic.cli.show.strips import DIVERGING, RISING, Row, Scale, colour_system, glyph, laid
from seqmagic.evaluation.units import STEPS, step_of

_MOST_DIFFERENCE = 4  # bits
_SIGNS = "dcba01234"  # of a difference without colours: a to d where the first is better, 1 to 4 where it is worse


def surprise_pages(document: Document, *, width: int, top: int) -> Group:
    """Each run in turn."""
    system = colour_system()
    pages: list[Text] = []
    for model in document["models"]:
        versus = model.get("versus")
        pages.append(Text(_headline(document, model), style="bold" if system else ""))
        marks, style_numbers, scale = difference_marks(versus["difference"]) if versus else _bits_marks(model["bits"])
        styles = scale.styles(system)
        rows = [] if styles else [Row("", marks)]
        rows += _guesses(model, top)
        painted = styles and [styles[number] for number in style_numbers]
        pages += laid(model["characters"], rows, width=width, styles=painted)
        pages.append(Text())
    pages.append(_legend(document, scale.styles(system)))
    return Group(*pages)


def _headline(document: Document, model: Document) -> str:
    name, versus = one_line(model["run"]), model.get("versus")
    line = f"{name}: mean {model['mean_bits']:.2f} bits per character, {excerpt_words(document)}"
    if versus:
        line += f"; {one_line(versus['name'])}: {versus['mean_bits']:.2f}, difference {versus['mean_difference']:+z.2f}"
    return line


def bin_words() -> list[str]:
    """What each step stands for: "<0.5", "0.5-1" ..."""
    edges = [f"{edge:g}" for edge in STEPS]
    return [f"<{edges[0]}", *(f"{low}-{high}" for low, high in pairwise(edges)), f"{edges[-1]}+"]


def _bits_marks(bits: Sequence[float | None]) -> tuple[list[str], list[int], Scale]:
    steps = [0 if value is None else step_of(value) for value in bits]
    return [" " if value is None else str(step) for value, step in zip(bits, steps, strict=True)], steps, RISING


def difference_marks(differences: Sequence[float | None]) -> tuple[list[str], list[int], Scale]:
    """Of differences of bits: a mark for each, the number of its style, and the scale that has these."""
    middle = _MOST_DIFFERENCE
    steps = [middle if value is None else round(max(-middle, min(middle, value))) + middle for value in differences]
    marks = [" " if value is None else _SIGNS[step] for value, step in zip(differences, steps, strict=True)]
    return marks, steps, DIVERGING


def _guesses(model: Document, top: int) -> list[Row]:
    """A row for the likeliest character in each place, one for the second ..."""
    return [
        Row("", [glyph(guesses[number][0]) if number < len(guesses) else " " for guesses in model["top"]])
        for number in range(top)
    ]


def _legend(document: Document, styles: Sequence[str] | None) -> Text:
    names = [one_line(model["versus"]["name"]) for model in document["models"] if "versus" in model]
    return difference_legend(names[0], styles) if names else _scale_legend("bits: ", "012345", bin_words(), styles)


def difference_legend(name: str, styles: Sequence[str] | None) -> Text:
    """What the marks and styles of differences to what is called `name` mean."""
    words = [f"{step:+d}" if step else "0" for step in range(-_MOST_DIFFERENCE, _MOST_DIFFERENCE + 1)]
    return _scale_legend(f"bits more than {name} (negative: fewer): ", _SIGNS, words, styles)


def _scale_legend(head: str, marks: str, words: Sequence[str], styles: Sequence[str] | None) -> Text:
    legend = Text(head)
    for number, (mark, word) in enumerate(zip(marks, words, strict=True)):
        legend.append(f" {word} " if styles else f"{mark} is {word}", style=styles[number] if styles else "")
        legend.append(" " if styles else ", " if number < len(words) - 1 else "")
    return legend
