"""Tables at 60 columns and wide: every figure is there, and no line is longer than the terminal."""

from __future__ import annotations

import datetime
import io
import math
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from seqmagic.cli.show import tables
from seqmagic.comparison.blocks import Both
from seqmagic.comparison.chance import Chance, Distance
from seqmagic.comparison.record import Comparison
from seqmagic.comparison.rows import Row, summarise
from seqmagic.evaluation.baselines import Baseline
from seqmagic.runs.record import HistoryRow, Results
from tests.helpers import make_results

WIDTHS = [60, 79, 80, 100, 200]
NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
BASELINES = [
    Baseline(name="uniform", order=0, loss=math.log(65)),
    Baseline(name="unigram", order=1, loss=3.3123),
    Baseline(name="2-gram", order=2, loss=2.5),
    Baseline(name="6-gram", order=6, loss=1.7354),
]
ROWS = [
    Row(cell="rnn", layers=1, units=256, seed=1, run="a", results=make_results(1.76)),
    Row(cell="lstm", layers=1, units=256, seed=1, run="b", results=make_results(1.5, 402_881)),
    Row(cell="lstm", layers=2, units=1024, seed=1, run="c", results=make_results(1.6, 12_345_678)),
    Row(cell="gru", layers=1, units=256, seed=1, status="failed", error="it exploded"),
]


def drawn(table: RenderableType, width: int, **more: Any) -> str:
    stream = io.StringIO()
    Console(width=width, file=stream, color_system=None, **more).print(table)
    lines = stream.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    return "\n".join(lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_comparison_has_every_figure_at_every_width(width: int) -> None:
    shown = drawn(tables.comparison_table(summarise(ROWS), BASELINES, width=width, mark_best=True), width)
    for figure in (
        *("1×256", "402,881", "1.4000", "1.5000", "2.164", "4.48", "−0.235", "1,234", "60.0"),  # the lstm
        *("2×1024", "12,345,678", "failed"),
        *("uniform", "4.1744", "6.022", "65.00", "+2.439", "unigram", "6-gram", "1.7354"),
    ):
        assert figure in shown, figure
    assert "2-gram" not in shown
    heads = shown.split("─")[0].replace("-\n", "").split()
    assert {"cell", "size", "parameters", "seconds"} <= set(heads)


def test_the_best_row_alone_is_bold() -> None:
    table = tables.comparison_table(summarise(ROWS), BASELINES, width=100, mark_best=True)
    assert [cell.style for cell in table.columns[0]._cells[:4]] == ["", "bold", "", ""]  # type: ignore[union-attr]
    table = tables.comparison_table(summarise(ROWS), BASELINES, width=100, mark_best=False)
    assert {cell.style for cell in table.columns[0]._cells[:4]} == {""}  # type: ignore[union-attr]


@pytest.mark.parametrize("width", [32, 40, 59])
def test_below_60_columns_the_comparison_has_what_is_vital_and_breaks_no_number(width: int) -> None:
    shown = drawn(tables.comparison_table(summarise(ROWS), BASELINES, width=width, mark_best=True), width)
    for figure in ("lstm", "1×256", "1.5000", "−0.235"):
        assert figure in shown, shown
    assert "402,881" not in shown and "4.48" not in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_the_spread_over_seeds_is_shown(width: int) -> None:
    rows = [
        Row(
            cell="lstm",
            layers=1,
            units=256,
            seed=seed,
            run=f"{seed}",
            results=make_results(1.5 + 0.01 * seed),
        )
        for seed in (1, 2, 3)
    ]
    shown = drawn(tables.comparison_table(summarise(rows), [], width=width, mark_best=True), width)
    assert "1.5200" in shown and "±0.0100" in shown
    assert shown.count("lstm") == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_runs_shows_names_however_long(width: int) -> None:
    name = "红楼梦-" + "a-rather-long-name-for-a-text-" * 2
    rows = [
        {"name": "tiny", "cell": "gru", "layers": 2, "units": 64, "loss": 1.5, "status": "complete",
         "created": "2026-05-01T10:30:00+00:00"},
        {"name": name, "status": "corrupt", **dict.fromkeys(("cell", "layers", "units", "loss", "created"))},
    ]  # fmt: skip
    shown = drawn(tables.runs_table(rows, width=width, now=NOW), width)
    for word in ("tiny", "gru", "2×64", "1.5000", "2.164", "complete", "1 h", "corrupt", "红楼梦"):
        assert word in shown, word
    assert "".join(shown.split()).count("a-rather") >= 1


def test_the_history_and_the_differences() -> None:
    rows = [
        HistoryRow(epoch=0.5, seconds=1.0, train_loss=None, validation_loss=2.0),
        HistoryRow(epoch=1.0, seconds=2.0, train_loss=1.4, validation_loss=1.5),
    ]
    assert "1.5000" in drawn(tables.history_table(rows, width=60), 60)
    shown = drawn(
        tables.differences_table(("a", "b"), [("model.cell", "gru", "x\ny"), ("z", None, [1, 2])], width=60),
        60,
    )
    assert "model.cell" in shown and "x⏎y" in shown and "1 2" in shown
    facts = drawn(tables.facts_table([("text", [("source", "[bold]x"), ("bytes", 1_234_567)])], width=60), 60)
    assert "[bold]x" in facts and "1,234,567" in facts


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (1.23456, ".4f", "1.2346"),
        (None, ".4f", "–"),
        (math.inf, ".2f", "–"),
        (math.nan, ".2f", "–"),
        (123_456, ",.0f", "123,456"),
        (3.2e9, ".2f", "3.20e+09"),
    ],
)
def test_figures(value: float | None, form: str, shown: str) -> None:
    assert tables.figure(value, form) == shown


