"""Writes that are whole or not there at all, and reads that say what is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqmagic.errors import SeqmagicError


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


def read_json(path: Path, *, error: type[SeqmagicError]) -> Any:
    """The JSON document in `path`; `error` with one clear line where there is none."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise error(f"{path} can't be read: {problem.strerror or problem}") from problem
    try:
        return json.loads(content)
    except ValueError as problem:
        raise error(f"{path} is corrupt: not JSON ({problem})") from problem


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects in a file of JSON lines; a last line cut short by a kill is left out."""
    rows: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


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
