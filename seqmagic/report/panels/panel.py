"""A part of the page, and the documents that it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
Documents = Mapping[str, Document]  # by kind


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one part of the page says.

    Attributes:
        ident: Its id on the page.
        title: In words.
        finding: What was found, in a sentence.
        body: HTML of its figures and tables.
        how: How to read it.
        wrong: What would prove it wrong.
        data: For the page's script, by name; none without.
    """

    ident: str
    title: str
    finding: str
    body: str
    how: str
    wrong: str
    data: Mapping[str, Any] | None = None
