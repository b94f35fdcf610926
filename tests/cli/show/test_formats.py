"""A comparison as Markdown, CSV, LaTeX and HTML: the numbers of comparison.json in all of them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.cli.commands.compare import FORMATS
from seqmagic.cli.show import formats
from seqmagic.comparison.chance import Chance, Distance
from seqmagic.comparison.record import Comparison, write_comparison
from seqmagic.comparison.rows import Row
from seqmagic.evaluation.baselines import Baseline
from seqmagic.runs.record import Results
from tests.helpers import make_results

Call = Callable[..., Result]
CHANCE = Chance(
    part="test", characters=99, best=0, seeds=0, distances=(Distance(row=1, difference=0.25, margin=0.0625),)
)
COMPARISON = Comparison(
    name="mine",
    text={
        "source": "a|b_50%&<x>.txt", "sha256": "0" * 64, "characters": 1000,
        "train": (0, 800), "validation": (800, 900), "test": (900, 1000),
    },
    rows=(
        Row(cell="lstm", layers=1, units=8, seed=1, run="a", results=Results(**make_results(1.5)), test_loss=1.625),
        Row(cell="gru", layers=1, units=8, seed=1, run="b", results=Results(**make_results(1.75)), test_loss=1.875),
        Row(cell="rnn", layers=1, units=8, seed=1, status="failed", error="no | luck"),
    ),
    baselines=(
        Baseline(name="uniform", order=0, loss=3.0, test_loss=3.0),
        Baseline(name="4-gram", order=4, loss=2.0, test_loss=2.125),
    ),
    chance=CHANCE,
)  # fmt: skip
LOSSES = ["1.5000", "1.7500", "3.0000", "2.0000"]
TESTS = ["1.6250", "1.8750 ±0.0625", "3.0000", "2.1250"]


@pytest.fixture
def kept(models: Path) -> Path:
    folder = models / "mine"
    folder.mkdir()
    write_comparison(folder, COMPARISON)
    return folder


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.captions = ""
        self._where = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._where = tag if tag != "strong" else self._where
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._where = self._where if tag == "strong" else ""

    def handle_data(self, data: str) -> None:
        if self._where in ("td", "th"):
            self.rows[-1][-1] += data
        elif self._where == "caption":
            self.captions += data


def test_csv_has_the_figures_of_the_record_in_full(kept: Path, seqmagic: Call) -> None:
    result = seqmagic("compare", "mine", "--format", "csv")
    assert result.exit_code == 0, result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    document = json.loads((kept / "comparison.json").read_bytes())
    for found, wanted in zip(rows, document["rows"], strict=False):
        assert (found["cell"], found["status"]) == (wanted["cell"], wanted["status"])
        for name, key in (("validation_loss", "validation_loss"), ("train_loss", "train_loss"), ("seconds", "seconds"),
                          ("test_loss", "test_loss"), ("perplexity", "perplexity")):  # fmt: skip
            assert found[name] == ("" if wanted.get(key) is None else str(wanted[key]))
    assert float(rows[1]["test_plus_minus"]) == document["chance"]["distances"][0]["margin"]
    assert [row["cell"] for row in rows[3:]] == ["uniform", "4-gram"] and rows[4]["test_loss"] == "2.125"


def test_html_markdown_and_latex_show_what_the_terminal_shows(kept: Path, seqmagic: Call) -> None:
    page = Cells()
    page.feed(seqmagic("compare", "mine", "--format", "html").stdout)
    markdown = seqmagic("compare", "mine", "--format", "markdown").stdout
    latex = seqmagic("compare", "mine", "--format", "latex").stdout
    assert page.captions.startswith("a|b_50%&<x>.txt: 800 characters to train on, 100 to validate, 100 to test")
    table = [re.split(r"(?<!\\)\|", line)[1:-1] for line in markdown.splitlines() if line.startswith("|")]
    plain = [[re.sub(r"\*\*|\\(?=.)", "", cell).strip() for cell in line] for line in table]
    assert [plain[0], *plain[2:]] == page.rows
    printed = [line.removesuffix(r" \\").split(" & ") for line in latex.splitlines() if line.count(" & ") > 5]
    unbold = [[re.sub(r"\\textbf\{(.*)\}$", r"\1", cell) for cell in line] for line in printed[1:]]
    back = {r"$\times$": "×", r"$\pm$": "±", "$-$": "−"}
    for line, wanted in zip(unbold, page.rows[1:], strict=True):
        for cell, value in zip(line, wanted, strict=True):
            for written, sign in back.items():
                cell = cell.replace(written, sign)
            assert cell == ("--" if value == "–" else value)
    with_loss = [row for row in page.rows[1:] if row[-1] != "–"]
    assert [row[4] for row in with_loss] == LOSSES and [row[-1] for row in with_loss] == TESTS
    shown = seqmagic("compare", "mine").stdout
    for row in page.rows[1:]:
        assert all(cell in shown for cell in row)


def test_what_a_format_would_obey_is_escaped(kept: Path, seqmagic: Call) -> None:
    assert "a&#x27;" not in seqmagic("compare", "mine", "--format", "html").stdout
    assert "a|b_50%&amp;&lt;x&gt;.txt" in seqmagic("compare", "mine", "--format", "html").stdout
    assert r"a|b\_50\%\&$<$x$>$.txt" in seqmagic("compare", "mine", "--format", "latex").stdout
    assert r"a|b\_50%&\<x>.txt" in seqmagic("compare", "mine", "--format", "markdown").stdout


def test_json_is_json_and_two_formats_are_refused(kept: Path, seqmagic: Call) -> None:
    assert seqmagic("compare", "mine", "--format", "json").stdout == seqmagic("compare", "mine", "--json").stdout
    refused = seqmagic("compare", "mine", "--format", "csv", "--json")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1) and "two formats" in refused.stderr
    assert set(FORMATS) == {"table", "json", *formats.FORMATS}


@pytest.mark.parametrize("form", list(formats.FORMATS))
def test_rows_that_are_not_ranked_have_no_best(form: str) -> None:
    apart = dataclasses.replace(COMPARISON, comparable=False)
    for mark in ("**lstm", r"\textbf{", "<strong>"):
        assert mark not in formats.write_table(apart, form)
