"""`seqmagic evaluate`: the exact loss of a run on its own text or any other, without TensorFlow."""

from __future__ import annotations

import itertools
import math
import sys
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import is_plain, json_document, notice, one_line, result
from seqmagic.cli.options import RunName, Settings, collect, command, config_options, option
from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError, RunError

if TYPE_CHECKING:
    import numpy as np

    from seqmagic.evaluation.evaluation import Scorer
    from seqmagic.runs.folder import Run
    from seqmagic.runs.record import RunRecord
    from seqmagic.texts.corpus import Corpus

PARTS = ("train", "validation", "test")
NAMED_UNKNOWN = 5  # of the unknown characters, so many are named


@command(
    name="evaluate",
    short_help="Measure the loss of a model on a text.",
    example="seqmagic evaluate latest README.md",
)
@click.argument("run", type=RunName())
@click.argument("text", required=False)
@option(
    "--part",
    type=click.Choice(PARTS),
    help="Part of the run's own text, where no TEXT is given. [default: validation]",
)
@config_options(DataConfig, exclude=("validation", "test", "min_count"))
@click.pass_obj
def evaluate(settings: Settings, run: str, text: str | None, part: str | None, **values: Any) -> None:
    """Measure the loss of RUN on TEXT, or on a part of the text that it was trained on.

    The loss is exact: every character but the first is predicted once, with the state carried from the
    start. Characters that the model does not know are scored as its unknown symbol and counted.
    """
    from seqmagic.evaluation.evaluation import evaluate as measure
    from seqmagic.evaluation.scorer import NetworkScorer
    from seqmagic.network.keras_file import load_network
    from seqmagic.runs.find import open_run

    if text is not None and part is not None:
        raise click.UsageError("--part chooses a part of the run's own text; leave it out, or leave out TEXT")
    opened = open_run(settings.models, run)
    network = load_network(opened)
    unknown: Counter[str] = Counter()
    if text is None:
        part = part or "validation"
        corpus, ids = own_part(opened, part)
    else:
        corpus, unknown = _read_other(text, collect(DataConfig, values), opened)
        ids = corpus.ids
    for line in corpus.notices:
        notice(line, quiet=settings.quiet)
    with _Watched(NetworkScorer(network), len(ids), hidden=settings.quiet) as scorer:
        score = measure(scorer, ids)
    document = {
        "run": opened.name,
        "text": corpus.source,
        "part": part,
        "loss": score.loss,
        "bits_per_character": score.bits_per_character,
        "perplexity": score.perplexity if math.isfinite(score.perplexity) else None,
        "characters": score.characters,
        "unknown_characters": int((ids[1:] == 0).sum()),
    }
    if settings.json:
        json_document(document)
    else:
        _show(document, unknown)


def own_part(run: Run, part: str) -> tuple[Corpus, np.ndarray]:
    """A part of the text that `run` was trained on, read again and cut as it was then.

    Raises:
        RunError: the text is gone or is not the same any more, or the part is empty.
    """
    from seqmagic.texts.corpus import read_corpus

    record = run.read_record()
    source = record.text.source
    advice = f"give the text instead: seqmagic evaluate {run.name} TEXT"
    if source == "-":
        raise RunError(f"run {run.name} read its text from standard input, where it can't be read again; {advice}")
    start, stop = getattr(record.text, part)
    if stop - start < 2:
        raise RunError(f"run {run.name} has no {part} part; the parts it has: {_parts(record)}")
    try:
        corpus = read_corpus(source, record.data, vocabulary=run.read_vocabulary(), again=True)
    except CorpusError as problem:
        raise RunError(f"the text of run {run.name} can't be read again: {problem}; {advice}") from problem
    if corpus.sha256 != record.text.sha256:
        raise RunError(
            f"the text of run {run.name}, {source}, has changed since the training (sha256 "
            f"{record.text.sha256[:12]} then, {corpus.sha256[:12]} now), and so have its parts; {advice}"
        )
    return corpus, corpus.ids[start:stop]


def _parts(record: RunRecord) -> str:
    spans = {part: getattr(record.text, part) for part in PARTS}
    return ", ".join(f"{part} ({stop - start:,} characters)" for part, (start, stop) in spans.items() if stop > start)


def _read_other(text: str, data: DataConfig, run: Run) -> tuple[Corpus, Counter[str]]:
    """The whole of a text in the vocabulary of `run`, and how often each character outside of it occurs."""
    from seqmagic.texts.corpus import read_corpus
    from seqmagic.texts.vocabulary import UNKNOWN, Vocabulary

    unknown: Counter[str] = Counter()

    class Counting(Vocabulary):
        """A vocabulary that counts what it does not know, while the text passes by."""

        def encode(self, text: str) -> np.ndarray:
            ids = super().encode(text)
            if not ids.all():
                unknown.update(itertools.compress(text, ids == UNKNOWN))
            return ids

    return read_corpus(text, data, vocabulary=Counting(run.read_vocabulary().characters)), unknown


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
    count = document["unknown_characters"]
    if count:
        frequent = ", ".join(f"{character!r} {times:,}" for character, times in unknown.most_common(NAMED_UNKNOWN))
        names = f"; most often {frequent}" if frequent else ""
        result(f"{count:,} of them unknown to the model and scored as its unknown symbol{names}")
