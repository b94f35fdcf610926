"""Ids of large texts, kept beside the models: a text that was encoded once is mapped into memory the next time.

    .cache/KEY.ids          a head (vocabulary, checksum of the text) and the ids, under one checksum
    .cache/sources/KEY.json which files a text was read from, as they were then, and which ids they became
    .cache/limit.json       how many bytes may be kept, where it is not `LIMIT_BYTES`

A text is known again by its files, without reading them: path, device, inode, size and both times of each. Files that
were changed a moment before they were read may change once more within the same tick of the clock, so they are not
noted. All is written whole or not at all, by one process at a time; what a kill leaves is swept by the next one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import stat
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seqmagic import __version__, files
from seqmagic.config import DataConfig
from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts.sources import named, text_files
from seqmagic.texts.spool import SPOOL_BYTES, Spool
from seqmagic.texts.vocabulary import Vocabulary

FOLDER = ".cache"  # below the models folder
LIMIT_BYTES = 10 * 10**9
SETTLED_SECONDS = 2.0  # the coarsest tick of a file system's clock (FAT)
PATIENCE = 10.0  # seconds to wait for another process that writes
# A disk is not filled by what can be made again.
FREE_SHARE = 0.1
_MAGIC = b"seqmagic ids 1\n\0"
_HEAD = struct.Struct("<16sII")  # magic, checksum of all that follows this field, bytes of the description
_HEAD_LIMIT = 32 * 2**20
_ALIGNMENT = 64
_BLOCK = 2**20
_ENTRY = re.compile(r"[0-9a-f]{32}\.ids")
_HALF = re.compile(r"\.[0-9a-f]{32}-[0-9a-f]{8}\.(ids|json)")
_DTYPES = {"uint8", "uint16", "uint32"}


@dataclass(frozen=True, kw_only=True)
class Description:
    """What stands before the ids: which text they are of, and how to read them."""

    source: str
    text_sha256: str
    characters: str
    dtype: str
    length: int


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What is noted of a text: its files as they were, the ids that they became, and what reading them found."""

    identity: str
    entry: str
    bytes: int
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The files of a text as they are now.

    Attributes:
        digest: Of path, device, inode, size and times of each.
        is_settled: Whether a later change would be seen in it.
    """

    digest: str
    is_settled: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """A text from the cache. Attributes as in `Corpus`; `ids` is a memory map."""

    sha256: str
    bytes: int
    vocabulary: Vocabulary
    ids: np.ndarray
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Ids on the disk.

    Attributes:
        description: `None` where the file is damaged; the next one who needs it encodes anew.
        bytes: Of the file.
        used: When a training last read them, seconds since 1970.
    """

    path: Path
    description: Description | None
    bytes: int
    used: float


