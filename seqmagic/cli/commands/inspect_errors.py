"""`seqmagic inspect errors`: which classes of characters cost a model its bits, and what its errors come from."""

from __future__ import annotations

from typing import Any

import click

from seqmagic.cli.console import draw, json_document
from seqmagic.cli.insight import held_out_subjects, runs_argument, warn
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import ErrorsConfig


@command(
    name="errors",
    short_help="Which characters cost the bits, and why.",
    example="seqmagic inspect errors rnn gru lstm\nseqmagic inspect errors lstm --characters 20000",
)
@runs_argument
@config_options(ErrorsConfig)
@click.pass_obj
def errors(settings: Settings, runs: tuple[str, ...], **values: Any) -> None:
    """Share out the bits of each RUN over classes of characters: first letters of words, spaces, closers ...

    Beside it stands the difference to the best n-gram, and of several runs that to the first one, with 95 %
    intervals of a paired block bootstrap; negative is better. Below, the errors (characters that were given less
    than half of the probability) are put down to the first of six remedies that would have helped, after Karpathy,
    Johnson and Fei-Fei 2015, simplified.
    """
    from seqmagic.insight.inspect_errors import inspect_errors

    document = inspect_errors(held_out_subjects(settings, runs), collect(ErrorsConfig, values))
    warn(document, settings)
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.errors import errors_pages

    draw(lambda width: errors_pages(document, width=width))
