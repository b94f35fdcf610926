"""The table of a comparison for other programs and for paper: Markdown, CSV, LaTeX, HTML; the same rows in all."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence

from seqmagic.cli.console import one_line
from seqmagic.cli.show.comparison import heading, remarks
from seqmagic.cli.show.tables import Column, comparison_cells, comparison_columns
from seqmagic.comparison.record import Comparison
from seqmagic.comparison.table import TableRow, table_rows

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "×": r"$\times$", "±": r"$\pm$",
    "−": "$-$", "–": "--",
}  # fmt: skip


def write_table(comparison: Comparison, form: str) -> str:
    """The table in the format of this name, one of `FORMATS`, without a line break at its end."""
    return FORMATS[form](comparison)


def _rows(comparison: Comparison) -> list[TableRow]:
    return table_rows(
        comparison.summaries,
        comparison.baselines,
        rank=comparison.comparable,
        part=comparison.part,
        chance=comparison.chance,
    )


def _shown(comparison: Comparison) -> tuple[list[Column], list[tuple[TableRow, list[str]]]]:
    """Columns with headings of one line, and the rows as they are read."""
    tested = comparison.part == "test"
    columns = [Column(column.in_one_line, column.figures) for column in comparison_columns(tested=tested)]
    rows = [(row, [one_line(cell) for cell in comparison_cells(row, tested=tested)]) for row in _rows(comparison)]
    return columns, rows


def _words(comparison: Comparison) -> tuple[str, list[str]]:
    """What stands above the table and what below."""
    above = one_line(heading(comparison)) if comparison.text else ""
    return above, [one_line(line) for line in (comparison.sentence, *remarks(comparison)) if line]


def to_csv(comparison: Comparison) -> str:
    """Full figures, a heading for each, nothing where there is none; the test's columns where it was read."""
    left_out = {"best"} | (set() if comparison.part == "test" else {"test_loss", "test_plus_minus"})
    names = [field.name for field in dataclasses.fields(TableRow) if field.name not in left_out]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for row in _rows(comparison):
        writer.writerow(["" if (value := getattr(row, name)) is None else value for name in names])
    return file.getvalue().rstrip("\n")


def to_markdown(comparison: Comparison) -> str:
    columns, rows = _shown(comparison)
    above, below = _words(comparison)
    lines = [_markdown_line([column.heading for column in columns])]
    lines.append(_markdown_line(["---:" if column.figures else "---" for column in columns], escape=False))
    for row, cells in rows:
        cells = [re.sub(r"([\\|*_`<])", r"\\\1", cell) for cell in cells]
        lines.append(_markdown_line([f"**{cell}**" if row.best and cell else cell for cell in cells], escape=False))
    paragraphs = [re.sub(r"([\\*_`<])", r"\\\1", words) for words in below]
    return "\n\n".join([*([re.sub(r"([\\*_`<])", r"\\\1", above)] if above else []), "\n".join(lines), *paragraphs])


def _markdown_line(cells: Sequence[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") if escape else cell for cell in cells) + " |"


def to_latex(comparison: Comparison) -> str:
    columns, rows = _shown(comparison)
    above, below = _words(comparison)
    lines = [r"\begin{table}", r"\centering"]
    lines.append(rf"\begin{{tabular}}{{{''.join('r' if column.figures else 'l' for column in columns)}}}")
    lines.append(" & ".join(_latex(column.heading) for column in columns) + r" \\ \hline")
    previous = False
    for row, cells in rows:
        if row.is_baseline and not previous:
            lines.append(r"\hline")
        previous = row.is_baseline
        shown = [rf"\textbf{{{_latex(cell)}}}" if row.best and cell else _latex(cell) for cell in cells]
        lines.append(" & ".join(shown) + r" \\")
    lines += [r"\end{tabular}", rf"\caption{{{_latex(' '.join(filter(None, [above and above + '.', *below])))}}}"]
    return "\n".join([*lines, r"\end{table}"])


def _latex(words: str) -> str:
    return "".join(_LATEX.get(character, character) for character in words)


def to_html(comparison: Comparison) -> str:
    columns, rows = _shown(comparison)
    above, below = _words(comparison)
    lines = ["<table>"] + ([f"<caption>{html.escape(above)}</caption>"] if above else [])
    lines.append(f"<thead><tr>{''.join(_html_cell('th', column.heading, column) for column in columns)}</tr></thead>")
    lines.append("<tbody>")
    for row, cells in rows:
        style = ' class="best"' if row.best else ' class="baseline"' if row.is_baseline else ""
        line = "".join(
            _html_cell("td", cell, column, strong=row.best) for cell, column in zip(cells, columns, strict=True)
        )
        lines.append(f"<tr{style}>{line}</tr>")
    lines += ["</tbody>", "</table>"]
    return "\n".join([*lines, *(f"<p>{html.escape(words)}</p>" for words in below)])


def _html_cell(tag: str, words: str, column: Column, *, strong: bool = False) -> str:
    shown = html.escape(words)
    shown = f"<strong>{shown}</strong>" if strong and shown else shown
    align = ' style="text-align: right"' if column.figures else ""
    return f"<{tag}{align}>{shown}</{tag}>"


FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
    "html": to_html,
}
