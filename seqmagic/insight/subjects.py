"""The runs that are measured: opened, checked to be replayable, and described in every document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqmagic.errors import RunError
from seqmagic.insight.passages import Passage
from seqmagic.insight.replay import check_replay
from seqmagic.insight.statistics import Figure, difference, plain
from seqmagic.network.keras_file import StockModel
from seqmagic.network.network import Network
from seqmagic.network.trained import read_trained
from seqmagic.runs.folder import Run
from seqmagic.runs.record import RunRecord, comparable
from seqmagic.texts.vocabulary import Vocabulary

SCHEMA = "seqmagic.insight/1"
OTHER_TEXT = "the runs are of different texts"
_MUCH_LARGER = 1.1  # times the parameters: from here on a difference may be one of size


@dataclass(frozen=True, eq=False)
class Subject:
    """A run that is looked into, or a model file: then `run` has its path, and there is no record.

    `replay_error` is how far the replay is from its own probabilities.
    """

    run: Run
    recorded: RunRecord | None
    network: Network
    passage: Passage
    replay_error: float
    vocabulary: Vocabulary
    model: StockModel | None = None

    @property
    def record(self) -> RunRecord:
        """Of the run.

        Raises:
            RunError: it is a model file and no run.
        """
        if self.recorded is None:
            raise RunError(f"{self.run.path} is a model file and no run: there is no record of its training")
        return self.recorded

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return self.model.parameters if self.model else self.network.parameters

    @property
    def cell(self) -> str:
        """The cell of its layers, or their cells joined with +."""
        return "+".join(dict.fromkeys(layer.cell for layer in self.network.layers))

    @property
    def layers(self) -> list[int]:
        """Units of each layer."""
        return [layer.weights.recurrent_kernel.shape[0] for layer in self.network.layers]

    def describe(self) -> dict[str, Any]:
        """What every document says of a model."""
        return {
            "run": self.run.name,
            "cell": self.cell,
            "layers": self.layers,
            "parameters": self.parameters,
            "state_numbers": sum(array.size for state in self.network.initial_states(1) for array in state),
            "replay_error": plain(self.replay_error, 3),
        }


def open_subject(run: Run, passage: Passage) -> Subject:
    """`run`, ready to be measured on `passage`.

    Raises:
        RunError: its model can't be read or can't be replayed.
    """
    model = read_trained(run)
    error = check_replay(model.network, passage.ids, run.name)
    return Subject(run, model.record, model.network, passage, error, model.vocabulary)


def document(
    kind: str,
    subjects: Sequence[Subject],
    models: Sequence[Mapping[str, Any]],
    *,
    warnings: Sequence[str] | None = None,
    **text: Any,
) -> dict[str, Any]:
    """The document of a measurement; `text` adds to what it says of the text, `warnings` stand for `cautions`."""
    recorded = subjects[0].recorded
    described = {
        **describe_passage(subjects[0].passage),
        "train_sequence_length": recorded.training.sequence_length if recorded else None,
        **text,
    }
    return {
        "schema": SCHEMA,
        "kind": kind,
        "text": described,
        "models": [{**one.describe(), **model} for one, model in zip(subjects, models, strict=True)],
        "warnings": cautions(subjects) if warnings is None else list(warnings),
    }


def describe_passage(passage: Passage) -> dict[str, Any]:
    """What every document says of a text."""
    return {
        "source": passage.source,
        "sha256": passage.sha256,
        "part": passage.part,
        "characters": len(passage.ids),
    }


def same_characters(one: Subject, other: Subject) -> bool:
    """Whether two runs were measured at the same characters, so that their figures can be paired."""
    return comparable(one.record, other.record) and len(one.passage.ids) == len(other.passage.ids)


def differences(subjects: Sequence[Subject], figures: Sequence[Mapping[str, Figure]]) -> list[dict[str, Any]]:
    """Each run but the first minus the first one, on the same characters and with the same draws.

    Args:
        subjects: The runs.
        figures: For each by name its figures and their resamples; one that a run lacks is left out.
    """
    entries = []
    for one, own in zip(subjects[1:], figures[1:], strict=True):
        shared = {name: (figures[0][name], own[name]) for name in own if name in figures[0]}
        reason = None if shared else "too few cases"
        if not same_characters(subjects[0], one):
            shared, reason = {}, OTHER_TEXT
        entries.append(difference(one.run.name, subjects[0].run.name, shared, reason=reason))
    return entries


def cautions(subjects: Sequence[Subject]) -> list[str]:
    """What a reader should keep in mind when comparing these runs."""
    first, *others = subjects
    warnings = []
    for one in others:
        if not comparable(first.record, one.record):
            warnings.append(
                f"{one.run.name} was trained on another text or split than {first.run.name}: "
                "their figures are not of the same characters"
            )
    return warnings + model_cautions(subjects)


def model_cautions(subjects: Sequence[Subject]) -> list[str]:
    """Those of `cautions` that hold whatever the runs read."""
    warnings = []
    if len(subjects) > 1:
        sizes = {one.run.name: one.parameters for one in subjects}
        large, small = max(sizes, key=lambda name: sizes[name]), min(sizes, key=lambda name: sizes[name])
        ratio = sizes[large] / sizes[small]
        if ratio >= _MUCH_LARGER:
            warnings.append(
                f"{large} has {ratio:.1f} times the parameters of {small}: part of a difference may be one of size"
            )
    for one in subjects:
        if one.recorded and one.record.status not in ("complete", "interrupted"):
            warnings.append(f"the training of {one.run.name} did not end: its status is {one.record.status}")
    return warnings
