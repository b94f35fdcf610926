"""Fine-tuning: a training that begins with the weights of another run, whose vocabulary is kept and extended.

Importing this imports neither TensorFlow nor Keras, as with `training.train`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqmagic.config import ModelConfig, option_name
from seqmagic.errors import ConfigError, SeqmagicError
from seqmagic.network.trained import TrainedModel, read_trained
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import REFERENCES
from seqmagic.runs.own_text import OwnTextError, read_own_text
from seqmagic.runs.record import FineTuned

if TYPE_CHECKING:
    from seqmagic.training.session import Session

SIZES = ("cell", "units", "layers", "embedding")


@dataclass(frozen=True, kw_only=True, eq=False)
class Base:
    """The run that a fine-tuning begins with.

    Attributes:
        name: What it is found by again: as it was given, or its name where that was latest or best.
        trained: The run, read whole.
    """

    name: str
    trained: TrainedModel

    @classmethod
    def find(cls, models: Path, name: str) -> Base:
        """The run `name` below `models`, a pretrained one, or a path.

        Raises:
            RunError: there is none, or it can't be read.
        """
        run = open_run(models, name)
        return cls(name=run.name if name in REFERENCES else name, trained=read_trained(run))

    def sizes(self, model: ModelConfig, *, given: Collection[str]) -> ModelConfig:
        """`model` with the sizes of the run.

        Args:
            given: The settings that were asked for, by name.

        Raises:
            ConfigError: a size was asked for that the run does not have.
        """
        own = self.trained.record.model
        for name in SIZES:
            if name in given and getattr(model, name) not in (None, getattr(own, name)):
                raise ConfigError(
                    f"run {self.name} has {option_name(name)} {getattr(own, name)}, received {getattr(model, name)}; "
                    "leave it out: --fine-tune takes over the sizes of the run"
                )
        return dataclasses.replace(model, **{name: getattr(own, name) for name in SIZES})


class FineTuning:
    """The losses before and after, on the new text and on that of the run that it began with.

    Attributes:
        record: As far as they are known.
        troubles: Why the text of that run can't be measured, a sentence; empty where it can.
    """

    def __init__(self, record: FineTuned, base: Base | None, *, why_not: str = "") -> None:
        self.record = record
        self.base = base
        self._own: np.ndarray | None = None
        self.troubles: tuple[str, ...] = (why_not,) if why_not else ()
        if base is not None:
            try:
                self._own = read_own_text(base.trained.run, "validation").ids
            except OwnTextError as problem:
                self.troubles = (f"the loss on the text of {base.name} is not measured: {problem.brief}",)

    @classmethod
    def of(cls, base: Base, *, vocabulary_size: int) -> FineTuning:
        """A fine-tuning that begins, with so many ids."""
        new = vocabulary_size - base.trained.vocabulary.size
        created = base.trained.record.created
        return cls(FineTuned(run=base.name, created=created, new_characters=new), base)

    @classmethod
    def again(cls, record: FineTuned, models: Path) -> FineTuning:
        """One that goes on: the run that it began with is looked for below `models`."""
        try:
            base = Base.find(models, record.run)
        except SeqmagicError:
            return cls(record, None, why_not=f"the loss on the text of {record.run} is not measured: that run is gone")
        if base.trained.record.created != record.created:
            return cls(record, None, why_not=f"the loss on the text of {record.run} is not measured: it is another run")
        return cls(record, base)

    def begin(self, session: Session) -> None:
        """Put the weights of the run into the model, and measure them."""
        from seqmagic.training.model import set_weights

        if self.base is not None:
            set_weights(session.model, extended(self.base.trained.network.arrays, session.state.weights))
        before, own = session.validation_score().loss, self._own_loss(session)
        self.record = dataclasses.replace(self.record, before=before, own_before=own)

    def end(self, session: Session, *, loss: float) -> None:
        """Measure the weights that are kept, which the model has now; `loss` is theirs on the new text."""
        self.record = dataclasses.replace(self.record, after=loss, own_after=self._own_loss(session))

    def _own_loss(self, session: Session) -> float | None:
        return None if self._own is None else session.score(self._own).loss


def extended(old: Sequence[np.ndarray], fresh: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The weights `old` for a larger vocabulary: what they have stays as it is, at the same ids.

    A new character is read as an untrained network reads it, and written as the mean of the known characters is,
    which is seldom.

    Args:
        old, fresh: In the order of the model's weights: embedding (V, D), the layers, dense kernel (U, V) and bias
            (V,), float32; V is the larger one in `fresh`.
    """
    embedding, *layers, kernel, bias = old
    new = len(fresh[0]) - len(embedding)
    column, level = kernel[:, 1:].mean(axis=1, keepdims=True), bias[1:].mean()  # 0 is the unknown character
    return [
        np.concatenate([embedding, fresh[0][len(embedding) :]]),
        *layers,
        np.concatenate([kernel, np.repeat(column, new, axis=1)], axis=1),
        np.concatenate([bias, np.full(new, level, bias.dtype)]),
    ]
