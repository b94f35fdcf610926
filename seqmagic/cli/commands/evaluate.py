"""`seqmagic evaluate`: the exact loss of runs on their own text or any others, without TensorFlow."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import draw, is_plain, json_document
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import Choice, RunOrTextName, Settings, collect, command, config_options, name_of, option
from seqmagic.config import PARTS, DataConfig
from seqmagic.errors import RunError

if TYPE_CHECKING:
    import numpy as np

    from seqmagic.evaluation.baselines import Baseline
    from seqmagic.evaluation.evaluation import Score, Scorer
    from seqmagic.evaluation.per_character import Costs
    from seqmagic.evaluation.subject import Subject
    from seqmagic.network.trained import TrainedModel

_LONG = 100_000  # characters from which on a terminal shows how many have been read


@command(
    name="evaluate",
    short_help="Measure the loss of models on texts.",
    example="seqmagic evaluate rnn lstm gru README.md",
)
@click.argument("run", metavar="RUN... [TEXT...]", nargs=-1, required=True, type=RunOrTextName())
@option("--on", "texts", metavar="TEXT", multiple=True, help="A text, also one that is named as a run is.")
@option(
    "--part",
    type=Choice(PARTS),
    help="Part of a run's own text, where no TEXT is given. [default: validation]",
)
@option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="What models pay that only count: n-grams of the training part. Two seconds for a million characters.",
)
@option(
    "--per-character",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what every character cost: .csv for a table, .jsonl for JSON lines.",
)
@config_options(DataConfig, exclude=("validation", "test", "min_count", "split_seed"))
@click.pass_obj
def evaluate(
    settings: Settings,
    run: tuple[str, ...],
    texts: tuple[str, ...],
    part: str | None,
    baselines: bool,
    per_character: Path | None,
    **values: Any,
) -> None:
    """Measure the loss of each RUN on each TEXT, or on a part of the text that it was trained on.

    The first name that is no run is a text, and so are those after it. The loss is exact: every character but
    the first is predicted once, with the state carried from the start. Characters that the model does not know
    are scored as its unknown symbol and counted.

    A model that was trained with --records or --column reads any text that way, each record from an empty
    memory and with its end, and says what records cost.
    """
    from seqmagic.cli.show.evaluations import evaluations_table, show_evaluation
    from seqmagic.evaluation.evaluation import Score, costs, score_records
    from seqmagic.evaluation.evaluation import evaluate as measure
    from seqmagic.evaluation.per_character import SUFFIXES, write_costs
    from seqmagic.evaluation.records import record_statistics
    from seqmagic.evaluation.scorer import NetworkScorer
    from seqmagic.evaluation.subject import read_subject
    from seqmagic.network.trained import read_trained

    if per_character is not None and per_character.suffix.lower() not in SUFFIXES:
        raise click.UsageError(
            f"--per-character must end with {' or '.join(SUFFIXES)}; received {str(per_character)!r}"
        )
    runs, named = _runs_and_texts(settings.models, run)
    subjects: Sequence[str | None] = [*named, *texts] or [None]
    if part is not None and subjects != [None]:
        raise click.UsageError("--part chooses a part of the run's own text; leave it out, or leave out TEXT")
    data = collect(DataConfig, values)
    for other in filter(None, subjects):
        bring(settings, other)
    models = [read_trained(one) for one in runs]
    documents: list[dict[str, Any]] = []
    tables: list[Costs] = []
    for text in subjects:
        for model in models:
            subject = read_subject(model, text, part, data)
            for line in subject.notices:
                settings.notice(line)
            found = _baselines(settings, model, subject) if baselines else []
            with _watched(NetworkScorer(model.network), len(subject.ids), hidden=settings.quiet) as scorer:
                records = None if subject.boundary is None else score_records(scorer, subject.ids, subject.boundary)
                nats = None if records is None else records.costs
                if nats is None and per_character is not None:
                    nats = costs(scorer, subject.ids)
                score = records.score if records else measure(scorer, subject.ids) if nats is None else Score.of(nats)
            if nats is not None and per_character is not None:
                tables.append(_table(model, subject, nats))
            documents.append(_document(model, subject, score, found))
            if records is not None:
                documents[-1]["records"] = record_statistics(records, subject.ids, model.vocabulary)
            if not settings.json and len(models) * len(subjects) == 1:
                show_evaluation(documents[0], subject.unknown)
    if per_character is not None:
        write_costs(per_character, tables)
        settings.notice(f"what every character cost: {per_character}")
    if settings.json:
        json_document(documents[0] if len(documents) == 1 else {"evaluations": documents})
    elif len(documents) > 1:
        draw(lambda width: evaluations_table(documents, width=width))


def _runs_and_texts(models: Path, names: Sequence[str]) -> tuple[list[Any], list[str]]:
    """The runs that the first names mean, one at least, and the names from the first on that is none."""
    from seqmagic.runs.find import open_run

    runs = [open_run(models, names[0])]
    for place, name in enumerate(names[1:], start=1):
        try:
            runs.append(open_run(models, name))
        except RunError:
            return runs, list(names[place:])
    return runs, []


def _baselines(settings: Settings, model: TrainedModel, subject: Subject) -> list[Baseline]:
    """Those of the subject; where they can't be had, the reason is said."""
    from seqmagic.evaluation.subject import counted_baselines

    try:
        with settings.meanwhile(f"counting n-grams for {name_of(subject.source)}"):
            return counted_baselines(model, subject)
    except RunError as problem:
        settings.notice(f"no n-gram to hold it against: {problem}")
        return []


def _table(model: TrainedModel, subject: Subject, nats: np.ndarray) -> Costs:
    from seqmagic.evaluation.per_character import Costs

    return Costs(
        run=model.run.name,
        text=subject.source,
        start=subject.span[0],
        vocabulary=model.vocabulary,
        ids=subject.ids,
        nats=nats,
    )


def _document(model: TrainedModel, subject: Subject, score: Score, baselines: Sequence[Baseline]) -> dict[str, Any]:
    """What is known of one run on one text, as `--json` gives it."""
    from seqmagic.evaluation.units import finite

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
    rows = [{"name": one.name, "loss": one.loss, "bits_per_character": one.bits_per_character} for one in baselines]
    if counted := [row for row, one in zip(rows, baselines, strict=True) if one.order is not None]:
        document["baselines"] = counted
    for row, one in zip(rows, baselines, strict=True):
        if one.order is None:
            document["best_possible"] = {key: row[key] for key in ("loss", "bits_per_character")}
    return document


@contextlib.contextmanager
def _watched(scorer: Scorer, characters: int, *, hidden: bool) -> Iterator[Scorer]:
    """`scorer`, and on a terminal a bar that shows how much of the text it has read."""
    bar = click.progressbar(
        length=characters,
        label="reading",
        file=sys.stderr,
        hidden=hidden or is_plain(sys.stderr) or characters < _LONG,
    )
    with bar:
        yield _Watched(scorer, bar)


class _Watched:
    """A scorer that moves a bar."""

    def __init__(self, scorer: Scorer, bar: Any) -> None:
        self._scorer, self._bar = scorer, bar

    def initial_states(self, batch: int) -> Any:
        return self._scorer.initial_states(batch)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, states: Any) -> tuple[Any, Any]:
        answer = self._scorer(inputs, targets, states)
        self._bar.update(inputs.size)
        return answer
