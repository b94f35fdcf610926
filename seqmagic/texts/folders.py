"""Folders as one text: their text files in the order of their paths, each on a new line."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts.decoding import BinaryFileError, Pieces, Tallied, Tally, Watch, file_pieces, shown
from seqmagic.texts.diagnosis import DecodingError

MOST_FILES = 1_000_000  # in a folder and below: more are no text that anyone meant
# our own folders, by the file that each has, and how that file begins
OWN_FILES = ("run.json", "comparison.json", "export.json")
_OWN_START = re.compile(rb'\s*\{\s*"(format|seqmagic)":')
_RUN_FILES = ("model.keras", "vocabulary.json")
_SYSTEM = ("/proc", "/sys")  # their files have no end, or act when they are read
_NAMED = 5  # of what is left out, so many are named
_NOTICED = 3  # files whose own notices are shown


@dataclass
class LeftOut:
    """What a folder holds and its text does not, by kind: names below the folder."""

    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str | Path) -> None:
        self.names.setdefault(kind, []).append(shown(name))

    def __str__(self) -> str:
        """Such as ", 1 binary and 2 hidden left out: a.png, .git, .hidden"; empty where there is nothing."""
        if not self.names:
            return ""
        counts = [f"{len(names):,} {kind}" for kind, names in self.names.items()]
        listed = f"{', '.join(counts[:-1])} and {counts[-1]}" if counts[1:] else counts[0]
        # a few of every kind, so that many of one do not hide another
        share = max(1, _NAMED // len(self.names))
        some = [name for names in self.names.values() for name in names[:share]]
        more = sum(map(len, self.names.values())) - len(some)
        return f", {listed} left out: {', '.join(some)}" + (f" and {more:,} more" if more else "")


def folder_files(folder: Path, pattern: str | None) -> tuple[list[Path], LeftOut]:
    """The files that `folder_pieces` would read, in their order, and what is left out. Errors as there."""
    check_no_system_path(folder)
    paths, left_out = _walked(folder) if pattern is None else _matching(folder, pattern)
    paths.sort(key=lambda path: path.relative_to(folder).parts)
    return paths, left_out


def folder_pieces(folder: Path, pattern: str | None, encoding: str | None, *, watch: Watch | None = None) -> Pieces:
    """The characters of the text files in `folder` and below.

    Left out are binary files, what is no file (pipes, devices), the folders of our own runs, comparisons and
    exports below `folder`, and what is hidden unless `pattern` names it; a notice counts and names them.

    Args:
        folder: The folder. Links to folders are not followed.
        pattern: Which of its files to read, as in `Path.glob`; `None` for all.
        encoding: The encoding of every file; `None` for UTF-8, or what a file's byte-order mark says.
        watch: Told of every read.

    Raises:
        ConfigError: `pattern` is no pattern.
        CorpusError: it is a folder of the system, no file matches or none is text, or one can't be read (as in
            `file_pieces`).
    """
    paths, left_out = folder_files(folder, pattern)
    if not paths:
        what = "no file" if pattern is None else f"no file that matches --glob {pattern!r}"
        raise CorpusError(f"the folder {shown(folder)} has {what}{left_out}; give one with texts")
    name = f"the folder {shown(folder)}"
    return (yield from joined_pieces(paths, encoding, name=name, folder=folder, left_out=left_out, watch=watch))


def check_no_system_path(path: Path) -> None:
    """Raise CorpusError where `path` is the root of the file system, or the kernel's."""
    real = Path(os.path.realpath(path))
    if real == Path(real.anchor) or any(real.is_relative_to(system) for system in _SYSTEM):
        raise CorpusError(f"{shown(path)} belongs to the system and holds no text; give a file or a folder with texts")


def joined_pieces(
    paths: Sequence[Path],
    encoding: str | None,
    *,
    name: str,
    folder: Path | None = None,
    left_out: LeftOut | None = None,
    watch: Watch | None = None,
) -> Pieces:
    """The characters of the files one after the other; `name` stands for them all in an error.

    Args:
        folder: Where they are, for names in notices.
        left_out: What was left out before; `None` for nothing.
        watch: Told of every read.

    Raises:
        CorpusError: none of them is text, or one can't be read (as in `file_pieces`).
    """
    left_out = LeftOut({kind: list(names) for kind, names in left_out.names.items()}) if left_out else LeftOut()
    texts = noticed = bytes_read = 0
    notices: list[str] = []
    line_is_open = False
    for path in paths:
        pieces = Tallied(file_pieces(path, encoding, watch=watch))
        short = path.relative_to(folder) if folder else path.name
        try:
            first = next(pieces, "")
            if first and line_is_open:
                yield "\n"
            for piece in chain((first,), pieces):
                if piece:
                    line_is_open = not piece.endswith("\n")
                    yield piece
        except BinaryFileError as problem:
            left_out.add(problem.kind, short)
            continue
        except DecodingError as problem:
            raise CorpusError(f"{problem.fault}; {_advice(path, paths, problem.encoding)}") from problem
        own = pieces.tally
        if not own.bytes:
            left_out.add("empty", short)
            continue
        texts += 1
        bytes_read += own.bytes
        noticed += bool(own.notices)
        notices += own.notices if noticed <= _NOTICED else ()
    if not texts:
        raise CorpusError(f"{name} has no text{left_out}; give one with text files")
    files = "1 text file" if texts == 1 else f"{texts:,} text files"
    more = [f"the same of {noticed - _NOTICED:,} more files"] if noticed > _NOTICED else []
    return Tally(bytes_read, [f"{files} read{left_out}", *notices, *more])


