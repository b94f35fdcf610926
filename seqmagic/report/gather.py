"""The measurements that a report is made from: those that were kept, and the rest made now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from seqmagic import files
from seqmagic.config import Config
from seqmagic.errors import ConfigError, CorpusError, RunError
from seqmagic.insight.cache import keep, kept_path, read_kept
from seqmagic.insight.excerpts import Excerpt, open_reader, read_excerpt
from seqmagic.insight.passages import held_out
from seqmagic.insight.settings import (
    ClosersConfig,
    ErrorsConfig,
    ExcerptConfig,
    GatesConfig,
    GradientConfig,
    MemoryConfig,
    NeuronsConfig,
    NgramConfig,
    TraceConfig,
)
from seqmagic.insight.subjects import Subject, open_subject
from seqmagic.runs.folder import Run

Document = dict[str, Any]
_PASSAGE = 240  # characters that are shown one by one
_TRACED = 64  # of them with what gates and memory did


class Inputs:
    """The runs of a report and what they read, opened when that is first needed."""

    def __init__(self, runs: Sequence[Run], *, at: int = 0) -> None:
        self.runs, self.at = runs, at
        self.excerpt = cache(self._excerpt)
        self.readers = cache(self._readers)

    @cached_property
    def subjects(self) -> list[Subject]:
        """Each with the held-out part of its own text."""
        return [open_subject(run, held_out(run)) for run in self.runs]

    def _excerpt(self, length: int) -> Excerpt:
        """Characters of the held-out part of the first run, with what comes before them."""
        at = self.at if length <= _PASSAGE else 0  # figures over many characters are of all of them
        return read_excerpt(self.runs[0], ExcerptConfig(at=at), length=length)

    def _readers(self, length: int) -> list[Subject]:
        """Each ready to read that excerpt."""
        return [open_reader(run, self.excerpt(length)) for run in self.runs]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One kind of measurement, in full and quick: its settings and, where it reads an excerpt, how long that is."""

    make: Callable[[Inputs, Any, int], Document]
    full: Config
    quick: Config
    full_length: int = 0
    quick_length: int = 0


@dataclass(frozen=True)
class Measured:
    """What came of a measurement: its document and whether it had been kept, or why there is none."""

    kind: str
    document: Document | None
    kept: bool = False
    reason: str | None = None


def _ngram(inputs: Inputs, config: NgramConfig, length: int) -> Document:
    from seqmagic.insight.measure_ngram import measure_ngram

    # differences are those to the first run: that is an LSTM here, if there is one, and then each has its own place
    first, *others = sorted(inputs.subjects, key=lambda one: one.cell != "lstm")
    document = measure_ngram(first.passage, first.network.vocabulary_size, config, [first, *others])
    models = {model["run"]: model for model in document["models"]}
    return {**document, "models": [models[one.run.name] for one in inputs.subjects]}


def _surprise(inputs: Inputs, config: ExcerptConfig, length: int) -> Document:
    from seqmagic.insight.inspect_surprise import inspect_surprise

    return inspect_surprise(inputs.readers(length), inputs.excerpt(length))


def _memory(inputs: Inputs, config: MemoryConfig, length: int) -> Document:
    from seqmagic.insight.measure_memory import measure_memory

    return measure_memory(inputs.subjects, config)


def _gradient(inputs: Inputs, config: GradientConfig, length: int) -> Document:
    from seqmagic.insight.measure_gradient import measure_gradient

    return measure_gradient(inputs.subjects, config)


def _gates(inputs: Inputs, config: GatesConfig, length: int) -> Document:
    from seqmagic.insight.inspect_gates import inspect_gates

    return inspect_gates(inputs.readers(length), inputs.excerpt(length), config)


def _trace(inputs: Inputs, config: TraceConfig, length: int) -> Document:
    from seqmagic.insight.inspect_trace import inspect_trace

    return inspect_trace(inputs.readers(length), inputs.excerpt(length), config)


