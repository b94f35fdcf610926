"""Quotation marks and brackets: what is open after each character of a text, never looking ahead.

One scanner for all who ask. What it can't know it decides plainly:

- A closer closes the nearest open thing that it fits, and what was left open inside; one that fits nothing
  closes nothing (`1)` or `:)`). A bracket's closer doesn't reach through an open quotation.
- " opens and closes in turn. ' opens only after what is no letter or digit, and no longer than its line:
  else it is an apostrophe (don't, the dogs'). After a backslash neither means anything.
- « and » open only at the start of a text or line, and after a space, a dash or an opening bracket, whichever of
  the two a language begins with.
- At a blank line everything is closed, so that a lost mark doesn't turn the rest of a text inside out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_QUOTES = {
    '"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "‚": "‘’", "«": "»", "»": "«»", "‹": "›", "›": "‹›",
    "「": "」", "『": "』",
}  # fmt: skip
_BRACKETS = {
    "(": ")", "[": "]", "{": "}", "（": "）", "［": "］", "｛": "｝", "【": "】", "〔": "〕", "《": "》", "〈": "〉",
}  # fmt: skip
_NOT_IN_WORDS = "'‘"  # after a letter these open nothing
_EITHER_WAY = "«»‹›"  # these open only after:
_BEFORE_OPENING = "\0\n\t ([{—–-"
_ENDS_WITH_LINE = "'"
_ESCAPED = "\"'"
_MOST_OPEN = 64  # the outermost is forgotten then: no text for people goes so deep

_MARKS = "".join({*"".join(_QUOTES), *"".join(_QUOTES.values()), *"".join(_BRACKETS), *"".join(_BRACKETS.values())})
_BRACKET_CLOSERS = "".join(_BRACKETS.values())


@dataclass(frozen=True, eq=False, kw_only=True)
class Delimiters:
    """What the scanner found for each of n characters; all (n,).

    Attributes:
        quoted: bool, whether a quotation is open once the character has been read.
        depth: int32, how many brackets are.
        opens, closes: bool, whether the character did so to a quotation or a bracket.
        quotes: bool, whether the character opened or closed a quotation.
    """

    quoted: np.ndarray
    depth: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    quotes: np.ndarray


def blank_lines(points: np.ndarray) -> np.ndarray:
    """Whether a character is the line break that ends a line of nothing but white space, (n,) -> (n,) bool."""
    places = np.arange(len(points))
    breaks = points == ord("\n")
    solid = ~np.isin(points, [ord(character) for character in "\n\r\t\x0b\x0c "])
    last_solid = np.maximum.accumulate(np.where(solid, places, -1)) if len(points) else places
    found = np.zeros(len(points), bool)
    lines = places[breaks]
    found[lines[1:]] = last_solid[lines[1:]] < lines[:-1]
    return found


def scan(points: np.ndarray) -> Delimiters:
    """Read the code points of a text, (n,) integer, from a state in which nothing is open."""
    blank = blank_lines(points)
    events = np.flatnonzero(np.isin(points, [ord(mark) for mark in _MARKS + "\n"]))
    opens, closes, quotes = (np.zeros(len(points), bool) for _ in range(3))
    quoted, depth = np.zeros(len(events) + 1, bool), np.zeros(len(events) + 1, np.int32)
    characters = points[events].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    before = np.where(events > 0, points[events - 1] if len(events) else 0, 0).tolist()
    open_marks: list[str] = []
    for number, (place, character) in enumerate(zip(events.tolist(), characters, strict=True), 1):
        if character == "\n":
            open_marks = [] if blank[place] else [mark for mark in open_marks if mark not in _ENDS_WITH_LINE]
        elif not (character in _ESCAPED and before[number - 1] == ord("\\")):
            closed = _closed_by(character, open_marks)
            if closed is not None:
                closes[place], quotes[place] = True, open_marks[closed] in _QUOTES
                del open_marks[closed:]
            elif _may_open(character, before[number - 1]):
                open_marks.append(character)
                del open_marks[:-_MOST_OPEN]
                opens[place], quotes[place] = True, character in _QUOTES
        brackets = sum(mark in _BRACKETS for mark in open_marks)
        quoted[number], depth[number] = brackets < len(open_marks), brackets
    lengths = np.diff(np.concatenate([[0], events, [len(points)]]))
    return Delimiters(
        quoted=np.repeat(quoted, lengths), depth=np.repeat(depth, lengths), opens=opens, closes=closes, quotes=quotes
    )


def _closed_by(character: str, open_marks: list[str]) -> int | None:
    """Which of the open marks `character` closes, its number; None for none."""
    for number in reversed(range(len(open_marks))):
        mark = open_marks[number]
        if mark in _BRACKETS:
            if character == _BRACKETS[mark]:
                return number
        elif character in _QUOTES[mark]:
            return number
        elif character in _BRACKET_CLOSERS:
            return None
    return None


def _may_open(character: str, before: int) -> bool:
    if character in _NOT_IN_WORDS:
        return not chr(before).isalnum()
    if character in _EITHER_WAY:
        return chr(before) in _BEFORE_OPENING
    return character in _QUOTES or character in _BRACKETS
