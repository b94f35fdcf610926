"""`seqmagic evaluate`: the exact loss of a run on its own text or any other, without TensorFlow."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import is_plain, json_document, one_line, result
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import RunName, Settings, TextName, collect, command, config_options, option
from seqmagic.config import PARTS, DataConfig

if TYPE_CHECKING:
    import numpy as np

    from seqmagic.evaluation.evaluation import Scorer

NAMED_UNKNOWN = 5  # of the unknown characters, so many are named
SHOWN_OF_A_RECORD = 60  # characters


@command(
    name="evaluate",
    short_help="Measure the loss of a model on a text.",
    example="seqmagic evaluate latest README.md",
)
@click.argument("run", type=RunName())
@click.argument("text", required=False, type=TextName())
@option(
    "--part",
    type=click.Choice(PARTS),
    help="Part of the run's own text, where no TEXT is given. [default: validation]",
)
@config_options(DataConfig, exclude=("validation", "test", "min_count", "split_seed"))
@click.pass_obj
def evaluate(settings: Settings, run: str, text: str | None, part: str | None, **values: Any) -> None:
    """Measure the loss of RUN on TEXT, or on a part of the text that it was trained on.

    The loss is exact: every character but the first is predicted once, with the state carried from the
    start. Characters that the model does not know are scored as its unknown symbol and counted.

    A model that was trained with --records or --column reads any text that way, each record from an empty
    memory and with its end, and says what records cost.
    """
    from seqmagic.evaluation.baselines import best_possible
    from seqmagic.evaluation.evaluation import evaluate as measure
    from seqmagic.evaluation.evaluation import score_records
    from seqmagic.evaluation.records import record_statistics
    from seqmagic.evaluation.scorer import NetworkScorer
    from seqmagic.evaluation.subject import read_subject
    from seqmagic.evaluation.units import finite
    from seqmagic.network.trained import read_trained
    from seqmagic.runs.find import open_run

    if text is not None and part is not None:
        raise click.UsageError("--part chooses a part of the run's own text; leave it out, or leave out TEXT")
    model = read_trained(open_run(settings.models, run))
    if text is not None:
        bring(settings, text)
    subject = read_subject(model, text, part, collect(DataConfig, values))
    for line in subject.notices:
        settings.notice(line)
    with _Watched(NetworkScorer(model.network), len(subject.ids), hidden=settings.quiet) as scorer:
        records = None
        if subject.boundary is not None:
            records = score_records(scorer, subject.ids, subject.boundary)
        score = measure(scorer, subject.ids) if records is None else records.score
    document: dict[str, Any] = {
        "run": model.run.name,
        "text": subject.source,
        "part": subject.part,
        "loss": score.loss,
        "bits_per_character": score.bits_per_character,
        "perplexity": finite(score.perplexity),
        "characters": score.characters,
        "unknown_characters": subject.unknown_characters,
    }
    if records is not None:
        document["records"] = record_statistics(records, subject.ids, model.vocabulary)
    best = None if records is not None else best_possible(subject.sha256, subject.span)
    if best is not None:
        document["best_possible"] = {"loss": best.loss, "bits_per_character": best.bits_per_character}
    if settings.json:
        json_document(document)
    else:
        _show(document, Counter(subject.unknown))


class _Watched:
    """A scorer that shows on a terminal how much of the text it has read."""

    def __init__(self, scorer: Scorer, characters: int, *, hidden: bool) -> None:
        self._scorer = scorer
        self._bar = click.progressbar(
            length=characters,
            label="reading",
            file=sys.stderr,
            hidden=hidden or is_plain(sys.stderr) or characters < 100_000,
        )

    def __enter__(self) -> _Watched:
        self._bar.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        self._bar.__exit__(*problem)

    def initial_states(self, batch: int) -> Any:
        return self._scorer.initial_states(batch)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, states: Any) -> tuple[Any, Any]:
        answer = self._scorer(inputs, targets, states)
        self._bar.update(inputs.size)
        return answer


def _show(document: Mapping[str, Any], unknown: Counter[str]) -> None:
    text = "standard input" if document["text"] == "-" else one_line(document["text"])
    part = f"the {document['part']} part of " if document["part"] else ""
    perplexity = "infinite" if document["perplexity"] is None else f"{document['perplexity']:.2f}"
    result(f"{document['run']} on {part}{text}, characters predicted: {document['characters']:,}")
    result(
        f"loss {document['loss']:.4f} nats per character, {document['bits_per_character']:.3f} bits, "
        f"perplexity {perplexity}"
    )
    if records := document.get("records"):
        _show_records(records)
    if best := document.get("best_possible"):
        result(
            f"best possible {best['loss']:.4f} nats per character, {best['bits_per_character']:.3f} bits, "
            "for who knows the rule that made this text"
        )
    count = document["unknown_characters"]
    if count:
        frequent = ", ".join(f"{character!r} {times:,}" for character, times in unknown.most_common(NAMED_UNKNOWN))
        names = f"; most often {frequent}" if frequent else ""
        result(f"{count:,} of them unknown to the model and scored as its unknown symbol{names}")


def _show_records(records: Mapping[str, Any]) -> None:
    result(
        f"{records['count']:,} records, {records['bits_per_record']:.2f} bits per record on an average "
        f"(median {records['median_bits']:.2f}, {records['least_bits']:.2f} to {records['most_bits']:.2f})"
    )
    result("the costliest:")
    for one in records["costliest"]:
        shown = one_line(one["record"])
        more = "…" if len(shown) > SHOWN_OF_A_RECORD or one["characters"] - 1 > len(one["record"]) else ""
        result(f"{one['bits']:10.2f} bits  {shown[:SHOWN_OF_A_RECORD]}{more}")
