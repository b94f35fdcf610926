"""The cells of one column of a table: CSV with a line of names, or JSON lines."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Generator, Iterable, Iterator

from seqmagic.errors import CorpusError

_DELIMITERS = ",;\t|"
_NAMED = 20  # of the columns of a table, so many are named
_LARGEST_CELL = 2**31 - 1  # characters; Python's csv stops at 131,072 unless it is told

Cells = Generator[str, None, list[str]]  # notices at the end


def cells(lines: Iterator[str], column: str, name: str) -> Cells:
    """The cells of `column` that are not empty, row by row.

    What begins with { is JSON lines, an object a line; anything else is CSV, whose delimiter (comma, semicolon, tab or
    bar) is the one that finds the column in the line of names.

    Args:
        lines: Of the table, without their breaks.
        name: What the table is called in an error.

    Raises:
        CorpusError: there is no such column, or it is no table.
    """
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise CorpusError(f"{name} is empty; give a table")
    lines = itertools.chain([first], lines)
    start = first.lstrip()[0]
    if start == "[":
        raise CorpusError(f"{name} is one JSON array, not an object a line; make it so with: jq -c '.[]' TEXT")
    found = _json_cells(lines, column, name) if start == "{" else _csv_cells(lines, first, column, name)
    empty = 0
    for cell in found:
        if not cell or cell.isspace():
            empty += 1
        else:
            yield cell
    return [f"{empty:,} row{'s' if empty > 1 else ''} of {name} left out: nothing in column {column}"] if empty else []


def _csv_cells(lines: Iterable[str], head: str, column: str, name: str) -> Iterator[str]:
    headings = {delimiter: next(csv.reader([head], delimiter=delimiter), []) for delimiter in _DELIMITERS}
    delimiter = next((one for one, names in headings.items() if column in names), None)
    if delimiter is None:
        raise _no_column(name, column, max(headings.values(), key=len))
    place = headings[delimiter].index(column)
    rows = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    before = csv.field_size_limit(_LARGEST_CELL)
    try:
        next(rows)
        for row in rows:
            if row:  # an empty line is no row
                yield row[place] if place < len(row) else ""
    except csv.Error as problem:
        raise CorpusError(
            f"{name} is no CSV at line {rows.line_num:,}: {problem}; a cell with quotes or line breaks stands in "
            "quotes, and quotes in it are doubled"
        ) from problem
    finally:
        csv.field_size_limit(before)


def _json_cells(lines: Iterable[str], column: str, name: str) -> Iterator[str]:
    seen: dict[str, None] = {}
    is_there = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise CorpusError(f"{name} is no JSON at line {number:,}: {problem}; give one object a line") from problem
        if not isinstance(row, dict):
            raise CorpusError(f"line {number:,} of {name} is no JSON object; give one object a line")
        is_there = is_there or column in row
        if len(seen) <= _NAMED:
            seen.update(dict.fromkeys(row))
        cell = row.get(column)
        if isinstance(cell, dict | list):
            raise CorpusError(f"column {column} of {name} is no text at line {number:,}; name a column of text")
        yield cell if isinstance(cell, str) else "" if cell is None else json.dumps(cell)
    if not is_there:
        raise _no_column(name, column, list(seen))


def _no_column(name: str, column: str, names: list[str]) -> CorpusError:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    listed = ", ".join(map(repr, names[:_NAMED]))
    return CorpusError(f"{name} has no column {column!r}; it has {listed}{more}")
