"""What is open after each character, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.evaluation.delimiters import blank_lines, scan
from seqmagic.texts.vocabulary import code_points


def drawn(mask: np.ndarray) -> str:
    return "".join("x" if one else "." for one in mask)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('a "b" c', "..xx..."),
        ("c['red'] = 0", "..xxxx......"),
        ("don't say", "........."),
        ("the dogs' tails", "..............."),
        ("'tis\nso", "xxxx..."),  # no longer than its line
        ("“he’s ‘in’”, she", "xxxxxxxxxx......"),
        ("„so“ und «ça»", "xxx......xxx."),
        ("»so« da", "xxx...."),
        ("так», «и» тут", "......xx....."),  # a text that begins inside a quotation
        ("mot\u00a0», «\u00a0le\u00a0»", ".......xxxxx."),
        ("「他说『好』」。", "xxxxxx.."),
        ('"a\\"b"c', "xxxxx.."),
        ('(a "b) c" d)', "...xxxxx...."),  # a bracket's closer doesn't reach through a quotation
        ('"lost\n  \nfound', "xxxxxxxx......"),
        ('"""a"""', "x.xx.x."),
    ],
)
def test_inside_quotation_marks(text: str, quoted: str) -> None:
    assert drawn(scan(code_points(text)).quoted) == quoted


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("a(b[c]d)e", "011221100"),
        ("1) and :)", "000000000"),
        ("(a[b)c", "112200"),  # what is left open inside is closed with it
        ("（《》）", "1210"),
        ("(\n\nb", "1100"),
    ],
)
def test_depth_of_brackets(text: str, depth: str) -> None:
    assert "".join(map(str, scan(code_points(text)).depth.tolist())) == depth


def test_which_characters_opened_and_closed_something() -> None:
    marks = scan(code_points("('a') )"))
    assert (drawn(marks.opens), drawn(marks.closes), drawn(marks.quotes)) == ("xx.....", "...xx..", ".x.x...")


def test_the_future_changes_nothing() -> None:
    text = code_points("He said \"it's (so\" or 'not') «oui» he's\n\n \"again (twice\" 'x' and “y‘z’”.\n" * 3)
    whole = scan(text)
    for length in range(0, len(text), 7):
        part = scan(text[:length])
        for name in ("quoted", "depth", "opens", "closes"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:length])


def test_blank_lines_may_hold_white_space() -> None:
    assert drawn(blank_lines(code_points("a\n\nb\n \t\nc\n"))) == "..x....x.."
    assert blank_lines(code_points("")).size == 0


def test_a_text_of_openers_alone_is_read_in_no_time() -> None:
    marks = scan(code_points("([" * 100_000 + "}" * 100_000))
    assert marks.depth.max() <= 64
