"""Where words go, when they are plain, and what of a text is safe to show."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from seqmagic.cli import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_gets_colours_and_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert not console.is_plain(Terminal())
    assert console.is_plain(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert console.is_plain(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert console.is_plain(Terminal())


@pytest.mark.parametrize(("columns", "width"), [(None, console.PLAIN_WIDTH), ("60", 60), ("", console.PLAIN_WIDTH)])
def test_a_file_is_as_wide_as_columns_says(columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert console.make_console(io.StringIO()).width == width


def test_what_looks_like_markup_is_text() -> None:
    stream = io.StringIO()
    console.make_console(stream).print("[bold]not bold[/bold] :smile: http://x 12")
    assert stream.getvalue() == "[bold]not bold[/bold] :smile: http://x 12\n"


def test_a_closed_pipe_stays_an_error() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        console.make_console(Closed()).print("x")


def test_drawings_to_a_file_have_no_trailing_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    def make(width: int) -> Table:
        table = Table.grid("a", "b", expand=True)
        table.add_row("x", "y")
        return table

    console.draw(make)
    lines = capsys.readouterr().out.split("\n")
    assert lines[0].startswith("x ")
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 字 é 🙂", "plain 字 é 🙂"),
        ("a\nb\tc", "a⏎b→c"),
        ("\x1b[31mred\x07", "\\u001b[31mred\\u0007"),
        ("\u202eright to left", "\\u202eright to left"),
        ("\u2028\ufeff\x9b", "\\u2028\\ufeff\\u009b"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_what_would_move_the_cursor_is_shown_as_its_code(text: str, shown: str) -> None:
    assert console.one_line(text) == shown


def test_several_lines_stay_lines() -> None:
    assert console.printable("a\tb\n\x1b[2J\n") == "a   b\n\\u001b[2J\n"


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("short", 5, "short"),
        ("shorter", 5, "shor…"),
        ("字字字字", 8, "字字字字"),
        ("字字字字", 7, "字字字…"),
        ("字字字字", 6, "字字…"),
        ("", 3, ""),
    ],
)
def test_text_is_cut_by_its_width_in_cells(text: str, cells: int, shown: str) -> None:
    assert console.shorten(text, cells) == shown


@pytest.mark.parametrize("say", [console.result, console.notice])
def test_results_and_notices_part_ways(say: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    say("words")
    out, err = capsys.readouterr()
    assert (out, err) == (("words\n", "") if say is console.result else ("", "words\n"))


def test_quiet_drops_notices(capsys: pytest.CaptureFixture[str]) -> None:
    console.notice("words", quiet=True)
    assert capsys.readouterr().err == ""