def _neurons(inputs: Inputs, config: NeuronsConfig, length: int) -> Document:
    from seqmagic.insight.inspect_neurons import inspect_neurons

    return inspect_neurons(inputs.subjects, config, ExcerptConfig(length=_PASSAGE))[0]


def _errors(inputs: Inputs, config: ErrorsConfig, length: int) -> Document:
    from seqmagic.insight.inspect_errors import inspect_errors

    return inspect_errors(inputs.subjects, config)


def _closers(inputs: Inputs, config: ClosersConfig, length: int) -> Document:
    from seqmagic.insight.measure_closers import measure_closers

    return measure_closers(inputs.subjects, config)


MEASUREMENTS: dict[str, Measurement] = {  # in the order in which they are made
    "ngram": Measurement(make=_ngram, full=NgramConfig(), quick=NgramConfig(targets=16_000)),
    "surprise": Measurement(
        make=_surprise, full=ExcerptConfig(), quick=ExcerptConfig(), full_length=_PASSAGE, quick_length=_PASSAGE
    ),
    "memory": Measurement(make=_memory, full=MemoryConfig(), quick=MemoryConfig(targets=192)),
    "gradient": Measurement(make=_gradient, full=GradientConfig(), quick=GradientConfig(targets=64, seeds=1)),
    "gates": Measurement(
        make=_gates,
        full=GatesConfig(lesion=True),
        quick=GatesConfig(lesion=True),
        full_length=20_000,
        quick_length=6_000,
    ),
    "trace": Measurement(
        make=_trace, full=TraceConfig(), quick=TraceConfig(), full_length=_TRACED, quick_length=_TRACED
    ),
    "neurons": Measurement(make=_neurons, full=NeuronsConfig(), quick=NeuronsConfig(characters=5_000)),
    "errors": Measurement(make=_errors, full=ErrorsConfig(), quick=ErrorsConfig(characters=16_000)),
    "closers": Measurement(make=_closers, full=ClosersConfig(), quick=ClosersConfig(targets=16_000)),
}


@dataclass(frozen=True)
class _Task:
    name: str
    chance: float


@dataclass(frozen=True)
class _Row:
    cell: str
    seed: int
    distance: int
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class _Recall:
    kind: str
    task: _Task
    rows: tuple[_Row, ...]

    def __post_init__(self) -> None:
        if self.kind != "recall" or not self.rows:
            raise ValueError("no rows of kind recall")


def read_recall(path: Path) -> dict[str, Any]:
    """The document in a file that `seqmagic measure recall --json` printed.

    Raises:
        ConfigError: it is no such file.
    """
    try:
        found = files.as_type(files.read_json(path, error=RunError), _Recall, path, error=RunError)
    except RunError as problem:
        reason = str(problem).removesuffix(f"; {files.MEND}")
        raise ConfigError(f"--recall takes what is printed by: seqmagic measure recall --json; {reason}") from problem
    return {**asdict(found), "warnings": []}


def gather(inputs: Inputs, kinds: Sequence[str], *, quick: bool) -> Iterator[Measured]:
    """Each measurement in turn; one that can't be made of these runs and texts is left out with the reason.

    Raises:
        SeqmagicError: a run or its text can't be read.
    """
    jobs = []
    for kind in kinds:
        one = MEASUREMENTS[kind]
        config, length = (one.quick, one.quick_length) if quick else (one.full, one.full_length)
        jobs.append((kind, one.make, config, length, inputs.readers(length) if length else inputs.subjects))
    for kind, make, config, length, subjects in jobs:
        path = kept_path(kind, subjects, config)
        found = read_kept(path, kind, subjects)
        if found is not None:
            yield Measured(kind, found, kept=True)
            continue
        try:
            document = make(inputs, config, length)
        except (CorpusError, RunError) as problem:
            yield Measured(kind, None, reason=str(problem))
            continue
        keep(path, document)
        yield Measured(kind, document)
