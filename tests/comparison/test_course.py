"""How far several rows at once have come: the whole is told from its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqmagic.comparison.course import Course
from seqmagic.comparison.entries import Entry
from seqmagic.comparison.rows import Row
from seqmagic.comparison.series import OfRow, RowFinished, RowStarted
from seqmagic.config import DataConfig
from seqmagic.runs.folder import Run
from seqmagic.texts.corpus import read_trainable
from seqmagic.training.events import Progress, Started


def started(position: int, number: int, total: int = 4) -> RowStarted:
    return RowStarted(
        number=number, total=total, position=position, entry=Entry(cell="gru", layers=1, units=5 + position, seed=1)
    )


def progress(position: int, fraction: float, seconds_left: float) -> OfRow:
    figures = {"train_loss": 1.5, "characters_per_second": 9.0, "epoch": 1.0}
    return OfRow(position=position, event=Progress(fraction=fraction, seconds_left=seconds_left, **figures))


def finished(position: int) -> RowFinished:
    return RowFinished(position=position, row=Row(cell="gru", layers=1, units=5, seed=1))


def after(*events: Any) -> Course:
    course = Course()
    for event in events:
        course.note(event)
    return course


def test_the_share_is_that_of_all_rows() -> None:
    assert after(started(1, 1), started(0, 2)).fraction == 0.0
    assert after(started(1, 1), started(0, 2), progress(0, 0.5, 30.0)).fraction == 0.125
    assert after(started(1, 1), started(0, 2), finished(1), progress(0, 0.5, 30.0)).fraction == 0.375
    assert after(started(1, 3), started(0, 4), finished(1), finished(0)).fraction == 1.0  # two were there before


def test_the_time_is_that_of_the_rows_that_are_on_and_of_those_after_them() -> None:
    assert after(started(1, 1), started(0, 2)).seconds_left is None
    both = after(started(1, 1), started(0, 2), progress(1, 0.5, 30.0), progress(0, 0.5, 30.0))
    assert both.seconds_left == 30.0 + 60.0  # of 60 s each, and two more rows that go on side by side
    assert both.words == "gru 1×6, gru 1×5 (of 4 rows)  1:30 left"
    last = after(started(2, 3), started(3, 4), progress(2, 0.9, 6.0), progress(3, 0.5, 30.0))
    assert last.seconds_left == 30.0  # nothing follows: that of the one that takes longest
    compiling = after(started(2, 3), started(3, 4), progress(2, 0.5, 30.0))
    assert compiling.seconds_left == (30.0 + 60.0) / 2


def test_a_row_has_its_size_as_soon_as_that_is_decided() -> None:
    entry = Entry(cell="lstm", layers=None, units=None, seed=1)
    course = after(RowStarted(number=1, total=1, position=0, entry=entry))
    assert course.words == "lstm (of 1 rows)"
    settings = {"layers": 2, "units": 96, "minutes": 0.5}
    corpus = read_trainable("markov", DataConfig())
    course.note(OfRow(position=0, event=Started(run=Run(Path("x")), corpus=corpus, lines=(), settings=settings)))
    assert course.words == "lstm 2×96 (of 1 rows)"


def test_what_moves_it_is_progress_alone() -> None:
    course = Course()
    assert [course.note(one) for one in (started(0, 1), progress(0, 0.1, 9.0), finished(0))] == [False, True, False]
    assert not course.note("anything else") and not course.running
