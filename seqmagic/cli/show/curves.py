"""The course of a training as a picture: losses of training and validation over the readings of the text."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from seqmagic.cli.console import is_plain, make_console, result
from seqmagic.cli.show.plots import Chart, Line, chart_lines
from seqmagic.cli.show.strips import can_show
from seqmagic.runs.record import HistoryRow

FEWEST = 3  # evaluations; fewer are no course
_HEIGHT = 10  # lines


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
            Line("train, with dropout", [(epoch, train) for epoch, train, _ in rows]),
            Line("validation", [(epoch, validation) for epoch, _, validation in rows]),
        ],
    )


def show_losses(history: Sequence[HistoryRow]) -> None:
    """Draw them on standard output, where there is a course."""
    chart = loss_chart(history)
    if chart is None:
        return
    colour = not is_plain(sys.stdout)
    width = make_console(sys.stdout).width
    for line in chart_lines(chart, width=width, height=_HEIGHT, colour=colour, braille=can_show("\u28ff")):
        result(line, painted=colour)
