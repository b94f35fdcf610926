"""`compare show --learning` for a reader: what the cells wrote at each evaluation, in columns."""

from __future__ import annotations

from collections.abc import Iterator

from seqmagic.cli.console import one_line
from seqmagic.cli.show.columns import side_by_side
from seqmagic.cli.show.tables import figure
from seqmagic.comparison.learning import Learning, Moment
from seqmagic.sampling.pieces import Text

NOT_KEPT = "(not kept)"


def learning_head(learning: Learning) -> str:
    """What all of it goes on from."""
    prompt = "a line break" if learning.prompt is None else repr(learning.prompt)
    return (
        f"{one_line(learning.comparison)}: what each row wrote after {prompt} at its evaluations, and its validation "
        f"loss then; seed {learning.seed}"
    )


def learning_frames(learning: Learning, *, width: int) -> Iterator[str]:
    """Evaluation after evaluation the texts in columns."""
    for number in range(learning.moments):
        there = [one for one in learning.learners if number < len(one.moments)]
        moments = [one.moments[number] for one in there]
        headings = [f"{one_line(one.label)}: {figure(moment.loss, '.3f')}"
                    for one, moment in zip(there, moments, strict=True)]  # fmt: skip
        texts = [Text((moment.text if moment.text is not None else NOT_KEPT).strip("\n"), ()) for moment in moments]
        lines = [f"evaluation {number + 1} of {learning.moments}: {_when(moments)}", ""]
        yield "\n".join([*lines, *side_by_side(texts, headings, width)])


def _when(moments: list[Moment]) -> str:
    """How far the trainings were: where they are not equally far, from the least to the most."""
    epochs = [one.epoch for one in moments if one.epoch is not None]
    seconds = [one.seconds for one in moments if one.seconds is not None]
    words = [f"{_span(epochs, '.2f')} epochs"] if epochs else []
    return ", ".join(words + ([f"{_span(seconds, '.0f')} seconds"] if seconds else []))


def _span(values: list[float], form: str) -> str:
    low, high = figure(min(values), form), figure(max(values), form)
    return low if low == high else f"{low} to {high}"
