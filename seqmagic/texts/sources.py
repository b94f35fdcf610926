"""What a TEXT on the command line means: a path, standard input, or a text that every installation has."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts import builtin as catalog
from seqmagic.texts.decoding import Tally, check_encoding, file_pieces, shown, standard_input_pieces
from seqmagic.texts.folders import check_no_system_path, folder_pieces

STANDARD_INPUT = "-"


# what is neither a file nor a folder; a pipe can be read, once
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def text_pieces(source: str, config: DataConfig, tally: Tally, *, again: bool = False) -> Iterator[str]:
    """The characters of the text that `source` means; a path goes before a built-in text of that name.

    Args:
        again: It was read before and must be the same now, so no pipe will do.

    Raises:
        ConfigError: the encoding or the pattern is none.
        CorpusError: there is no such text, it is a device, or, while it is read, as in `file_pieces` and
            `folder_pieces`.
    """
    if shown(source) != source:
        raise CorpusError(f"the name of the text {shown(source)} is no Unicode, so no run can record it; rename it")
    if config.encoding is not None:
        check_encoding(config.encoding)
    _check_kind(source, again=again)
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


def is_text_name(name: str) -> bool:
    """Whether `name` means a text at all: standard input, a path that is there, or a built-in text."""
    return name == STANDARD_INPUT or name in catalog.builtin_names() or os.path.exists(name)


def is_rereadable(source: str) -> bool:
    """Whether `source`, which a run was trained on, can be read again: no standard input, pipe, device or socket.

    A path that is not there is; reading it says so.
    """
    try:
        _check_kind(source, again=True)
    except CorpusError:
        return False
    return True


def _check_kind(source: str, *, again: bool) -> None:
    """Raise CorpusError where `source` can't be read, or not again, because of what kind of thing it is."""
    if source == STANDARD_INPUT:
        if again:
            raise CorpusError("standard input can be read only once, and that was when the run was trained")
        return
    try:
        mode = os.stat(source).st_mode
    except (OSError, ValueError):
        return  # there is no such path; it may be a built-in text
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind == "a pipe":
        if again:
            raise CorpusError(f"{source} is a pipe, which can be read only once; keep the text in a file")
    elif kind is not None:
        raise CorpusError(f"{source} is {kind}, not a text; give a file, a folder, or - for standard input")
    elif stat.S_ISREG(mode):
        check_no_system_path(Path(source))


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
