"""Tables: rows of plain values drawn with rich, folded to two lines a row where the terminal is narrow."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rich.box import Box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.comparison.chance import Chance
from seqmagic.comparison.rows import Summary
from seqmagic.comparison.table import TableRow, table_rows, with_spread
from seqmagic.evaluation.baselines import Baseline
from seqmagic.evaluation.units import bits
from seqmagic.runs.record import HistoryRow, size_of

if TYPE_CHECKING:
    from seqmagic.comparison.blocks import Both

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

    @property
    def in_one_line(self) -> str:
        """The heading where there is room for it."""
        return self.heading.replace("-\n", "").replace("/\n", "/").replace("\n", " ")


Line = tuple[Sequence[str], str]  # the cells of a row, and its style


def fold_table(
    columns: Sequence[Column],
    sections: Sequence[Sequence[Line]],
    *,
    width: int,
    pairs: Sequence[Sequence[int]],
    wide: int = WIDE,
) -> Table:
    """A table with one line a row, or, below `wide` columns, with the columns of `pairs` above each other.

    Args:
        columns: What stands in the cells.
        sections: The rows, a rule between sections.
        width: Of the terminal.
        pairs: Which columns share one in the narrow table, the first above; the same twice: alone.
        wide: From how many columns of a terminal on a row takes one line.
    """
    narrow = width < wide
    chosen = pairs if narrow else [(number,) for number in range(len(columns))]
    if width < SLIM and any(column.vital for column in columns):
        chosen = [pair for pair in pairs if any(columns[number].vital for number in pair)]
    gap = 1 if narrow else _gap(width, wide)
    table = Table(box=RULES, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    headings = [column.in_one_line if narrow else column.heading for column in columns]
    stacked = [_stacked(headings, pair) for pair in chosen]
    height = max(heading.count("\n") for heading in stacked)
    for (top, *_), heading in zip(chosen, stacked, strict=True):
        heading = "\n" * (height - heading.count("\n")) + heading
        table.add_column(heading, justify="right" if columns[top].figures else "left", overflow="fold")
    for section in sections:
        for cells, style in section:
            shown = [one_line(cell) for cell in cells]
            table.add_row(*(Text(_stacked(shown, pair), style=style) for pair in chosen))
        table.add_section()
    return table


def _gap(width: int, wide: int) -> int:
    """Columns between two of a table that takes one line a row, beyond the one that there always is."""
    return 1 if width >= wide + SPACIOUS - WIDE else 0


def _needed_width(columns: Sequence[Column], lines: Sequence[Line], *, gap: int) -> int:
    """Of a table with one line a row in which nothing is folded."""
    widths = [
        max(cell_len(word) for word in (*column.heading.split("\n"), *(cells[place] for cells, _ in lines)))
        for place, column in enumerate(columns)
    ]
    return sum(widths) + (len(widths) - 1) * (1 + gap)


def _stacked(cells: Sequence[str], places: Sequence[int]) -> str:
    return "\n".join(cells[place] for place in dict.fromkeys(places)).rstrip("\n")


# ---------------------------------------------------------------- comparisons

_COMPARISON = [
    Column("cell", figures=False, vital=True), Column("size", figures=False), Column("parameters"),
    Column("train\nloss"), Column("valid\nloss", vital=True), Column("bits/\nchar"), Column("perp-\nlexity"),
    Column("vs\nn-gram", vital=True), Column("char/s"), Column("seconds"),
]  # fmt: skip
_COMPARISON_PAIRS = [(0, 1), (2, 9), (3, 4), (5, 6), (7, 8)]
_TESTED_PAIRS = [(0, 1), (2, 9), (5, 6), (7, 8), (3, 4, 10)]
_TESTED_WIDE = 96
_TIGHT = {"parameters": "param-\neters", "seconds": "sec-\nonds"}  # where there is no room for them


def comparison_table(
    summaries: Sequence[Summary],
    baselines: Sequence[Baseline],
    *,
    width: int,
    mark_best: bool,
    part: str = "validation",
    chance: Chance | None = None,
) -> Table:
    """The rows, the one with the lowest loss in bold, and the baselines below a rule.

    Args:
        part: The part of the text whose losses count; where it is "test", they are the last column.
        chance: What stands behind ± where there is one seed; see `comparison.verdict.legend`.
    """
    found = table_rows(summaries, baselines, rank=mark_best, part=part, chance=chance)
    return _table_of([("", found)], tested=part == "test", width=width)


def table_of_both(both: Both, *, width: int) -> Table:
    """The rows of each block below what was held equal in it, and the baselines, which are those of both."""
    tested = any(block.comparison.part == "test" for block in both.blocks)
    return _table_of([(block.title, block.comparison.table) for block in both.blocks], tested=tested, width=width)


def _table_of(blocks: Sequence[tuple[str, Sequence[TableRow]]], *, tested: bool, width: int) -> Table:
    """Blocks of rows, a rule between them and a heading above each ("" for none); the baselines of the first below."""
    columns = comparison_columns(tested=tested)
    sections: list[list[Line]] = []
    for heading, rows in blocks:
        head: list[Line] = [([heading, *[""] * (len(columns) - 1)], "italic")] if heading else []
        trained = [one for one in rows if not one.is_baseline]
        sections.append(
            [*head, *((comparison_cells(one, tested=tested), "bold" if one.best else "") for one in trained)]
        )
    below = [one for one in blocks[0][1] if one.is_baseline]
    if below:
        sections.append([(comparison_cells(one, tested=tested), "dim") for one in below])
    pairs, wide = (_TESTED_PAIRS, _TESTED_WIDE) if tested else (_COMPARISON_PAIRS, WIDE)
    every = [line for section in sections for line in section]
    gap = _gap(width, wide)
    if width >= wide and _needed_width(columns, every, gap=gap) > width:
        columns = [Column(_TIGHT.get(column.heading, column.heading), column.figures) for column in columns]
        if _needed_width(columns, every, gap=gap) > width:
            wide = width + 1  # two lines a row, so that no number breaks
    return fold_table(columns, sections, width=width, pairs=pairs, wide=wide)


def comparison_columns(*, tested: bool) -> list[Column]:
    """Those of `comparison_cells`; the test loss is the last, where it was read."""
    return [*_COMPARISON, Column("test\nloss")] if tested else _COMPARISON


def comparison_cells(row: TableRow, *, tested: bool) -> list[str]:
    """A row of the table as it is read, for a screen or for paper."""
    size = "" if row.is_baseline else size_of(row.layers, row.units) or NONE
    loss = with_spread(row.validation_loss, row.plus_minus) or NONE
    difference = row.difference_to_ngram
    cells = [
        row.cell,
        size,
        figure(row.parameters, ",.0f"),
        figure(row.train_loss, ".4f"),
        row.status if row.validation_loss is None else loss,
        figure(row.bits_per_character, ".3f"),
        figure(row.perplexity, ".2f"),
        NONE if difference is None else f"{difference:+z.3f}".replace("-", "−"),
        figure(row.characters_per_second, ",.0f"),
        figure(row.seconds, ",.1f"),
    ]
    return [*cells, with_spread(row.test_loss, row.test_plus_minus) or NONE] if tested else cells


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
            " #".join([row["name"], *row.get("tags", ())]), row.get("cell") or NONE, size,
            figure(row.get("parameters"), ",.0f"),
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


_HISTORY_PAIRS = [(0, 1), (2, 3), (4, 4)]
_HISTORY_WIDE = 50  # columns that its five take


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
    return fold_table(columns, [lines], width=width, pairs=_HISTORY_PAIRS, wide=_HISTORY_WIDE)


def facts_table(sections: Sequence[tuple[str, Sequence[tuple[str, Any]]]], *, width: int) -> Group:
    """Names and values under headings; on a narrow terminal a value that has no room beside its name stands below."""
    parts: list[RenderableType] = []
    room = 2 + max((cell_len(one_line(name)) for _, rows in sections for name, _ in rows), default=0) + 2
    for heading, rows in sections:
        parts.append(Text(one_line(heading), style="bold", overflow="fold"))
        for name, value in rows:
            shown = one_line(value_words(value))
            if width < SLIM and cell_len(shown) > width - room:
                parts += [Text(f"  {one_line(name)}")] if name else []
                parts.append(Padding(Text(shown, overflow="fold"), (0, 0, 0, 4)))
                continue
            line = Table.grid(padding=(0, 2, 0, 0))
            line.add_column(min_width=room - 2)
            line.add_column(overflow="fold")
            line.add_row(Text(f"  {one_line(name)}"), Text(shown))
            parts.append(line)
    return Group(*parts)


def differences_table(names: tuple[str, str], rows: Sequence[tuple[str, Any, Any]], *, width: int) -> Table | Group:
    """What differs between two runs: the name of the thing, its value in each; on a narrow terminal below it."""
    if width < SLIM:
        return facts_table([(name, list(zip(names, values, strict=True))) for name, *values in rows], width=width)
    columns = [Column(heading, figures=False) for heading in ("", *map(one_line, names))]
    lines = [([name, value_words(one), value_words(other)], "") for name, one, other in rows]
    return fold_table(columns, [lines], width=max(width, WIDE), pairs=())


# ---------------------------------------------------------------- words and figures


def figure(value: float | None, form: str) -> str:
    """A number for a reader, a minus sign before a negative one; – where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    written = f"{value:.2e}" if abs(value) >= 1e7 and not form.endswith(".0f") else format(value, form)
    return written.replace("-", "−")


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
