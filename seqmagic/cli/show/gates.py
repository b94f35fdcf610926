"""`inspect gates` for a reader: tables, a chart of every unit, and the finding from its document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.table import Table

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, spread
from seqmagic.cli.show.tables import NONE, WIDE, Column, figure, fold_table
from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.words import listed
from seqmagic.insight.labels import ROLES, label

_GATES = [
    Column("run", figures=False), Column("gate", figures=False), Column("mean"), Column("closed"), Column("open"),
    Column("units\nmostly\nopen"), Column("untrained:\nclosed"), Column("untrained:\nopen"),
]  # fmt: skip
_GATES_PAIRS = [(0, 1), (2, 5), (3, 4), (6, 7)]
_TIMESCALES = [
    Column("run", figures=False), Column("timescale\nmedian"), Column("10 %"), Column("90 %"), Column("longest"),
    Column("untrained:\nmedian"), Column("coupling of\nwrite to keep"), Column("|h| near 1"),
]  # fmt: skip
_TIMESCALES_PAIRS = [(0, 0), (1, 5), (2, 3), (4, 7), (6, 6)]
_LESIONS = [
    Column("run", figures=False), Column("gate", figures=False), Column("held at"), Column("bits/char\nmore"),
    Column("95 %\ninterval"), Column("untrained:\nbits more"),
]  # fmt: skip
_MOSTLY = 0.9  # of all steps


def _layers(document: Document) -> Iterator[tuple[str, Document, Document | None]]:
    """The name of each layer of each run, its figures and those of the untrained model, where there is one."""
    for model in document["models"]:
        name, several = one_line(model["run"]), len(model["layers"]) > 1
        for number, pair in enumerate(zip_longest(model["layers"], _fresh(model, "layers")), 1):
            yield f"{name} layer {number}" if several else name, *pair


def _fresh(model: Document, key: str) -> Sequence[Document]:
    return model.get("fresh", {}).get(key, ())


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def gates_table(document: Document, *, width: int) -> Table | None:
    """One row a gate: how much of the time it was closed and open. None where no run has gates."""
    rows = []
    for name, layer, fresh in _layers(document):
        for role in (role for role in ROLES if role in layer):
            gate, untrained = layer[role], fresh[role] if fresh else None
            mostly = sum(share > _MOSTLY for share in gate["saturated_high"])
            cells = [
                name, label(role), figure(_mean(gate["mean"]), ".2f"),
                figure(_mean(gate["saturated_low"]), ".1%"), figure(_mean(gate["saturated_high"]), ".1%"),
                f"{mostly}/{layer['units']}",
                *(
                    figure(_mean(untrained[end]), ".1%") if untrained else NONE
                    for end in ("saturated_low", "saturated_high")
                ),
            ]  # fmt: skip
            rows.append((cells, ""))
    return fold_table(_GATES, [rows], width=width, pairs=_GATES_PAIRS) if rows else None


def timescales_table(document: Document, *, width: int) -> Table:
    """One row a layer: how long its units keep what they have, and how far its outputs are from moving."""
    rows = []
    for name, layer, fresh in _layers(document):
        quantiles, untrained = layer.get("timescale_quantiles"), (fresh or {}).get("timescale_quantiles")
        times = [figure(quantiles[key], ",.1f") if quantiles else NONE for key in ("50", "10", "90", "100")]
        coupling = layer.get("coupling")
        cells = [
            name, *times, figure(untrained["50"], ",.1f") if untrained else NONE,
            figure(coupling["median_correlation"], ".2f") if coupling else NONE,
            figure(_mean(layer["hidden_state"]["saturated"]), ".1%"),
        ]  # fmt: skip
        rows.append((cells, ""))
    return fold_table(_TIMESCALES, [rows], width=width, pairs=_TIMESCALES_PAIRS)


def lesions_table(document: Document, *, width: int) -> Table | None:
    """One row a lesion; None where there are none."""
    rows = []
    for model in document["models"]:
        several = len(model["layers"]) > 1
        for one, untrained in zip_longest(model.get("lesion", ()), _fresh(model, "lesion")):
            where = f"{label(one['gate'])} {one['layer']}" if several else label(one["gate"])
            to = "its mean" if one["to"] == "mean" else "1"
            cells = [
                one_line(model["run"]), where, to, figure(one["difference_bits"], "+z.3f"),
                spread(one["interval"], "+z.3f"), figure(untrained["difference_bits"], "+z.3f") if untrained else NONE,
            ]  # fmt: skip
            rows.append((cells, ""))
    return fold_table(_LESIONS, [rows], width=max(width, WIDE), pairs=()) if rows else None


def gates_chart(document: Document) -> Chart | None:
    """Every unit by how often its gate was open (right) and closed (up). None where no run has gates."""
    several = len({name for name, _, _ in _layers(document)}) > 1
    lines = [
        Line(
            f"{name} {label(role)}" if several else label(role),
            list(zip(layer[role]["saturated_high"], layer[role]["saturated_low"], strict=True)),
            joined=False,
        )
        for name, layer, _ in _layers(document)
        for role in ROLES
        if role in layer and (role != "write" or "read" in layer)  # write of a GRU is the mirror image of keep
    ]
    if not lines:
        return None
    text = document["text"]
    return Chart(
        title="How often each unit's gates are open and closed",
        finding=gates_finding(document),
        x_label=f"share of the time above {text['high']:g} (open)",
        y_label=f"share of the time below {text['low']:g} (closed)",
        lines=[*lines, Line("always one or the other", [(0.0, 1.0), (1.0, 0.0)], faint=True)],
    )


def gates_finding(document: Document) -> str:
    """The finding in a sentence."""
    phrases = []
    for name, layer, _ in _layers(document):
        if "timescale_quantiles" not in layer:
            continue
        median = layer["timescale_quantiles"]["50"]
        phrases.append(
            f"{name} {median:,.1f} characters ({layer['integrators']} of {layer['units']} units keep nearly always)"
        )
    return f"Median gate timescale: {listed(phrases)}." if phrases else "A simple RNN has no gates."
