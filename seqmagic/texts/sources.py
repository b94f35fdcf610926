"""What a TEXT on the command line means: a path, standard input, or a text that every installation has."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts import builtin as catalog
from seqmagic.texts.decoding import Tally, check_encoding, file_pieces, shown, standard_input_pieces
from seqmagic.texts.folders import folder_pieces

STANDARD_INPUT = "-"


def text_pieces(source: str, config: DataConfig, tally: Tally) -> Iterator[str]:
    """The characters of the text that `source` means; a path goes before a built-in text of that name.

    Raises:
        ConfigError: the encoding or the pattern is none.
        CorpusError: there is no such text, or, while it is read, as in `file_pieces` and `folder_pieces`.
    """
    if shown(source) != source:
        raise CorpusError(f"the name of the text {shown(source)} is no Unicode, so no run can record it; rename it")
    if config.encoding is not None:
        check_encoding(config.encoding)
    # os.path and not pathlib: for that "" is the current folder, and a name that no file can have an error
    is_folder = source != STANDARD_INPUT and os.path.isdir(source)
    is_file = source != STANDARD_INPUT and not is_folder and os.path.exists(source)
    is_builtin = source in catalog.builtin_names()
    if config.encoding is not None and is_builtin and not (is_folder or is_file):
        tally.notices.append("--encoding has no effect on a built-in text")
    if config.glob is not None and not is_folder:
        tally.notices.append(f"--glob has no effect: {named(source)} is not a folder")
    if is_builtin and (is_folder or is_file):
        tally.notices.append(f"{source} here is a path; the built-in text of that name was not read")
    if is_folder:
        return folder_pieces(Path(source), config.glob, config.encoding, tally)
    if is_file:
        return file_pieces(Path(source), config.encoding, tally)
    if source == STANDARD_INPUT:
        return standard_input_pieces(config.encoding, tally)
    if is_builtin:
        return catalog.builtin_pieces(source, tally)
    raise CorpusError(_not_found(source))


def _not_found(source: str) -> str:
    path = Path(source)
    builtin = catalog.builtin_names()
    neighbours: list[str] = []
    with contextlib.suppress(OSError, ValueError), os.scandir(path.parent) as entries:
        neighbours = [entry.name for entry in itertools.islice(entries, 10_000)]
    similar = difflib.get_close_matches(path.name, neighbours, n=2, cutoff=0.7)
    near = difflib.get_close_matches(source, builtin, n=1) + [shown(path.parent / name) for name in similar]
    if near:
        return f"there is no text {source!r}; did you mean {' or '.join(near)}?"
    return (
        f"there is no text {source!r}; give a file, a folder, - for standard input, "
        f"or a built-in text: {', '.join(builtin)}"
    )


def named(source: str) -> str:
    """What a text is called in a message."""
    return "standard input" if source == STANDARD_INPUT else source