class IdCache:
    """The cache of a models folder. Whatever is wrong with it costs time, never a training."""

    def __init__(self, models: Path) -> None:
        self.folder = models / FOLDER

    # ------------------------------------------------------------ finding

    def find(self, source: str, config: DataConfig) -> Kept | None:
        """The text `source`, unless its files are other than they were, or are not here."""
        if not self._sources.is_dir():
            return None
        identity = identify(source, config)
        if identity is None:
            return None
        try:
            path = self._note_path(source, config)
            note = files.as_type(files.read_json(path, error=CorpusError), _Source, path, error=CorpusError)
        except CorpusError:
            return None
        if note.identity != identity.digest or not _ENTRY.fullmatch(note.entry):
            return None
        return self._open(note)

    def _open(self, note: _Source) -> Kept | None:
        """The ids that `note` is of; `None` where they are not there or damaged."""
        path = self.folder / note.entry
        try:
            with files.ordinary_file(path, error=CorpusError) as file:
                description, offset = _read_whole(file, path)
                vocabulary = Vocabulary(description.characters)
                if vocabulary.dtype.name != description.dtype:
                    raise CorpusError(f"{path} is corrupt: {description.dtype} is not the type of its vocabulary")
                ids = np.memmap(file, description.dtype, mode="r", offset=offset, shape=(description.length,))
            with contextlib.suppress(OSError):
                os.utime(path)  # the oldest go first
        except (OSError, ValueError, CorpusError, MemoryError):
            return None
        return Kept(
            sha256=description.text_sha256, bytes=note.bytes, vocabulary=vocabulary, ids=ids, notices=note.notices
        )

    # ------------------------------------------------------------ keeping

    def keep(
        self,
        spool: Spool,
        *,
        source: str,
        config: DataConfig,
        before: Identity | None,
        text_sha256: str,
        vocabulary: Vocabulary,
        bytes_read: int,
        notices: tuple[str, ...],
    ) -> tuple[Kept | None, str | None]:
        """Keep the ids in `spool`, those of the text `source` in `vocabulary`, whose files were `before` reading them.

        Returns:
            The ids as they are kept now, and why they are not, in a sentence; neither where the limit is 0 or another
            process writes.
        """
        description = Description(
            source=named(source),
            text_sha256=text_sha256,
            characters="".join(vocabulary.characters),
            dtype=spool.dtype.name,
            length=spool.length,
        )
        entry = f"{_digest(__version__, text_sha256, config.to_json(), description.characters)[:32]}.ids"
        identity = before.digest if before and before.is_settled and before == identify(source, config) else ""
        note = _Source(identity=identity, entry=entry, bytes=bytes_read, notices=notices)
        if self.limit == 0:
            return None, None  # as was asked for
        try:
            self._sources.mkdir(parents=True, exist_ok=True)
            with self._alone(PATIENCE) as alone:
                if not alone:
                    return None, None
                kept = self._open(note)
                if kept is None:
                    self._make_room(spool.length * spool.dtype.itemsize)
                    _clear_way(self.folder / entry)
                    with files.atomic_path(self.folder / entry) as temporary:
                        _write(temporary, description, spool)
                    files.flush_folder(self.folder)
                    kept = self._open(note)
                if kept is not None and identity:
                    note_path = self._note_path(source, config)
                    _clear_way(note_path)
                    files.write_json(note_path, dataclasses.asdict(note))
                return kept, None
        except (OSError, _NoRoomError) as problem:
            words = getattr(problem, "strerror", None) or problem
            return None, f"its ids are not cached in {self.folder}, so the next start reads it again: {words}"

    def _make_room(self, size: int) -> None:
        limit = self.limit
        if size > limit:
            raise _NoRoomError(f"{size:,} bytes are more than the limit of {limit:,} (seqmagic data cache --limit)")
        self._remove_oldest(limit - size)
        state = os.statvfs(self.folder) if hasattr(os, "statvfs") else None
        if state and state.f_bavail * state.f_frsize < size + FREE_SHARE * size:
            raise _NoRoomError("the disk is nearly full")

    # ------------------------------------------------------------ what is there

    @property
    def limit(self) -> int:
        """How many bytes may be kept."""
        with contextlib.suppress(CorpusError):
            limit = files.read_json(self._limit_path, error=CorpusError)
            if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0:
                return limit
        return LIMIT_BYTES

    def entries(self) -> list[Entry]:
        """What is kept, the one that was used last first."""
        found = []
        for path in self._paths():
            with contextlib.suppress(OSError):
                state = path.stat()
                description = None
                with contextlib.suppress(CorpusError), files.ordinary_file(path, error=CorpusError) as file:
                    description, _, _ = _read_head(file, path)
                found.append(Entry(path=path, description=description, bytes=state.st_size, used=state.st_mtime))
        return sorted(found, key=lambda entry: entry.used, reverse=True)

    def set_limit(self, limit: int) -> None:
        """From now on keep at most `limit` bytes; what is too much goes now, the oldest first. 0 keeps nothing.

        Raises:
            CorpusError: it can't be done.
        """
        with self._changed():
            self._remove_oldest(limit)
            _clear_way(self._limit_path)
            files.write_json(self._limit_path, limit)

    def clear(self) -> None:
        """Remove all ids; the limit stays.

        Raises:
            CorpusError: it can't be done.
        """
        if self.folder.is_dir():
            with self._changed():
                self._remove_oldest(0)

    # ------------------------------------------------------------ files

    @property
    def _sources(self) -> Path:
        return self.folder / "sources"

    @property
    def _limit_path(self) -> Path:
        return self.folder / "limit.json"

    def _note_path(self, source: str, config: DataConfig) -> Path:
        """Where it is noted what the text `source`, read with `config` from here, became."""
        key = _digest(__version__, source, os.path.abspath(source), config.to_json())
        return self._sources / f"{key[:32]}.json"

    def _paths(self) -> list[Path]:
        try:
            return [self.folder / name for name in os.listdir(self.folder) if _ENTRY.fullmatch(name)]
        except OSError:
            return []

    @contextlib.contextmanager
    def _changed(self) -> Iterator[None]:
        try:
            self._sources.mkdir(parents=True, exist_ok=True)
            with self._alone(PATIENCE) as alone:
                if not alone:
                    raise CorpusError(f"{self.folder} is being written by another process; try again")
                yield
        except OSError as problem:
            raise CorpusError(f"{self.folder} can't be changed: {problem.strerror or problem}") from problem

    @contextlib.contextmanager
    def _alone(self, seconds: float) -> Iterator[bool]:
        """Whether this process is the only one that writes here until the block ends; halves of files go first."""
        from filelock import FileLock, Timeout  # 60 ms, for those who write

        try:
            with FileLock(self.folder / ".lock", timeout=seconds):
                for folder in (self.folder, self._sources):
                    for name in os.listdir(folder):
                        if _HALF.fullmatch(name) or files.is_temporary_of(name, "limit.json"):
                            (folder / name).unlink(missing_ok=True)
                yield True
        except Timeout:
            yield False

    def _remove_oldest(self, limit: int) -> None:
        """Remove ids until those that stay have at most `limit` bytes, and what is noted of those that are gone."""
        states = []
        for path in self._paths():
            with contextlib.suppress(OSError):
                states.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in states)
        for _, size, path in sorted(states):
            if total <= limit:
                break
            path.unlink(missing_ok=True)  # who has it mapped reads on
            total -= size
        here = {path.name for path in self._paths()}
        for name in os.listdir(self._sources):
            path = self._sources / name
            with contextlib.suppress(OSError):
                try:
                    note = files.as_type(files.read_json(path, error=CorpusError), _Source, path, error=CorpusError)
                except CorpusError:
                    path.unlink()
                else:
                    if note.entry not in here:
                        path.unlink()


