"""The display of a training: redrawn on a terminal, one line an evaluation elsewhere, silent when asked."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from seqmagic.cli.show.progress import COMPILING, LEGEND, TrainingDisplay, clock, evaluation_words
from seqmagic.config import DataConfig
from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results
from seqmagic.texts.corpus import read_trainable
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started
from seqmagic.training.interrupt import stop_on_signal

RUN = Run(Path("models/x"))
CORPUS = read_trainable("markov", DataConfig())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def events(sample: str = "\nROMEO: [bold] 你好\x1b[2J") -> list[Event]:
    row = {"epoch": 1.25, "train_loss": 1.5, "validation_loss": 1.6, "bits_per_character": 2.308}
    row["characters_per_second"] = 98_765.4
    return [
        Started(run=RUN, corpus=CORPUS, lines=("a processor, 2 threads",)),
        Progress(fraction=0.5, train_loss=1.5, characters_per_second=98_765.4, seconds_left=65.0, epoch=1.2),
        Evaluated(row=HistoryRow(**row), sample=sample, best=True),
        Finished(run=RUN, status="complete", results=Results()),
    ]


def display(stream: io.StringIO, *, quiet: bool = False) -> str:
    with TrainingDisplay(quiet=quiet, stream=stream) as shown:
        for number, title in enumerate(("rnn 1×8", "lstm 1×8"), start=1):
            shown.announce(title, number=number, total=2)
            for event in events():
                shown.show(event)
    return stream.getvalue()


def test_elsewhere_an_evaluation_is_one_line() -> None:
    lines = display(io.StringIO()).splitlines()
    assert lines[:4] == [
        "rnn 1×8 (1 of 2)",
        "a processor, 2 threads",
        LEGEND,
        "epoch   1.25  train 1.500  validation 1.600  2.308 bits *  98,765 char/s  1:05 left"
        "  | ROMEO: [bold] 你好\\u001b[2J",
    ]
    assert lines[4:] == ["lstm 1×8 (2 of 2)", lines[3]]  # the processor is named once, the figures explained once


def test_evaluations_stand_in_columns() -> None:
    stream = io.StringIO()
    with TrainingDisplay(stream=stream) as shown:
        for epoch, best in ((0.25, True), (20.25, False), (112.28, True)):
            figures = {"train_loss": 2.181, "validation_loss": 1.724, "bits_per_character": 2.487}
            row = HistoryRow(epoch=epoch, characters_per_second=1000.0, **figures)
            shown.show(Evaluated(row=row, sample="a", best=best))
    legend, *lines = stream.getvalue().splitlines()
    assert "with dropout" in legend and "*: the lowest so far" in legend
    assert {line.index("train") for line in lines} == {14}
    assert len({line.index("1,000 char/s") for line in lines}) == 1
    assert ["*" in line for line in lines] == [True, False, True]


def test_what_is_done_before_the_first_step_is_said_as_a_step() -> None:
    stream = io.StringIO()
    with TrainingDisplay(stream=stream) as shown:
        shown.doing("starting TensorFlow")
        shown.tell(["a text"])
        shown.doing(COMPILING)
        shown.show(Started(run=RUN, corpus=CORPUS, lines=("a processor", "a text")))
    assert stream.getvalue().splitlines() == [
        "starting TensorFlow …",
        "a text",
        "building and compiling …",
        "a processor",
    ]


@pytest.mark.parametrize("columns", [60, 100])
def test_on_a_terminal_the_figures_stay_and_the_bar_is_redrawn(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = display(Terminal())
    shares = (" 50%", " 25%", " 75%")  # of each training, and of both together
    for words in (*shares, "1:05 left", "98,765 char/s", "all 2", "validation 1.600", "compiling"):
        assert words in shown, words
    assert "\x1b[2J" not in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor is hidden, and comes back


def test_quiet_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert display(Terminal(), quiet=True) == ""
    assert display(io.StringIO(), quiet=True) == ""


def test_the_terminal_is_restored_when_a_training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(RuntimeError), TrainingDisplay(stream=stream) as shown:
        shown.show(events()[1])
        raise RuntimeError
    assert "\x1b[?25h" in stream.getvalue()


def test_an_evaluation_says_what_it_has() -> None:
    assert evaluation_words(Evaluated(row=HistoryRow(validation_loss=1.6), sample="", best=False)) == "validation 1.600"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "gone"), OSError(errno.EIO, "gone")])
def test_where_nobody_reads_any_more_the_training_goes_on(
    error: OSError, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")

    class Closed(Terminal if terminal else io.StringIO):  # type: ignore[misc]
        written = 0

        def write(self, text: str) -> int:
            self.written += 1
            if self.written > 2:
                raise error
            return super().write(text)

    stream = Closed()
    shown = display(stream)
    assert (
        stream.written in (3, 4) and "lstm" not in shown
    )  # 4: it is told to show its cursor again, as it may be there


def test_a_request_to_stop_is_answered_by_what_is_lost() -> None:
    stream = io.StringIO()
    with TrainingDisplay(stream=stream) as shown, stop_on_signal():
        for event in (None, *events()):
            if event is not None:
                shown.show(event)
            before = stream.getvalue()
            shown._answer()
            words = stream.getvalue().removeprefix(before)
            compiling = event is None or isinstance(event, Finished)
            assert words.startswith("stopping after the compilation" if compiling else "stopping: what was reached")
            assert words.endswith("again to stop now\n")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (-3, "0:00"), (59.6, "1:00"), (65, "1:05"), (3600, "1:00:00"), (3725, "1:02:05")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
