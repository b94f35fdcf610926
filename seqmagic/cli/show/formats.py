"""Tables for other programs and for paper: Markdown, CSV, LaTeX, HTML; the same rows in all."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqmagic.cli.console import one_line
from seqmagic.cli.show.comparison import heading, heading_of_both, remarks, remarks_of_both
from seqmagic.cli.show.tables import Column, comparison_cells, comparison_columns
from seqmagic.comparison.blocks import Both
from seqmagic.comparison.record import Comparison
from seqmagic.comparison.table import TableRow

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "×": r"$\times$", "±": r"$\pm$",
    "−": "$-$", "–": "--",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of a table on paper: its cells, whether it is the best, and whether it stands below a rule; or one cell
    that is the heading of the rows after it."""

    cells: Sequence[str]
    best: bool = False
    below: bool = False
    is_heading: bool = False


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table for paper and for programs.

    Attributes:
        columns: With headings of one line.
        lines: The rows as they are read.
        above: What stands above the table; may be "".
        remarks: What stands below it, a paragraph each.
        names, values: The headings and rows of a CSV file: full figures, None where there is none.
    """

    columns: Sequence[Column]
    lines: Sequence[Line]
    above: str
    remarks: Sequence[str]
    names: Sequence[str]
    values: Sequence[Sequence[Any]]


def write_table(shown: Comparison | Both, form: str) -> str:
    """The table of a comparison, or of both blocks of one, as `write_sheet` has it."""
    return write_sheet(sheet_of_both(shown) if isinstance(shown, Both) else comparison_sheet(shown), form)


def write_sheet(sheet: Sheet, form: str) -> str:
    """The table in the format of this name, one of `FORMATS`, without a line break at its end."""
    return FORMATS[form](sheet)


def comparison_sheet(comparison: Comparison) -> Sheet:
    """The table of a comparison. Of the figures in full, the test's only where it was read."""
    tested = comparison.part == "test"
    words = (comparison.sentence, *remarks(comparison))
    names = _names(tested=tested)
    return Sheet(
        columns=_columns(tested=tested),
        lines=[_line(row, tested=tested) for row in comparison.table],
        above=one_line(heading(comparison)) if comparison.text else "",
        remarks=[one_line(line) for line in words if line],
        names=names,
        values=[[getattr(row, name) for name in names] for row in comparison.table],
    )


def sheet_of_both(both: Both) -> Sheet:
    """Both blocks, each under its heading, and the baselines once; in a CSV file the first column names the block."""
    tested = any(block.comparison.part == "test" for block in both.blocks)
    names = _names(tested=tested)
    baselines = [row for row in both.time.table if row.is_baseline]
    blocks = [(block, [row for row in block.comparison.table if not row.is_baseline]) for block in both.blocks]
    lines: list[Line] = []
    values: list[list[Any]] = []
    for block, rows in blocks:
        lines += [Line(cells=[one_line(block.heading)], is_heading=True), *(_line(row, tested=tested) for row in rows)]
        values += [[block.name, *(getattr(row, name) for name in names)] for row in rows]
    return Sheet(
        columns=_columns(tested=tested),
        lines=[*lines, *(_line(row, tested=tested) for row in baselines)],
        above=one_line(heading_of_both(both)),
        remarks=[one_line(line) for line in (*both.sentences, *remarks_of_both(both)) if line],
        names=["block", *names],
        values=[*values, *([None, *(getattr(row, name) for name in names)] for row in baselines)],
    )


def _columns(*, tested: bool) -> list[Column]:
    return [Column(column.in_one_line, column.figures) for column in comparison_columns(tested=tested)]


def _names(*, tested: bool) -> list[str]:
    left_out = {"best"} | (set() if tested else {"test_loss", "test_plus_minus"})
    return [field.name for field in dataclasses.fields(TableRow) if field.name not in left_out]


def _line(row: TableRow, *, tested: bool) -> Line:
    cells = [one_line(cell) for cell in comparison_cells(row, tested=tested)]
    return Line(cells=cells, best=row.best, below=row.is_baseline)


