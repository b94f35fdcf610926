"""`seqmagic measure repeats`: what a model saves on a rare word that it has read before, by distance."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.insight import draw_chart, held_out_subjects, plot_option, runs_argument, warn, write_plot
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import RepeatsConfig


@command(
    name="repeats",
    short_help="What a model saves on words it has read before.",
    example="seqmagic measure repeats rnn gru lstm",
)
@runs_argument
@config_options(RepeatsConfig)
@plot_option
@click.pass_obj
def repeats(settings: Settings, runs: tuple[str, ...], plot: Path | None, **values: Any) -> None:
    """Measure what each RUN saves on a rare word because it has read it before, by the distance to that place.

    For words of 6 letters or more that are rare in the training part and come again in the held-out one: their bits,
    from the second letter on, with another rare word in the place of all earlier mentions, less those in the text as
    it is. A model that forgot the word saves nothing. Ranges with fewer than 20 words give no number.
    """
    from seqmagic.insight.measure_repeats import measure_repeats

    config = collect(RepeatsConfig, values)
    document = measure_repeats(held_out_subjects(settings, runs), config)
    warn(document, settings)
    from seqmagic.cli.show.distances import repeats_chart, repeats_differences, repeats_finding, repeats_table
    from seqmagic.cli.show.documents import where

    chart = repeats_chart(document)
    write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    count = document["models"][0]["all"]["cases"]
    result(f"bits saved per letter, {count:,} rare words that come again in {where(document)}\n")
    draw(partial(repeats_table, document))
    if document["differences"]:
        result()
        draw(partial(repeats_differences, document))
    if any(line.points for line in chart.lines):
        result()
        draw_chart(chart)
    result(f"\n{repeats_finding(document)}")
