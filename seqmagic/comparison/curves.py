"""The course of a training: what its evaluations found, over seconds and over characters read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seqmagic.runs.record import Figure, HistoryRow


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Validation losses in nats per character, and when they were found; three columns of one length."""

    seconds: tuple[Figure, ...]
    characters: tuple[Figure, ...]
    losses: tuple[Figure, ...]

    def __post_init__(self) -> None:
        if not len(self.seconds) == len(self.characters) == len(self.losses):
            raise ValueError("a curve has columns of different lengths")


def curve_of(history: Iterable[HistoryRow]) -> Curve | None:
    """The curve in the evaluations of a run; None where they are fewer than two, or don't say when they were."""
    points = [
        (row.seconds, row.characters, row.validation_loss)
        for row in history
        if row.seconds is not None and row.characters is not None and row.validation_loss is not None
    ]
    if len(points) < 2:
        return None
    seconds, characters, losses = zip(*points, strict=True)
    return Curve(seconds=seconds, characters=characters, losses=losses)
