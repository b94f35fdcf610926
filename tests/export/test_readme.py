"""The README.md of an export shows what came with a run as it is, and nothing in it becomes Markdown or HTML."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqmagic.export.bundle import Bundle
from seqmagic.export.readme import example_prompt, inline, write_readme
from tests.export.tiny import lively_network, make_bundle

ATTACK = "<script>alert(1)</script>`a`|b|[x](http://y)\n# **bold** _it_ \\ &amp; \x1b[31m ![i](j)\u2028~~s~~ $m$"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("tiny shakespeare-2.txt", "tiny shakespeare-2.txt"),
        ("a_b*c", r"a\_b\*c"),
        ("a\nb\tc\x1b", r"a\nb\tc\x1b"),
        ("<b>|`", r"\<b\>\|\`"),
        ("人之初 é", "人之初 é"),
    ],
)
def test_words_of_a_run_are_shown_as_they_are(words: str, shown: str) -> None:
    assert inline(words) == shown


def test_no_field_of_a_record_breaks_out_of_its_place(tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("gru", 1), tmp_path)
    plain = readme(bundle, tmp_path).splitlines()
    text = replace(bundle.record.text, source=ATTACK.replace("/", ""), sha256=ATTACK)
    hostile = replace(bundle, record=replace(bundle.record, name=ATTACK, text=text, created=ATTACK))
    lines = readme(hostile, tmp_path).splitlines()
    assert len(lines) == len(plain)  # U+2028 counts as the end of a line here, too
    changed = [line for line, before in zip(lines, plain, strict=True) if line != before]
    assert len(changed) == 3  # the title, the text and the date
    for line in changed:
        bare = line.replace("\\\\", "")  # escaped backslashes
        for sign in "<>`[]*_&~$!":
            assert bare.count(sign) == bare.count("\\" + sign), (sign, line)
    assert all(row.replace("\\|", "").count("|") == 3 for row in changed[1:])


def readme(bundle: Bundle, folder: Path) -> str:
    write_readme(folder, bundle, title="a format", quantize="none", contents={"model": "the weights"}, usage="")
    return (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "prompt"),
    [("--help me;", "help"), ("- -- ;", "a"), ("a `rm` $(x)", "(x)"), ("to be", "to"), ("人之初", "人之初")],
)
def test_an_example_needs_no_quoting(text: str, prompt: str, tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("gru", 1), tmp_path)
    assert example_prompt(replace(bundle, loss_text=text)) == prompt
