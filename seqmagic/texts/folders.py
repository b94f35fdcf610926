"""Folders as one text: their text files in the order of their paths, each on a new line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts.decoding import BinaryFileError, Tally, file_pieces, shown


def folder_pieces(folder: Path, pattern: str | None, encoding: str | None, tally: Tally) -> Iterator[str]:
    """The characters of the text files in `folder` and below.

    Binary files are left out, and so are hidden files unless `pattern` names them; a notice counts both.

    Args:
        folder: The folder. Links to folders are not followed.
        pattern: Which of its files to read, as in `Path.glob`; `None` for all.
        encoding: The encoding of every file; `None` for UTF-8, or what a file's byte-order mark says.
        tally: Gets the bytes of the files that were read, and the notice.

    Raises:
        ConfigError: `pattern` is no pattern.
        CorpusError: no file matches or none is text, or one can't be read (as in `file_pieces`).
    """
    paths, hidden = _files(folder, pattern)
    if not paths:
        what = "no file" if pattern is None else f"no file that matches --glob {pattern!r}"
        raise CorpusError(f"the folder {shown(folder)} has {what}{_left_out(0, hidden)}; give one with texts")
    yield from joined_pieces(paths, encoding, tally, name=f"the folder {shown(folder)}", hidden=hidden)


def joined_pieces(
    paths: Sequence[Path], encoding: str | None, tally: Tally, *, name: str, hidden: int = 0
) -> Iterator[str]:
    """The characters of the files one after the other; `name` stands for them all in an error.

    Raises:
        CorpusError: none of them is text, or one can't be read (as in `file_pieces`).
    """
    texts = binaries = 0
    line_is_open = False
    for path in paths:
        own = Tally()
        pieces = file_pieces(path, encoding, own)
        try:
            first = next(pieces, "")
        except BinaryFileError:
            binaries += 1
            continue
        if first and line_is_open:
            yield "\n"
        for piece in chain((first,), pieces):
            if piece:
                line_is_open = not piece.endswith("\n")
                yield piece
        texts += 1
        tally.bytes += own.bytes
    if not texts:
        raise CorpusError(f"{name} has no text{_left_out(binaries, hidden)}; give one with text files")
    files = "1 text file" if texts == 1 else f"{texts:,} text files"
    tally.notices.append(f"{files} read{_left_out(binaries, hidden)}")


def _files(folder: Path, pattern: str | None) -> tuple[list[Path], int]:
    """The files that match, in the order of their paths, and how many hidden ones were left out."""
    try:
        files = {path for path in folder.glob("**/*" if pattern is None else pattern) if path.is_file()}
        found = sorted(files, key=lambda path: path.relative_to(folder).parts)
    except (ValueError, NotImplementedError) as problem:
        raise ConfigError(f"--glob must be a pattern such as '**/*.py'; received {pattern!r} ({problem})") from None
    except OSError as problem:
        words = problem.strerror or problem
        raise CorpusError(f"the folder {shown(folder)} can't be read: {words}") from problem
    if pattern is not None and any(part.startswith(".") for part in Path(pattern).parts):
        return found, 0
    visible = [path for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts)]
    return visible, len(found) - len(visible)


def _left_out(binaries: int, hidden: int) -> str:
    """Such as ", 2 binary and 1 hidden left out"; empty where nothing was."""
    counts = [f"{count} {kind}" for count, kind in ((binaries, "binary"), (hidden, "hidden")) if count]
    return f", {' and '.join(counts)} left out" if counts else ""
