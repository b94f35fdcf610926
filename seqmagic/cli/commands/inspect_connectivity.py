"""`seqmagic inspect connectivity`: which earlier characters a prediction depends on, by its gradient."""

from __future__ import annotations

from typing import Any

import click

from seqmagic.cli.console import draw, json_document
from seqmagic.cli.insight import excerpt_subjects, runs_argument, warn
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import ConnectivityConfig, ExcerptConfig


@command(
    name="connectivity",
    short_help="What one prediction depends on.",
    example='seqmagic inspect connectivity rnn gru lstm --text "the number of items in the list"',
)
@runs_argument
@config_options(ExcerptConfig, ConnectivityConfig)
@click.pass_obj
def connectivity(settings: Settings, runs: tuple[str, ...], **values: Any) -> None:
    """Paint each character by how much the prediction of a later one would change with it, in each RUN.

    It is the length of the gradient of the prediction's bits with respect to that character as the model
    reads it, on one logarithmic scale for all models: one that sees less far looks paler. A sure prediction
    has little gradient everywhere, and gradient is not use.
    """
    from seqmagic.insight.inspect_connectivity import inspect_connectivity

    config = collect(ConnectivityConfig, values)
    excerpt, subjects = excerpt_subjects(settings, runs, collect(ExcerptConfig, values))
    document = inspect_connectivity(subjects, excerpt, config)
    warn(document, settings)
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.connectivity import connectivity_pages

    draw(lambda width: connectivity_pages(document, width=width))
