"""What all documents of measurements have in common when they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from seqmagic.cli.console import one_line
from seqmagic.cli.show.tables import NONE, Column, figure, fold_table

Document = Mapping[str, Any]


def where(document: Document) -> str:
    """The text of a document in words."""
    text = document["text"]
    part = f"the {text['part']} part of " if text["part"] else ""
    return f"{part}{'standard input' if text['source'] == '-' else one_line(text['source'])}"


def excerpt_words(document: Document) -> str:
    """The characters that were looked at, in words."""
    text = document["text"]
    count = f"{text['characters']:,} characters of"
    return f"{count} {where(document)}" + ("" if text["source"].startswith("--") else f" from place {text['at']:,} on")


def spread(interval: Sequence[float | None] | None, form: str) -> str:
    """An interval: "0.81 to 0.82"."""
    return NONE if interval is None else f"{figure(interval[0], form)} to {figure(interval[1], form)}"


def paired_table(document: Document, figures: Mapping[str, tuple[str, str]], *, width: int) -> Table:
    """How the runs differ from the first one, a row each.

    Args:
        document: With `differences`, one or more.
        figures: By name in the document, its heading and how its number is written.
        width: Of the terminal.
    """
    columns = [Column(f"against\n{one_line(document['differences'][0]['to'])}", figures=False)]
    for heading, _ in figures.values():
        columns += [Column(heading), Column("95 %\ninterval")]
    rows = []
    for entry in document["differences"]:
        cells = [one_line(entry["run"])]
        for name, (_, form) in figures.items():
            cells += [figure(entry.get(name), form), spread(entry.get(f"{name}_interval"), form)]
        rows.append((cells, ""))
    pairs = [(0, 0), *((number, number + 1) for number in range(1, len(columns), 2))]
    return fold_table(columns, [rows], width=width, pairs=pairs)
