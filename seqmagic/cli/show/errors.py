"""`inspect errors` for a reader: a table of classes and a funnel for each run."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, spread, where
from seqmagic.cli.show.strips import colour_system
from seqmagic.cli.show.tables import WIDE, Column, figure, fold_table

_WIDE_FOR_TWO = 100  # columns of a terminal from which on the differences to two others stand side by side


def errors_pages(document: Document, *, width: int) -> Group:
    """Each run in turn."""
    bold = "bold" if colour_system() else ""
    first = document["models"][0]["run"]
    pages: list[Any] = []
    for model in document["models"]:
        name, counted = one_line(model["run"]), model["classes"][-1]["characters"]
        pages.append(Text(f"{name}: {counted:,} characters of {where(document)}\n", style=bold))
        pages.append(_classes_table(model, first, width=width))
        pages.append(Text(f"\n{_finding(model)}\n"))
        pages.append(_funnel(model, width=width))
        pages.append(Text())
    pages.append(Text(_LEGEND))
    return Group(*pages)


_LEGEND = (
    "bits: mean of a character of the class; of bits: the class's share of all bits; vs: bits more than another model "
    "(negative: fewer), with the 95 % interval of that."
)


def _classes_table(model: Document, first: str, *, width: int) -> Table:
    """The classes that the text has, and all together."""
    others = [name for name in (model["ngram"], first) if name in model["classes"][0]["versus"]]
    narrow = width < WIDE or (len(others) > 1 and width < _WIDE_FOR_TWO)
    columns = [
        Column("class", figures=False), Column("share"), Column("bits"), Column("of\nbits"), Column("first\nguess"),
    ]  # fmt: skip
    for name in others:
        columns += [Column(f"vs\n{one_line(name)}"), Column("95 %\ninterval")]
    pairs = [(0, 0), (1, 4), (2, 3), *((number, number + 1) for number in range(5, len(columns), 2))]
    rows = []
    for row in model["classes"]:
        if not row["characters"]:
            continue
        cells = [
            row["class"], _percent(row["share"]), figure(row["bits"], ".2f"), _percent(row["share_of_bits"]),
            _percent(row["accuracy"]),
        ]  # fmt: skip
        for name in others:
            versus = row["versus"][name]
            ends = spread(versus["interval"], "+.2f")
            cells += [
                figure(versus["difference"], "+.2f").replace("-", "−"),
                (ends.replace(" to ", "…") if narrow else ends).replace("-", "−"),
            ]
        rows.append((cells, ""))
    return fold_table(columns, [rows[:-1], rows[-1:]], width=min(width, WIDE - 1) if narrow else width, pairs=pairs)


def _percent(share: float | None) -> str:
    return figure(None if share is None else 100 * share, ".1f") + (" %" if share is not None else "")


def _finding(model: Document) -> str:
    dearest = max(model["classes"][:-1], key=lambda row: row["share_of_bits"])
    return (
        f"{one_line(model['run'])} pays {_percent(dearest['share_of_bits'])} of its bits for the class "
        f"{dearest['class']!r}, {_percent(dearest['share'])} of the characters."
    )


def _funnel(model: Document, *, width: int) -> Table:
    funnel = model["funnel"]
    columns = [Column("errors put down to the first that helps", figures=False), Column("errors"), Column("share")]
    rows = [([step["remedy"], f"{step['errors']:,}", _percent(step["share"])], "") for step in funnel["steps"]]
    total = [([f"all: {_percent(funnel['share'])} of the characters", f"{funnel['errors']:,}", "100.0 %"], "")]
    return fold_table(columns, [rows, total], width=width, pairs=[(0, 0), (1, 1), (2, 2)])
