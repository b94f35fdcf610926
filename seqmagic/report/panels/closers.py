"""How sure the models are of a closing bracket or quote, by the distance to its opener."""

from __future__ import annotations

from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.svg import svg_element
from seqmagic.report.html import figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where closers were not measured or there are too few of them."""
    document = documents.get("closers")
    if document is None or any(model["all"]["probability"] is None for model in document["models"]):
        return None
    parts = [
        texts("closers.one", run=model["run"], probability=number(model["all"]["probability"], ".2f"))
        for model in document["models"]
    ]
    ngram = document["models"][0]["ngram"]
    finding = texts(
        "closers.finding",
        parts=texts.listed(parts),
        order=ngram["order"],
        probability=number(ngram["all"]["probability"], ".2f"),
    )
    return Panel(
        ident="closers",
        title=texts("closers.title"),
        finding=finding,
        body=figure(
            svg_element(_chart(document, finding, texts), ident="closers-chart"), _numbers(document, texts), texts=texts
        ),
        how=texts("closers.how"),
        wrong=texts("closers.wrong"),
    )


def _named(document: Document, texts: Texts) -> list[tuple[str, Document]]:
    """The models, and the best n-gram of the first one's text."""
    first = document["models"][0]["ngram"]
    return [
        *((model["run"], model) for model in document["models"]),
        (texts("losses.ngram", order=first["order"]), first),
    ]


def _chart(document: Document, finding: str, texts: Texts) -> Chart:
    lines = []
    for name, measured in _named(document, texts):
        bins = [one for one in measured["by_distance"] if one["probability"] is not None]
        places = [one["median_distance"] for one in bins]
        low, high = (
            [(x, one["probability_interval"][side]) for x, one in zip(places, bins, strict=True)] for side in (0, 1)
        )
        values = [(x, one["probability"]) for x, one in zip(places, bins, strict=True)]
        lines.append(Line(name, values, band=(low, high)))
    return Chart(
        title=texts("closers.chart"),
        finding=finding,
        x_label=texts("closers.x"),
        y_label=texts("closers.y"),
        lines=lines,
        log_x=True,
        y_range=(0, 1),
    )


def _numbers(document: Document, texts: Texts) -> str:
    named = _named(document, texts)
    heads = [texts("closers.x"), texts("closers.cases")]
    for name, _ in named:
        heads += [name, texts("interval")]
    rows = []
    for place, one in enumerate(document["models"][0]["by_distance"]):
        row = [f"{one['from']} – {one['to']}" if one["to"] else f"{one['from']} +", number(one["cases"], ",d")]
        for _, measured in named:
            cell = measured["by_distance"][place]
            row += [number(cell["probability"], ".2f"), spread(cell.get("probability_interval"), ".2f")]
        rows.append(row)
    return table(texts("closers.chart"), heads, rows)
