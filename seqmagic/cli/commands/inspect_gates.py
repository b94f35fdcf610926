"""`seqmagic inspect gates`: how far gates are open, how long units keep, what the model relies on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document, one_line, result
from seqmagic.cli.insight import draw_chart, excerpt_subjects, plot_option, runs_argument, warn, write_plot
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.errors import ConfigError
from seqmagic.insight.settings import GatesConfig, LongExcerptConfig, ModelFileConfig


@command(
    name="gates",
    short_help="How far gates are open, and for how long.",
    example="seqmagic inspect gates gru lstm\nseqmagic inspect gates lstm --lesion --plot gates.svg",
)
@runs_argument
@config_options(LongExcerptConfig, GatesConfig, ModelFileConfig)
@plot_option
@click.pass_obj
def gates(settings: Settings, runs: tuple[str, ...], plot: Path | None, **values: Any) -> None:
    """Measure how often the gates of each RUN are open and closed, and how long its units keep what they have.

    Gates have the same names in every cell: keep is the forget gate of an LSTM and the z of Keras's GRU (in
    most articles z is what we call write, 1 - z of Keras). The timescale of a unit is -1 / mean ln keep, in
    characters. Coupling is the correlation of an LSTM's write with 1 - keep: where it is high, the LSTM
    learned what a GRU has built in. An untrained model of the same shape stands beside each.

    --lesion holds each gate at its mean, and at 1: what that costs says what this trained model relies on.
    In place of a RUN, the path of any .keras file of stock layers will do (--vocabulary).
    """
    from seqmagic.insight.inspect_gates import LENGTH, inspect_gates

    config = collect(GatesConfig, values)
    asked, files = collect(LongExcerptConfig, values), collect(ModelFileConfig, values)
    excerpt, subjects = excerpt_subjects(settings, runs, asked, length=LENGTH, model_files=files)
    document = inspect_gates(subjects, excerpt, config)
    warn(document, settings)
    from seqmagic.cli.show import gates as show
    from seqmagic.cli.show.documents import where

    if plot is not None:
        chart = show.gates_chart(document)
        if chart is None:
            raise ConfigError("--plot draws gates, and a simple RNN has none; name a gru or lstm run as well")
        write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    text = document["text"]
    result(
        f"gates over {text['characters']:,} characters of {where(document)}\n"
        f"shares of the time closed (below {text['low']:g}) and open (above {text['high']:g}), means over units\n"
    )
    for table in (show.gates_table, show.timescales_table, show.lesions_table):
        if table(document, width=100) is not None:
            draw(lambda width, table=table: table(document, width=width))  # type: ignore[misc]
            result()
    for model in document["models"]:
        chart = show.gates_chart({**document, "models": [model]})
        if chart is not None:
            result(one_line(model["run"]))
            draw_chart(chart)
    result(f"\n{show.gates_finding(document)}")
