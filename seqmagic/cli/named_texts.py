"""What is known of the texts that have a name, the built-in ones and those of the catalogue, as plain values."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from seqmagic.errors import CorpusError
from seqmagic.texts import catalog
from seqmagic.texts.builtin import BUILTIN_TEXTS, BuiltinText
from seqmagic.texts.catalog import CatalogText

KINDS = ("built-in", "generated", "catalogue")


def all_texts(folder: Path) -> list[dict[str, Any]]:
    """A row for each text: name, kind, bytes, exact, here, licence and description.

    `bytes` is None for what is made on the spot, and only about right unless `exact`.
    """
    rows = [_builtin_row(name, text) for name, text in BUILTIN_TEXTS.items()]
    return rows + [_catalog_row(text, folder) for text in catalog.catalog().values()]


def find_name(name: str) -> BuiltinText | CatalogText:
    """The text called `name`.

    Raises:
        CorpusError: there is none; the nearest name is suggested.
    """
    names: dict[str, BuiltinText | CatalogText] = {**BUILTIN_TEXTS, **catalog.catalog()}
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "seqmagic data list has the names"
        raise CorpusError(f"there is no text called {name!r}; {hint}")
    return names[name]


def describe(name: str, folder: Path) -> dict[str, Any]:
    """All that is known of the text called `name`, the sum of its file included where it is on this machine."""
    text = find_name(name)
    if isinstance(text, BuiltinText):
        bits = text.entropy_bits() if text.entropy_bits else None
        return {**_builtin_row(name, text), "best_bits_per_character": bits}
    document = _catalog_row(text, folder)
    document |= {"address": text.address, "path": str(text.path(folder)), "sha256": text.text_sha256}
    document |= {"sha256_from": "catalogue" if text.text_sha256 else None, "error": None}
    try:
        catalog.find(text, folder)
        found = catalog.expected_sum(text, folder)
    except CorpusError as problem:
        return {**document, "error": str(problem)}
    if found != text.text_sha256:
        document |= {"sha256": found, "sha256_from": "first download"}
    return document


def _builtin_row(name: str, text: BuiltinText) -> dict[str, Any]:
    kind = KINDS[0] if text.entropy_bits is None else KINDS[1]
    return {"name": name, "kind": kind, "bytes": None, "exact": False, "here": True, **_words(text)}


def _catalog_row(text: CatalogText, folder: Path) -> dict[str, Any]:
    path = text.path(folder)
    here = path.is_file()
    size = path.stat().st_size if here else text.bytes
    exact = here or text.sha256 is not None
    return {"name": text.name, "kind": KINDS[2], "bytes": size, "exact": exact, "here": here, **_words(text)}


def _words(text: BuiltinText | CatalogText) -> dict[str, str]:
    return {"licence": text.licence, "description": text.description}


def size_words(count: int) -> str:
    """A size for a reader: "5 kB", "1.1 MB", "100 MB"."""
    if count < 100_000:
        return f"{count / 1e3:,.0f} kB"
    size = count / 1e6
    return f"{size:,.0f} MB" if size >= 10 else f"{size:.1f} MB"
