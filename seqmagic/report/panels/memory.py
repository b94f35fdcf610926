"""The loss by how many characters were read, and how many a model makes use of."""

from __future__ import annotations

from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.svg import svg_element
from seqmagic.report.html import figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts

_SHOWN = ("k50", "k90", "k99", "effective_context")


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where memory was not measured."""
    document = documents.get("memory")
    if document is None:
        return None
    longest = document["models"][0]["k"][-1]
    parts = [texts("memory.one", k=reached(model, "k99", longest), run=model["run"]) for model in document["models"]]
    finding = texts("memory.finding", parts=texts.listed(parts))
    chart = _chart(document, finding, texts)
    return Panel(
        ident="memory",
        title=texts("memory.title"),
        finding=finding,
        body=_reach(document, longest, texts)
        + figure(svg_element(chart, ident="memory-chart"), _losses(document, texts), texts=texts),
        how=texts("memory.how"),
        wrong=texts("memory.wrong"),
    )


def reached(model: Document, name: str, longest: int) -> str:
    """How many characters, or "> 256" where the longest context does not do."""
    return f"> {longest}" if model[name] is None else str(model[name])


def _chart(document: Document, finding: str, texts: Texts) -> Chart:
    lines = []
    for model in document["models"]:
        # nothing read has no place on a logarithmic axis: the table has it
        ks, losses, intervals = (model[name][1:] for name in ("k", "loss_bits", "interval"))
        band = tuple([(k, ends[side]) for k, ends in zip(ks, intervals, strict=True)] for side in (0, 1))
        lines.append(Line(model["run"], list(zip(ks, losses, strict=True)), band=(band[0], band[1])))
    values = [y for line in lines for edge in line.band or () for _, y in edge]
    window = document["text"]["train_sequence_length"]
    inside = window <= document["models"][0]["k"][-1]
    return Chart(
        title=texts("memory.chart"),
        finding=finding,
        x_label=texts("memory.x"),
        y_label=texts("losses.y"),
        lines=lines,
        log_x=True,
        y_range=(min(values), max(values)),
        rules=[(window, texts("memory.window", length=window))] if inside else (),
    )


def _reach(document: Document, longest: int, texts: Texts) -> str:
    rows = []
    for model in document["models"]:
        row = [model["run"]]
        for name in _SHOWN:
            ends = model[f"{name}_interval"]
            row.append(reached(model, name, longest) + (f" ({spread(ends, '.0f')})" if ends else ""))
        rows.append([*row, number(model["unlimited_bits"])])
    heads = [texts("model"), *(texts("memory.k", share=share) for share in (50, 90, 99))]
    return table(texts("memory.table"), [*heads, texts("memory.effective"), texts("memory.unlimited")], rows)


def _losses(document: Document, texts: Texts) -> str:
    heads = [texts("memory.x")]
    for model in document["models"]:
        heads += [model["run"], texts("interval")]
    rows = []
    for place, k in enumerate(document["models"][0]["k"]):
        row = [str(k)]
        for model in document["models"]:
            row += [number(model["loss_bits"][place]), spread(model["interval"][place])]
        rows.append(row)
    return table(texts("memory.chart"), heads, rows)
