"""`measure recall`: models of one size are trained on a question, and asked it at known distances."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqmagic.insight.statistics import plain, wilson
from seqmagic.insight.subjects import SCHEMA
from seqmagic.probes import settings
from seqmagic.probes.curve import half_distance
from seqmagic.probes.models import Probe, build
from seqmagic.probes.settings import RecallConfig
from seqmagic.probes.shapes import Shape
from seqmagic.probes.tasks import TASKS, Sequences, Task
from seqmagic.training.schedule import make_schedule
from seqmagic.training.step import Adam, make_step

GOAL = 0.9  # share of right answers that `steps_to_90` waits for
CHECKS = 40  # how often in a training that is looked at
_REPORTS = 200


@dataclass(frozen=True, kw_only=True)
class Training:
    """A model is being trained; a few times a second."""

    cell: str
    seed: int
    number: int  # of the model, from 1
    total: int
    fraction: float  # of its updates
    accuracy: float | None  # at the distances of the training, when last looked at


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A model is trained and was asked. `rows` as in the document, one for each distance."""

    cell: str
    seed: int
    rows: tuple[dict[str, Any], ...]


class Course(NamedTuple):
    """How far a training is.

    Attributes:
        updates: Done so far.
        accuracy: The share of right answers at the distances of the training, when last looked at.
        reached: The updates after which it was `GOAL` for the first time.
    """

    updates: int
    accuracy: float | None
    reached: int | None


@dataclass(eq=False)
class Recall:
    """One measurement: the models in their order, and the rows that there are."""

    config: RecallConfig
    shapes: Sequence[Shape]
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def task(self) -> Task:
        return TASKS[self.config.task]

    def run(self, stopped: Callable[[], bool]) -> Generator[Training | Answered, None, None]:
        """Train and ask model after model, cell by cell within a seed; at its end, or when `stopped`, it returns."""
        tests = _tests(self.task, self.config.seed)
        seeds = range(self.config.seed, self.config.seed + self.config.seeds)
        jobs = [(shape, seed) for seed in seeds for shape in self.shapes]
        for number, (shape, seed) in enumerate(jobs, 1):
            probe = build(shape, vocabulary_size=len(self.task.alphabet), seed=seed)
            course = Course(0, None, None)
            for course in train(probe, self.task, shape.cell, seed, self.config.updates):
                if stopped():
                    return
                yield Training(
                    cell=shape.cell,
                    seed=seed,
                    number=number,
                    total=len(jobs),
                    fraction=course.updates / self.config.updates,
                    accuracy=course.accuracy,
                )
            rows = _ask(probe, self.task, tests)
            curve = half_distance(
                [row["distance"] for row in rows], [row["accuracy"] for row in rows], self.task.chance
            )
            head = {"cell": shape.cell, "seed": seed}
            tail = {
                "d50": plain(curve),
                "d50_reason": _reason(curve),
                "parameters": shape.parameters,
                "steps_to_90": course.reached,
            }
            done = tuple({**head, **row, **tail} for row in rows)
            self.rows += done
            yield Answered(cell=shape.cell, seed=seed, rows=done)

    def document(self) -> dict[str, Any]:
        """The document of kind "recall" (docs/insight.md), of the rows that there are."""
        config, task = self.config, self.task
        wanted = config.seeds * len(self.shapes) * len(_distances(task))
        return {
            "schema": SCHEMA,
            "kind": "recall",
            "status": "complete" if len(self.rows) == wanted else "interrupted",
            "task": {
                "name": task.name,
                "alphabet": task.alphabet,
                "answers": task.answers,
                "chance": task.chance,
                "farthest_trained": settings.FARTHEST_TRAINED,
                "distances": list(_distances(task)),
                "cases": settings.TEST_CASES,
            },
            "updates": config.updates,
            "batch_size": settings.BATCH,
            "checked_every": _check_every(config.updates),
            "seeds": list(range(config.seed, config.seed + config.seeds)),
            "models": [_describe(shape) for shape in self.shapes],
            "rows": list(self.rows),
            "warnings": _cautions(config),
        }


