"""Writes that are whole or not there at all, and reads that say what is wrong."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, TypeVar

from seqmagic.errors import ConfigError, SeqmagicError

T = TypeVar("T")

JSON_LIMIT = 16 * 2**20  # bytes of a JSON file of ours: a thousand times what the largest has
MEND = "remove the run or restore the file"  # what to do about a file of a run that lies
_OPEN_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class _Place:
    """Where a file that was asked for really lies.

    Attributes:
        path: The file itself, behind all symbolic links; it may not exist yet.
        found: What is there, None where nothing is.
        through: Whether it must be written through and can't be replaced: a device, a FIFO, a socket, or
            something that a process has open already (/dev/stdout, /dev/fd/3).
    """

    path: Path
    found: os.stat_result | None
    through: bool


def _place_of(target: Path) -> _Place:
    """Follow `target` to the file that it stands for.

    Raises:
        OSError: with `target` as its name: a loop of links, a folder, a part of the path that is none, a
            folder that is missing or closed, or a file that may not be written.
    """
    try:
        found = os.stat(target)
    except FileNotFoundError:
        found = None
    path = target
    while not _is_descriptor(path) and path.is_symlink():  # no endless loop: `stat` has refused those
        path = path.parent / os.readlink(path)
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "it is a folder; name a file", str(target))
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, f"No such file or directory; make the folder {path.parent} first", str(target))
    through = found is not None and (not stat.S_ISREG(found.st_mode) or _is_descriptor(path))
    folder_too = () if through else (path.parent,)
    for needed in (*folder_too, *(() if found is None else (path,))):
        if not os.access(needed, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    return _Place(path, found, through)


def _is_descriptor(path: Path) -> bool:
    """Whether `path` is an open file of a process, by its number: /proc/self/fd/1, on a Mac /dev/fd/1."""
    folder = os.path.realpath(path.parent)
    return path.name.isdecimal() and re.fullmatch(r"/dev/fd|/proc/\d+(/task/\d+)?/fd", folder) is not None


def check_target(target: Path) -> None:
    """Raise OSError, with `target` as its name, where it is plain already that nothing can be written there."""
    _place_of(target)


def open_through(target: Path) -> BufferedWriter | None:
    """A stream to what is there and is no ordinary file, such as a device or a FIFO; None for any other target.

    Raises:
        OSError: with `target` as its name.
    """
    place = _place_of(target)
    if not place.through:
        return None
    with naming(target):
        return open(_descriptor_of(place.path), "wb")


def _descriptor_of(path: Path) -> int:
    """`path`, opened for writing as it is. An open file of this process goes on where it stands."""
    if _is_descriptor(path) and os.path.realpath(path.parent) in ("/dev/fd", f"/proc/{os.getpid()}/fd"):
        return os.dup(int(path.name))
    return os.open(path, os.O_WRONLY | os.O_APPEND)


@contextlib.contextmanager
def naming(target: Path, *others: Path) -> Iterator[None]:
    """Name `target` in errors of the system that name nothing, or one of `others`."""
    try:
        yield
    except OSError as problem:
        if problem.errno is not None and problem.filename in (None, *map(str, others)):
            problem.filename, problem.filename2 = str(target), None
        raise


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path whose content becomes that of `target` when the block ends without an error.

    It lies beside `target` and is moved onto it, so that a reader sees the old content or the new one. Symbolic
    links are followed; the file behind them is replaced and they stay. The mode of a file that is there stays,
    and its owner where the system allows it; a new one gets the permissions of the user's umask, as it is opened
    by whoever writes it. Other hard links keep the old content: they may be somebody's backup. What is no
    ordinary file is never replaced, but gets the content written into it.

    The temporary name keeps the suffix of `target` (some writers look at it), and is short where that of
    `target` is long.

    Raises:
        OSError: with `target` as its name, where it can't be written.
    """
    target = Path(target)
    place = _place_of(target)
    with contextlib.ExitStack() as after:
        if place.through:
            folder = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="seqmagic-")))
        else:
            folder = place.path.parent
        temporary = folder / _temporary_name(place.path)
        with naming(target, temporary):
            try:
                if place.found is not None and not place.through:
                    _create_like(temporary, place.found)
                yield temporary
                if place.through:
                    _copy_into(place.path, temporary)
                else:
                    _flush_to_disk(temporary)
                    _put_in_place(temporary, place)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()


def _temporary_name(path: Path) -> str:
    before, after = _around_token(path)
    return f"{before}{secrets.token_hex(4)}{after}"


