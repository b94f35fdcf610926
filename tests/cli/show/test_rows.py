"""The display of rows that are trained at once: a bar for each on a terminal, lines with their names elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wcwidth import wcswidth

from seqmagic.cli.show.progress import LEGEND, STOPPING_COMPILATION
from seqmagic.cli.show.rows import RowsDisplay
from seqmagic.comparison.entries import Entry
from seqmagic.comparison.rows import Row
from seqmagic.comparison.series import OfRow, RowFinished, RowStarted
from seqmagic.config import DataConfig
from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results
from seqmagic.texts.corpus import read_trainable
from seqmagic.training.events import Evaluated, Finished, Progress, Started

RUN = Run(Path("models/x"))
CORPUS = read_trainable("markov", DataConfig())
CELLS = ("lstm", "gru")
SIZE = {"layers": 1, "units": 256}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def of_row(position: int, event: Any) -> OfRow:
    return OfRow(position=position, event=event)


def events() -> Iterator[Any]:
    """Two rows side by side, of which the second fails."""
    for position, cell in enumerate(CELLS):
        entry = Entry(cell=cell, layers=1, units=256, seed=1)
        yield RowStarted(number=position + 1, total=3, position=position, entry=entry)
    for position in range(2):
        yield of_row(
            position, Started(run=RUN, corpus=CORPUS, lines=("a processor",), settings=SIZE, details=(f"{position} s",))
        )
    figures = {"train_loss": 1.5, "characters_per_second": 9.0, "epoch": 1.0}
    row = HistoryRow(epoch=1.25, train_loss=1.5, validation_loss=1.6, bits_per_character=2.308)
    for position in range(2):
        yield of_row(position, Progress(fraction=0.5, seconds_left=65.0, **figures))
        yield of_row(position, Evaluated(row=row, sample="\nROMEO: [bold] 你好\x1b[2J", best=position == 0))
    yield of_row(0, Finished(run=RUN, status="complete", results=Results(), details=("2 s saving",)))
    yield RowFinished(position=0, row=Row(cell="lstm", layers=1, units=256, seed=1))
    yield RowFinished(position=1, row=Row(cell="gru", layers=1, units=256, seed=1, status="died", error="it died"))


def shown(stream: io.StringIO, **how: Any) -> str:
    with RowsDisplay(stream=stream, **how) as display:
        for event in events():
            display.show(event)
    return stream.getvalue()


def test_elsewhere_every_line_says_of_which_row_it_is() -> None:
    evaluation = "epoch   1.25  train 1.500  validation 1.600  2.308 bits"
    sample = "  | ROMEO: [bold] 你好\\u001b[2J"
    assert shown(io.StringIO()).splitlines() == [
        "lstm 1×256 (1 of 3)",
        "gru 1×256 (2 of 3)",
        "a processor",  # once
        LEGEND,
        f"lstm 1×256: {evaluation} *{sample}",
        f"gru 1×256: {evaluation}{sample}",
        "gru 1×256: it died",
    ]


def test_who_asks_for_more_gets_it_with_the_name_of_the_row() -> None:
    lines = shown(io.StringIO(), verbose=True).splitlines()
    assert {"lstm 1×256: 0 s", "gru 1×256: 1 s", "lstm 1×256: 2 s saving"} <= set(lines)


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_on_a_terminal_each_row_has_a_bar_and_so_have_all(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(Terminal())).replace("\r", "\n")
    bars = [line for line in drawn.split("\n") if " left" in line]
    assert all(wcswidth(line) <= columns for line in drawn.split("\n"))
    title = "lstm 1×256" if columns > 40 else "lstm 1×…"
    assert any(re.match(rf"{title} +[━╸╺]+ +50% +1:05 left", line) for line in bars)
    assert any(re.match(r"all 3 +[━╸╺]+ +33% +2:10 left", line) for line in bars)
    assert "gru 1×256  building and compiling …" in drawn and "gru 1×256: it died" in drawn


def test_quiet_is_silent() -> None:
    assert shown(io.StringIO(), quiet=True) == ""


def test_a_request_to_stop_is_answered_by_what_is_lost() -> None:
    stream = io.StringIO()
    display = RowsDisplay(stream=stream)
    story = list(events())
    for event, answer in ((story[0], STOPPING_COMPILATION), (story[2], RowsDisplay.stopping)):
        display.show(event)
        display._answer()
        assert stream.getvalue().endswith(f"{answer}\n")
