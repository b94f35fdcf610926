"""`seqmagic measure gradient`: how fast the gradient vanishes, with intervals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from seqmagic.cli.insight import held_out_subjects, plot_option, runs_argument, show_measurement
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import GradientConfig


@command(
    name="gradient",
    short_help="How fast the gradient vanishes.",
    example="seqmagic measure gradient rnn gru lstm\nseqmagic measure gradient lstm --wrt input --plot gradient.svg",
)
@runs_argument
@config_options(GradientConfig)
@plot_option
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
    from seqmagic.cli.show.documents import where
    from seqmagic.cli.show.gradient import gradient_chart, gradient_differences, gradient_table

    chart = gradient_chart(document)
    show_measurement(
        document,
        chart,
        plot,
        settings,
        heading=f"gradient by distance, {document['text']['targets']:,} predictions in {where(document)}",
        tables=[partial(gradient_table, document)],
        differences=partial(gradient_differences, document),
    )