@pytest.mark.parametrize(
    ("created", "shown"),
    [
        ("2026-05-01T11:59:30+00:00", "30 s"),
        ("2026-05-01T11:50:00+00:00", "10 min"),
        ("2026-05-01T14:00:00+02:00", "0 s"),
        ("2026-05-01T13:00:00+02:00", "1 h"),
        ("2026-04-28T12:00:00", "3 d"),
        ("2026-01-02T12:00:00+00:00", "2026-01-02"),
        ("2027-01-01T00:00:00+00:00", "0 s"),
        ("yesterday", "–"),
        (None, "–"),
    ],
)
def test_ages(created: str | None, shown: str) -> None:
    assert tables.age(created, NOW) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [([], ""), ([2.0], "▁"), ([1.0, 1.0], "▁▁"), ([3.0, 2.0, 1.0], "█▅▁"), (list(range(8)), "▁▂▃▄▅▆▇█")],
)
def test_sparklines(values: list[float], shown: str) -> None:
    assert tables.sparkline(values) == shown


def test_a_long_course_is_thinned_and_keeps_its_end() -> None:
    line = tables.sparkline([5.0] * 500 + [1.0], width=40)
    assert len(line) == 40
    assert line[0] == "█" and line[-1] == "▁"


def test_a_loss_as_good_as_the_n_gram_is_no_negative_zero() -> None:
    ngram = Baseline(name="2-gram", order=2, loss=1.50004)
    shown = drawn(tables.comparison_table(summarise(ROWS[1:2]), [ngram], width=200, mark_best=True), 200)
    assert "+0.000" in shown and "−0.000" not in shown and "-0.000" not in shown


def test_a_figure_has_a_minus_sign_and_no_hyphen() -> None:
    assert [tables.figure(value, "+.3f") for value in (-0.008, -2e7, 0.5)] == ["−0.008", "−2.00e+07", "+0.500"]
    assert tables.figure(None, ".1f") == tables.figure(math.nan, ".1f") == "–"


@pytest.mark.parametrize("width", [60, 80, 96, 140])
@pytest.mark.parametrize("tested", [False, True])
def test_no_heading_or_figure_is_broken_where_a_row_has_an_interval(width: int, tested: bool) -> None:
    chance = Chance(
        part="test" if tested else "validation",
        characters=1000,
        best=0,
        seeds=0,
        distances=(Distance(row=1, difference=0.01, margin=0.0123),),
    )
    results = dict(make_results(1.5)) | {"parameters": 1_234_567, "characters_per_second": 123_456.0, "seconds": 3600.0}
    rows = [
        Row(
            cell=cell,
            layers=1,
            units=512,
            seed=1,
            run=cell,
            results=Results(**results),
            test_loss=1.51 if tested else None,
        )
        for cell in ("lstm", "gru")
    ]
    table = tables.comparison_table(
        summarise(rows), BASELINES, width=width, mark_best=True, part=chance.part, chance=chance
    )
    shown = drawn(table, width)
    for word in ("1,234,567", "123,456", "3,600.0", "±0.0123", "1×512", "n-gram"):
        assert word in shown
    heads = shown.split("─")[0].split()
    assert set(heads) <= {
        "cell", "size", "param-", "eters", "parameters", "train", "loss", "valid", "bits/", "char", "bits/char",
        "perp-", "lexity", "perplexity", "vs", "n-gram", "char/s", "sec-", "onds", "seconds", "test",
    }  # fmt: skip


@pytest.mark.parametrize("width", [80, 90, 100])
def test_a_number_does_not_break_where_the_headings_of_blocks_take_room(width: int) -> None:
    found: dict[str, Any] = {"results": make_results(1.25, 1_234_567), "layers": 1, "units": 1024}
    pairs = [(cell, seed) for cell in ("rnn", "lstm") for seed in (1, 2)]
    rows = tuple(Row(cell=cell, seed=seed, run=f"{cell}-{seed}", **found) for cell, seed in pairs)
    both = Both(time=Comparison(rows=rows), data=Comparison(rows=rows))
    shown = drawn(tables.table_of_both(both, width=width), width)
    for words, times in (("1,234,567", 4), ("1.2500 ±0.0000", 4), ("1×1024", 4), ("equal data", 1)):
        assert shown.count(words) == times, shown
