"""What a training reports while it runs: plain values that a command draws and a program reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results, Scalar
from seqmagic.texts.corpus import Corpus


@dataclass(frozen=True, kw_only=True)
class Started:
    """The first step is about to be taken; everything is compiled."""

    run: Run  # where it will be once it has weights
    corpus: Corpus  # what it reads
    lines: tuple[str, ...]  # device, path and why, threads, sizes, what the recipe chose
    details: tuple[str, ...] = ()  # versions, and what building and compiling took
    settings: Mapping[str, Scalar] = field(default_factory=dict)  # all that was decided, by name


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Some steps later, a few times a second."""

    fraction: float  # of the budget, 0..1
    train_loss: float  # nats per character, mean since the last evaluation, under dropout
    characters_per_second: float  # of training steps alone
    seconds_left: float
    epoch: float  # readings of the training part so far
    step: int = 0
    learning_rate: float = 0.0
    gradient_norm: float = 0.0  # length of the gradient before it is clipped, mean of the last steps


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The validation part was read once."""

    row: HistoryRow  # the line that went into history.jsonl
    sample: str  # what the model writes now
    best: bool  # the lowest validation loss so far: these weights are on disk


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run is on disk, whole."""

    run: Run
    status: str  # complete | interrupted | failed
    results: Results
    notes: tuple[str, ...] = ()  # what a reader should know of how it ended
    details: tuple[str, ...] = ()  # what its parts took


Event = Started | Progress | Evaluated | Finished


def clock(seconds: float) -> str:
    """`1:05`, `2:03:00`: a duration for the eye."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
