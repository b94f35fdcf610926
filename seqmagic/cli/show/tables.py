"""Tables: rows of plain values drawn with rich, folded to two lines a row where the terminal is narrow."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rich.box import Box
from rich.table import Table
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.comparison.rows import Summary, best_baseline, shown_baselines
from seqmagic.evaluation.baselines import Baseline
from seqmagic.evaluation.units import bits, perplexity
from seqmagic.runs.record import HistoryRow, size_of

WIDE = 80  # columns of a terminal from which on a row takes one line
SLIM = 60  # ... and below which only what is vital is shown, so that no number breaks
SPACIOUS = 94  # ... and from which on two spaces stand between columns

# a rule below the head and between sections, and nothing else
RULES = Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
NONE = "–"
SPARKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Column:
    """A column: its heading (a line break is heeded in a wide table), whether it holds figures, and whether it stays
    on the narrowest terminals."""

    heading: str
    figures: bool = True
    vital: bool = False


Line = tuple[Sequence[str], str]  # the cells of a row, and its style


def fold_table(
    columns: Sequence[Column],
    sections: Sequence[Sequence[Line]],
    *,
    width: int,
    pairs: Sequence[tuple[int, int]],
) -> Table:
    """A table with one line a row, or, below `WIDE` columns, with the columns of `pairs` above each other.

    Args:
        columns: What stands in the cells.
        sections: The rows, a rule between sections.
        width: Of the terminal.
        pairs: Which two columns share one in the narrow table, the first above; the same twice: alone.
    """
    narrow = width < WIDE
    chosen = pairs if narrow else [(number, number) for number in range(len(columns))]
    if width < SLIM and any(column.vital for column in columns):
        chosen = [pair for pair in pairs if any(columns[number].vital for number in pair)]
    gap = 1 if width >= SPACIOUS or narrow else 0
    table = Table(box=RULES, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    headings = [_in_one_line(column.heading) if narrow else column.heading for column in columns]
    stacked = [_stacked(headings, pair) for pair in chosen]
    height = max(heading.count("\n") for heading in stacked)
    for (top, _), heading in zip(chosen, stacked, strict=True):
        heading = "\n" * (height - heading.count("\n")) + heading
        table.add_column(heading, justify="right" if columns[top].figures else "left", overflow="fold")
    for section in sections:
        for cells, style in section:
            shown = [one_line(cell) for cell in cells]
            table.add_row(*(Text(_stacked(shown, pair), style=style) for pair in chosen))
        table.add_section()
    return table


def _in_one_line(heading: str) -> str:
    return heading.replace("-\n", "").replace("/\n", "/").replace("\n", " ")


def _stacked(cells: Sequence[str], pair: tuple[int, int]) -> str:
    top, bottom = pair
    return cells[top] if top == bottom else f"{cells[top]}\n{cells[bottom]}"


# ---------------------------------------------------------------- comparisons

_COMPARISON = [
    Column("cell", figures=False, vital=True), Column("size", figures=False), Column("parameters"),
    Column("train\nloss"), Column("valid\nloss", vital=True), Column("bits/\nchar"), Column("perp-\nlexity"),
    Column("vs\nn-gram", vital=True), Column("char/s"), Column("seconds"),
]  # fmt: skip
_COMPARISON_PAIRS = [(0, 1), (2, 9), (3, 4), (5, 6), (7, 8)]


def comparison_table(
    summaries: Sequence[Summary], baselines: Sequence[Baseline], *, width: int, mark_best: bool
) -> Table:
    """The rows, the one with the lowest loss in bold, and the baselines below a rule."""
    ngram = best_baseline(baselines)
    losses = [one.loss for one in summaries if one.loss is not None]
    rows = []
    for one in summaries:
        best = mark_best and one.loss is not None and one.loss == min(losses)
        rows.append((_summary_cells(one, ngram), "bold" if best else ""))
    below = [(_baseline_cells(one, ngram), "dim") for one in shown_baselines(baselines)]
    sections = [rows, below] if below else [rows]
    return fold_table(_COMPARISON, sections, width=width, pairs=_COMPARISON_PAIRS)


def _summary_cells(one: Summary, ngram: Baseline | None) -> list[str]:
    row, results = one.rows[0], one.results
    size = size_of(row.layers, row.units) or NONE
    if one.loss is None:
        return [row.cell, size, NONE, NONE, row.status, *[NONE] * 5]
    spread = f" ±{one.deviation:.4f}" if one.deviation is not None else ""
    return [
        row.cell,
        size,
        figure(results.parameters, ",.0f"),
        figure(results.train_loss, ".4f"),
        f"{one.loss:.4f}{spread}",
        f"{bits(one.loss):.3f}",
        figure(results.perplexity, ".2f"),
        _difference(one.loss, ngram),
        figure(results.characters_per_second, ",.0f"),
        figure(results.seconds, ",.1f"),
    ]


def _baseline_cells(one: Baseline, ngram: Baseline | None) -> list[str]:
    loss = [NONE, f"{one.loss:.4f}", f"{one.bits_per_character:.3f}", figure(perplexity(one.loss), ".2f")]
    return [one.name, "", NONE, *loss, NONE if one is ngram else _difference(one.loss, ngram), NONE, NONE]


def _difference(loss: float, ngram: Baseline | None) -> str:
    return NONE if ngram is None else f"{loss - ngram.loss:+z.3f}".replace("-", "−")


# ---------------------------------------------------------------- runs

_RUNS = [
    Column("run", figures=False, vital=True), Column("cell", figures=False, vital=True), Column("size", figures=False),
    Column("parameters"), Column("loss", vital=True), Column("bits/\nchar"), Column("status", figures=False),
    Column("age"),
]  # fmt: skip
_RUNS_PAIRS = [(0, 0), (1, 2), (4, 5), (6, 7), (3, 3)]
_ALIVE = ("complete", "interrupted", "running", "pretrained")


def runs_table(rows: Sequence[Mapping[str, Any]], *, width: int, now: datetime.datetime) -> Table:
    """One line a run below a line for each text: `rows` as `seqmagic runs list --json` gives them."""
    texts: dict[str, list[Line]] = {}
    for row in rows:
        size, loss = size_of(row.get("layers"), row.get("units")) or NONE, row.get("loss")
        cells = [
            row["name"], row.get("cell") or NONE, size, figure(row.get("parameters"), ",.0f"),
            figure(loss, ".4f"), figure(None if loss is None else bits(loss), ".3f"), row["status"],
            age(row.get("created"), now),
        ]  # fmt: skip
        lines = texts.setdefault(row.get("text") or NONE, [])
        lines.append((cells, "" if row["status"] in _ALIVE else "dim"))
    empty = [""] * (len(_RUNS) - 1)
    texts |= {NONE: texts.pop(NONE)} if NONE in texts else {}  # what can't be read belongs to no text
    sections = [[([f"on {name_in_short(text)}", *empty], "italic"), *lines] for text, lines in texts.items()]
    return fold_table(_RUNS, sections, width=width, pairs=_RUNS_PAIRS)


def name_in_short(text: str) -> str:
    """The end of a path that tells a text from others; a name as it is."""
    return "standard input" if text == "-" else PurePath(text).name or text


def history_table(rows: Sequence[HistoryRow], *, width: int) -> Table:
    """The evaluations of a run, the one with the lowest validation loss in bold."""
    losses = [row.validation_loss for row in rows if row.validation_loss is not None]
    lines = []
    for row in rows:
        loss = row.validation_loss
        cells = [
            figure(row.epoch, ".2f"), figure(row.seconds, ",.1f"),
            figure(row.train_loss, ".4f"), figure(loss, ".4f"),
            figure(None if loss is None else bits(loss), ".3f"),
        ]  # fmt: skip
        lines.append((cells, "bold" if loss is not None and loss == min(losses) else ""))
    headings = ("epoch", "seconds", "train loss", "valid loss", "bits/char")
    columns = [Column(heading) for heading in headings]
    return fold_table(columns, [lines], width=max(width, WIDE), pairs=())


def facts_table(sections: Sequence[tuple[str, Sequence[tuple[str, Any]]]]) -> Table:
    """Names and values under headings."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for heading, rows in sections:
        table.add_row(Text(one_line(heading), style="bold"))
        for name, value in rows:
            table.add_row(Text(f"  {one_line(name)}"), Text(one_line(value_words(value))))
    return table


