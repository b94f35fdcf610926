"""`inspect neurons` for a reader: a table and a finding for each run, and the most telling unit painted on a text."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, where
from seqmagic.cli.show.strips import DIVERGING, Row, colour_system, laid
from seqmagic.cli.show.tables import NONE, WIDE, Column, figure, fold_table
from seqmagic.drawing.words import listed

_COLUMNS = [
    Column("feature", figures=False), Column("unit", figures=False), Column("score"), Column("chance"), Column("p"),
    Column("away from\nit"), Column("character\nalone"), Column("all\nunits"), Column("lesion"), Column("else-\nwhere"),
]  # fmt: skip
_PAIRS = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
_WIDE = 90  # columns of a terminal from which on a feature takes one line


def neurons_pages(document: Document, *, width: int) -> Group:
    """Each run in turn, then what the columns mean."""
    bold = "bold" if colour_system() else ""
    pages: list[Any] = []
    for model in document["models"]:
        name = one_line(model["run"])
        pages.append(Text(f"{name}: {document['text']['searched']:,} characters of {where(document)}", style=bold))
        pages.append(Text())
        pages.append(_table(model, width=width))
        pages.append(Text(f"{_finding(model)}\n"))
        pages += _painted(model, width=width)
    pages.append(Text(_LEGEND))
    return Group(*pages)


_LEGEND = (
    "chance: what the best unit reaches for 95 % of shifted features. away from it: without the 3 characters from "
    "each delimiter on. character alone: what the character just read tells. all units: a straight line through them. "
    "lesion: bits that a character costs more with the unit held at its mean, where it matters and elsewhere."
)


def _table(model: Document, *, width: int) -> Table:
    rows = []
    for one in model["features"]:
        lesion = one["lesion"] or {}
        cells = [
            one["feature"], unit_name(one["unit"], model) if one["unit"] else NONE, figure(one["score"], ".2f"),
            figure(one["null_95"], ".2f"), figure(one["p"], ".3f"), figure(one["away_from_delimiters"], ".2f"),
            figure(one["character_alone"], ".2f"), figure(one["probe"], ".2f"),
            figure(lesion.get("bits"), "+z.2f"),
            figure(lesion.get("bits_elsewhere"), "+z.3f"),
        ]  # fmt: skip
        rows.append((cells, "bold" if one["stands_out"] else ""))
    narrow = width < _WIDE
    return fold_table(_COLUMNS, [rows], width=min(width, WIDE - 1) if narrow else width, pairs=_PAIRS)


def unit_name(unit: Document, model: Document) -> str:
    """ "c 73", and of a stack "layer 2 c 73"."""
    layer = f"layer {unit['layer']} " if len(model["layers"]) > 1 else ""
    return f"{layer}{unit['state']} {unit['unit']}"


def _finding(model: Document) -> str:
    features, name = model["features"], one_line(model["run"])
    telling = [one for one in features if one["stands_out"] and not one["echo"]]
    echoes = [one["feature"] for one in features if one["stands_out"] and one["echo"]]
    spread = [
        one["feature"]
        for one in features
        if one["probe"] is not None and not one["stands_out"] and one["probe"] >= max(0.5, one["character_alone"])
    ]
    telling.sort(key=lambda one: -one["score"])
    phrases = [
        f"{unit_name(one['unit'], model)} tells of {one_line(one['feature'])} ({one['score']:.2f})" for one in telling
    ]
    lines = [f"{name}: {listed(phrases)}." if phrases else f"{name}: no unit stands out."]
    if echoes:
        lines.append(f"No more than the character just read tells: {listed([one_line(one) for one in echoes])}.")
    if spread:
        lines.append(f"Present, but spread over many units: {listed([one_line(one) for one in spread])}.")
    for one in features:
        if one["reason"]:
            lines.append(f"{one_line(one['feature'])}: {one['reason']}.")
    return "\n".join(lines)


def _painted(model: Document, *, width: int) -> list[Text]:
    painted = model["painted"]
    if painted is None:
        return []
    system = colour_system()
    styles = DIVERGING.styles(system)
    last = len(DIVERGING.truecolor) - 1
    steps = [min(last, int(level * (last + 1))) for level in painted["levels"]]
    rows = [] if styles else [Row("", [str(step) for step in steps])]
    head = f"{unit_name(painted['unit'], model)}, {one_line(painted['feature'])}: "
    if styles:
        title = Text(head)
        title.append(" low ", style=styles[0])
        title.append(" ")
        title.append(" high ", style=styles[last])
    else:
        title = Text(f"{head}0 is low, {last} is high")
    lines = laid(painted["characters"], rows, width=width, styles=styles and [styles[step] for step in steps])
    return [title, *lines, Text()]
