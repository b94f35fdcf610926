"""The README of an export shows what a record holds as it stands, whatever it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmagic.export.readme import plain, write_readme
from tests.export.tiny import hostile_bundle


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shakespeare.txt", "shakespeare.txt"),
        ("a_b", r"a\_b"),
        ("<script>", r"\<script\>"),
        ("a|b", r"a\|b"),
        ("a\nb\x1b[31m", r"a\\nb\\x1b\[31m"),
        ("\u202etxt", r"\\u202etxt"),
        ("[x](y)", r"\[x\]\(y\)"),
    ],
)
def test_markup_and_what_cannot_be_seen_are_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_hostile_record_makes_no_markup(tmp_path: Path) -> None:
    write_readme(tmp_path, hostile_bundle(tmp_path), title="x", quantize="none", contents={}, usage="")
    text = (tmp_path / "README.md").read_text("utf-8")
    assert "<script>" not in text.replace(r"\<script\>", "")