def differences_table(names: tuple[str, str], rows: Sequence[tuple[str, Any, Any]], *, width: int) -> Table:
    """What differs between two runs: the name of the thing, its value in each."""
    columns = [Column(heading, figures=False) for heading in ("", *map(one_line, names))]
    lines = [([name, value_words(one), value_words(other)], "") for name, one, other in rows]
    return fold_table(columns, [lines], width=max(width, WIDE), pairs=())


# ---------------------------------------------------------------- words and figures


def figure(value: float | None, form: str) -> str:
    """A number for a table; – where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.2e}" if abs(value) >= 1e7 and not form.endswith(".0f") else format(value, form)


def value_words(value: Any) -> str:
    """A setting or result for a reader: six digits are plenty, None is –, a list is its parts."""
    if value is None:
        return NONE
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, (list, tuple)):
        return " ".join(map(value_words, value))
    return str(value)


def age(created: str | None, now: datetime.datetime) -> str:
    """How long ago, in the largest unit that fits; the date after a month."""
    try:
        then = datetime.datetime.fromisoformat(created or "")
        seconds = (now - (then if then.tzinfo else then.replace(tzinfo=datetime.UTC))).total_seconds()
    except (ValueError, OverflowError):
        return NONE
    if seconds >= 30 * 86_400:
        return then.date().isoformat()
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def sparkline(values: Sequence[float], *, width: int = 40) -> str:
    """The course of a figure in block characters, its lowest value as the lowest block."""
    if len(values) > width:
        values = [values[number * len(values) // width] for number in range(width - 1)] + [values[-1]]
    low, high = min(values, default=0.0), max(values, default=0.0)
    span = (high - low) or 1.0
    return "".join(SPARKS[round((value - low) / span * (len(SPARKS) - 1))] for value in values)
