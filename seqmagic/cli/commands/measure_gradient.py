"""`seqmagic measure gradient`: how fast the gradient vanishes, with intervals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.insight import draw_chart, held_out_subjects, plot_option, runs_argument, warn, write_plot
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
    warn(document, settings)
    from seqmagic.cli.show.documents import where
    from seqmagic.cli.show.gradient import gradient_chart, gradient_differences, gradient_finding, gradient_table

    chart = gradient_chart(document)
    write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    result(f"gradient by distance, {document['text']['targets']:,} predictions in {where(document)}\n")
    draw(lambda width: gradient_table(document, width=width))
    if document["differences"]:
        result()
        draw(partial(gradient_differences, document))
    result()
    draw_chart(chart)
    result(f"\n{gradient_finding(document)}")
