"""Texts side by side: every character is there, no line is too wide, wide characters count twice."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.cli.show.columns import fold, side_by_side
from seqmagic.cli.show.painting import Painter, paint, step_of
from seqmagic.drawing.words import cells
from seqmagic.sampling.pieces import Text


def plain(text: str) -> Text:
    return Text(text, ())


def lines(text: str, width: int) -> list[str]:
    return ["".join(character for character, _ in line) for line in fold(plain(text), width)]


def test_lines_break_at_spaces_where_there_are_some() -> None:
    assert lines("the quick brown fox", 10) == ["the quick ", "brown fox"]
    assert lines("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert lines("one\n\ntwo", 10) == ["one", "", "two"]
    assert lines("a\tb\x07", 20) == ["a    b\\u0007"]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cf", "Co", "Cn"]), max_size=60),
    st.integers(2, 20),
)
def test_nothing_is_lost_and_nothing_too_wide(text: str, width: int) -> None:
    folded = lines(text, width)
    assert "".join(folded) == text
    assert all(sum(map(cells, line)) <= width for line in folded)


def test_columns_are_as_wide_as_they_look() -> None:
    shown = side_by_side([plain("春眠不觉晓,处处闻啼鸟"), plain("plain words here")], ["tang", "lstm"], 47)
    assert shown[0] == "tang" + " " * 18 + " │ lstm"
    assert shown[1] == "─" * 22 + "─┼─" + "─" * 22
    assert shown[2] == "春眠不觉晓,处处闻啼鸟  │ plain words here"
    widths = {sum(map(cells, line.partition("│")[0])) for line in shown[2:]}
    assert widths == {23}


def test_a_narrow_terminal_puts_them_below_each_other() -> None:
    shown = side_by_side([plain("one"), plain("two")], ["a", "b"], 30)
    assert shown == ["── a " + "─" * 25, "one", "", "── b " + "─" * 25, "two", ""]


def test_a_long_name_is_shortened() -> None:
    shown = side_by_side([plain("x"), plain("y")], ["n" * 60, "b"], 47)
    assert shown[0] == "n" * 21 + "… │ b"


def test_characters_are_painted_by_their_bits() -> None:
    assert [step_of(p) for p in (1.0, 0.75, 0.7, 0.5, 0.25, 0.0625, 0.015625, 0.0)] == [0, 0, 1, 2, 3, 4, 5, 5]
    assert paint("abcde", [0, 1, 1, 5, 0], ["", "<1>", "", "", "", "<5>"]) == "a<1>bc\x1b[0m<5>d\x1b[0me"


@pytest.mark.parametrize("system", ["truecolor", "256", "standard"])
def test_each_step_has_its_own_colour_wherever_there_are_some(system: str) -> None:
    painter = Painter(system=system, width=40)
    shown = {painter.add("x", [probability]) for probability in (1.0, 0.7, 0.5, 0.25, 0.06, 0.001)}
    assert len(shown) == 6 and "x" in shown
    assert all(one.endswith("x\x1b[0m") for one in shown - {"x"})


def test_without_colours_digits_stand_below_the_characters() -> None:
    painter = Painter(system=None, width=6)
    shown = painter.prompt("ab") + painter.add("c\nd你", [1.0, 0.5, 0.001, 0.25]) + painter.add("efgh", [0.5] * 4)
    assert shown + painter.end() == "abc\n  0\nd你efg\n53 222\nh\n2"
    assert painter.end() == ""


def test_painted_columns_keep_their_width() -> None:
    text = Text("ab cd", (0.9, 0.6, 0.6, 0.9, 0.001))
    shown = side_by_side([text, plain("x")], ["l", "r"], 47, Painter(system="truecolor", width=47))
    assert re.sub("\x1b[^m]*m", "", shown[2]) == "ab cd" + " " * 17 + " │ x"
    shown = side_by_side([text, plain("x")], ["l", "r"], 47, Painter(system=None, width=47))
    assert shown[2:] == ["ab cd" + " " * 17 + " │ x", "01105" + " " * 17 + " │"]


@pytest.mark.parametrize(("character", "width"), [("a", 1), ("字", 2), ("é", 1), ("\u0301", 0), ("！", 2), ("│", 1)])
def test_cells(character: str, width: int) -> None:
    assert cells(character) == width
    assert unicodedata.name(character)
