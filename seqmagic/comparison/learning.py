"""How the cells of a comparison learned: what each wrote at its evaluations, after one prompt, with one seed."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqmagic.comparison.record import Comparison
from seqmagic.comparison.where import chosen_rows
from seqmagic.errors import RunError
from seqmagic.runs.find import open_run


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One evaluation of a training. None where that is not known.

    Attributes:
        loss: Validation loss in nats per character.
        text: What was written then, without the prompt; None where it was not kept.
    """

    epoch: float | None
    seconds: float | None
    characters: float | None
    loss: float | None
    text: str | None


@dataclass(frozen=True, kw_only=True)
class Learner:
    """A row of the comparison: its label in the table, its run, and its evaluations in their order."""

    label: str
    run: str
    moments: tuple[Moment, ...]


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How the cells learned.

    Attributes:
        comparison: Its name.
        prompt: What all texts go on from; None for the default, a line break.
        seed: Of the trainings and of what they wrote.
        learners: One for each cell.
        notes: What a reader should know.
    """

    comparison: str
    prompt: str | None
    seed: int
    learners: tuple[Learner, ...]
    notes: tuple[str, ...]

    @property
    def moments(self) -> int:
        """The most evaluations that one of them has."""
        return max((len(one.moments) for one in self.learners), default=0)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def how_it_learned(comparison: Comparison, models: Path) -> Learning:
    """The texts that the trainings of one seed wrote, that of the best row; of each cell the best size.

    Raises:
        RunError: no row has a loss, or none of the runs kept what it wrote.
    """
    rows = chosen_rows(comparison)
    if not rows:
        raise RunError(f"no row of {comparison.name} has a loss yet, so nothing was written")
    seed = min(rows, key=lambda row: row.loss or 0.0).seed
    same_seed = dataclasses.replace(comparison, rows=tuple(row for row in comparison.rows if row.seed == seed))
    learners, notes = [], []
    prompts: dict[str, str | None] = {}
    for row in chosen_rows(same_seed):
        name = row.run or ""
        try:
            run = open_run(models, name)
            history = run.read_history()
            texts = run.read_samples(history)
        except RunError as problem:
            notes.append(f"{name} can't be read: {problem}.")
            continue
        if all(text is None for text in texts):
            notes.append(f"{name} kept no text of its evaluations.")
            continue
        with contextlib.suppress(RunError):
            prompts[name] = run.read_record().training.prompt
        moments = [
            Moment(
                epoch=at.epoch, seconds=at.seconds, characters=at.characters, loss=at.validation_loss, text=text
            )
            for at, text in zip(history, texts, strict=True)
        ]  # fmt: skip
        learners.append(Learner(label=row.label, run=name, moments=tuple(moments)))
    if not learners:
        raise RunError(f"nothing can be shown of how the rows of {comparison.name} learned: {' '.join(notes)}"[:-1])
    if len(set(prompts.values())) > 1:
        words = "; ".join(f"{run}: {prompt!r}" for run, prompt in prompts.items())
        notes.append(f"They did not go on from the same prompt: {words}.")
    prompt = next(iter(prompts.values()), None)
    return Learning(
        comparison=comparison.name or "", prompt=prompt, seed=seed, learners=tuple(learners), notes=tuple(notes)
    )
