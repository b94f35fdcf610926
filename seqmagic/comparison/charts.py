"""Curves of trainings in one chart: of several against seconds or characters read, of one over its readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqmagic.comparison.curves import Curve
from seqmagic.comparison.rows import best_baseline
from seqmagic.drawing.chart import Chart, Line, Point
from seqmagic.drawing.words import listed
from seqmagic.runs.record import HistoryRow

if TYPE_CHECKING:
    from seqmagic.comparison.record import Comparison

FEWEST = 3  # evaluations of one training; fewer are no course
AXES = ("seconds", "characters")
_WORDS = {"seconds": "seconds of training", "characters": "characters read"}


def comparison_chart(comparison: Comparison, against: str | None) -> Chart | None:
    """The curves of all rows; None where none was kept.

    Rows that differ in the seed alone have one colour, and the first of them a mark and a name.

    Args:
        against: One of `AXES`; None for what the rows were given as their budget.
    """
    if against is None:
        against = "characters" if comparison.held_equal.get("epochs") else "seconds"
    lines: list[Line] = []
    for summary in comparison.summaries:
        first: int | None = None
        for row in summary.rows:
            curve = comparison.curves.get(row.run or "")
            if curve is None:
                continue
            label = "other seeds" if first is not None else summary.label
            label = label if comparison.is_series else f"{label} {row.run}"
            lines.append(Line(label=label, points=_points(curve, against), faint=first is not None, kin=first))
            first = len(lines) - 1 if first is None else first
    if not lines:
        return None
    ngram = best_baseline(comparison.baselines)
    if ngram is not None:
        ends = [x for line in lines for x, _ in (line.points[0], line.points[-1])]
        level = [(min(ends), ngram.loss), (max(ends), ngram.loss)]
        lines.append(Line(label=f"{ngram.name} {ngram.loss:.3f}", points=level, faint=True))
    finding = " ".join(filter(None, [comparison.sentence, rows_left_out(comparison)]))
    return _chart(comparison.name or "comparison", finding, lines, against)


def rows_left_out(comparison: Comparison) -> str:
    """A sentence that names the rows without a curve; nothing where all have one."""
    names: list[str] = []
    for summary in comparison.summaries:
        absent = [row for row in summary.rows if row.run not in comparison.curves]
        if not comparison.is_series:
            names += [f"{summary.label} {row.run}" for row in absent]
        elif len(absent) == len(summary.rows):
            names.append(summary.label)
        else:
            names += [f"{summary.label} of seed {row.seed}" for row in absent]
    return f"The curves leave out {listed(names)}: fewer than two evaluations are kept." if names else ""


def loss_chart(history: Sequence[HistoryRow]) -> Chart | None:
    """The losses of the evaluations that have both; None where those are too few."""
    rows = [
        (float(row.epoch), float(row.train_loss), float(row.validation_loss))
        for row in history
        if row.epoch is not None and row.train_loss is not None and row.validation_loss is not None
    ]
    if len(rows) < FEWEST:
        return None
    best = min(validation for _, _, validation in rows)
    return Chart(
        title="losses",
        finding=f"The lowest validation loss is {best:.4f}.",
        x_label="readings of the training text",
        y_label="loss, nats per character",
        lines=[
            Line(label="train, with dropout", points=[(epoch, train) for epoch, train, _ in rows]),
            Line(label="validation", points=[(epoch, validation) for epoch, _, validation in rows]),
        ],
    )


def _points(curve: Curve, against: str) -> list[Point]:
    xs = curve.characters if against == "characters" else curve.seconds
    return [(float(x), float(loss)) for x, loss in zip(xs, curve.losses, strict=True)]


def _chart(title: str, finding: str, lines: list[Line], against: str) -> Chart:
    return Chart(
        title=title,
        finding=finding,
        x_label=_WORDS[against],
        y_label="validation loss, nats per character",
        lines=lines,
    )
