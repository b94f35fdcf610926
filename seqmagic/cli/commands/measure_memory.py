"""`seqmagic measure memory`: how many characters a model makes use of, with intervals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.insight import (
    draw_chart,
    held_out_subjects,
    plot_option,
    runs_argument,
    warn,
    write_plot,
)
from seqmagic.cli.options import Settings, collect, command, config_list_option, config_options
from seqmagic.insight.settings import MemoryConfig


@command(
    name="memory",
    short_help="How many characters a model makes use of.",
    example="seqmagic measure memory rnn gru lstm\nseqmagic measure memory lstm --variant foreign,shuffle-words",
)
@runs_argument
@config_list_option(
    MemoryConfig,
    "variant",
    "--variant",
    default=("zero",),
    help="What stands before the context: nothing (zero, always measured), the memory of other text (foreign), or "
    "the text itself in another order. [default: zero]",
)
@config_options(MemoryConfig, exclude=("variant",))
@plot_option
@click.pass_obj
def memory(settings: Settings, runs: tuple[str, ...], plot: Path | None, **values: Any) -> None:
    """Measure the loss of each RUN after exactly k characters, and how many characters it makes use of.

    The same characters are predicted after 1, 2, 3 ... characters of context, each time from an empty memory.
    k90 is the context that brings 90 % of what all of the text before brings over the bare frequencies of
    characters; the effective context the one from which on the loss is within 1 % of that with all of it.
    """
    from seqmagic.insight.measure_memory import measure_memory

    config = collect(MemoryConfig, values)
    document = measure_memory(held_out_subjects(settings, runs), config)
    warn(document, settings)
    from seqmagic.cli.show.documents import where
    from seqmagic.cli.show.memory import (
        disorder_table,
        disorders,
        memory_chart,
        memory_differences,
        memory_finding,
        memory_table,
    )

    chart = memory_chart(document)
    write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    result(f"loss by characters read, {document['text']['targets']:,} predictions in {where(document)}\n")
    draw(partial(memory_table, document))
    for name in disorders(document):
        result()
        draw(partial(disorder_table, document, name))
    if document["differences"]:
        result()
        draw(partial(memory_differences, document))
    result()
    draw_chart(chart)
    result(f"\n{memory_finding(document)}")
