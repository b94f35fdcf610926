"""`seqmagic measure`: the vanishing gradient of runs, in figures with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.insight import PlotPath, draw_chart, held_out_subjects, warn, write_plot
from seqmagic.cli.options import Command, Group, RunName, Settings, collect, common_options, config_options, option
from seqmagic.insight.settings import GradientConfig

_plot = option("--plot", type=PlotPath(), metavar="FILE.svg", help="Write the chart to this file too.")
_runs = click.argument("runs", nargs=-1, required=True, type=RunName(), metavar="RUN...")


@click.group(
    cls=Group,
    invoke_without_command=True,
    short_help="Measure the vanishing gradient of models.",
    example="seqmagic measure gradient rnn gru lstm",
)
@common_options
@click.pass_context
def measure(ctx: click.Context) -> None:
    """Measure what is left of the gradient with distance, in your own models.

    Everything is measured on the validation part of a run's own text, at the same places for all runs of one
    text; intervals are 95 % of a moving-block bootstrap.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@measure.command(
    "gradient", cls=Command, short_help="How fast the gradient vanishes.", example=
    "seqmagic measure gradient rnn gru lstm\nseqmagic measure gradient lstm --wrt input --plot gradient.svg",
)  # fmt: skip
@_runs
@config_options(GradientConfig)
@_plot
@common_options
@click.pass_obj
def gradient(settings: Settings, runs: tuple[str, ...], plot: Path | None, **values: Any) -> None:
    """Measure how much of the gradient one more character back leaves, in each RUN.

    The gradient of a prediction's loss is followed back through everything that the model carries from
    character to character (for an LSTM h and c), exactly; shown is the median over many predictions. "Kept
    per character" is the slope of that line: 0.82 means that 18 % are lost with each character. Untrained
    models of the same shape stand beside the trained one: what training did is the difference.
    """
    from seqmagic.insight.measure_gradient import measure_gradient

    config = collect(GradientConfig, values)
    document = measure_gradient(held_out_subjects(settings, runs), config)
    warn(document, settings)
    from seqmagic.cli.show import insight

    chart = insight.gradient_chart(document)
    write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    result(f"gradient by distance, {document['text']['targets']:,} predictions in {insight.where(document)}\n")
    draw(lambda width: insight.gradient_table(document, width=width))
    result()
    draw_chart(chart)
    result(f"\n{insight.gradient_finding(document)}")
