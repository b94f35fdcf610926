"""The losses of the models, and of n-grams beside them."""

from __future__ import annotations

from seqmagic.drawing.chart import Chart, Line
from seqmagic.report.html import figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where losses were not measured."""
    document = documents.get("losses")
    if document is None:
        return None
    best = min(document["models"], key=lambda model: model["bits"])
    ngram = min(document["ngrams"], key=lambda one: one["bits"])
    finding = texts(
        "losses.finding",
        best=best["run"],
        bits=number(best["bits"]),
        ngram=ngram["name"],
        ngram_bits=number(ngram["bits"]),
    )
    return Panel(
        ident="losses",
        title=texts("losses.title"),
        finding=finding,
        body=_models(document, ngram["bits"], texts)
        + figure(_chart(document, finding, texts), _curve(document, texts), ident="losses-chart", texts=texts)
        + _differences(document, texts),
        how=texts("losses.how"),
        wrong=texts("losses.wrong"),
    )


def _models(document: Document, best_ngram: float, texts: Texts) -> str:
    rows = [
        [
            model["run"], number(model["bits"]), spread(model["interval"]), number(model["bits"] - best_ngram, "+.3f"),
            texts("losses.beyond") if model["ngram_order"] is None else number(model["ngram_order"], ".1f"),
            number(model["parameters"], ",d"), number(model["state_numbers"], ",d"),
            number(model["characters_per_second"], ",.0f"),
        ]
        for model in document["models"]
    ]  # fmt: skip
    heads = ["model", "losses.bits", "interval", "losses.versus", "losses.order", "losses.parameters", "losses.state"]
    caption = texts("losses.table", count=number(document["text"]["predicted"], ",d"))
    return table(caption, [texts(key) for key in (*heads, "losses.speed")], rows)


def _chart(document: Document, finding: str, texts: Texts) -> Chart:
    orders = [one for one in document["ngrams"] if one["order"] > 0]
    last = orders[-1]["order"]
    lines = [Line(model["run"], [(1, model["bits"]), (last, model["bits"])]) for model in document["models"]]
    curve = Line(texts("losses.ngrams"), [(one["order"], one["bits"]) for one in orders])
    return Chart(
        title=texts("losses.chart"),
        finding=finding,
        x_label=texts("losses.x"),
        y_label=texts("losses.y"),
        lines=[*lines, curve],
    )


def _curve(document: Document, texts: Texts) -> str:
    rows = [[one["name"], str(one["order"]), number(one["bits"])] for one in document["ngrams"]]
    rows += [[model["run"], number(model["ngram_order"], ".1f"), number(model["bits"])] for model in document["models"]]
    return table(texts("losses.chart"), [texts("model"), texts("losses.order_head"), texts("losses.y")], rows)


def _differences(document: Document, texts: Texts) -> str:
    if not document["differences"]:
        return ""
    rows = [
        [texts("losses.pair", run=one["run"], than=one["than"]), number(one["bits"], "+.3f"), spread(one["interval"])]
        for one in document["differences"]
    ]
    return table(texts("losses.differences"), ["", texts("losses.difference"), texts("interval")], rows)
