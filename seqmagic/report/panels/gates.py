"""How far gates are open and closed, how long units keep what they have, what a model relies on."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.svg import svg_element
from seqmagic.insight.labels import ROLES
from seqmagic.report.html import NONE, figure, number, spread, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts

_QUANTILES = ("10", "50", "90", "100")


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where gates were not measured or no model has any."""
    document = documents.get("gates")
    gated = [model for model in document["models"] if any(_roles(model))] if document else []
    if document is None or not gated:
        return None
    finding = _finding(gated, texts)
    figures = [
        figure(
            svg_element(_chart(model, finding, texts), ident=f"gates-chart-{number_}"),
            _units(model, texts),
            texts=texts,
        )
        for number_, model in enumerate(gated)
    ]
    return Panel(
        ident="gates",
        title=texts("gates.title"),
        finding=finding,
        body=_gates(gated, texts)
        + f'<div class="squares">{"".join(figures)}</div>'
        + _timescales(gated, texts)
        + _lesions(gated, texts),
        how=texts("gates.how", low=document["text"]["low"], high=document["text"]["high"]),
        wrong=texts("gates.wrong"),
    )


def _layers(model: Document) -> Iterator[tuple[str, Document, Document]]:
    """The name of each layer, its figures and those of the untrained model."""
    for place, (layer, fresh) in enumerate(zip(model["layers"], model["fresh"]["layers"], strict=True), 1):
        yield f"{model['run']} {place}" if len(model["layers"]) > 1 else model["run"], layer, fresh


def _roles(model: Document) -> Iterator[str]:
    yield from (role for role in ROLES if role in model["layers"][0])


def gate_name(cell: str, role: str, texts: Texts) -> str:
    """The neutral name of a gate and the one that articles have: "keep (forget gate)"."""
    names = {("lstm", "keep"): "forget_gate", ("lstm", "write"): "input_gate", ("lstm", "read"): "output_gate",
             ("gru", "write"): "update_gate", ("gru", "reset"): "reset_gate"}  # fmt: skip
    return texts.label(role) + (f" ({texts.label(names[cell, role])})" if (cell, role) in names else "")


def _finding(models: list[Document], texts: Texts) -> str:
    longest = [
        texts("gates.one", run=name, median=number(layer["timescale_quantiles"]["50"], ".1f"),
              most=number(layer["timescale_quantiles"]["100"], ",.0f"))
        for model in models for name, layer, _ in _layers(model) if "timescale_quantiles" in layer
    ]  # fmt: skip
    return texts("gates.finding", parts=texts.listed(longest))


def _chart(model: Document, finding: str, texts: Texts) -> Chart:
    """A dot for each unit: right the share of the time that its gate is open, up that it is closed."""
    lines = [
        Line(
            (f"{place} " if len(model["layers"]) > 1 else "") + gate_name(model["cell"], role, texts),
            list(zip(layer[role]["saturated_high"], layer[role]["saturated_low"], strict=True)),
            joined=False,
        )
        for place, layer in enumerate(model["layers"], 1)
        for role in ROLES
        if role in layer and (role != "write" or "read" in layer)  # write of a GRU is the mirror image of keep
    ]
    return Chart(
        title=texts("gates.chart", run=model["run"]),
        finding=finding,
        x_label=texts("gates.open"),
        y_label=texts("gates.closed"),
        lines=[*lines, Line(texts("gates.always"), [(0.0, 1.0), (1.0, 0.0)], faint=True)],
        x_range=(0, 1),
        y_range=(0, 1),
    )


def _gates(models: list[Document], texts: Texts) -> str:
    rows = [
        [
            name, gate_name(model["cell"], role, texts), number(fmean(layer[role]["mean"]), ".2f"),
            number(fmean(layer[role]["saturated_low"]), ".1%"), number(fmean(layer[role]["saturated_high"]), ".1%"),
            number(fmean(fresh[role]["saturated_low"]), ".1%"), number(fmean(fresh[role]["saturated_high"]), ".1%"),
        ]
        for model in models for name, layer, fresh in _layers(model) for role in ROLES if role in layer
    ]  # fmt: skip
    keys = ["gate", "mean", "low", "high", "fresh_low", "fresh_high"]
    return table(texts("gates.table"), [texts("model"), *(texts(f"gates.{key}") for key in keys)], rows, heads=2)


def _timescales(models: list[Document], texts: Texts) -> str:
    rows = []
    for model in models:
        for name, layer, fresh in _layers(model):
            coupling = layer.get("coupling")
            row = [name, *(number(layer["timescale_quantiles"][key], ",.1f") for key in _QUANTILES)]
            row.append(number(fresh["timescale_quantiles"]["50"], ".1f"))
            rows.append([*row, number(coupling["median_correlation"], ".2f") if coupling else NONE])
    keys = ["p10", "p50", "p90", "p100", "fresh", "coupling"]
    return table(texts("gates.timescales"), [texts("model"), *(texts(f"gates.{key}") for key in keys)], rows)


def _lesions(models: list[Document], texts: Texts) -> str:
    rows = [
        [
            model["run"], gate_name(model["cell"], one["gate"], texts), str(one["layer"]),
            texts(f"gates.to_{one['to']}"),
            number(one["difference_bits"], "+.3f"), spread(one["interval"], "+.3f"),
        ]
        for model in models for one in model.get("lesion", ())
    ]  # fmt: skip
    keys = ["gate", "layer", "to", "cost"]
    heads = [texts("model"), *(texts(f"gates.{key}") for key in keys), texts("interval")]
    return table(texts("gates.lesions"), heads, rows, heads=2) if rows else ""


def _units(model: Document, texts: Texts) -> str:
    """Every unit of the first layers, as far as a table is worth reading: the rest is in `--json`."""
    layer = model["layers"][0]
    roles = list(_roles(model))
    heads = [texts("gates.unit")]
    for role in roles:
        name = gate_name(model["cell"], role, texts)
        heads += [f"{name}: {texts('gates.low')}", f"{name}: {texts('gates.high')}"]
    rows = []
    for unit in range(layer["units"]):
        row = [str(unit)]
        for role in roles:
            row += [number(layer[role][side][unit], ".2f") for side in ("saturated_low", "saturated_high")]
        rows.append([*row, number(layer["keep"]["timescale"][unit], ",.1f")])
    return table(texts("gates.units", run=model["run"]), [*heads, texts("gates.timescale")], rows)