def to_csv(sheet: Sheet) -> str:
    """Full figures, a heading for each, nothing where there is none."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(sheet.names)
    for values in sheet.values:
        writer.writerow(["" if value is None else value for value in values])
    return file.getvalue().rstrip("\n")


def to_markdown(sheet: Sheet) -> str:
    lines = [_markdown_line([column.heading for column in sheet.columns])]
    lines.append(_markdown_line(["---:" if column.figures else "---" for column in sheet.columns], escape=False))
    for line in sheet.lines:
        cells = [re.sub(r"([\\|*_`<])", r"\\\1", cell) for cell in line.cells]
        if line.is_heading:
            lines.append(_markdown_line([f"*{cells[0]}*", *[""] * (len(sheet.columns) - 1)], escape=False))
            continue
        lines.append(_markdown_line([f"**{cell}**" if line.best and cell else cell for cell in cells], escape=False))
    above, *below = (re.sub(r"([\\*_`<])", r"\\\1", words) for words in (sheet.above, *sheet.remarks))
    return "\n\n".join([*([above] if above else []), "\n".join(lines), *below])


def _markdown_line(cells: Sequence[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") if escape else cell for cell in cells) + " |"


def to_latex(sheet: Sheet) -> str:
    lines = [r"\begin{table}", r"\centering"]
    lines.append(rf"\begin{{tabular}}{{{''.join('r' if column.figures else 'l' for column in sheet.columns)}}}")
    lines.append(" & ".join(_latex(column.heading) for column in sheet.columns) + r" \\ \hline")
    previous = False
    for line in sheet.lines:
        if line.below and not previous:
            lines.append(r"\hline")
        previous = line.below
        if line.is_heading:
            between = [r"\hline"] if line is not sheet.lines[0] else []
            spanning = rf"\multicolumn{{{len(sheet.columns)}}}{{l}}{{\textit{{{_latex(line.cells[0])}}}}} \\"
            lines += [*between, spanning]
            continue
        shown = [rf"\textbf{{{_latex(cell)}}}" if line.best and cell else _latex(cell) for cell in line.cells]
        lines.append(" & ".join(shown) + r" \\")
    words = " ".join(filter(None, [sheet.above and sheet.above + ".", *sheet.remarks]))
    return "\n".join([*lines, r"\end{tabular}", rf"\caption{{{_latex(words)}}}", r"\end{table}"])


def _latex(words: str) -> str:
    return "".join(_LATEX.get(character, character) for character in words)


def to_html(sheet: Sheet) -> str:
    columns = sheet.columns
    lines = ["<table>"] + ([f"<caption>{html.escape(sheet.above)}</caption>"] if sheet.above else [])
    lines.append(f"<thead><tr>{''.join(_html_cell('th', column.heading, column) for column in columns)}</tr></thead>")
    lines.append("<tbody>")
    for line in sheet.lines:
        if line.is_heading:
            heading_cell = f'<th colspan="{len(columns)}" scope="rowgroup">{html.escape(line.cells[0])}</th>'
            lines.append(f'<tr class="block">{heading_cell}</tr>')
            continue
        style = ' class="best"' if line.best else ' class="baseline"' if line.below else ""
        cells = "".join(
            _html_cell("td", cell, column, strong=line.best) for cell, column in zip(line.cells, columns, strict=True)
        )
        lines.append(f"<tr{style}>{cells}</tr>")
    lines += ["</tbody>", "</table>"]
    return "\n".join([*lines, *(f"<p>{html.escape(words)}</p>" for words in sheet.remarks)])


def _html_cell(tag: str, words: str, column: Column, *, strong: bool = False) -> str:
    shown = html.escape(words)
    shown = f"<strong>{shown}</strong>" if strong and shown else shown
    align = ' style="text-align: right"' if column.figures else ""
    return f"<{tag}{align}>{shown}</{tag}>"


FORMATS: Mapping[str, Callable[[Sheet], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "html": to_html,
}
