"""What all documents of measurements have in common when they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqmagic.cli.console import one_line
from seqmagic.cli.show.tables import NONE, figure

Document = Mapping[str, Any]


def where(document: Document) -> str:
    """The text of a document in words."""
    text = document["text"]
    part = f"the {text['part']} part of " if text["part"] else ""
    return f"{part}{one_line(text['source'])}"


def excerpt_words(document: Document) -> str:
    """The characters that were looked at, in words."""
    text = document["text"]
    count = f"{text['characters']:,} characters of"
    return f"{count} {where(document)}" + ("" if text["source"].startswith("--") else f" from place {text['at']:,} on")


def spread(interval: Sequence[float | None] | None, form: str) -> str:
    """An interval: "0.81 to 0.82"."""
    return NONE if interval is None else f"{figure(interval[0], form)} to {figure(interval[1], form)}"


def listed(phrases: Sequence[str]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))
