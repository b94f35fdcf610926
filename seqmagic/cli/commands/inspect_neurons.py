"""`seqmagic inspect neurons`: which unit tells most about quotes, brackets, columns ..., and whether that is chance."""

from __future__ import annotations

from typing import Any

import click

from seqmagic.cli.console import draw, json_document
from seqmagic.cli.insight import held_out_subjects, runs_argument, warn
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import ExcerptConfig, NeuronsConfig


@command(
    name="neurons",
    short_help="Which unit tells of quotes, brackets, columns.",
    example='seqmagic inspect neurons lstm\nseqmagic inspect neurons lstm gru --text "He said \\"so\\" and left."',
)
@runs_argument
@config_options(NeuronsConfig, ExcerptConfig)
@click.pass_obj
def neurons(settings: Settings, runs: tuple[str, ...], **values: Any) -> None:
    """Search the units of each RUN for one that tells of something in the text: quotes, brackets, the column ...

    A unit is picked on one half of the held-out text and scored on the other, from 0 (tells nothing) to 1
    (tells all): |2 AUC - 1| for what is on or off, |Spearman's rho| for numbers. "Chance" is what the best unit
    reaches for 95 % of shifted features; a unit stands out where 99 % do worse. Then it is held at its mean, and
    what that costs is measured. The unit that stands out most is painted onto a stretch of text: --text, --file,
    --at and --length say which.
    """
    from seqmagic.insight.excerpts import remarks
    from seqmagic.insight.inspect_neurons import inspect_neurons

    config, where = collect(NeuronsConfig, values), collect(ExcerptConfig, values)
    subjects = held_out_subjects(settings, runs)
    document, excerpt = inspect_neurons(subjects, config, where)
    warn(document, settings)
    if excerpt is not None:
        for line in remarks(subjects, excerpt):
            settings.notice(line)
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.neurons import neurons_pages

    draw(lambda width: neurons_pages(document, width=width))
