"""What a model is evaluated on: a part of its own text, or any other text in its vocabulary."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seqmagic.config import DataConfig
from seqmagic.errors import ConfigError, RunError
from seqmagic.evaluation.baselines import Baseline, best_possible, measure_baselines
from seqmagic.evaluation.beside import MOST_CHARACTERS
from seqmagic.network.trained import TrainedModel
from seqmagic.runs.own_text import OwnTextError, read_own_text
from seqmagic.texts.corpus import read_corpus
from seqmagic.texts.records import record_end, way_of_reading
from seqmagic.texts.vocabulary import UNKNOWN

OWN_PART = "validation"  # of the own text, where nothing is named


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A text to evaluate on.

    Attributes:
        source: What was given, or where the run's own text came from.
        part: Of the run's own text; None for another text, which is taken whole.
        ids: (n,) in the vocabulary of the model.
        notices: What a reader should know about the reading, a sentence each.
        sha256: Of the whole text that the ids are of.
        span: Where in it they are.
        unknown: How often each character that the model does not know occurs; empty for the own text.
        train: (m,) the part that the model was trained on; None where it was not read, being of another text.
        boundary: Id of the end of a record, where the text is records; None for one text from start to end.
    """

    source: str
    part: str | None
    ids: np.ndarray
    notices: tuple[str, ...]
    sha256: str
    span: tuple[int, int]
    unknown: Mapping[str, int] = field(default_factory=Counter)
    train: np.ndarray | None = None
    boundary: int | None = None

    @property
    def unknown_characters(self) -> int:
        """How many of the characters that are predicted, all but the first, the model does not know."""
        return int((self.ids[1:] == UNKNOWN).sum())


def read_subject(model: TrainedModel, text: str | None, part: str | None, data: DataConfig) -> Subject:
    """The text `text`, read as `data` says, or the part `part` of the model's own text where there is none.

    A model of records reads any text as its own was read, unless `data` says otherwise.

    Raises:
        ConfigError: `data` asks for records that the model does not know.
        CorpusError: the other text can't be read.
        RunError: the own text can't be had, or has no such part.
    """
    if text is not None:
        corpus = read_corpus(text, _as_records(model, data), vocabulary=model.vocabulary)
        return Subject(
            source=corpus.source,
            part=None,
            ids=corpus.ids,
            notices=corpus.notices,
            sha256=corpus.sha256,
            span=(0, len(corpus.ids)),
            unknown=corpus.unknown,
            boundary=corpus.boundary,
        )
    part = part or OWN_PART
    try:
        own = read_own_text(model.run, part)
    except OwnTextError as problem:
        raise RunError(f"{problem}; give the text instead: seqmagic evaluate {model.run.name} TEXT") from problem
    return Subject(
        source=own.corpus.source,
        part=part,
        ids=own.ids,
        notices=own.corpus.notices,
        sha256=own.corpus.sha256,
        span=getattr(own.record.text, part),
        train=own.part("train"),
        boundary=own.corpus.boundary,
    )


def _as_records(model: TrainedModel, data: DataConfig) -> DataConfig:
    """`data` with the records that the model was trained on, where it does not say how to cut the text."""
    own = model.record.data
    if not data.has_records:
        return dataclasses.replace(data, records=own.records, column=own.column)
    if record_end(own) != record_end(data):
        trained = f"with {way_of_reading(own)}" if own.has_records else "on one text from start to end"
        raise ConfigError(
            f"run {model.run.name} was trained {trained}, received {way_of_reading(data)}; leave it out: its records "
            "end otherwise"
        )
    return data


def counted_baselines(model: TrainedModel, subject: Subject) -> list[Baseline]:
    """What models that only count pay for `subject`: they count the training part that the model learnt from.

    Of long parts the last and first `MOST_CHARACTERS`, so that it takes two seconds at most.

    Returns:
        Uniform, unigram and n-grams, and the best possible where it is known. No n-grams where the subject has the
        training part in it: what has counted a text knows it by heart.

    Raises:
        RunError: the subject is another text, and the own one can't be had.
    """
    found: list[Baseline] = []
    own = model.run.read_record().text
    if subject.sha256 != own.sha256 or subject.span[0] >= own.train[1]:
        train = read_own_text(model.run, "train").ids if subject.train is None else subject.train
        found = measure_baselines(
            train, subject.ids, model.vocabulary.size, limit=MOST_CHARACTERS, boundary=subject.boundary
        )
    best = best_possible(subject.sha256, subject.span) if subject.boundary is None else None
    return found if best is None else [*found, best]