class _NoRoomError(Exception):
    """There is no room for these ids; the words say why."""


def identify(source: str, config: DataConfig) -> Identity | None:
    """The files of the text `source` as they are now; `None` where it is in none, or they can't be looked at."""
    try:
        found = text_files(source, config)
        if found is None:
            return None
        now = time.time_ns()
        newest, digest = 0, hashlib.sha256(repr(found.left_out).encode())
        for path in found.paths:
            state = os.stat(path)
            rows = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
            digest.update(repr((os.path.abspath(path), *rows)).encode())
            newest = max(newest, state.st_mtime_ns, state.st_ctime_ns)
    except (OSError, ValueError, ConfigError, CorpusError):
        return None  # reading it says what is wrong
    return Identity(digest=digest.hexdigest(), is_settled=newest < now - int(SETTLED_SECONDS * 1e9))


def large_size(source: str, config: DataConfig) -> int | None:
    """The bytes of a text that takes a while to read; `None` of any other, and where it is not known."""
    try:
        found = text_files(source, config)
        size = sum(path.stat().st_size for path in found.paths) if found else 0
    except (OSError, ValueError, ConfigError, CorpusError):
        return None  # reading it says what is wrong
    return size if size >= SPOOL_BYTES else None


def _clear_way(path: Path) -> None:
    """Remove what is no ordinary file from where one will be written: a FIFO would block, a link lead elsewhere."""
    with contextlib.suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            path.rmdir()
        elif not stat.S_ISREG(mode):
            path.unlink()


def _digest(*values: object) -> str:
    return hashlib.sha256(files.to_json(list(values)).encode("utf-8", "surrogatepass")).hexdigest()


def _write(path: Path, description: Description, spool: Spool) -> None:
    """Write head and ids; the checksum comes last, when all that it is of was written."""
    content = files.to_json(dataclasses.asdict(description)).encode("utf-8")
    padded = content + b" " * (-(_HEAD.size + len(content)) % _ALIGNMENT)
    with open(path, "wb") as file:
        file.write(_HEAD.pack(_MAGIC, 0, len(padded)))
        file.write(padded)
        checksum = zlib.crc32(padded)
        for block in spool.blocks(0, spool.length):
            file.write(block.data)
            checksum = zlib.crc32(block.data, checksum)
        file.seek(0)
        file.write(_HEAD.pack(_MAGIC, checksum, len(padded)))


def _read_head(file: BinaryIO, path: Path) -> tuple[Description, int, int]:
    """What the ids in `file` are, the checksum over it and them so far, and the checksum that there should be.

    Raises:
        CorpusError: it says nothing that can be true; `path` names it.
        OSError: it can't be read.
    """
    start = file.read(_HEAD.size)
    magic, checksum, length = _HEAD.unpack(start) if len(start) == _HEAD.size else (b"", 0, 0)
    if magic != _MAGIC or not 0 < length <= _HEAD_LIMIT:
        raise CorpusError(f"{path} is corrupt: it does not begin as ids do")
    content = file.read(length)
    description = files.as_type(files.json_of(content, path, error=CorpusError), Description, path, error=CorpusError)
    size = os.fstat(file.fileno()).st_size
    itemsize = np.dtype(description.dtype).itemsize if description.dtype in _DTYPES else 0
    if not itemsize or description.length < 2 or size != _HEAD.size + length + description.length * itemsize:
        raise CorpusError(f"{path} is corrupt: {size:,} bytes are not what it describes")
    return description, zlib.crc32(content), checksum


def _read_whole(file: BinaryIO, path: Path) -> tuple[Description, int]:
    """What the ids in `file` are and where they begin, all of them read and found to be what was written.

    Read in blocks and not through a map: that would count every page as memory of this process. Errors as in
    `_read_head`.
    """
    description, found, expected = _read_head(file, path)
    offset = file.tell()
    largest = 0
    while block := file.read(_BLOCK):
        found = zlib.crc32(block, found)
        largest = max(largest, int(np.frombuffer(block, description.dtype).max()))
    if found != expected:
        raise CorpusError(f"{path} is corrupt: its checksum is not the one that was written")
    if largest > len(description.characters):
        raise CorpusError(f"{path} is corrupt: it has ids that its vocabulary lacks")
    return description, offset
