"""What can be said of a text after each character, from what has been read alone: the hypotheses of a neuron search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqmagic import files
from seqmagic.errors import ConfigError
from seqmagic.evaluation.classes import DIGIT, LETTERS, NEWLINE, SPACE, classify
from seqmagic.evaluation.delimiters import blank_lines, scan

_LARGEST_FILE = 2**28  # bytes
_URL_ENDS = "<>\"'`)]}»”’"


@dataclass(frozen=True, eq=False, kw_only=True)
class Feature:
    """One thing about a text of n characters.

    Attributes:
        name: As the reader knows it.
        values: (n,) float32, after each character; 0 and 1 where it is binary.
        binary: Whether it is.
        delimiters: (n,) bool, the characters that change it from outside: just after them it may be an echo.
        targets: (n,) bool, whether what is predicted after a character is what the feature should help with.
        targets_name: What those targets are.
    """

    name: str
    values: np.ndarray
    binary: bool
    delimiters: np.ndarray
    targets: np.ndarray
    targets_name: str


def text_features(points: np.ndarray) -> list[Feature]:
    """The features of a text, from its code points (n,) integer."""
    places, classes, marks = np.arange(len(points)), classify(points), scan(points)
    newline, blank = classes == NEWLINE, blank_lines(points)
    white = newline | (classes == SPACE)
    last_newline = _last(newline)
    in_lead = white & ~newline & (_last(~white) <= last_newline)
    letters = np.isin(classes, LETTERS)
    word_edges = letters ^ _before(letters)

    def binary(name: str, on: np.ndarray, delimiters: np.ndarray, targets: np.ndarray, what: str) -> Feature:
        return Feature(
            name=name, values=on.astype(np.float32), binary=True, delimiters=delimiters, targets=targets,
            targets_name=what,
        )  # fmt: skip

    def numeric(name: str, values: np.ndarray, delimiters: np.ndarray, targets: np.ndarray, what: str) -> Feature:
        return Feature(
            name=name, values=values.astype(np.float32), binary=False, delimiters=delimiters, targets=targets,
            targets_name=what,
        )  # fmt: skip

    def stretch(name: str, on: np.ndarray) -> Feature:
        return binary(name, on, on ^ _before(on), on, "what follows inside it")

    return [
        binary("inside quotes", marks.quoted, marks.quotes, _next(marks.closes & marks.quotes), "closing quotes"),
        numeric(
            "bracket depth", marks.depth, (marks.opens | marks.closes) & ~marks.quotes,
            _next(marks.closes & ~marks.quotes), "closing brackets",
        ),
        numeric("column", places - last_newline, newline, _next(newline), "line breaks"),
        numeric("indent", _counted(in_lead, last_newline), newline | in_lead, newline | in_lead, "starts of lines"),
        numeric("letters of the word", np.where(letters, places - _last(~letters), 0), word_edges, letters,
                "letters and ends of words"),
        numeric("since blank line", places - _last(blank), blank, _next(blank), "blank lines"),
        stretch("in capitals", _in_capitals(points)),
        stretch("in a number", _in_number(points, classes)),
        stretch("in a comment", _last(_comment_starts(points, white)) > last_newline),
        stretch("in a URL", _in_url(points, white)),
    ]  # fmt: skip


def read_features(path: Path, characters: int) -> list[Feature]:
    """Features of the reader's own: a line of names, then one line of numbers for each character, tabs between.

    Args:
        path: The file.
        characters: How many the text has that it describes.

    Raises:
        ConfigError: it is no such file.
    """
    try:
        content = files.read_bounded(path, limit=_LARGEST_FILE, error=ConfigError).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ConfigError(f"--feature {path} is no UTF-8 text (byte {problem.start:,}); save it as UTF-8") from problem
    names, *lines = content.rstrip("\r\n").split("\n")
    columns = [name.strip() for name in names.split("\t")]
    if not all(columns) or len(set(columns)) < len(columns):
        raise ConfigError(
            f"--feature {path} must start with a line of names, each once, with tabs between; received {names[:60]!r}"
        )
    if len(lines) != characters:
        raise ConfigError(
            f"--feature {path} has {len(lines):,} lines below its names, and the text has {characters:,} characters; "
            "give one line for each character"
        )
    rows = np.empty((len(lines), len(columns)), np.float32)
    for number, line in enumerate(lines):
        cells = line.split("\t")
        try:
            if len(cells) != len(columns):
                raise ValueError
            with np.errstate(over="ignore"):  # told below, with its line
                rows[number] = [float(cell) for cell in cells]
        except (ValueError, OverflowError):
            wrong = f"{len(columns)} number{'s' if len(columns) > 1 else ''} with tabs between"
            raise ConfigError(f"--feature {path}, line {number + 2:,}: needs {wrong}; received {line[:40]!r}") from None
    if not np.isfinite(rows).all():
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0]) + 2
        raise ConfigError(f"--feature {path}, line {first:,}: a number is needed, and no infinity or NaN")
    return [_own_feature(name, column) for name, column in zip(columns, rows.T, strict=True)]


def _own_feature(name: str, values: np.ndarray) -> Feature:
    changes = values != np.concatenate([values[:1], values[:-1]])
    binary = bool(np.isin(values, (0, 1)).all())
    return Feature(
        name=name, values=values, binary=binary, delimiters=changes, targets=_next(changes), targets_name="its changes"
    )


# ---------------------------------------------------------------- one thing each, (n,) in and out


def _last(mask: np.ndarray) -> np.ndarray:
    """The place of the last character of `mask` up to each one, itself included; -1 before the first."""
    return np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1))


def _before(mask: np.ndarray) -> np.ndarray:
    """`mask` of the character before each one."""
    return np.concatenate([[False], mask[:-1]])


def _next(mask: np.ndarray) -> np.ndarray:
    """`mask` of the character after each one, which is what is predicted there."""
    return np.concatenate([mask[1:], [False]])


def _counted(mask: np.ndarray, since: np.ndarray) -> np.ndarray:
    """How many of `mask` there are after the place `since`, up to each character."""
    counts = np.concatenate([[0], np.cumsum(mask)])
    return counts[1:] - counts[since + 1]


def _is_one_of(points: np.ndarray, characters: str) -> np.ndarray:
    return np.isin(points, [ord(character) for character in characters])


def _in_capitals(points: np.ndarray) -> np.ndarray:
    distinct, places = np.unique(points, return_inverse=True)
    upper = np.array([chr(point).isupper() for point in distinct.tolist()], bool)[places]
    return upper & _before(upper)


def _in_number(points: np.ndarray, classes: np.ndarray) -> np.ndarray:
    digit = classes == DIGIT
    return digit | (_is_one_of(points, ".,") & _before(digit))


def _comment_starts(points: np.ndarray, white: np.ndarray) -> np.ndarray:
    """# after white space, and // but for that of a URL."""
    after_white = np.concatenate([[True], white[:-1]])
    slash = points == ord("/")
    pair = slash & _before(slash) & ~_before(_before(points == ord(":")))
    return ((points == ord("#")) & after_white) | pair


def _in_url(points: np.ndarray, white: np.ndarray) -> np.ndarray:
    slash = points == ord("/")
    starts = slash & _before(slash) & _before(_before(points == ord(":")))
    return _last(starts) > _last(white | _is_one_of(points, _URL_ENDS))