def _describe(shape: Shape) -> dict[str, Any]:
    return {
        "cell": shape.cell,
        "units": shape.units,
        "embedding": shape.embedding,
        "parameters": shape.parameters,
        "learning_rate": settings.LEARNING_RATES[shape.cell],
    }


def _cautions(config: RecallConfig) -> list[str]:
    if config.seeds > 1:
        return []
    return ["one seed says how this model did; give --seeds 3 or more to say it of a cell"]


def _reason(half: float) -> str | None:
    if math.isinf(half):
        return "above half way at every distance"
    return None if half else "below half way at every distance"


def _distances(task: Task) -> tuple[int, ...]:
    return tuple(distance for distance in settings.TEST_DISTANCES if distance % task.step == 0)


def _length(task: Task, distance: int) -> int:
    """Of a sequence: that of the training, longer only where the distance needs it."""
    return max(settings.FARTHEST_TRAINED, distance) + task.frame


def _check_every(updates: int) -> int:
    return max(1, updates // CHECKS)


def _tests(task: Task, seed: int) -> list[Sequences]:
    """The sequences that all models are asked about, a batch for each distance."""
    rng = np.random.default_rng([seed, 1])
    return [
        task.make(rng, np.full(settings.TEST_CASES, distance), _length(task, distance)) for distance in _distances(task)
    ]


def train(probe: Probe, task: Task, cell: str, seed: int, updates: int) -> Iterator[Course]:
    """Train `probe` on sequences of distances up to `FARTHEST_TRAINED`, all models of a seed on the same ones."""
    farthest, length = settings.FARTHEST_TRAINED, _length(task, settings.FARTHEST_TRAINED)
    rng = np.random.default_rng([seed, 2])
    held_out = task.draw(rng, settings.TEST_CASES, farthest=farthest, length=length)
    step = make_step(probe.loss_and_gradients, Adam(probe.variables, weight_decay=0.0), clip_norm=settings.CLIP_NORM)
    rate = make_schedule(settings.LEARNING_RATES[cell], warm_up=settings.WARM_UP)
    states, keep = probe.states(settings.BATCH), tf.ones((settings.BATCH, 1))
    accuracy: float | None = None
    reached: int | None = None
    yield Course(0, accuracy, reached)
    for update in range(1, updates + 1):
        batch = task.draw(rng, settings.BATCH, farthest=farthest, length=length)
        learning_rate = tf.constant(rate((update - 1) / updates), tf.float32)
        step(tf.constant(batch.ids), tf.constant(batch.answers), keep, states, tf.constant(0), learning_rate)
        checked = update % _check_every(updates) == 0 or update == updates
        if checked:
            accuracy = float(_right(probe, held_out).mean())
            if reached is None and accuracy >= GOAL:
                reached = update
        if checked or update % max(1, updates // _REPORTS) == 0:
            yield Course(update, accuracy, reached)


def _right(probe: Probe, asked: Sequences) -> np.ndarray:
    """Whether each answer is right, (B, A) bool."""
    weights = [tf.convert_to_tensor(variable.value) for variable in probe.variables]
    predicted = probe.predict(weights, tf.constant(asked.ids), asked.answers.shape[1])
    return predicted.numpy() == asked.answers


def _ask(probe: Probe, task: Task, tests: Sequence[Sequences]) -> list[dict[str, Any]]:
    """How well the model answers at each distance; sequences are independent, the answers of one are not."""
    rows = []
    for asked in tests:
        right = _right(probe, asked).mean(axis=1)
        row = {"distance": int(asked.distances[0]), **_share(right)}
        if asked.depths.any():
            row["depths"] = [
                {"depth": depth, **_share(right[asked.depths == depth])} for depth in sorted(set(asked.depths.tolist()))
            ]
        rows.append(row)
    return rows


def _share(right: np.ndarray) -> dict[str, Any]:
    low, high = wilson(float(right.sum()), len(right))
    return {"accuracy": plain(right.mean()), "interval": [plain(low), plain(high)], "cases": len(right)}
