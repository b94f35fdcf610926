"""A text as records: lines, what stands between blank lines, or a column of a table, each with an end of its own.

A record is read as its characters and an end, one character that no record holds: for lines the line break, else
U+001E, the sign that ASCII has for this, so that a record may hold line breaks. A part of a text is an end and then
its records with theirs, `¶ann¶bob¶`: the end before a record is what a model reads first, from an empty memory, and
each character after it is predicted once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import numpy as np

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts.decoding import Pieces, Tallied, Tally
from seqmagic.texts.tables import cells

LINE_END = "\n"
RECORD_END = "\x1e"
_PIECE = 2**16  # characters of records that are handed on together

Records = Generator[str, None, list[str]]  # notices at the end


def record_end(config: DataConfig) -> str | None:
    """The character that ends a record of a text that is read so; None where it is not read as records."""
    if not config.has_records:
        return None
    return LINE_END if config.records == "line" else RECORD_END


def way_of_reading(config: DataConfig) -> str:
    """The option that makes records, as it is typed: "--records line", "--column body"."""
    return f"--column {config.column}" if config.column is not None else f"--records {config.records}"


def record_pieces(pieces: Pieces, config: DataConfig, name: str) -> Pieces:
    """The records of a text, each with its end, some of them together; empty ones are left out.

    Args:
        pieces: The characters of the text.
        name: What it is called in an error.

    Raises:
        CorpusError: a record holds the end of one, or the table can't be read as one or lacks the column.
    """
    end = record_end(config)
    tallied = Tallied(pieces)
    lines = text_lines(tallied)
    if config.column is not None:
        records = cells(lines, config.column, name)
    else:
        records = _lines(lines) if config.records == "line" else _stanzas(lines)
    notices: list[str] = []
    waiting: list[str] = []
    length = number = 0
    for number, record in enumerate(_ending_in(records, notices), 1):
        if end == RECORD_END and RECORD_END in record:
            raise CorpusError(
                f"record {number:,} of {name} holds U+001E, the character that ends a record; take it out, "
                "such as with: tr -d '\\036'"
            )
        waiting += (record, end or "")
        length += len(record)
        if length >= _PIECE:
            yield "".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield "".join(waiting)
    if not number:
        raise CorpusError(f"{name} has no record that is not empty; give a longer text or leave out --records")
    return Tally(tallied.tally.bytes, [*tallied.tally.notices, *notices])


def text_lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text without their breaks; one that ends in a break has no empty line after it."""
    begun: list[str] = []
    for piece in pieces:
        first, *more = piece.split("\n")
        begun.append(first)
        if more:
            yield "".join(begun)
            yield from more[:-1]
            begun = [more[-1]]
    if last := "".join(begun):
        yield last


def _ending_in(records: Records, notices: list[str]) -> Iterator[str]:
    """`records`, whose notices are added to `notices` at their end."""
    notices += yield from records


def _lines(lines: Iterable[str]) -> Records:
    empty = 0
    for line in lines:
        if is_empty(line):
            empty += 1
        else:
            yield line
    return [f"{empty:,} empty line{'s' if empty > 1 else ''} left out"] if empty else []


def _stanzas(lines: Iterable[str]) -> Records:
    stanza: list[str] = []
    for line in lines:
        if not is_empty(line):
            stanza.append(line)
        elif stanza:
            yield "\n".join(stanza)
            stanza = []
    if stanza:
        yield "\n".join(stanza)
    return []


def is_empty(record: str) -> bool:
    """Whether there is nothing to read in it, or white space alone."""
    return not record or record.isspace()


def draw(lengths: np.ndarray, targets: tuple[float, float], seed: int) -> np.ndarray:
    """The part of each record, (R,) uint8: 0 training, 1 validation, 2 test; whole records, drawn at random.

    Args:
        lengths: (R,) of the records, in characters.
        targets: Characters that validation and test are to have at least; 0 for no such part.
        seed: The same seed draws the same ones.
    """
    order = np.argsort(np.random.default_rng(seed).random(len(lengths)), kind="stable")
    parts = np.zeros(len(lengths), np.uint8)
    read = np.concatenate([[0], np.cumsum(lengths[order], dtype=np.int64)])
    begin = 0
    for part, target in enumerate(targets, 1):
        if target > 0:
            end = max(begin + 1, int(np.searchsorted(read, read[begin] + target)))
            parts[order[begin:end]] = part
            begin = end
    return parts


def starts(ids: np.ndarray, boundary: int) -> np.ndarray:
    """Where the records of a part begin, and where the last one ends: the places of all ends, (R + 1,) int64.

    Record r is read from place r of these on, an end, and predicted from the next character to the end after it.
    """
    return np.flatnonzero(ids == boundary)


def last_records(ids: np.ndarray, boundary: int, most: int) -> np.ndarray:
    """The last records of a part that have at most `most` characters, one at least: a view of `ids`."""
    places = starts(ids, boundary)
    first = int(np.searchsorted(places, len(ids) - 1 - most))
    return ids[places[min(first, len(places) - 2)] :]


def first_records(ids: np.ndarray, boundary: int, most: int) -> np.ndarray:
    """The first records of a part that have at most `most` characters, one at least: a view of `ids`."""
    places = starts(ids, boundary)
    last = int(np.searchsorted(places, most, side="right")) - 1
    return ids[: places[max(1, last)] + 1]
