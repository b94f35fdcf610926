"""All that a training is at one moment, in one place: given out as arrays, and put back from them.

Weights, moments and carried states live on the device, in the variables that the compiled step moves; the rest are
plain values. Whoever trains changes them here and keeps no copy.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from seqmagic.errors import TrainingError
from seqmagic.evaluation.evaluation import Score
from seqmagic.files import in_brief
from seqmagic.runs.record import HistoryRow
from seqmagic.training.budget import EvaluationTimes
from seqmagic.training.distribution import Distribution
from seqmagic.training.step import Adam, States


@dataclass(kw_only=True)
class TrainingState:
    """What a training has reached.

    Attributes:
        optimizer: Holds the weights, in the order of `model.trainable_weights`, their moments and their count.
        carried: Per layer (h,) or, for lstm, (h, c), (B, U) float32 each: the state after the last window.
        distribution: Whose streams these are: as arrays the states of all are given out and put back.
        step: Steps taken.
        step_seconds: Time spent in them.
        elapsed_seconds: Time since the first step, up to the end of the last step or evaluation.
        evaluations: When the next one is due.
        began_step, began_seconds: Where the present budget began: not at 0 where the training was extended.
        learning_rate: Of the last step.
        losses: Of the steps since the last evaluation, nats per character.
        train_loss: Mean of those before the last evaluation; NaN before there was one.
        history: One object per evaluation, as history.jsonl has them.
        best: The lowest validation loss so far.
        best_weights: Those that reached it, in the order of the weights.
    """

    optimizer: Adam
    carried: States
    distribution: Distribution = field(default_factory=Distribution)
    step: int = 0
    step_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    evaluations: EvaluationTimes = field(default_factory=EvaluationTimes)
    began_step: int = 0
    began_seconds: float = 0.0
    learning_rate: float = 0.0
    losses: list[float] = field(default_factory=list)
    train_loss: float = math.nan
    history: list[HistoryRow] = field(default_factory=list)
    best: Score | None = None
    best_weights: list[np.ndarray] = field(default_factory=list)

    @property
    def weights(self) -> list[np.ndarray]:
        """A copy of the weights."""
        return [np.copy(variable.numpy()) for variable in self.optimizer.variables]

    @property
    def variables(self) -> list[tf.Variable]:
        """The weights and all that the optimizer remembers, in an order that is always the same."""
        return [*self.optimizer.variables, *self.optimizer.slots]

    def begin_budget(self) -> None:
        """A new budget begins here: its evaluations are spread over what is added."""
        self.began_step, self.began_seconds = self.step, self.elapsed_seconds
        self.evaluations.next_mark = EvaluationTimes().next_mark

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything, as arrays by name; what `restore` takes."""
        groups = {
            "weights": self.optimizer.variables,
            "first_moments": self.optimizer.first,
            "second_moments": self.optimizer.second,
            "carried": self.distribution.all_states(self.carried),
            "best_weights": self.best_weights,
        }
        arrays = {
            f"{group}/{number}": np.copy(np.asarray(value))
            for group, values in groups.items()
            for number, value in enumerate(values)
        }
        figures = {
            "optimizer_steps": np.asarray(self.optimizer.steps),
            "step": np.int64(self.step),
            "step_seconds": np.float64(self.step_seconds),
            "elapsed_seconds": np.float64(self.elapsed_seconds),
            **{f"evaluations/{name}": np.float64(value) for name, value in asdict(self.evaluations).items()},
            "began_step": np.int64(self.began_step),
            "began_seconds": np.float64(self.began_seconds),
            "learning_rate": np.float64(self.learning_rate),
            "losses": np.asarray(self.losses, np.float64),
            "train_loss": np.float64(self.train_loss),
            "history": np.frombuffer(json.dumps([dict(row) for row in self.history]).encode(), np.uint8),
            "best": np.asarray([] if self.best is None else [self.best.nats, self.best.characters], np.float64),
        }
        return {**arrays, **{name: np.asarray(value) for name, value in figures.items()}}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Become the state that `to_arrays` gave out, for the same network and batch.

        Raises:
            TrainingError: an array is missing or has another shape; the state is then as it was.
        """
        optimizer = self.optimizer
        slots = {
            "weights": optimizer.variables,
            "first_moments": optimizer.first,
            "second_moments": optimizer.second,
            "carried": self.distribution.state_shapes(self.carried),
        }
        found = {group: _group(arrays, group, values) for group, values in slots.items()}
        try:
            nats = arrays["best"]
            best = Score(nats=float(nats[0]), characters=int(nats[1])) if nats.size else None
            best_weights = _group(arrays, "best_weights", optimizer.variables) if best else []
            plain: dict[str, Any] = {
                "step": int(arrays["step"]),
                "step_seconds": float(arrays["step_seconds"]),
                "elapsed_seconds": float(arrays["elapsed_seconds"]),
                "began_step": int(arrays["began_step"]),
                "began_seconds": float(arrays["began_seconds"]),
                "learning_rate": float(arrays["learning_rate"]),
                "losses": arrays["losses"].tolist(),
                "train_loss": float(arrays["train_loss"]),
                "history": [HistoryRow(**row) for row in json.loads(arrays["history"].tobytes())],
                "best": best,
                "best_weights": best_weights,
            }
            evaluations = {name: float(arrays[f"evaluations/{name}"]) for name in asdict(self.evaluations)}
            steps = np.float32(arrays["optimizer_steps"])
            _check_figures(plain, evaluations)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, RecursionError) as problem:
            raise TrainingError(f"this is no state of a training: {in_brief(problem)}") from problem
        for group in ("weights", "first_moments", "second_moments"):
            for variable, value in zip(slots[group], found[group], strict=True):
                variable.assign(value)
        optimizer.steps.assign(steps)
        self.carried = self.distribution.give_states(found["carried"], self.carried)
        for name, figure in plain.items():
            setattr(self, name, figure)
        for name, figure in evaluations.items():  # in place: a budget holds the object
            setattr(self.evaluations, name, figure)


def _check_figures(plain: Mapping[str, Any], evaluations: Mapping[str, float]) -> None:
    """Raise ValueError for a figure that no training reaches and that none could go on from."""
    for name in ("step", "began_step", "step_seconds", "elapsed_seconds", "began_seconds", "learning_rate"):
        if not 0 <= plain[name] <= 2**53:
            raise ValueError(f"{name} is {plain[name]}")
    if not all(map(math.isfinite, (*plain["losses"], *evaluations.values()))):
        raise ValueError("a figure is not finite")


def _group(arrays: Mapping[str, np.ndarray], group: str, like: Sequence[Any]) -> list[np.ndarray]:
    """The arrays `group/0`, `group/1` ..., each of the shape of its place in `like`."""
    values = []
    for number, place in enumerate(like):
        value = arrays.get(f"{group}/{number}")
        if value is None or value.shape != tuple(place.shape) or value.dtype != np.float32:
            shape = "none" if value is None else f"{value.shape} of {value.dtype}"
            raise TrainingError(
                f"this is no state of this training: {group}/{number} has shape {shape}, needed is {tuple(place.shape)}"
            )
        values.append(value)
    return values
