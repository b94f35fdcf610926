"""A series of trainings of which several run at once, each in a process with cores of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqmagic.comparison.cores import cores_each, own_cores
from seqmagic.comparison.entries import Entry
from seqmagic.comparison.messages import Job, Problem, Result, text_facts
from seqmagic.comparison.processes import Ended, Workers, shared_ids
from seqmagic.comparison.record import Comparison, Plan
from seqmagic.comparison.rows import Row
from seqmagic.comparison.series import (
    OfRow,
    RowFinished,
    RowStarted,
    Sizes,
    interrupted_row,
    reference_cell,
    seconds_of_rows,
    training_order,
)
from seqmagic.config import ModelConfig, TrainConfig
from seqmagic.errors import RunError
from seqmagic.machine import available_cores
from seqmagic.runs import locks
from seqmagic.runs.folder import Run
from seqmagic.texts.corpus import Corpus
from seqmagic.training.events import Evaluated, Finished, Progress, Started
from seqmagic.training.interrupt import stop_on_signal
from seqmagic.training.pauses import answered_pauses, pause, working_seconds

POLL = 0.2  # seconds: how soon a request to stop is seen
LONGEST_DYING = 5.0  # seconds in which the processes of a series that was killed have let go of their runs


def train_rows_at_once(
    corpus: Corpus,
    entries: Sequence[Entry],
    *,
    jobs: int,
    model: ModelConfig,
    training: TrainConfig,
    models: Path,
    argv: Sequence[str],
    match: str = "units",
    done: Mapping[int, Row] | None = None,
    names: Mapping[int, str] | None = None,
) -> Iterator[RowStarted | RowFinished | OfRow]:
    """`series.train_rows` with `jobs` rows at a time, their order, sizes and results those of one at a time.

    Every row gets the same number of cores, `training.threads` where that is given; while fewer rows are left than
    jobs, the cores of the others rest, so that a budget of minutes is the same for all. Where sizes are left open, the
    others follow the reference cell as soon as its own is decided. Ctrl-C ends all that are on, Ctrl-Z pauses them.

    Args:
        jobs: How many at a time.
        corpus, entries, model, training, models, argv, match, done, names: As for `series.train_rows`.

    Yields:
        For each row `RowStarted`, its events as `OfRow`, `RowFinished`.

    Raises:
        ConfigError: there are not so many cores.
        TrainingError: there is a GPU, which can't be divided.
        OSError, RunError: the system can't keep a run.
    """
    each = cores_each(jobs, threads=training.threads)
    pause_requested = threading.Event()
    with (
        stop_on_signal() as stop_requested,
        answered_pauses(pause_requested.set),
        shared_ids(corpus, models) as ids,
        Workers(corpus, ids) as workers,
    ):
        series = _SeriesAtOnce(corpus, entries, match=match, model=model, done=done or {}, jobs=jobs)
        text, places = text_facts(corpus), dict(enumerate(own_cores(jobs, each)))
        place_of: dict[int, int] = {}
        while True:
            for position in () if series.is_stopping else series.may_begin():
                place = min(places.keys() - place_of.values())
                place_of[position] = place
                entry = series.begin(position)
                job = Job(
                    text=text,
                    entry=entry,
                    model=model,
                    training=dataclasses.replace(training, threads=each),
                    models=models,
                    name=(names or {}).get(position),
                    argv=tuple(argv),
                )
                workers.start(position, job, places[place])
                yield series.row_started(position, training)
            if not workers:
                return
            if pause_requested.is_set():
                pause_requested.clear()
                _pause(workers)
            for position, message in _listened(workers, series, stop_requested):
                match message:
                    case Problem(error=error):
                        yield from _given_up(workers, series)
                        raise error
                    case Ended():
                        del place_of[position]
                        yield RowFinished(position=position, row=series.end(position, message))
                    case _:
                        series.note(position, message)
                        if isinstance(message, Started | Progress | Evaluated | Finished):
                            yield OfRow(position=position, event=message)


def _listened(workers: Workers, series: _SeriesAtOnce, stop_requested: Callable[[], bool]) -> list[tuple[int, Any]]:
    """What the processes say within a moment; a request to stop is passed on to them."""
    try:
        if stop_requested() and not series.is_stopping:
            series.is_stopping = True
            workers.ask_to_stop()
        return workers.listen(POLL)
    except KeyboardInterrupt:  # the second request
        series.is_stopping = True
        workers.end_now()
        return []


def _pause(workers: Workers) -> None:
    """Stop this process until it is continued, and so the others."""
    workers.pause()
    pause()
    workers.go_on()


def _given_up(workers: Workers, series: _SeriesAtOnce) -> Iterator[RowFinished]:
    """The other rows, ended at once."""
    workers.end_now()
    while workers:
        for position, message in workers.listen(POLL):
            series.note(position, message)
            if isinstance(message, Ended) and position in series.results:
                yield RowFinished(position=position, row=series.end(position, message))


class _SeriesAtOnce:
    """Which rows wait, run and are over, and what is known of each."""

    def __init__(
        self,
        corpus: Corpus,
        entries: Sequence[Entry],
        *,
        match: str,
        model: ModelConfig,
        done: Mapping[int, Row],
        jobs: int,
    ) -> None:
        reference = reference_cell([entry.cell for entry in entries])
        self._sizes = Sizes(reference, match=match, embedding=model.embedding, vocabulary_size=corpus.vocabulary.size)
        for position, row in done.items():
            self._sizes.learn(entries[position], row.layers, row.units)
        self._entries, self._jobs = entries, jobs
        self._waiting = training_order(entries, reference, done)
        self._running: dict[int, Entry] = {}
        self._began: dict[int, float] = {}
        self._seconds: list[float] = []
        self._runs: dict[int, Run] = {}
        self.results: dict[int, Row] = {}
        self.is_stopping = False

    def may_begin(self) -> Iterator[int]:
        """Positions that can be trained now; each begins before the next one is asked for."""
        while len(self._running) < self._jobs:
            position = next((position for position in self._waiting if not self._must_wait(position)), None)
            if position is None:
                return
            yield position

    def _must_wait(self, position: int) -> bool:
        """Whether its size will be that of a row that is on and has not got one yet."""
        asked = self._entries[position]
        resolved = self._sizes.resolve(asked)
        if resolved.units is not None and resolved.layers is not None:
            return False
        return any(_sizes_of(self._entries[other]) == _sizes_of(asked) for other in self._running)

    def begin(self, position: int) -> Entry:
        """The row at `position` is trained from now on; what is trained."""
        self._waiting.remove(position)
        self._running[position] = self._sizes.resolve(self._entries[position])
        self._began[position] = working_seconds()
        return self._running[position]

    def row_started(self, position: int, training: TrainConfig) -> RowStarted:
        number = len(self._entries) - len(self._waiting)
        rounds = rounds_of(1 + len(self._waiting), self._jobs)
        return RowStarted(
            number=number,
            total=len(self._entries),
            position=position,
            entry=self._running[position],
            seconds_left=seconds_of_rows(rounds, training, self._seconds),
        )

    def note(self, position: int, message: Any) -> None:
        """Take in what the process of a row says."""
        match message:
            case Started(run=run, settings={"layers": int(layers), "units": int(units)}):
                self._runs[position] = run
                self._sizes.learn(self._entries[position], layers, units)
            case Result(row=row):
                self.results[position] = row

    def end(self, position: int, ended: Ended) -> Row:
        """The process of a row is over; its row."""
        entry = self._running.pop(position)
        self._seconds.append(working_seconds() - self._began[position])
        row = self.results.get(position) or self._without_result(entry, self._runs.get(position), ended)
        self.is_stopping = self.is_stopping or row.status == "interrupted"
        return row

    def _without_result(self, entry: Entry, run: Run | None, ended: Ended) -> Row:
        if self.is_stopping:
            return interrupted_row(entry)
        error = how_it_ended(ended)
        if run is not None and run.has_model:
            error += f"; what it had reached is the run {run.name}"
        unfinished = None if run is None else run.name
        return Row(**dataclasses.asdict(entry), status="died", error=error, unfinished=unfinished)


def _sizes_of(entry: Entry) -> tuple[int | None, int | None]:
    return entry.layers, entry.units


def how_it_ended(ended: Ended) -> str:
    """Why a process has no result, for the row that it trained."""
    if ended.code >= 0:
        return f"its process ended with exit code {ended.code}" + (f": {ended.words}" if ended.words else "")
    number = -ended.code
    words = f"its process was ended by signal {number}"
    with contextlib.suppress(ValueError):
        words += f" ({signal.Signals(number).name})"
    return words + (", as the system does where memory runs out" if number == signal.SIGKILL else "")


def rounds_of(rows: int, jobs: int) -> int:
    """How many trainings follow each other where `jobs` run at once and each takes as long as any other."""
    return -(-rows // jobs)


def with_cores_of(comparison: Comparison, plan: Plan) -> Plan:
    """`plan` with as many cores for each row as those of `comparison` have that are there already.

    Raises:
        RunError: there are not so many here.
    """
    cores = comparison.held_equal.get("cores") or cores_each(plan.jobs, threads=plan.training.threads)
    here, needed = available_cores(), plan.jobs * cores
    if needed > here:
        raise RunError(
            f"{comparison.name} has {plan.jobs} rows at a time with {cores} of the cores each, and here are {here}; "
            f"go on where there are {needed}, or compare anew"
        )
    return dataclasses.replace(plan, training=dataclasses.replace(plan.training, threads=cores))


def wait_for_dying(models: Path, names: Sequence[str]) -> None:
    """Wait until nobody trains these runs any more: what a killed series had started ends a moment after it."""
    until = time.monotonic() + LONGEST_DYING
    for name in names:
        lock = locks.hold(models, name, seconds=max(locks.PATIENCE, until - time.monotonic()))
        if lock is not None:
            lock.release()
