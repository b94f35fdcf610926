"""The gradient by distance, trained models before the same ones untrained."""

from __future__ import annotations

from seqmagic.drawing.chart import Chart, Line, Point, points_of
from seqmagic.drawing.svg import svg_element
from seqmagic.report.html import NONE, figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts

_LOWEST_SHOWN = -12.0  # log10: what is smaller is nothing


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where the gradient was not measured."""
    document = documents.get("gradient")
    if document is None:
        return None
    parts = [
        texts("gradient.one", share=number(100 * model["trained"]["rho"], ".1f"), run=model["run"])
        for model in document["models"]
    ]
    finding = texts("gradient.finding", parts=texts.listed(parts))
    return Panel(
        ident="gradient",
        title=texts("gradient.title"),
        finding=finding,
        body=figure(
            svg_element(_chart(document, finding, texts), ident="gradient-chart"),
            _numbers(document, texts),
            texts=texts,
        ),
        how=texts("gradient.how"),
        wrong=texts("gradient.wrong"),
    )


def _chart(document: Document, finding: str, texts: Texts) -> Chart:
    lines, behind = [], []
    for place, model in enumerate(document["models"]):
        trained = model["trained"]
        low, high = _points(trained, "p10"), _points(trained, "p90")
        lines.append(Line(model["run"], _points(trained, "median_log10"), band=(low, high[: len(low)])))
        behind += [
            Line(texts("gradient.untrained"), _points(one, "median_log10"), faint=True, kin=place)
            for one in model["fresh"][:1]
        ]
    return Chart(
        title=texts("gradient.chart"),
        finding=finding,
        x_label=texts("gradient.x"),
        y_label=texts("gradient.y"),
        lines=lines + behind,
    )


def _points(summary: Document, name: str) -> list[Point]:
    return points_of(summary["lag"], summary[name], lowest=_LOWEST_SHOWN)


def _numbers(document: Document, texts: Texts) -> str:
    windows = list(document["models"][0]["trained"]["rho_by_window"])
    heads = [texts(key) for key in ("model", "gradient.rho", "interval", "gradient.half", "gradient.fresh")]
    heads += [texts("gradient.window", first=a, last=b) for a, _, b in (one.partition("-") for one in windows)]
    rows = []
    for model in document["models"]:
        trained = model["trained"]
        fresh = [one["rho"] for one in model["fresh"] if one["rho"] is not None]
        rows.append(
            [
                model["run"], number(trained["rho"]), spread(trained["rho_interval"]),
                number(trained["half_life"], ".1f"), spread([min(fresh), max(fresh)], ".2f") if fresh else NONE,
                *(number(trained["rho_by_window"][window]) for window in windows),
                number(trained["r2_exponential"]), number(trained["r2_power"]),
            ]
        )  # fmt: skip
    return table(texts("gradient.table"), [*heads, texts("gradient.r2"), texts("gradient.power")], rows)
