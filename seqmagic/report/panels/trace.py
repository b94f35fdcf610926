"""A text over what gates and memory did at each of its characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqmagic.drawing.heat import Heat, heat_element
from seqmagic.insight.labels import ROLES
from seqmagic.insight.roles import MEMORY
from seqmagic.report.html import figure, number, table
from seqmagic.report.panels.gates import gate_name
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where nothing was traced."""
    document = documents.get("trace")
    if document is None:
        return None
    finding = _finding(document, texts)
    figures = [
        figure(heat_element(_heat(model, finding, texts), ident=f"trace-{place}"), _numbers(model, texts), texts=texts)
        for place, model in enumerate(document["models"])
    ]
    return Panel(
        ident="trace",
        title=texts("trace.title"),
        finding=finding,
        body="".join(figures),
        how=texts("trace.how"),
        wrong=texts("trace.wrong"),
    )


def _finding(document: Document, texts: Texts) -> str:
    parts = []
    for model in document["models"]:
        unit, timescale = model["units"][0]["unit"], model["units"][0]["timescale"]
        key = "trace.one" if timescale is not None else "trace.ungated"
        parts.append(texts(key, run=model["run"], unit=unit, timescale=number(timescale, ",.1f")))
    return texts("trace.finding", parts=texts.listed(parts))


def _heat(model: Document, finding: str, texts: Texts) -> Heat:
    state = MEMORY[model["layer_cell"]]
    rows = [(texts.label(role), model[role]["mean"]) for role in ROLES if role in model]
    rows += [(texts("trace.unit", unit=unit["unit"]), _within_one(unit[state], state)) for unit in model["units"]]
    return Heat(
        title=texts("trace.picture", run=model["run"]),
        finding=finding,
        scale=texts("trace.scale", state=texts.label(state)),
        characters=model["characters"],
        rows=rows,
    )


def _within_one(values: Sequence[float], state: str) -> list[float]:
    """What a unit carries as its output would show it: tanh of c of an LSTM, else h itself."""
    return [math.tanh(value) for value in values] if state == "cell_state" else list(values)


def _numbers(model: Document, texts: Texts) -> str:
    state = MEMORY[model["layer_cell"]]
    roles = [role for role in ROLES if role in model]
    heads = [texts("surprise.place"), texts("surprise.character")]
    heads += [gate_name(model["layer_cell"], role, texts) for role in roles]
    heads += [f"{texts.label(state)} {unit['unit']}" for unit in model["units"]]
    rows = [
        [
            str(place + 1), "␣" if character == " " else character,
            *(number(model[role]["mean"][place], ".2f") for role in roles),
            *(number(unit[state][place], ".2f") for unit in model["units"]),
        ]
        for place, character in enumerate(model["characters"])
    ]  # fmt: skip
    return table(texts("trace.picture", run=model["run"]), heads, rows, heads=2)
