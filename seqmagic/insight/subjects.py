"""The runs that are measured: opened, checked to be replayable, and described in every document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqmagic.insight.passages import Passage
from seqmagic.insight.replay import check_replay
from seqmagic.insight.statistics import plain
from seqmagic.network.network import Network
from seqmagic.network.trained import read_trained
from seqmagic.runs.folder import Run
from seqmagic.runs.record import RunRecord, comparable
from seqmagic.texts.vocabulary import Vocabulary

SCHEMA = "seqmagic.insight/1"
_MUCH_LARGER = 1.1  # times the parameters: from here on a difference may be one of size


@dataclass(frozen=True, eq=False)
class Subject:
    """A run that is looked into. `replay_error` is how far the replay is from its own probabilities."""

    run: Run
    record: RunRecord
    network: Network
    passage: Passage
    replay_error: float
    vocabulary: Vocabulary

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
            "parameters": self.network.parameters,
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
    passage = subjects[0].passage
    described = {
        "source": passage.source,
        "sha256": passage.sha256,
        "part": passage.part,
        "characters": len(passage.ids),
        "train_sequence_length": subjects[0].record.training.sequence_length,
        **text,
    }
    return {
        "schema": SCHEMA,
        "kind": kind,
        "text": described,
        "models": [{**one.describe(), **model} for one, model in zip(subjects, models, strict=True)],
        "warnings": cautions(subjects) if warnings is None else list(warnings),
    }


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
        sizes = {one.run.name: one.network.parameters for one in subjects}
        large, small = max(sizes, key=lambda name: sizes[name]), min(sizes, key=lambda name: sizes[name])
        ratio = sizes[large] / sizes[small]
        if ratio >= _MUCH_LARGER:
            warnings.append(
                f"{large} has {ratio:.1f} times the parameters of {small}: part of a difference may be one of size"
            )
    for one in subjects:
        if one.record.status not in ("complete", "interrupted"):
            warnings.append(f"the training of {one.run.name} did not end: its status is {one.record.status}")
    return warnings
