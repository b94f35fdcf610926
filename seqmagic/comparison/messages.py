"""What a row's process is told, and what it says, as lines of JSON: one job to it, then events and the row from it."""

from __future__ import annotations

import dataclasses
import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from seqmagic import errors
from seqmagic.comparison.entries import Entry
from seqmagic.comparison.rows import Row
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import SeqmagicError, TrainingError
from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results
from seqmagic.texts.corpus import Corpus
from seqmagic.texts.vocabulary import Vocabulary
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started

_FACTS = (
    "source",
    "sha256",
    "bytes",
    "train",
    "validation",
    "test",
    "notices",
    "boundary",
)  # of a text, beside its ids
_SPANS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Ready:
    """From now on the process heeds signals as a training does."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the training came to."""

    row: Row


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What keeps any row from being trained: the system, such as a full disk, or that there is a GPU."""

    error: OSError | SeqmagicError


Message = Ready | Event | Result | Problem


@dataclass(frozen=True, kw_only=True)
class Job:
    """One row to train.

    Attributes:
        text: What `text_facts` says of its text; the ids are in a file that the process gets with it.
        entry, model, training, models, name, argv: As for `series.train_row`.
    """

    text: Mapping[str, Any]
    entry: Entry
    model: ModelConfig
    training: TrainConfig
    models: Path
    name: str | None
    argv: tuple[str, ...]

    def to_line(self) -> bytes:
        return _line({**dataclasses.asdict(self), "models": str(self.models)})

    @classmethod
    def from_line(cls, line: bytes) -> Job:
        values = json.loads(line)
        return cls(
            text=values["text"],
            entry=Entry(**values["entry"]),
            model=ModelConfig.from_json(values["model"]),
            training=TrainConfig.from_json(values["training"]),
            models=Path(values["models"]),
            name=values["name"],
            argv=tuple(values["argv"]),
        )


def text_facts(corpus: Corpus) -> dict[str, Any]:
    """All that makes a corpus again of its ids: see `corpus_of`."""
    facts = {name: getattr(corpus, name) for name in _FACTS}
    characters = list(corpus.vocabulary.characters)
    return {**facts, "config": corpus.config.to_json(), "dtype": corpus.ids.dtype.name, "characters": characters}


def corpus_of(facts: Mapping[str, Any], ids: BinaryIO) -> Corpus:
    """The corpus with these facts whose ids are what `ids` holds; they are mapped, not read."""
    content = mmap.mmap(ids.fileno(), 0, access=mmap.ACCESS_READ)
    known = {name: facts[name] for name in _FACTS}
    return Corpus(
        **{**known, **{name: tuple(facts[name]) for name in _SPANS}, "notices": tuple(facts["notices"])},
        config=DataConfig.from_json(facts["config"]),
        ids=np.frombuffer(content, facts["dtype"]),
        vocabulary=Vocabulary(facts["characters"]),
    )


def to_line(message: Message) -> bytes:
    """A message as one line."""
    values: dict[str, Any]
    match message:
        case Started():
            values = _fields(message, "lines", "details", "settings") | {"run": str(message.run.path)}
        case Evaluated():
            values = _fields(message, "sample", "best") | {"row": dict(message.row)}
        case Finished():
            values = _fields(message, "status", "notes", "details")
            values |= {"run": str(message.run.path), "results": dict(message.results)}
        case Result(row=row):
            values = dataclasses.asdict(row)
            values["results"] = None if row.results is None else dict(row.results)
        case Problem(error=OSError() as error):
            values = {"errno": error.errno, "strerror": error.strerror or str(error), "filename": error.filename}
        case Problem(error=error):
            values = {"kind": type(error).__name__, "words": str(error)}
        case _:
            values = dataclasses.asdict(message)
    return _line({type(message).__name__: values})


def from_line(line: bytes, corpus: Corpus) -> Message:
    """The message of a line; `corpus` is what is trained on."""
    ((kind, values),) = json.loads(line).items()
    match kind:
        case "Ready":
            return Ready()
        case "Started":
            lines, details = tuple(values["lines"]), tuple(values["details"])
            run = Run(Path(values["run"]))
            return Started(run=run, corpus=corpus, lines=lines, details=details, settings=values["settings"])
        case "Progress":
            return Progress(**values)
        case "Evaluated":
            return Evaluated(row=HistoryRow(**values["row"]), sample=values["sample"], best=values["best"])
        case "Finished":
            return Finished(
                run=Run(Path(values["run"])),
                status=values["status"],
                results=Results(**values["results"]),
                notes=tuple(values["notes"]),
                details=tuple(values["details"]),
            )
        case "Result":
            results = values.pop("results")
            return Result(row=Row(**values, results=None if results is None else Results(**results)))
        case _:
            return Problem(error=_error(values))


def _error(values: Mapping[str, Any]) -> OSError | SeqmagicError:
    if "errno" in values:
        return OSError(values["errno"], values["strerror"], values["filename"])
    kind = getattr(errors, values["kind"], TrainingError)
    error: SeqmagicError = kind(values["words"])
    return error


def _fields(message: Message, *names: str) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names}


def _line(values: Mapping[str, Any]) -> bytes:
    """ASCII without a line break within; figures of NumPy as Python's."""
    return json.dumps(values, default=lambda figure: figure.item()).encode("ascii") + b"\n"
