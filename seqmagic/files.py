"""Writes that are whole or not there at all, and reads that say what is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from seqmagic.errors import ConfigError, SeqmagicError

T = TypeVar("T")

JSON_LIMIT = 16 * 2**20  # bytes of a JSON file of ours: a thousand times what the largest has
MEND = "remove the run or restore the file"  # what to do about a file of a run that lies
_OPEN_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`, moved onto it when the block ends without an error.

    The temporary name keeps the suffix of `target` (some writers look at it). The file is opened by
    whoever writes it, so it gets the permissions of the user's umask, unlike those of `tempfile`.
    """
    target = Path(target)
    temporary = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def append_json_line(target: Path, value: Any) -> None:
    """Append one JSON object as one line in one write, so that a reader never sees half of two lines."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
    with open(target, "ab") as file:
        file.write(line.encode("utf-8"))
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
        state = os.stat(path)  # opening some devices does something already
        if not stat.S_ISREG(state.st_mode):
            raise error(f"{path} is corrupt: it is {_kind_of_file(state.st_mode)}, no ordinary file; {MEND}")
        if state.st_size > limit:
            raise error(f"{path} is corrupt: {state.st_size:,} bytes, more than the {limit:,} that it may have; {MEND}")
        with open(os.open(path, os.O_RDONLY | _OPEN_AT_ONCE), "rb") as file:
            return file.read(state.st_size)
    except (OSError, ValueError) as problem:
        raise error(f"{path} can't be read: {getattr(problem, 'strerror', None) or problem}") from problem


def _kind_of_file(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def read_json(path: Path, *, error: type[SeqmagicError], limit: int = JSON_LIMIT) -> Any:
    """The JSON document in `path`; `error` with one clear line where there is none.

    Strict JSON in UTF-8: no NaN or infinity, no lone surrogates, nothing that is nested without end.
    """
    import msgspec  # 5 ms that only a reader has to wait for

    content = read_bounded(path, limit=limit, error=error)
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


@contextlib.contextmanager
def published_folder(target: Path, *, overwrite: bool, error: type[SeqmagicError]) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes `target` when the block ends without an error.

    Raises:
        error: `target` is a file, or is a folder with something in it and `overwrite` is false.
    """
    target = Path(os.path.abspath(target))
    occupied = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if occupied and not target.is_dir():
        raise error(f"{target} is a file; name a folder")
    if occupied and not overwrite:
        raise error(f"{target} is not empty; name another folder or add --overwrite")
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
