"""Equal time, then equal data: the stream of events of two comparisons that belong together.

for event in compare_both(corpus, cells=["lstm", "gru"], model=model, training=training, models=models):
    ...  # BlockStarted and the events of a comparison for each block; ComparedBoth at the end
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqmagic.comparison.blocks import Both, find_data, with_data
from seqmagic.comparison.budgets import equal_data, plan_of, refuse_epochs, seconds_at_most
from seqmagic.comparison.compare import Compared, CompareEvent, Planned, begin, go_on, same_text
from seqmagic.comparison.compare import resume as resume_one
from seqmagic.comparison.record import (
    Comparison,
    Plan,
    is_comparison,
    new_comparison,
    read_comparison,
    resumed_comparison,
)
from seqmagic.config import ModelConfig, TrainConfig
from seqmagic.errors import RunError
from seqmagic.texts.corpus import Corpus

if TYPE_CHECKING:
    from seqmagic.training.events import Event

Train = Callable[..., Iterator["Event"]]


@dataclass(frozen=True, kw_only=True)
class BlockStarted:
    """A block is about to be trained, or looked at again.

    Attributes:
        name: Of its comparison.
        title: "equal time" or "equal data".
        number: 1 or 2.
        epochs: How often each row reads the text, where that is what is equal.
    """

    name: str
    title: str
    number: int
    epochs: float | None = None


@dataclass(frozen=True, kw_only=True)
class ComparedBoth:
    """Both blocks are done, or as much of them as there will be now."""

    both: Both


BothEvent = CompareEvent | BlockStarted | ComparedBoth


def data_name(name: str) -> str:
    """What the block of equal data of the comparison `name` is called at first."""
    return f"{name}-data"


def compare_both(
    corpus: Corpus,
    *,
    cells: Sequence[str],
    units: Sequence[int | None] | None = None,
    layers: Sequence[int | None] | None = None,
    seeds: int = 1,
    match: str = "units",
    model: ModelConfig,
    training: TrainConfig,
    jobs: int = 1,
    models: Path,
    name: str | None = None,
    overwrite: bool = False,
    argv: Sequence[str] = (),
    train: Train | None = None,
) -> Generator[BothEvent | Event, None, None]:
    """Train a comparison by time, then the same models on equal data: each as often through the text as the row of the
    first block that got least far.

    Two comparisons are kept, `name` and `name`-data; both names are taken from the start. Where the first is
    interrupted, or has no row, the second is not begun.

    Args:
        corpus, cells ... train: As for `compare.compare`; the budget in `training` is one of time.

    Yields:
        For each block `BlockStarted` and the events of `compare.compare` but its last; `ComparedBoth` at the end.

    Raises:
        ConfigError: the budget is one of epochs; and what `compare.compare` raises.
    """
    refuse_epochs(training)
    plan = plan_of(
        corpus.config,
        cells=cells,
        units=units,
        layers=layers,
        seeds=seeds,
        match=match,
        model=model,
        training=training,
        jobs=jobs,
    )
    with contextlib.ExitStack() as held:
        first = held.enter_context(new_comparison(models, name=name, text=corpus.source, overwrite=overwrite))
        beside = data_name(first.name)
        second = held.enter_context(new_comparison(models, name=beside, text=corpus.source, overwrite=overwrite))
        yield BlockStarted(name=first.name, title="equal time", number=1)
        events = begin(first, corpus, plan, models=models, argv=argv, train=train, beside=beside)
        time = yield from _to_its_end(events)
        both = yield from _begin_data(second, time, plan, corpus, models=models, train=train)
    yield ComparedBoth(both=both)


def resume(name: str, *, models: Path, train: Train | None = None) -> Generator[BothEvent | Event, None, None]:
    """Take up the comparison `name` where it ended, with its block of equal data where it is to have one.

    Args:
        models, train: As for `compare.resume`.

    Yields:
        As `compare.resume`, or as `compare_both`.

    Raises:
        RunError: as for `compare.resume`; the name of the other block is taken by something else.
    """
    folder = models / name
    beside = read_comparison(folder).beside if is_comparison(folder) else None
    if beside is None:
        yield from resume_one(name, models=models, train=train)
        return
    with contextlib.ExitStack() as held:
        first, before, plan = held.enter_context(resumed_comparison(models, name))
        second = held.enter_context(_data_folder(before, models))
        corpus = same_text(before, plan.data, models)
        time = before
        if not before.is_whole:
            yield BlockStarted(name=name, title="equal time", number=1)
            time = yield from _to_its_end(go_on(first, before, plan, corpus, models=models, train=train))
        data = find_data(time, models)
        if data is None:
            both = yield from _begin_data(second, time, plan, corpus, models=models, train=train)
        else:
            if time.status == "complete" and not data.is_whole and data.plan is not None:
                yield BlockStarted(name=beside, title="equal data", number=2, epochs=data.plan.training.epochs)
                data = yield from _to_its_end(go_on(second, data, data.plan, corpus, models=models, train=train))
            both = Both(time=time, data=data)
    yield ComparedBoth(both=both)


def _data_folder(time: Comparison, models: Path) -> contextlib.AbstractContextManager[Path]:
    """The folder for the block of equal data of `time`, its name locked: as it was left, or for a new one.

    Raises:
        RunError: that name is another's by now, or the block is being made.
    """
    folder = models / (time.beside or "")
    if is_comparison(folder) and read_comparison(folder).beside_of != time.name:
        raise RunError(
            f"{folder} is not the block of equal data of {time.name}; call it otherwise first: seqmagic runs rename "
            f"{folder.name} ANOTHER"
        )
    return new_comparison(models, name=folder.name, text="", overwrite=True)


def _begin_data(
    folder: Path, time: Comparison, plan: Plan, corpus: Corpus, *, models: Path, train: Train | None
) -> Generator[BothEvent | Event, None, Both]:
    """Train the block of equal data into `folder`, where `time` came to its end and says how much data that is."""
    if time.status != "complete":
        return with_data(time, models) if any(row.run for row in time.rows) else Both(time=time)
    of_data = equal_data(plan, time.rows)
    if isinstance(of_data, str):
        return Both(time=time, trouble=f"There is no block of equal data: {of_data}.")
    epochs = of_data.training.epochs
    yield BlockStarted(name=folder.name, title="equal data", number=2, epochs=epochs)
    events = begin(
        folder,
        corpus,
        of_data,
        models=models,
        argv=time.argv,
        train=train,
        baselines=time.baselines,
        beside_of=time.name,
    )
    seconds = seconds_at_most(time.rows, epochs, jobs=plan.jobs) if epochs else None
    data = yield from _to_its_end(events, seconds=seconds)
    return Both(time=time, data=data)


def _to_its_end(
    events: Generator[CompareEvent | Event, None, None], *, seconds: float | None = None
) -> Generator[CompareEvent | Event, None, Comparison]:
    """Pass the events of one comparison on; the comparison is the value of the `yield from`.

    Args:
        seconds: What its rows will take, where that is known better than from their budget.
    """
    with contextlib.closing(events):
        for event in events:
            match event:
                case Compared(comparison=comparison):
                    return comparison
                case Planned() if seconds is not None:
                    yield dataclasses.replace(event, seconds=seconds)
                case _:
                    yield event
    raise RuntimeError("a comparison ended without a result")
