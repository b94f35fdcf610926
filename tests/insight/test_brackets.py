"""The scanner of brackets and quotes: what closes what."""

from __future__ import annotations

import pytest

from seqmagic.insight.brackets import CLOSERS, closed_pairs


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("f(x[1], {2: 3})", ["[1]", "{2: 3}", "(x[1], {2: 3})"]),
        ("it's (don't) 'so'", ["(don't)"]),  # apostrophes
        ('he said "yes (or no)" and "ok"', ["(or no)", '"yes (or no)"', '"ok"']),
        (
            "“one” „zwei“ «trois» 《四》「五」『六』（七）",
            ["“one”", "„zwei“", "«trois»", "《四》", "「五」", "『六』", "（七）"],
        ),
        ("1) first 2) second :)", []),  # closers of nothing
        ("(a [b c) d]", ["(a [b c)"]),  # what was never closed is dropped
        ("(lost\n\nfound)", []),  # a blank line starts anew
        ("(lost\n \t\nfound) (x)", ["(x)"]),
        ("(kept\nover a line)", ["(kept\nover a line)"]),
        ('"lost\n\n"found"', ['"found"']),
        ("()", ["()"]),
        ("", []),
    ],
)
def test_pairs(text: str, found: list[str]) -> None:
    assert [text[pair.opener : pair.closer + 1] for pair in closed_pairs(text)] == found


def test_every_closer_is_found_with_each_of_its_openers() -> None:
    for closer, openers in CLOSERS.items():
        for opener in openers:
            assert closed_pairs(f"a{opener}b{closer}c") == [(1, 3)]
