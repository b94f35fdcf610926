"""Where written text goes: to standard output, a device or a FIFO as it is written, or to a file when it is whole."""

from __future__ import annotations

import contextlib
import errno
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from seqmagic import files
from seqmagic.errors import SampleError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_SECONDS_BETWEEN_FLUSHES = 1 / 30
# A terminal obeys control characters; those of a text are shown as pictures instead. Tab and newline stay.
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}
_PICTURES |= dict.fromkeys(range(128, 160), 0xFFFD)


class Page:
    """A stream of text in exact UTF-8, whatever the encoding of the terminal.

    What is written shows at once at first and then some thirty times a second, so that showing never slows
    writing down. To be used in a `with` block; a file appears when it ends, interrupted or not: what Ctrl-C
    leaves is the text so far.
    """

    def __init__(self, path: Path | None = None) -> None:
        """A page on standard output, or for the file `path`.

        Raises:
            OSError, SampleError: with `path` as its name, where nothing can be written there.
        """
        self._path = path
        if path is None:
            sys.stdout.flush()
            self._stream: IO[bytes] = sys.stdout.buffer
        else:
            self._stream = files.open_through(path) or io.BytesIO()
        self.terminal = self._stream.isatty()  # also where it was named: /dev/tty, /dev/stdout
        self._flushed = 0.0

    def __enter__(self) -> Page:
        return self

    def __exit__(self, kind: type[BaseException] | None, *problem: object) -> None:
        through = self._path is not None and not isinstance(self._stream, io.BytesIO)
        if kind is not None and not issubclass(kind, KeyboardInterrupt):
            if through:
                with contextlib.suppress(OSError):  # the error on the way out says more
                    self._stream.close()
            return
        self.flush()
        if through:
            self._stream.close()
        elif self._path is not None and isinstance(self._stream, io.BytesIO):
            with self._naming():
                files.write_bytes(self._path, self._stream.getvalue())

    def write(self, text: str) -> None:
        """Add `text`."""
        with self._naming():
            self._stream.write(text.encode("utf-8"))
        if time.monotonic() - self._flushed > _SECONDS_BETWEEN_FLUSHES:
            self.flush()

    def flush(self) -> None:
        """Show what was written so far."""
        with self._naming():
            self._stream.flush()
        self._flushed = time.monotonic()

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """Errors of the system within it name the file that was asked for, and say what helps there."""
        if self._path is None:
            yield
            return
        try:
            with files.naming(self._path):
                yield
        except OSError as problem:
            if problem.errno not in _NO_SPACE:
                raise
            raise SampleError(f"{self._path}: {problem.strerror}; name a file elsewhere with --output") from problem

    def shown(self, text: str) -> str:
        """`text` as it may be written here: on a terminal without control characters."""
        return text.translate(_PICTURES) if self.terminal and not text.isprintable() else text
