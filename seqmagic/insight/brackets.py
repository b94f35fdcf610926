"""Closing brackets and quotes with their openers: one scanner for every text.

A closer belongs to the nearest opener of its kind that is still open; what was opened after that one and never
closed is dropped, and a closer without an opener, as in a list "1)", is nothing. A sign that can be both, as a
straight double quote, closes where it can and opens otherwise. Apostrophes, and the single quotes that look like
them, are passed over. At a blank line everything starts anew: a stray bracket spoils its paragraph and no more.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# closer: its openers
CLOSERS = {
    ")": "(", "]": "[", "}": "{", '"': '"', "”": "“„", "“": "„", "»": "«",
    "》": "《", "〉": "〈", "」": "「", "』": "『", "】": "【", "）": "（", "］": "［", "｝": "｛",
}  # fmt: skip
_OPENERS = frozenset("".join(CLOSERS.values()))
_SIGN = re.compile(rf"\n[^\S\n]*(?=\n)|[{re.escape(''.join({*CLOSERS, *_OPENERS}))}]")


class Closed(NamedTuple):
    """A pair: places of its opener and its closer in the text."""

    opener: int
    closer: int


def closed_pairs(text: str) -> list[Closed]:
    """All pairs of `text`, in the order of their closers."""
    pairs = []
    still_open: list[tuple[str, int]] = []
    for found in _SIGN.finditer(text):
        sign, place = found[0], found.start()
        if sign[0] == "\n":
            still_open = []
            continue
        own = CLOSERS.get(sign, "")
        nearest = next((n for n in reversed(range(len(still_open))) if still_open[n][0] in own), None)
        if nearest is not None:
            pairs.append(Closed(still_open[nearest][1], place))
            del still_open[nearest:]
        elif sign in _OPENERS:
            still_open.append((sign, place))
    return pairs
