"""The measurements that a report is made from: those that were kept, and the rest made now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seqmagic.config import Config
from seqmagic.errors import CorpusError
from seqmagic.insight.cache import keep, kept_path, read_kept
from seqmagic.insight.excerpts import Excerpt, open_reader, read_excerpt
from seqmagic.insight.passages import held_out
from seqmagic.insight.settings import ExcerptConfig, GradientConfig, LossesConfig
from seqmagic.insight.subjects import Subject, open_subject
from seqmagic.runs.folder import Run

Document = dict[str, Any]
_PASSAGE = 240  # characters that are shown one by one


class Inputs:
    """The runs of a report, opened when they are first needed."""

    def __init__(self, runs: Sequence[Run], *, at: int = 0) -> None:
        self.runs, self.at = runs, at

    @cached_property
    def subjects(self) -> list[Subject]:
        """Each with the held-out part of its own text."""
        return [open_subject(run, held_out(run)) for run in self.runs]

    @cached_property
    def excerpt(self) -> Excerpt:
        """The passage that is shown."""
        return read_excerpt(self.runs[0], ExcerptConfig(at=self.at, length=_PASSAGE), length=_PASSAGE)

    @cached_property
    def readers(self) -> list[Subject]:
        """Each ready to read the passage."""
        return [open_reader(run, self.excerpt) for run in self.runs]


@dataclass(frozen=True)
class Measurement:
    """One kind of measurement: what makes its document, in how much detail, and of which text."""

    make: Callable[[Inputs, Any], Document]
    full: Config
    quick: Config
    of_passage: bool = False

    def subjects(self, inputs: Inputs) -> list[Subject]:
        return inputs.readers if self.of_passage else inputs.subjects


@dataclass(frozen=True)
class Measured:
    """What came of a measurement: its document and whether it had been kept, or why there is none."""

    kind: str
    document: Document | None
    kept: bool = False
    reason: str | None = None


def _losses(inputs: Inputs, config: LossesConfig) -> Document:
    from seqmagic.insight.measure_losses import measure_losses

    return measure_losses(inputs.subjects, config)


def _surprise(inputs: Inputs, config: ExcerptConfig) -> Document:
    from seqmagic.insight.inspect_surprise import inspect_surprise

    return inspect_surprise(inputs.readers, inputs.excerpt)


def _gradient(inputs: Inputs, config: GradientConfig) -> Document:
    from seqmagic.insight.measure_gradient import measure_gradient

    return measure_gradient(inputs.subjects, config)


MEASUREMENTS: dict[str, Measurement] = {  # in the order in which they are made
    "losses": Measurement(_losses, LossesConfig(), LossesConfig(characters=16_000)),
    "surprise": Measurement(_surprise, ExcerptConfig(), ExcerptConfig(), of_passage=True),
    "gradient": Measurement(_gradient, GradientConfig(), GradientConfig(targets=64, seeds=1)),
}


def gather(inputs: Inputs, kinds: Sequence[str], *, quick: bool) -> Iterator[Measured]:
    """Each measurement in turn; one that the text is too short for is left out with the reason.

    Raises:
        SeqmagicError: a run or its text can't be read.
    """
    for kind in kinds:
        measurement = MEASUREMENTS[kind]
        config = measurement.quick if quick else measurement.full
        try:
            subjects = measurement.subjects(inputs)
            path = kept_path(kind, subjects, [config])
            found = read_kept(path, kind, subjects)
            if found is not None:
                yield Measured(kind, found, kept=True)
                continue
            document = measurement.make(inputs, config)
        except CorpusError as problem:
            yield Measured(kind, None, reason=str(problem))
            continue
        keep(path, document)
        yield Measured(kind, document)
