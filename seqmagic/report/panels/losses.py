"""The losses of the models, and of n-grams beside them."""

from __future__ import annotations

from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.svg import svg_element
from seqmagic.report.html import figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where losses were not measured."""
    document = documents.get("ngram")
    if document is None:
        return None
    best = min(document["models"], key=lambda model: model["loss_bits"])
    ngram = document["orders"][document["best_order"]]
    finding = texts(
        "losses.finding",
        best=best["run"],
        bits=number(best["loss_bits"]),
        order=ngram["order"],
        ngram_bits=number(ngram["loss_bits"]),
    )
    return Panel(
        ident="losses",
        title=texts("losses.title"),
        finding=finding,
        body=_models(document, texts)
        + figure(
            svg_element(_chart(document, finding, texts), ident="losses-chart"), _curve(document, texts), texts=texts
        )
        + _differences(document, texts),
        how=texts("losses.how"),
        wrong=texts("losses.wrong"),
    )


def _models(document: Document, texts: Texts) -> str:
    rows = [
        [
            model["run"], number(model["loss_bits"]), spread(model["interval"]),
            number(model["against_best"], "+.3f"), _order(model, texts),
            number(model["parameters"], ",d"), number(model["state_numbers"], ",d"),
        ]
        for model in document["models"]
    ]  # fmt: skip
    heads = ["bits", "interval", "versus", "order", "parameters", "state"]
    caption = texts("losses.table", count=number(document["text"]["targets"], ",d"))
    return table(caption, [texts("model"), *(texts(f"losses.{key}") for key in heads)], rows)


def _order(model: Document, texts: Texts) -> str:
    return texts("losses.beyond") if model["beyond_any_ngram"] else number(model["equivalent_order"], ".1f")


def _chart(document: Document, finding: str, texts: Texts) -> Chart:
    orders = document["orders"][1:] or document["orders"]
    ends = orders[0]["order"], orders[-1]["order"]
    lines = [Line(model["run"], [(x, model["loss_bits"]) for x in ends]) for model in document["models"]]
    curve = Line(texts("losses.ngrams"), [(one["order"], one["loss_bits"]) for one in orders])
    return Chart(
        title=texts("losses.chart"),
        finding=finding,
        x_label=texts("losses.x"),
        y_label=texts("losses.y"),
        lines=[*lines, curve],
    )


def _curve(document: Document, texts: Texts) -> str:
    rows = [
        [texts("losses.ngram", order=one["order"]), number(one["loss_bits"]), spread(one["interval"])]
        for one in document["orders"]
    ]
    return table(texts("losses.chart"), ["", texts("losses.y"), texts("interval")], rows)


def _differences(document: Document, texts: Texts) -> str:
    rows = [
        [
            texts("losses.pair", run=one["run"], to=one["to"]), number(one["loss_bits"], "+.3f"),
            spread(one["loss_bits_interval"], "+.3f"),
        ]
        for one in document["differences"]
    ]  # fmt: skip
    heads = ["", texts("losses.difference"), texts("interval")]
    return table(texts("losses.differences"), heads, rows) if rows else ""
