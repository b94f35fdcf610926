"""`seqmagic measure closers`: how sure a model is of the closing bracket, by the distance to its opener."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.insight import draw_chart, held_out_subjects, plot_option, runs_argument, warn, write_plot
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import ClosersConfig


@command(
    name="closers",
    short_help="How sure a model is of a closing bracket.",
    example="seqmagic measure closers rnn gru lstm",
)
@runs_argument
@config_options(ClosersConfig)
@plot_option
@click.pass_obj
def closers(settings: Settings, runs: tuple[str, ...], plot: Path | None, **values: Any) -> None:
    """Measure how sure each RUN is of a closing bracket or quote, by the distance to its opener.

    For every ) ] } " ” » 》 」 ... of the held-out text that closes something, the probability that the model gave it
    at its place. The best n-gram stands beside: an opener further back than its order is out of its sight. Ranges
    of distances with fewer than 20 closers give no number.
    """
    from seqmagic.insight.measure_closers import measure_closers

    config = collect(ClosersConfig, values)
    document = measure_closers(held_out_subjects(settings, runs), config)
    warn(document, settings)
    from seqmagic.cli.show.distances import closers_chart, closers_differences, closers_finding, closers_table
    from seqmagic.cli.show.documents import where

    chart = closers_chart(document)
    write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    count = document["models"][0]["all"]["cases"]
    result(f"probability of the right closer, {count:,} closers in {where(document)}\n")
    draw(partial(closers_table, document))
    if document["differences"]:
        result()
        draw(partial(closers_differences, document))
    if any(line.points for line in chart.lines):
        result()
        draw_chart(chart)
    result(f"\n{closers_finding(document)}")
