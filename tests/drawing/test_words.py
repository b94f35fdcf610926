"""Words in a line: cut by their width, and with nothing that moves a cursor."""

from __future__ import annotations

import pytest

from seqmagic.drawing.words import cells, shorten


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 5, "short"),
        ("shorter", 5, "shor…"),
        ("字字字字", 8, "字字字字"),
        ("字字字字", 7, "字字字…"),
        ("字字字字", 6, "字字…"),
        ("", 3, ""),
    ],
)
def test_text_is_cut_by_its_width_in_cells(text: str, width: int, shown: str) -> None:
    assert shorten(text, width) == shown


def test_what_is_cut_stays_whole_signs() -> None:
    assert shorten("a👍🏽👍🏽", 4) == "a👍🏽…"
    assert shorten("e\u0301e\u0301e\u0301", 2) == "e\u0301…"


@pytest.mark.parametrize(("text", "width"), [("\x1b[0m", 9), ("\u202e", 6), ("\n", 1), ("\u200d", 0)])
def test_control_characters_take_what_their_codes_take(text: str, width: int) -> None:
    assert cells(text) == width