def _around_token(path: Path) -> tuple[str, str]:
    """What stands before and after the random token in the name of a temporary file for `path`."""
    stem = path.stem.encode("utf-8", "ignore")[:40].decode("utf-8", "ignore")
    return f".{stem}-", path.suffix if len(path.suffix) <= 16 else ""


def is_temporary_of(entry: str, *names: str) -> bool:
    """Whether a file called `entry` is what a write of one of the files `names` works in, or was killed in."""
    around = (map(re.escape, _around_token(Path(name))) for name in names)
    return any(re.fullmatch(f"{before}[0-9a-f]{{8}}{after}", entry) for before, after in around)


def _create_like(temporary: Path, found: os.stat_result) -> None:
    """An empty file that no more people can read than the one that it will replace."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if hasattr(os, "fchown"):  # not on Windows, where a mode says next to nothing
            for owner, group in ((found.st_uid, -1), (-1, found.st_gid)):
                with contextlib.suppress(PermissionError):
                    os.fchown(descriptor, owner, group)
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & 0o777)
    finally:
        os.close(descriptor)


def _put_in_place(temporary: Path, place: _Place) -> None:
    try:
        os.replace(temporary, place.path)
    except OSError as problem:
        if problem.errno != errno.EBUSY:
            raise
        os.truncate(place.path, 0)  # a file that is mounted by itself, as into a container: nothing can replace it
        _copy_into(place.path, temporary)


def _copy_into(path: Path, temporary: Path) -> None:
    with open(temporary, "rb") as content, open(_descriptor_of(path), "wb") as stream:
        shutil.copyfileobj(content, stream)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(path: Path) -> None:
    """Bring what was created and renamed in the folder `path` to the disk, before what comes after it."""
    if os.name != "nt":  # where a folder can't be opened
        _flush_to_disk(path)


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target`, whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    """Write `content` as UTF-8 to `target`, whole or not at all, line breaks as they are."""
    write_bytes(target, content.encode("utf-8"))


def to_json(value: Any) -> str:
    """`value` as one JSON document; characters stay readable, NaN and infinity are refused."""
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def write_json(target: Path, value: Any) -> None:
    """Write `value` as JSON to `target`, whole or not at all."""
    write_text(target, to_json(value))


def write_json_lines(target: Path, values: Iterable[Any]) -> None:
    """Write JSON objects, one a line, to `target`, whole or not at all."""
    write_text(target, "".join(map(_json_line, values)))


def _json_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def append_json_line(target: Path, value: Any) -> None:
    """Append one JSON object as one line in one write, so that a reader never sees half of two lines."""
    with naming(target), open(target, "ab") as file:
        file.write(_json_line(value).encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def read_bounded(path: Path, *, limit: int, error: type[SeqmagicError]) -> bytes:
    """The content of an ordinary file of at most `limit` bytes.

    What a folder of ours holds may have been put there by anyone. A FIFO or a device would block or never
    end, and a file without measure would fill the memory: both are refused before anything is read.

    Raises:
        error: one line that says why the file can't be read.
    """
    try:
        state = require_ordinary(path, error=error)
        if state.st_size > limit:
            raise error(f"{path} is corrupt: {state.st_size:,} bytes, more than the {limit:,} that it may have; {MEND}")
        with ordinary_file(path, error=error) as file:
            return file.read(state.st_size)
    except (OSError, ValueError) as problem:
        raise error(f"{path} can't be read: {getattr(problem, 'strerror', None) or problem}") from problem


def ordinary_file(path: Path, *, error: type[SeqmagicError]) -> BufferedReader:
    """The ordinary file `path`, opened for reading.

    Raises:
        error: it is not there, or something else: a FIFO, a device, a folder.
        OSError: it can't be opened.
    """
    require_ordinary(path, error=error)
    return open(os.open(path, os.O_RDONLY | _OPEN_AT_ONCE), "rb")


def sha256_of(path: Path) -> str:
    """The sum of what is in a file, read a piece at a time."""
    import hashlib  # for those that look at sums alone

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_ordinary(path: Path, *, error: type[SeqmagicError]) -> os.stat_result:
    """What the system says of the ordinary file `path`.

    Raises:
        error: it is not there, or something else: a FIFO, a device, a folder.
    """
    try:
        state = os.stat(path)  # opening some devices does something already
    except (OSError, ValueError) as problem:
        raise error(f"{path} can't be read: {getattr(problem, 'strerror', None) or problem}") from problem
    if not stat.S_ISREG(state.st_mode):
        raise error(f"{path} is corrupt: it is {_kind_of_file(state.st_mode)}, no ordinary file; {MEND}")
    return state


def _kind_of_file(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def read_json(path: Path, *, error: type[SeqmagicError], limit: int = JSON_LIMIT) -> Any:
    """The JSON document in `path`; `error` with one clear line where there is none.

    Strict JSON in UTF-8: no NaN or infinity, no lone surrogates, nothing that is nested without end.
    """
    return json_of(read_bounded(path, limit=limit, error=error), path, error=error)


def json_of(content: bytes, path: Path, *, error: type[SeqmagicError]) -> Any:
    """The JSON document `content`, which stands in `path`; errors as in `read_json`."""
    import msgspec  # 5 ms that only a reader has to wait for

    try:
        return msgspec.json.decode(content)
    except (ValueError, RecursionError, OverflowError) as problem:
        raise error(f"{path} is corrupt: not JSON ({in_brief(problem)}); {MEND}") from problem


def in_brief(problem: BaseException) -> str:
    """What an exception says, in one line that fits a message: it may quote a whole file."""
    return shortened(" ".join(str(problem).replace("`", "").split())) or type(problem).__name__


def shortened(words: str) -> str:
    """`words`, cut where they are longer than a message can be."""
    return words if len(words) <= 300 else f"{words[:300]}…"


def as_type(values: Any, kind: type[T], path: Path, *, error: type[SeqmagicError]) -> T:
    """`values`, a JSON document read from `path`, as what its file is declared to hold.

    Args:
        values: From `read_json`.
        kind: A dataclass, TypedDict or other type that msgspec can convert to. Keys that it does not have are
            ignored; a check in `__post_init__` may raise ValueError or ConfigError.

    Raises:
        error: something is missing, of the wrong kind or out of its range: one line that says where.
    """
    import msgspec

    try:
        return msgspec.convert(values, kind)
    except (ValueError, TypeError, OverflowError, RecursionError, ConfigError) as problem:
        raise error(f"{path} is corrupt: {in_brief(problem)}; {MEND}") from problem


def read_json_lines(path: Path, kind: type[T], *, error: type[SeqmagicError]) -> tuple[list[T], str | None]:
    """The rows of a file of JSON lines, each of them a `kind`, up to the first that is none.

    Returns:
        The rows, and the line that says what is wrong with the rest; None where all could be read. A last
        line cut short, as a kill leaves it, is left out without a word.
    """
    import msgspec

    try:
        content = read_bounded(path, limit=JSON_LIMIT, error=error)
    except error as problem:
        return [], str(problem)
    decoder = msgspec.json.Decoder(kind)
    rows: list[T] = []
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        try:
            rows.append(decoder.decode(line))
        except (ValueError, RecursionError, OverflowError) as problem:
            if not line.endswith(b"\n"):
                break
            return rows, f"{path} is corrupt from line {number} on: {in_brief(problem)}; what stands before it was read"
    return rows, None


def first_free(default: str, take: Callable[[str], T | None]) -> T:
    """What `take` makes of the first name that it can have: `default`, else with -2, -3 ...; None: not this."""
    for number in itertools.count(1):
        taken = take(default if number == 1 else f"{default}-{number}")
        if taken is not None:
            return taken
    raise AssertionError("there is always a next number")


def make_folder(folder: Path) -> Path | None:
    """The new folder `folder`; None where that name is taken."""
    try:
        folder.mkdir()
    except FileExistsError:
        return None
    return folder


@contextlib.contextmanager
def published_folder(target: Path, *, overwrite: bool, error: type[SeqmagicError]) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes `target` when the block ends without an error.

    Symbolic links are followed: they stay, and the folder behind them is published.

    Raises:
        error: `target` is a file, is a link to nothing, or is a folder with something in it and `overwrite`
            is false.
    """
    asked, target = Path(os.path.abspath(target)), Path(os.path.realpath(target))
    occupied = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if asked.is_symlink() and not target.exists():
        raise error(
            f"{asked} is a link to {os.readlink(asked)}, which is not there; make that folder or remove the link"
        )
    if occupied and not target.is_dir():
        raise error(f"{asked} is a file; name a folder")
    if occupied and not overwrite:
        raise error(f"{asked} is not empty; name another folder or add --overwrite")
    target.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(4)
    temporary = target.with_name(f".{target.name}-{token}")
    retired = target.with_name(f".{target.name}-{token}-old")
    temporary.mkdir()
    try:
        yield temporary
        if target.exists():
            os.replace(target, retired)
        os.replace(temporary, target)
    except BaseException:
        if retired.exists() and not target.exists():
            os.replace(retired, target)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)
