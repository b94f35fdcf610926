"""`seqmagic inspect surprise`: what each character cost a model, in bits."""

from __future__ import annotations

from typing import Any

import click

from seqmagic.cli.console import draw, json_document
from seqmagic.cli.insight import excerpt_subject, excerpt_subjects, runs_argument, warn
from seqmagic.cli.options import Settings, collect, command, config_options
from seqmagic.insight.settings import ExcerptConfig, SurpriseConfig


@command(
    name="surprise",
    short_help="How surprising each character was.",
    example='seqmagic inspect surprise rnn lstm --top 3\nseqmagic inspect surprise lstm --vs ngram --text "a new list"',
)
@runs_argument
@config_options(ExcerptConfig, SurpriseConfig)
@click.pass_obj
def surprise(settings: Settings, runs: tuple[str, ...], **values: Any) -> None:
    """Paint each character by how much it surprised each RUN: by its bits, -log2 of its probability.

    The steps are the same for all models: below 0.5, 1, 2, 4 and 6 bits, and above. Without colours a row
    of digits from 0 to 5 stands below the text. --vs shows the difference to another run or to the best
    n-gram of the same text instead.
    """
    from seqmagic.insight.inspect_surprise import TOP, best_ngram, inspect_surprise, other_run

    config = collect(SurpriseConfig, values)
    excerpt, subjects = excerpt_subjects(settings, runs, collect(ExcerptConfig, values))
    other = None
    if config.vs == "ngram":
        other = best_ngram(subjects[0].run, excerpt)
    elif config.vs is not None:
        other = other_run(excerpt_subject(settings, config.vs, excerpt), excerpt)
    document = inspect_surprise(subjects, excerpt, top=TOP if config.top is None else config.top, other=other)
    warn(document, settings)
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.surprise import surprise_pages

    draw(lambda width: surprise_pages(document, width=width, top=config.top or 0))
