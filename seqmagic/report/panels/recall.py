"""Which cell finds an answer again over which distance: what `seqmagic measure recall` found on tiny models."""

from __future__ import annotations

from statistics import median

from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.svg import svg_element
from seqmagic.report.html import figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts

ATTENTION = "attention"


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None without such a document."""
    document = documents.get("recall")
    if document is None:
        return None
    farthest = max(row["distance"] for row in document["rows"])
    parts = [
        texts("recall.one", cell=_name(cell, texts), share=number(_middle(document, cell, farthest), ".0%"))
        for cell in cells(document)
    ]
    finding = texts("recall.finding", distance=farthest, parts=texts.listed(parts))
    picture = svg_element(_chart(document, finding, texts), ident="recall-chart")
    return Panel(
        ident="recall",
        title=texts("recall.title"),
        finding=finding,
        body=figure(picture, _numbers(document, texts), texts=texts),
        how=texts("recall.how", chance=number(document["task"]["chance"], ".1%")),
        wrong=texts("recall.wrong"),
    )


def cells(document: Document) -> list[str]:
    """The cells in their order."""
    return list(dict.fromkeys(row["cell"] for row in document["rows"]))


def _name(cell: str, texts: Texts) -> str:
    return texts.label(cell) if cell in ("rnn", "lstm", "gru", ATTENTION) else cell


def _rows(document: Document, cell: str, distance: int) -> list[Document]:
    """One for each seed."""
    return [row for row in document["rows"] if (row["cell"], row["distance"]) == (cell, distance)]


def _middle(document: Document, cell: str, distance: int) -> float | None:
    found = [row["accuracy"] for row in _rows(document, cell, distance)]
    return median(found) if found else None


def farthest_interval(document: Document, cell: str) -> tuple[float, float] | None:
    """From the lowest to the highest end of the intervals of all seeds at the greatest distance."""
    found = [row["interval"] for row in _rows(document, cell, max(row["distance"] for row in document["rows"]))]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _distances(document: Document) -> list[int]:
    return sorted({row["distance"] for row in document["rows"]})


def _chart(document: Document, finding: str, texts: Texts) -> Chart:
    lines = []
    distances = _distances(document)
    for cell in cells(document):
        places = [one for one in distances if _rows(document, cell, one)]
        of_seeds = [[row["accuracy"] for row in _rows(document, cell, one)] for one in places]
        low, high = ([(x, end(values)) for x, values in zip(places, of_seeds, strict=True)] for end in (min, max))
        middle = [(x, median(values)) for x, values in zip(places, of_seeds, strict=True)]
        lines.append(Line(_name(cell, texts), middle, band=(low, high)))
    chance = document["task"]["chance"]
    level = Line(texts("recall.chance"), [(distances[0], chance), (distances[-1], chance)], faint=True)
    return Chart(
        title=texts("recall.chart"),
        finding=finding,
        x_label=texts("recall.x"),
        y_label=texts("recall.y"),
        lines=[*lines, level],
        log_x=True,
        y_range=(0, 1),
    )


def _numbers(document: Document, texts: Texts) -> str:
    heads = [texts("recall.x")]
    for cell in cells(document):
        heads += [_name(cell, texts), texts("recall.seeds")]
    rows = []
    for distance in _distances(document):
        row = [str(distance)]
        for cell in cells(document):
            ends = [one["accuracy"] for one in _rows(document, cell, distance)]
            row += [
                number(_middle(document, cell, distance), ".0%"),
                spread([min(ends), max(ends)] if ends else None, ".0%"),
            ]
        rows.append(row)
    return table(texts("recall.chart"), heads, rows)
