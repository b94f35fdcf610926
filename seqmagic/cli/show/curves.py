"""The curve of one training on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from seqmagic.cli.insight import draw_chart
from seqmagic.comparison.charts import loss_chart
from seqmagic.runs.record import HistoryRow


def show_losses(history: Sequence[HistoryRow]) -> None:
    """Draw them on standard output, where there is a course."""
    chart = loss_chart(history)
    if chart is not None:
        draw_chart(chart)
