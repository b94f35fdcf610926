"""Several rows at once: which begin, which wait for a size, and what becomes of one whose process ends early."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.comparison.entries import Entry, plan_entries
from seqmagic.comparison.jobs import how_it_ended, rounds_of, train_rows_at_once, with_cores_of
from seqmagic.comparison.messages import Job, Problem, Result
from seqmagic.comparison.processes import Ended
from seqmagic.comparison.record import Comparison, Plan
from seqmagic.comparison.rows import Row
from seqmagic.comparison.series import EARLY, OfRow, RowFinished, RowStarted, train_row
from seqmagic.config import CELLS, DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import RunError, TrainingError
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.training.events import Finished
from tests.helpers import FakeTraining

LOSSES = {"rnn": 1.9, "lstm": 1.5, "gru": 1.6}
SIGKILLED = Ended(code=-9, words="")


class StandIn:
    """In the place of `Workers`: rows trained by a `FakeTraining`, of which the first says one thing at a time."""

    train: FakeTraining
    instead: dict[str, list[Any]]  # by cell: what its process says, in place of training
    together: list[list[str]]  # which cells were on whenever one began
    jobs: list[tuple[Job, Any]]

    def __init__(self, corpus: Corpus, ids: BinaryIO) -> None:
        self.corpus, self.running = corpus, dict[int, tuple[str, Iterator[Any]]]()

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *problem: object) -> None:
        self.running.clear()

    def __len__(self) -> int:
        return len(self.running)

    def start(self, position: int, job: Job, cores: Any) -> None:
        self.running[position] = job.entry.cell, self.messages(job)
        self.together.append([cell for cell, _ in self.running.values()])
        self.jobs.append((job, cores))

    def messages(self, job: Job) -> Iterator[Any]:
        if job.entry.cell in self.instead:
            yield from self.instead[job.entry.cell]
            return
        row = yield from train_row(
            self.corpus, job.entry, model=job.model, training=job.training, models=job.models, name=job.name,
            argv=job.argv, train=self.train,
        )  # fmt: skip
        yield Result(row=row)
        yield Ended(code=0, words="")

    def listen(self, seconds: float) -> list[tuple[int, Any]]:
        position, (_, messages) = next(iter(self.running.items()))
        message = next(messages)
        if isinstance(message, KeyboardInterrupt):
            raise message
        if isinstance(message, Ended):
            del self.running[position]
        return [(position, message)]

    def end_now(self) -> None:
        for position, (cell, _) in self.running.items():
            self.running[position] = cell, iter([Ended(code=0, words="")])


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    StandIn.train, StandIn.instead, StandIn.together, StandIn.jobs = FakeTraining(LOSSES, units=9), {}, [], []
    monkeypatch.setattr("seqmagic.comparison.jobs.Workers", StandIn)
    monkeypatch.setattr("seqmagic.comparison.jobs.cores_each", lambda jobs, threads: threads or 2)
    monkeypatch.setattr("seqmagic.comparison.jobs.own_cores", lambda jobs, each: [f"place {n}" for n in range(jobs)])
    return StandIn


def events_of(entries: Sequence[Entry], text: Path, models: Path, *, jobs: int = 2, **more: Any) -> Iterator[Any]:
    return train_rows_at_once(
        read_corpus(str(text), DataConfig()),
        entries,
        jobs=jobs,
        model=ModelConfig(embedding=4),
        training=TrainConfig(epochs=1.0),
        models=models,
        argv=("compare",),
        **more,
    )


def rows_of(events: Sequence[Any]) -> dict[int, Row]:
    return {event.position: event.row for event in events if isinstance(event, RowFinished)}


def test_two_at_a_time_and_the_next_as_soon_as_one_is_over(workers: type[StandIn], text: Path, models: Path) -> None:
    events = list(events_of(plan_entries(CELLS, [5], [1], [1]), text, models))
    assert workers.together == [["rnn"], ["rnn", "lstm"], ["lstm", "gru"]]
    assert [rows_of(events)[position].loss for position in range(3)] == [
        pytest.approx(LOSSES[cell] + 0.001) for cell in CELLS
    ]
    started = [event for event in events if isinstance(event, RowStarted)]
    assert [(one.number, one.total, one.position) for one in started] == [(1, 3, 0), (2, 3, 1), (3, 3, 2)]
    finished = [event for event in events if isinstance(event, OfRow) and isinstance(event.event, Finished)]
    assert {one.position: one.event.run.name for one in finished} == {p: row.run for p, row in rows_of(events).items()}
    assert {job.training.threads for job, _ in workers.jobs} == {2}
    assert {cores for _, cores in workers.jobs} == {"place 0", "place 1"}


def test_open_sizes_wait_for_the_lstm(workers: type[StandIn], text: Path, models: Path) -> None:
    rows = rows_of(list(events_of(plan_entries(CELLS, [None], [None], [1, 2]), text, models, jobs=3)))
    assert workers.together[:3] == [["lstm"], ["lstm", "lstm"], ["lstm", "lstm", "rnn"]]
    asked = [(job.entry.cell, job.entry.units) for job, _ in workers.jobs]
    assert asked == [("lstm", None), ("lstm", 9), ("rnn", 9), ("rnn", 9), ("gru", 9), ("gru", 9)]
    assert {(row.layers, row.units) for row in rows.values()} == {(1, 9)}


def test_where_the_leading_row_fails_the_next_one_leads(workers: type[StandIn], text: Path, models: Path) -> None:
    workers.train = FakeTraining({**LOSSES, "lstm": TrainingError("no")}, units=9)
    rows = rows_of(list(events_of(plan_entries(CELLS, [None], [None], [1]), text, models)))
    assert [(rows[position].cell, rows[position].units) for position in range(3)] == [
        ("rnn", 9), ("lstm", None), ("gru", 9),
    ]  # fmt: skip
    assert workers.together[:2] == [["lstm"], ["rnn"]]


def test_combinations_do_not_wait_for_each_other(workers: type[StandIn], text: Path, models: Path) -> None:
    list(events_of(plan_entries(["lstm", "rnn"], [None], [1, 2], [1]), text, models))
    assert workers.together[:2] == [["lstm"], ["lstm", "lstm"]]


def test_rows_that_are_there_are_left_out_and_decide_sizes(workers: type[StandIn], text: Path, models: Path) -> None:
    done = {1: Row(cell="lstm", layers=1, units=7, seed=1, run="before")}
    events = list(
        events_of(plan_entries(CELLS, [None], [None], [1]), text, models, done=done, names={2: "bottles-gru"})
    )
    assert [event.number for event in events if isinstance(event, RowStarted)] == [2, 3]
    assert [(job.entry.units, job.name) for job, _ in workers.jobs] == [(7, None), (7, "bottles-gru")]


def test_a_process_that_is_killed_is_a_row_and_the_others_go_on(
    workers: type[StandIn], text: Path, models: Path
) -> None:
    workers.instead = {"lstm": [SIGKILLED]}
    rows = rows_of(list(events_of(plan_entries(CELLS, [5], [1], [1]), text, models)))
    assert [rows[position].status for position in range(3)] == ["complete", "died", "complete"]
    assert "ended by signal 9 (SIGKILL), as the system does where memory runs out" in (rows[1].error or "")


def test_an_interrupted_row_is_among_the_last(workers: type[StandIn], text: Path, models: Path) -> None:
    workers.train = FakeTraining({**LOSSES, "rnn": "interrupted"})
    rows = rows_of(list(events_of(plan_entries(CELLS, [5], [1], [1]), text, models)))
    assert {rows[position].status for position in rows} == {"interrupted", "complete"} and set(rows) == {0, 1}


def test_a_second_ctrl_c_ends_all_rows_where_they_are(workers: type[StandIn], text: Path, models: Path) -> None:
    workers.instead = {"rnn": [KeyboardInterrupt()]}
    rows = rows_of(list(events_of(plan_entries(CELLS, [5], [1], [1]), text, models)))
    assert [(row.cell, row.status, row.error) for row in rows.values()] == [
        ("rnn", "interrupted", EARLY), ("lstm", "interrupted", EARLY),
    ]  # fmt: skip


@pytest.mark.parametrize(("available", "refused"), [(6, False), (5, True)])
def test_a_series_goes_on_with_the_cores_that_its_rows_had(
    available: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqmagic.comparison.jobs.available_cores", lambda: available)
    plan = Plan(
        cells=CELLS, units=(5,), layers=(1,), seeds=(1,), match="units", data=DataConfig(), model=ModelConfig(),
        training=TrainConfig(epochs=1.0), jobs=3,
    )  # fmt: skip
    held: Any = {"match": "units", "minutes": None, "epochs": 1.0, "seeds": (1,), "cores": 2}
    comparison = Comparison(name="mine", held_equal=held, plan=plan)
    if not refused:
        assert with_cores_of(comparison, plan).training.threads == 2
        return
    with pytest.raises(
        RunError, match=r"mine has 3 rows at a time with 2 of the cores each, and here are 5; .* there are 6,"
    ):
        with_cores_of(comparison, plan)


def test_a_full_disk_ends_the_series(workers: type[StandIn], text: Path, models: Path) -> None:
    workers.instead = {"rnn": [Problem(error=RunError("no space"))]}
    events = events_of(plan_entries(CELLS, [5], [1], [1]), text, models)
    with pytest.raises(RunError, match="no space"):
        list(events)
    assert len(workers.jobs) == 2


def test_how_a_process_ended_is_said() -> None:
    assert how_it_ended(Ended(code=1, words="ImportError: no")) == "its process ended with exit code 1: ImportError: no"
    assert how_it_ended(Ended(code=3, words="")) == "its process ended with exit code 3"
    assert how_it_ended(Ended(code=-int(signal.SIGSEGV), words="")).endswith("signal 11 (SIGSEGV)")
    assert how_it_ended(Ended(code=-200, words="")) == "its process was ended by signal 200"


@given(rows=st.integers(0, 50), jobs=st.integers(1, 6))
def test_rounds(rows: int, jobs: int) -> None:
    left, rounds = rows, 0
    while left > 0:
        left, rounds = left - jobs, rounds + 1
    assert rounds_of(rows, jobs) == rounds
