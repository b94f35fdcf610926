"""What a TEXT on the command line means: a path, standard input, a built-in text, or one of the catalogue."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from seqmagic import files
from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts import catalog
from seqmagic.texts.builtin import builtin_names, builtin_pieces
from seqmagic.texts.decoding import Pieces, Tally, Watch, check_encoding, file_pieces, shown, standard_input_pieces
from seqmagic.texts.folders import check_no_system_path, folder_files, folder_pieces

STANDARD_INPUT = "-"


# what is neither a file nor a folder; a pipe can be read, once
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class TextFiles:
    """Where a text lies: its files in order, and in words what of a folder is left out."""

    paths: list[Path]
    left_out: str = ""


def text_files(source: str, config: DataConfig) -> TextFiles | None:
    """The files that `text_pieces` would read; `None` for a text that is in none, or in none on this machine yet.

    Raises:
        ConfigError, CorpusError: as there, of a folder.
        OSError, ValueError: they can't be looked at.
    """
    if source == STANDARD_INPUT:
        return None
    if os.path.isdir(source):
        paths, left_out = folder_files(Path(source), config.glob)
        return TextFiles(paths, str(left_out))
    text = catalog_text(source)
    path = Path(source) if text is None else text.path(catalog.data_folder())
    return TextFiles([path]) if path.is_file() else None


def text_pieces(source: str, config: DataConfig, *, again: bool = False, watch: Watch | None = None) -> Pieces:
    """The characters of the text that `source` means; a path goes before a built-in text of that name.

    A text of the catalogue that is not on this machine yet is downloaded first.

    Args:
        again: It was read before and must be the same now, so no pipe will do.
        watch: Told of every read of what is stored in files or comes from standard input.

    Raises:
        ConfigError: the encoding or the pattern is none.
        CorpusError: there is no such text, it is a device, it can't be downloaded, or, while it is read, as in
            `file_pieces` and `folder_pieces`.
    """
    if shown(source) != source:
        raise CorpusError(f"the name of the text {shown(source)} is no Unicode, so no run can record it; rename it")
    if config.encoding is not None:
        check_encoding(config.encoding)
    _check_kind(source, again=again)
    # os.path and not pathlib: for that "" is the current folder, and a name that no file can have an error
    is_folder = source != STANDARD_INPUT and os.path.isdir(source)
    is_file = source != STANDARD_INPUT and not is_folder and os.path.exists(source)
    is_builtin = source in builtin_names()
    notices = []
    if config.encoding is not None and is_builtin and not (is_folder or is_file):
        notices.append("--encoding has no effect on a built-in text")
    if config.glob is not None and not is_folder:
        notices.append(f"--glob has no effect: {named(source)} is not a folder")
    if (is_builtin or source in catalog.catalog()) and (is_folder or is_file):
        kind = "built-in text" if is_builtin else "text of the catalogue"
        notices.append(f"{source} here is a path; the {kind} of that name was not read")
    if is_folder:
        pieces = folder_pieces(Path(source), config.glob, config.encoding, watch=watch)
    elif is_file:
        pieces = file_pieces(Path(source), config.encoding, watch=watch)
    elif source == STANDARD_INPUT:
        pieces = standard_input_pieces(config.encoding, watch=watch)
    elif is_builtin:
        pieces = builtin_pieces(source)
    elif (known := catalog_text(source)) is not None:
        kept = _kept(known, again=again)
        notices += [f"downloaded {known.name} from {known.address} to {kept.path}"] if kept.fresh else []
        pieces = file_pieces(kept.path, config.encoding, watch=watch)
    else:
        raise CorpusError(_not_found(source))
    return _noticed(notices, pieces)


def _noticed(notices: list[str], pieces: Pieces) -> Pieces:
    """`pieces`, with `notices` before those of their own."""
    tally = yield from pieces
    return Tally(tally.bytes, [*notices, *tally.notices])


def is_text_name(name: str) -> bool:
    """Whether `name` means a text at all: standard input, a path that is there, or a text that has a name."""
    return name == STANDARD_INPUT or name in builtin_names() or name in catalog.catalog() or os.path.exists(name)


def catalog_text(source: str) -> catalog.CatalogText | None:
    """The text of the catalogue that `source` means; `None` where it means something else."""
    means_other = source == STANDARD_INPUT or source in builtin_names() or os.path.exists(source)
    return None if means_other else catalog.catalog().get(source)


def _kept(text: catalog.CatalogText, *, again: bool) -> catalog.Kept:
    """Where `text` lies on this machine, downloaded first unless it was read before."""
    folder = catalog.data_folder()
    kept = catalog.find(text, folder) if again else catalog.obtain(text, folder)
    if kept is None:
        raise CorpusError(
            f"{text.name} is not in {folder}; download it with: seqmagic data get {text.name}, "
            "or set SEQMAGIC_DATA to the folder where it is"
        )
    return kept


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
    quoted = files.shortened(repr(source))
    if os.path.islink(source):
        return f"{quoted} is a link that leads to no text ({os.readlink(source)!r}); mend it, or name the text itself"
    builtin = builtin_names()
    neighbours: list[str] = []
    with contextlib.suppress(OSError, ValueError), os.scandir(path.parent) as entries:
        neighbours = [entry.name for entry in itertools.islice(entries, 10_000)]
    similar = difflib.get_close_matches(path.name, neighbours, n=2, cutoff=0.7)
    near = difflib.get_close_matches(source, builtin, n=1) + [shown(path.parent / name) for name in similar]
    near = near or difflib.get_close_matches(source, catalog.catalog(), n=1)
    if near:
        return f"there is no text {quoted}; did you mean {' or '.join(near)}?"
    return (
        f"there is no text {quoted}; give a file, a folder, - for standard input, "
        f"or a built-in text: {', '.join(builtin)}; for more see: seqmagic data list"
    )


def named(source: str) -> str:
    """What a text is called in a message."""
    return "standard input" if source == STANDARD_INPUT else source
