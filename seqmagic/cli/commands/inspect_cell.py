"""`seqmagic inspect cell`: a model's cell in equations, shapes, parameters and averages."""

from __future__ import annotations

from typing import Any

import click

from seqmagic.cli.console import json_document, result
from seqmagic.cli.insight import excerpt_subjects, runs_argument, terminal_width, warn
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import ExcerptConfig


@command(
    name="cell",
    short_help="A cell in equations and numbers.",
    example="seqmagic inspect cell lstm",
)
@runs_argument
@config_options(ExcerptConfig)
@click.pass_obj
def cell(settings: Settings, runs: tuple[str, ...], **values: Any) -> None:
    """Show the equations of each RUN's cell with the shapes of this model, and where its parameters are.

    Each gate stands with its usual name and with what it does (keep, write, read, reset), how many numbers
    it has, and how far it was open on the characters looked at.
    """
    from seqmagic.insight.inspect_cell import inspect_cell

    excerpt, subjects = excerpt_subjects(settings, runs, collect(ExcerptConfig, values))
    document = inspect_cell(subjects, excerpt)
    warn(document, settings)
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.cell import cell_lines

    for line in cell_lines(document, width=terminal_width()):
        result(line)
