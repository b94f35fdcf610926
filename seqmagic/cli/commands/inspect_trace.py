"""`seqmagic inspect trace`: a text over what gates and memory did at each of its characters."""

from __future__ import annotations

from typing import Any

import click

from seqmagic.cli.console import draw, json_document
from seqmagic.cli.insight import excerpt_subjects, runs_argument, warn
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import ExcerptConfig, ModelFileConfig, TraceConfig


@command(
    name="trace",
    short_help="A text over its gates and memory.",
    example='seqmagic inspect trace lstm --text "return x"\nseqmagic inspect trace gru --units 3,17 --show keep',
)
@runs_argument
@config_options(ExcerptConfig, TraceConfig, ModelFileConfig)
@click.pass_obj
def trace(settings: Settings, runs: tuple[str, ...], **values: Any) -> None:
    """Show a text over what the gates and the memory of each RUN did at each character.

    Gates have the same names in every cell. keep: how much of the memory stays (forget gate of an LSTM, z
    of Keras's GRU). write: how much is written (input gate; for a GRU 1 - keep). read: how much of the
    memory is shown (output gate of an LSTM). reset: how much of the memory a GRU's candidate sees.

    In place of a RUN, the path of any .keras file of stock layers will do (--vocabulary).
    """
    from seqmagic.insight.inspect_trace import inspect_trace

    config = collect(TraceConfig, values)
    asked, files = collect(ExcerptConfig, values), collect(ModelFileConfig, values)
    excerpt, subjects = excerpt_subjects(settings, runs, asked, model_files=files)
    document = inspect_trace(subjects, excerpt, config)
    warn(document, settings)
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.trace import trace_pages

    draw(lambda width: trace_pages(document, width=width, show=config.show))
