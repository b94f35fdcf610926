"""`seqmagic measure ngram`: which n-gram a model is as good as."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.insight import draw_chart, held_out_subjects, plot_option, warn, write_plot
from seqmagic.cli.options import RunName, Settings, collect, command, config_options
from seqmagic.errors import RunError
from seqmagic.insight.settings import NgramConfig

if TYPE_CHECKING:
    from seqmagic.insight.passages import Passage
    from seqmagic.insight.subjects import Subject


@command(
    name="ngram",
    short_help="Which n-gram a model is as good as.",
    example="seqmagic measure ngram rnn gru lstm\nseqmagic measure ngram README.md --max-order 8",
)
@click.argument("names", nargs=-1, required=True, type=RunName(), metavar="RUN...|TEXT")
@config_options(NgramConfig)
@plot_option
@click.pass_obj
def ngram(settings: Settings, names: tuple[str, ...], plot: Path | None, **values: Any) -> None:
    """Measure which n-gram each RUN is as good as, or how well n-grams predict a TEXT alone.

    n-grams (Kneser-Ney, interpolated) are counted on the training part and predict the held-out part, order by
    order. A model as good as the 6.4-gram makes use of what 6.4 characters can say when they are counted; one
    beyond any n-gram knows what counting does not find in this text. All RUNs must be of one text.
    """
    from seqmagic.insight.measure_ngram import measure_ngram

    config = collect(NgramConfig, values)
    passage, size, subjects = _subjects_or_text(settings, names)
    document = measure_ngram(passage, size, config, subjects)
    warn(document, settings)
    from seqmagic.cli.show.documents import where
    from seqmagic.cli.show.ngram import ngram_chart, ngram_differences, ngram_finding, ngram_table

    chart = ngram_chart(document)
    write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    result(f"loss by order of n-grams, {document['text']['targets']:,} predictions in {where(document)}\n")
    draw(partial(ngram_table, document))
    if document["differences"]:
        result()
        draw(partial(ngram_differences, document))
    result()
    draw_chart(chart)
    result(f"\n{ngram_finding(document)}")


def _subjects_or_text(settings: Settings, names: Sequence[str]) -> tuple[Passage, int, list[Subject]]:
    """The text that is measured, the size of its vocabulary, and the runs: none where a text was named."""
    from seqmagic.insight.passages import of_text
    from seqmagic.runs.find import open_run
    from seqmagic.texts.sources import is_text_name

    if len(names) == 1:
        try:
            open_run(settings.models, names[0])
        except RunError as problem:
            if (Path(names[0]) / "model.keras").exists():  # half a run is no text
                raise
            if is_text_name(names[0]):
                passage, vocabulary = of_text(names[0])
                return passage, vocabulary.size, []
            raise RunError(f"{problem}; nor is there a text of that name") from problem
    subjects = held_out_subjects(settings, names)
    return subjects[0].passage, subjects[0].network.vocabulary_size, subjects