def _advice(path: Path, paths: Sequence[Path], encoding: str | None) -> str:
    """What to do about one file of several that holds bytes that do not fit: --encoding would be for all of them."""
    if encoding:
        file, new = shlex.quote(shown(path)), shlex.quote(shown(path.with_name(f"{path.name}.new")))
        mend = f"convert this one file: iconv -f {encoding} -t utf-8 {file} > {new} && mv {new} {file}"
    else:
        mend = "mend or convert this one file"
    pattern = f"**/[!{path.name[0]}]*"
    kept = [other for other in paths if other.name[0] != path.name[0]]
    if len(kept) == len(paths) - 1 and path.name[0].isalnum():
        return f"{mend}, or leave it out with --glob '{pattern}'"
    return f"{mend}, or leave it out: move it elsewhere, or name the others with --glob"


def _walked(folder: Path) -> tuple[list[Path], LeftOut]:
    """The files in `folder` and below that may be texts, and what else is there."""
    left_out = LeftOut()

    def unreadable(problem: OSError) -> None:
        place = Path(problem.filename)
        if place == folder:
            raise CorpusError(f"the folder {shown(folder)} can't be read: {problem.strerror or problem}") from problem
        left_out.add("unreadable", place.relative_to(folder))

    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=unreadable):
        place = Path(parent)
        entered = []
        for name in sorted(folders):
            path = place / name
            if name.startswith("."):
                left_out.add("hidden", path.relative_to(folder))
            elif path.is_symlink():
                left_out.add("linked", path.relative_to(folder))
            elif _is_ours(path):
                left_out.add("of seqmagic's own", path.relative_to(folder))
            else:
                entered.append(name)
        folders[:] = entered  # os.walk goes into those that remain
        for name in sorted(names):
            path = place / name
            if name.startswith("."):
                left_out.add("hidden", path.relative_to(folder))
            elif not path.is_file():
                left_out.add("no files", path.relative_to(folder))
            else:
                found.append(path)
        _check_number(folder, len(found))
    return found, left_out


def _matching(folder: Path, pattern: str) -> tuple[list[Path], LeftOut]:
    """The files that match `pattern` and may be texts, and what else matches."""
    left_out = LeftOut()
    found: set[Path] = set()
    try:
        for path in folder.glob(pattern):
            if path.is_file():
                found.add(path)
                _check_number(folder, len(found))
            elif not path.is_dir():
                left_out.add("no files", path.relative_to(folder))
    except (ValueError, NotImplementedError) as problem:
        raise ConfigError(f"--glob must be a pattern such as '**/*.py'; received {pattern!r} ({problem})") from None
    except OSError as problem:
        words = problem.strerror or problem
        raise CorpusError(f"the folder {shown(folder)} can't be read: {words}") from problem
    names_hidden = any(part.startswith(".") for part in Path(pattern).parts)
    ours: dict[Path, bool] = {folder: False}
    kept = []
    for path in sorted(found):
        relative = path.relative_to(folder)
        if not names_hidden and any(part[0] == "." for part in relative.parts):
            left_out.add("hidden", relative)
        elif own := _own_folder(path.parent, folder, ours):
            if shown(own.relative_to(folder)) not in left_out.names.get("of seqmagic's own", ()):
                left_out.add("of seqmagic's own", own.relative_to(folder))
        else:
            kept.append(path)
    return kept, left_out


def _own_folder(place: Path, folder: Path, ours: dict[Path, bool]) -> Path | None:
    """The folder of ours below `folder` that `place` is or is in; `ours` remembers what was looked at."""
    for parent in (place, *place.parents):
        if parent == folder or not parent.is_relative_to(folder):
            return None
        if parent not in ours:
            ours[parent] = _is_ours(parent)
        if ours[parent]:
            return parent
    return None


def _is_ours(folder: Path) -> bool:
    """Whether `folder` is a run, a comparison or an export of ours: it has a file that these have."""
    for name in OWN_FILES:
        path = folder / name
        try:
            if path.is_file() and _OWN_START.match(_start(path)):
                return True
        except OSError:
            continue
    return all((folder / name).is_file() for name in _RUN_FILES)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def _check_number(folder: Path, files: int) -> None:
    if files > MOST_FILES:
        raise CorpusError(
            f"the folder {shown(folder)} has more than {MOST_FILES:,} files; give one below it, or --glob"
        )
