"""Text over strips: the folding, wide and invisible characters, and scales that can be read."""

from __future__ import annotations

import io
import sys

import pytest
from rich.cells import cell_len
from rich.style import Style

from seqmagic.cli.show.strips import DIVERGING, RISING, Row, Scale, folded, glyph, laid, level_marks


@pytest.mark.parametrize("width", [20, 33, 100])
def test_every_character_stands_in_one_line_that_fits(width: int) -> None:
    text = "a\n株の花 and some more words, 日本語\n\n" * 5
    shown = [glyph(character) for character in text]
    lines = list(folded(shown, text, width))
    assert [place for start, stop in lines for place in range(start, stop)] == list(range(len(text)))
    for start, stop in lines:
        assert sum(map(cell_len, shown[start:stop])) <= width
        assert "\n" not in text[start : stop - 1]


def test_marks_stand_below_their_characters() -> None:
    lines = [line.plain for line in laid("a株b", [Row("x", "123"), Row("y", "▁█▅")], width=40)]
    assert lines == ["  a株b\n", "x 12 3\n", "y ▁██▅\n"]
    assert [line.plain for line in laid("ab", [Row("", "1花")], width=40)] == ["ab\n", "1 \n"]


def test_what_has_no_width_is_shown_as_something_that_has() -> None:
    assert [glyph(character) for character in "a\n\t\x1b\u0301\u202e"] == [
        "a",
        "⏎",
        "→",
        "\\u001b",
        "◌\u0301",
        "\\u202e",
    ]


def test_a_terminal_that_lacks_a_sign_gets_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert [glyph(character) for character in "aé\n株"] == ["a", "é", "\\n", "\\u682a"]
    assert level_marks([0, 0.5, 1, None]) == ["0", "5", "9", " "]


def test_levels_rise_with_their_numbers() -> None:
    assert level_marks([0, 0.13, 0.5, 0.99, 1, None]) == ["▁", "▂", "▅", "█", "█", " "]


@pytest.mark.parametrize(("scale", "steps"), [(RISING, 6), (DIVERGING, 9)])
def test_scales_can_be_read_and_are_told_apart(scale: Scale, steps: int) -> None:
    for system in ("truecolor", "256", "standard"):
        styles = scale.styles(system)
        assert styles is not None
        assert len(styles) == steps
        assert len(set(styles)) == steps
        for style in map(Style.parse, styles):
            assert style.bgcolor or not style  # a space has to be seen as well
            if style.color and style.bgcolor and system != "standard":
                assert contrast(style) >= 4.5
    assert scale.styles(None) is None


def contrast(style: Style) -> float:
    """Of WCAG 2: 4.5 is enough for text."""

    def luminance(triplet: tuple[int, int, int]) -> float:
        parts = [value / 255 for value in triplet]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert style.color is not None
    assert style.bgcolor is not None
    one, other = (luminance(tuple(colour.get_truecolor())) for colour in (style.color, style.bgcolor))  # type: ignore[arg-type]
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
