"""`measure gradient` for a reader: table, chart and finding from its document."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, paired_table, spread
from seqmagic.cli.show.tables import NONE, Column, figure, fold_table
from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.words import listed

_GRADIENT = [
    Column("run", figures=False), Column("kept per\ncharacter"), Column("95 %\ninterval"), Column("half\nlife"),
    Column("left after\n20"), Column("left after\n100"), Column("fresh\nmodels"), Column("R² of ex-\nponential"),
    Column("R² of\npower law"),
]  # fmt: skip
_GRADIENT_PAIRS = [(0, 0), (1, 2), (3, 6), (4, 5), (7, 8)]


def gradient_table(document: Document, width: int) -> Table:
    """One row a run: how much of the gradient one more character back leaves."""
    rows = []
    for model in document["models"]:
        trained = model["trained"]
        fresh = [one["rho"] for one in model["fresh"] if one["rho"] is not None]
        cells = [
            one_line(model["run"]), figure(trained["rho"], ".3f"), spread(trained["rho_interval"], ".3f"),
            figure(trained["half_life"], ".1f"), left_after(trained, 20), left_after(trained, 100),
            _range(fresh), figure(trained["r2_exponential"], ".3f"), figure(trained["r2_power"], ".3f"),
        ]  # fmt: skip
        rows.append((cells, ""))
    return fold_table(_GRADIENT, [rows], width=width, pairs=_GRADIENT_PAIRS)


def _range(values: Sequence[float]) -> str:
    if not values:
        return NONE
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def left_after(trained: Document, lag: int) -> str:
    """What is left of the gradient after `lag` characters, as a power of ten."""
    if lag >= len(trained["lag"]):
        return NONE
    value = trained["median_log10"][lag]
    return "0" if value is None else f"10^{value:.1f}".replace("-", "−")


def gradient_differences(document: Document, width: int) -> Table:
    """How the others differ from the first run."""
    return paired_table(document, {"rho": ("kept per\ncharacter", "+.3f")}, width=width)


def gradient_finding(document: Document) -> str:
    """The finding in a sentence."""
    shares = [
        (100 * model["trained"]["rho"], one_line(model["run"]))
        for model in document["models"]
        if model["trained"]["rho"] is not None
    ]
    (first, name), *others = shares
    phrases = [f"{first:.1f} % of the gradient in {name}", *(f"{share:.1f} % in {run}" for share, run in others)]
    return f"One character further back leaves {listed(phrases)}."


def gradient_chart(document: Document) -> Chart:
    """log10 of what is left against the distance, untrained models faint behind."""
    lines = []
    for number, model in enumerate(document["models"]):
        trained = model["trained"]
        lines.append(Line(model["run"], _points(trained, "median_log10"), band=_band(trained)))
        lines += [Line("untrained", _points(one, "median_log10"), faint=True, kin=number) for one in model["fresh"]]
    lines.sort(key=lambda line: line.faint)
    what = "carried state" if document["text"]["wrt"] == "state" else "character read"
    return Chart(
        title=f"Gradient with respect to the {what}, by distance",
        finding=gradient_finding(document),
        x_label="characters back",
        y_label="log10 of the share of the gradient that is left (median)",
        lines=lines,
    )


_LOWEST_SHOWN = -12.0


def _points(summary: Document, name: str) -> list[tuple[float, float]]:
    pairs = zip(summary["lag"], summary[name], strict=True)
    found = []
    for lag, value in pairs:
        if value is None or value < _LOWEST_SHOWN:
            break
        found.append((float(lag), float(value)))
    return found


def _band(summary: Document) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    low, high = _points(summary, "p10"), _points(summary, "p90")
    return low, high[: len(low)]
