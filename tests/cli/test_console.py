"""Where words go, when they are plain, and what of a text is safe to show."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from seqmagic.cli import console
from seqmagic.cli.options import Settings


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


@pytest.mark.parametrize("say", [console.result, console.notice])
def test_results_and_notices_part_ways(say: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    say("words")
    out, err = capsys.readouterr()
    assert (out, err) == (("words\n", "") if say is console.result else ("", "words\n"))


def test_quiet_drops_notices(capsys: pytest.CaptureFixture[str]) -> None:
    Settings(quiet=True).notice("words")
    assert capsys.readouterr().err == ""
    Settings().notice("words")
    assert capsys.readouterr() == ("", "words\n")


NASTY = "a\x1b[31mb\x07\x9bc\u202ed\u2066\ufeff\udcff\r\x7f"
SHOWN = r"a\u001b[31mb\u0007\u009bc\u202ed\u2066\ufeff\udcff\u000d\u007f"


def test_nothing_from_a_file_is_obeyed_by_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.result(f"{NASTY}\n\tx")
    console.notice(NASTY)
    console.draw(lambda width: NASTY)
    captured = capsys.readouterr()
    line, tab, drawn, end = captured.out.split("\n")
    assert (line, tab, end) == (SHOWN, "\tx", "")
    assert drawn.isprintable() and drawn.startswith(r"a\u001b[31mb")  # rich leaves some out itself
    assert captured.err == f"{SHOWN}\n"


def test_a_table_on_a_terminal_shows_codes_and_keeps_its_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    console.make_console(stream, width=100).print(Text("a\x1b[31mb\x9b\u202e", style="bold"))
    assert stream.getvalue() == "\x1b[1ma\\u001b[31mb\\u009b\\u202e\x1b[0m\n"


def test_json_escapes_what_a_terminal_obeys_and_stays_the_same_document(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"text": f"{NASTY}\U000e0001\u200d字"}
    console.json_document(value)
    written = capsys.readouterr().out
    assert json.loads(written) == value
    assert "字" in written and "\u200d" in written
    assert not any(sign in written for sign in "\x1b\x07\x9b\u202e\u2066\ufeff\x7f\U000e0001")


def test_harmless_and_one_line_agree_on_what_is_obeyed() -> None:
    for point in range(0x110000):
        sign = chr(point)
        if sign not in "\n\t" and console.one_line(sign) != sign:
            assert console.harmless(sign) != sign, hex(point)


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_lines_are_broken_at_spaces_on_a_terminal_alone(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    line = "  " + "validation loss 1.2345 nats per character; " * 4 + "\x1b[1;31m你好 好\x1b[0m"
    broken = console.fitted(f"{line}\nshort", Terminal()).split("\n")
    assert broken[-1] == "short" and len(broken) > 2
    assert all(one.startswith("  ") and cell_len(re.sub("\x1b[^m]*m", "", one)) <= columns for one in broken[:-1])
    assert " ".join(" ".join(broken[:-1]).split()) == " ".join(line.split())
    assert console.fitted(line, io.StringIO()) == line
    path = "/a" * 100
    assert console.fitted(f"kept in {path}", Terminal()).split("\n") == ["kept in", path]
