"""Which classes of characters cost the models their bits, and what their errors come from."""

from __future__ import annotations

from seqmagic.drawing.bars import Bars, bars_element
from seqmagic.report.html import figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where errors were not looked at."""
    document = documents.get("errors")
    if document is None:
        return None
    models = document["models"]
    parts = []
    for model in models:
        dearest = max(model["classes"][:-1], key=lambda row: row["share_of_bits"] or 0.0)
        share = number(dearest["share_of_bits"], ".0%")
        parts.append(texts("errors.one", run=model["run"], share=share, name=texts.named(dearest["class"])))
    finding = texts("errors.finding", parts=texts.listed(parts))
    shown = [
        place
        for place, row in enumerate(models[0]["classes"][:-1])
        if any(m["classes"][place]["characters"] for m in models)
    ]
    bars = Bars(
        title=texts("errors.picture"),
        finding=finding,
        x_label=texts("errors.share_of_bits"),
        groups=[texts.named(models[0]["classes"][place]["class"]) for place in shown],
        series=[(model["run"], [model["classes"][place]["share_of_bits"] for place in shown]) for model in models],
    )
    numbers = "".join(_classes(model, texts) for model in models)
    return Panel(
        ident="errors",
        title=texts("errors.title"),
        finding=finding,
        body=figure(bars_element(bars, ident="errors-picture"), numbers, texts=texts) + _funnel(document, texts),
        how=texts("errors.how"),
        wrong=texts("errors.wrong"),
    )


def _classes(model: Document, texts: Texts) -> str:
    others = list(model["classes"][0]["versus"])
    heads = [texts(f"errors.{key}") for key in ("class", "share", "bits", "share_of_bits", "accuracy")]
    for name in others:
        heads += [texts("errors.versus", name=name), texts("interval")]
    rows = []
    for row in model["classes"]:
        if not row["characters"]:
            continue
        cells = [
            texts.named(row["class"]), number(row["share"], ".1%"), number(row["bits"], ".2f"),
            number(row["share_of_bits"], ".1%"), number(row["accuracy"], ".1%"),
        ]  # fmt: skip
        for name in others:
            versus = row["versus"][name]
            cells += [number(versus["difference"], "+.2f"), spread(versus["interval"], "+.2f")]
        rows.append(cells)
    return table(texts("errors.table", run=model["run"]), heads, rows)


def _funnel(document: Document, texts: Texts) -> str:
    models = document["models"]
    rows = [
        [texts.named(step["remedy"]), *(number(model["funnel"]["steps"][place]["share"], ".1%") for model in models)]
        for place, step in enumerate(models[0]["funnel"]["steps"])
    ]
    whole = [number(model["funnel"]["share"], ".1%") for model in models]
    heads = [texts("errors.remedy"), *(model["run"] for model in models)]
    return table(texts("errors.funnel"), heads, [*rows, [texts("errors.of_all"), *whole]])
