"""`compare show --where` for a reader: what each class of characters costs, and the passages farthest apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.cli.show.formats import Line, Sheet
from seqmagic.cli.show.strips import Row, colour_system, laid
from seqmagic.cli.show.surprise import difference_legend, difference_marks
from seqmagic.cli.show.tables import WIDE, Column, figure, fold_table
from seqmagic.comparison.where import ALL, OfClass, Passage, Where

_FIGURES: dict[str, Callable[[OfClass], str]] = {
    "bits": lambda one: figure(one.bits, ".2f"),
    "of bits": lambda one: percent(one.share_of_bits),
    "first guess": lambda one: percent(one.accuracy),
}
_HEADINGS = {
    "bits": "bits: mean of a character of the class",
    "of bits": "of bits: share of all bits that the row pays",
    "first guess": "first guess: how often it was right",
}


def percent(share: float | None) -> str:
    """`12.3 %`; – where there is none."""
    return figure(None if share is None else 100 * share, ".1f") + (" %" if share is not None else "")


def where_pages(where: Where, *, width: int) -> Group:
    """A table for each figure, the sentence and the passages."""
    bold = "bold" if colour_system() else ""
    pages: list[RenderableType] = [Text(f"{_heading(where)}\n")]
    for name, words in _HEADINGS.items():
        pages += [Text(words, style=bold), _classes_table(where, name, width=width), Text()]
    for line in (where.sentence, *where.notes):
        if line:
            pages.append(Text(f"{one_line(line)}\n"))
    if where.passages:
        pages += _passages(where, width=width, bold=bold)
    return Group(*pages)


def _heading(where: Where) -> str:
    return f"{one_line(where.comparison)}: {where.characters:,} characters of the {where.part} part, by class"


def _classes_table(where: Where, name: str, *, width: int) -> RenderableType:
    columns = [Column("class", figures=False), Column("share")]
    columns += [Column(one_line(reader.label).replace(" ", "\n")) for reader in where.readers]
    rows = [([*_class_of(where, place), *(_FIGURES[name](one) for one in ones)], "")
            for place, ones in _by_class(where)]  # fmt: skip
    return fold_table(columns, [rows[:-1], rows[-1:]], width=width, pairs=[], wide=min(width, WIDE))


def _class_of(where: Where, place: int) -> tuple[str, str]:
    one = where.readers[0].classes[place]
    return one.name, percent(one.share)


def _by_class(where: Where) -> Iterator[tuple[int, tuple[OfClass, ...]]]:
    """The classes that the text has, and all together: the place of each, and what it costs every reader."""
    for place, ones in enumerate(zip(*(reader.classes for reader in where.readers), strict=True)):
        if ones[0].characters:
            yield place, ones


def _passages(where: Where, *, width: int, bold: str) -> Iterator[RenderableType]:
    one, other = map(one_line, where.pair)
    yield Text(f"The {len(where.passages)} passages where {one} and {other} differ most\n", style=bold)
    scale = None
    for number, passage in enumerate(where.passages, start=1):
        marks, styles, scale = difference_marks(_differences(passage))
        painted = scale.styles(colour_system())
        yield Text(f"{number}. {_passage_words(passage, one, other)}")
        rows = [] if painted else [Row("", marks)]
        colours = painted and [painted[style] for style in styles]
        yield from laid(passage.text, rows, width=width, styles=colours, spaced=True)
    if scale is not None:
        yield difference_legend(other, scale.styles(colour_system()))


def _differences(passage: Passage) -> list[float]:
    return [one - other for one, other in zip(*passage.bits, strict=True)]


def _passage_words(passage: Passage, one: str, other: str) -> str:
    more = "more" if passage.difference > 0 else "fewer"
    return f"at {passage.at:,}: {one} pays {abs(passage.difference):.1f} bits {more} than {other}"


def where_sheet(where: Where) -> Sheet:
    """The classes as one table for paper, and for programs a line for each row and class, its figures in full."""
    columns = [Column("class", figures=False), Column("share")]
    columns += [Column(f"{one_line(reader.label)}: {name}") for reader in where.readers for name in _FIGURES]
    lines = [
        Line(
            cells=[*_class_of(where, place), *(words(one) for one in ones for words in _FIGURES.values())],
            below=ones[0].name == ALL,
        )
        for place, ones in _by_class(where)
    ]
    return Sheet(
        columns=columns,
        lines=lines,
        above=_heading(where),
        remarks=[one_line(line) for line in (where.sentence, *where.notes) if line],
        names=("row", "run", "class", "characters", "share", "bits", "share_of_bits", "accuracy"),
        values=[
            (reader.label, reader.run, one.name, one.characters, one.share, one.bits, one.share_of_bits, one.accuracy)
            for reader in where.readers
            for one in reader.classes
        ],
    )
