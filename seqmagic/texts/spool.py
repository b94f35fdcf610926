"""Ids on their way to a corpus: in memory while they are few, else in a file without a name.

The file has no name in any folder, so it vanishes with the last user of its ids, even after a kill. It
is written and read in blocks with plain file operations: a memory map would count every page that the
encoding touches as memory of this process.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from seqmagic.errors import CorpusError

# from so many bytes of ids on they go to a file
SPOOL_BYTES = 64 * 2**20
BLOCK_BYTES = 2**18


class Spool:
    """A growing sequence of ids, whose type widens when an id needs it."""

    def __init__(self, folder: Path | None) -> None:
        """Start empty; `folder` is where the file would be, `None` for the system's temporary folder."""
        self._folder = folder
        self._file: BinaryIO = io.BytesIO()
        self._in_memory = True
        self.dtype = np.dtype(np.uint8)
        self.length = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *problem: object) -> None:
        if not self._in_memory:  # what is in memory may live on in the array that `finish` gave out
            _close(self._file)

    @property
    def is_large(self) -> bool:
        """Whether the ids are in a file: from `SPOOL_BYTES` on, which is also where keeping them begins to pay."""
        return not self._in_memory

    @property
    def _bytes(self) -> int:
        return self.length * self.dtype.itemsize

    def append(self, ids: np.ndarray) -> None:
        """Add `ids`, (n,) of an unsigned type that is never narrower than before.

        Raises:
            CorpusError: the file can't be written, as a rule for want of space.
        """
        with self._guarded():
            if ids.dtype.itemsize > self.dtype.itemsize:
                self._widen(ids.dtype)
            self._file.write(ids.data)
            self.length += len(ids)
            if self._in_memory and self._bytes >= SPOOL_BYTES:
                self._move(self.dtype)

    def blocks(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """The ids from `start` to `stop` in blocks. Nothing may be written between two of them."""
        self._file.seek(start * self.dtype.itemsize)
        left = (stop - start) * self.dtype.itemsize
        while left:
            content = self._file.read(min(left, BLOCK_BYTES))
            left -= len(content)
            yield np.frombuffer(content, self.dtype)

    def replace(self, new_ids: np.ndarray) -> None:
        """Put `new_ids[id]` in the place of every id.

        Args:
            new_ids: (largest id + 1,) of a type that is not wider than that of the ids: a block is
                written back at or before the place that it was read from.

        Raises:
            CorpusError: the file can't be written.
        """
        translation = None
        if new_ids.dtype.itemsize == self.dtype.itemsize == 1:
            translation = new_ids.tobytes().ljust(256, b"\0")  # bytes.translate is faster than take
        with self._guarded():
            read_from = write_to = 0
            while read_from < self._bytes:
                self._file.seek(read_from)
                content = self._file.read(BLOCK_BYTES)
                read_from += len(content)
                self._file.seek(write_to)
                if translation is not None:
                    write_to += self._file.write(content.translate(translation))
                else:
                    write_to += self._file.write(new_ids.take(np.frombuffer(content, self.dtype)).data)
            self._file.truncate(write_to)
            self.dtype = new_ids.dtype

    def take(self) -> np.ndarray:
        """All ids, (length,) of `dtype`, in memory; the spool is empty afterwards, of the same type."""
        ids = np.concatenate([np.empty(0, self.dtype), *self.blocks(0, self.length)])
        self._file.seek(0)
        self._file.truncate()
        self.length = 0
        return ids

    def finish(self) -> np.ndarray:
        """All ids, (length,) of `dtype`, read only: an array in memory or a memory map of the file."""
        if self._in_memory:
            ids = np.frombuffer(cast(io.BytesIO, self._file).getbuffer(), self.dtype, self.length)
            ids.flags.writeable = False
            return ids
        with self._guarded():
            self._file.flush()
            return np.memmap(self._file, self.dtype, mode="r", shape=(self.length,))

    def _widen(self, dtype: np.dtype) -> None:
        if self.length:
            self._move(dtype)
        self.dtype = dtype

    def _move(self, dtype: np.dtype) -> None:
        """Copy the ids as `dtype` to a new place: a file, unless they still fit in memory."""
        in_memory = self.length * dtype.itemsize < SPOOL_BYTES
        new_file = io.BytesIO if in_memory else partial(tempfile.TemporaryFile, dir=self._folder)
        place = cast(BinaryIO, new_file())
        try:
            for block in self.blocks(0, self.length):
                place.write(block.astype(dtype, copy=False).data)
        except OSError:
            _close(place)
            raise
        self._file.close()
        self._file, self._in_memory = place, in_memory

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            folder = self._folder or tempfile.gettempdir()
            raise CorpusError(
                f"the ids of this text do not fit in {folder} ({self._bytes:,} bytes so far): "
                f"{problem.strerror or problem}; free some space, or name another folder in TMPDIR"
            ) from problem


def _close(file: BinaryIO) -> None:
    """Close `file`, where that may fail once more for want of space; all that was of use is written."""
    with contextlib.suppress(OSError):
        file.close()
