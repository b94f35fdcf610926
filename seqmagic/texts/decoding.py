"""From stored bytes to characters: files and standard input, decompressed and decoded piece by piece.

Every text, whatever it comes from, is an iterator of `str` pieces with `\\n` line breaks. A piece is
decoded from at most `PIECE_BYTES` bytes, so a text of any length is read in the same memory.
"""

from __future__ import annotations

import codecs
import difflib
import encodings.aliases
import importlib
import io
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from seqmagic.errors import ConfigError, CorpusError

PIECE_BYTES = 2**18
DEFAULT_ENCODING = "utf-8"
# so much of a file is looked at before its first character is handed on
HEAD_BYTES = 2**16
# the mark of UTF-32-LE begins with that of UTF-16-LE, so it comes first
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# how a compressed file begins and the module that opens it; bzip2's own mark is plain letters, so the
# mark of its first block (or of the end, where it holds nothing) is asked for as well
COMPRESSIONS = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bz2"),
    (re.compile(rb"\xfd7zXZ\x00"), "lzma"),
)
_LONGEST_MARK = 10


class BinaryFileError(CorpusError):
    """The file begins like a binary file, so it is no text. Raised before its first piece."""


@dataclass
class Tally:
    """What reading a text has found so far; complete once the last piece was read."""

    bytes: int = 0  # of the source as it is stored: those of a compressed file, not of its content
    notices: list[str] = field(default_factory=list)


class _Content(NamedTuple):
    """A file that may be read: its bytes after decompression, and what can go wrong on the way."""

    name: str
    stream: BinaryIO
    problems: tuple[type[Exception], ...]

    def read(self, count: int) -> bytes:
        try:
            return self.stream.read(count)
        except self.problems as problem:
            words = getattr(problem, "strerror", None) or problem
            raise CorpusError(f"{self.name} can't be read to its end: {words}; is it damaged?") from problem


class _Counted(io.RawIOBase):
    """A file that adds what is read from it to a tally."""

    def __init__(self, file: BinaryIO, tally: Tally) -> None:
        self._file, self._tally = file, tally

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = cast(io.BufferedIOBase, self._file).readinto(buffer)
        self._tally.bytes += count
        return count


def shown(path: str | Path) -> str:
    """`path` for a message: parts of a file name that are no Unicode are escaped."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def check_encoding(encoding: str) -> None:
    """Raise ConfigError unless Python knows `encoding` as an encoding of text."""
    if _is_encoding(encoding):
        return
    known = sorted(set(encodings.aliases.aliases) | set(encodings.aliases.aliases.values()))
    near = difflib.get_close_matches(encoding.lower().replace("-", "_"), known, n=5)
    near = [name for name in near if _is_encoding(name)][:2]
    advice = f"did you mean {' or '.join(near)}?" if near else "try utf-8, cp1252, gb18030 or shift_jis"
    raise ConfigError(f"--encoding must be one that Python knows; received {encoding!r}; {advice}")


def _is_encoding(name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)
        b"a".decode(name)
    except UnicodeError:
        return True  # an encoding that "a" alone does not satisfy, such as UTF-16
    except (LookupError, ValueError):
        return False
    return True


def file_pieces(path: Path, encoding: str | None, tally: Tally) -> Iterator[str]:
    """The characters of one file, compressed or not, in pieces that are not empty.

    Args:
        path: The file.
        encoding: Its encoding; `None` for UTF-8, or what its byte-order mark says.
        tally: Gets the bytes that were read.

    Raises:
        BinaryFileError: it holds a NUL byte near its start.
        CorpusError: it can't be read, is damaged, or holds a byte that does not fit.
    """
    try:
        file = path.open("rb")  # closed below: only the opening is guarded here
    except OSError as problem:
        raise CorpusError(f"{shown(path)} can't be read: {problem.strerror or problem}") from problem
    with file:
        content = _decompressed(file, shown(path), tally)
        with content.stream:
            yield from _decoded(content, encoding)


def standard_input_pieces(encoding: str | None, tally: Tally) -> Iterator[str]:
    """The characters of standard input; arguments and errors as in `file_pieces`."""
    if sys.stdin is None:
        raise CorpusError("there is no standard input to read a text from; name a file instead of -")
    content = _decompressed(cast(BinaryIO, sys.stdin.buffer), "standard input", tally)
    with content.stream:
        yield from _decoded(content, encoding)


def _decompressed(file: BinaryIO, name: str, tally: Tally) -> _Content:
    """The content of `file`, whose first bytes say whether and how it is compressed."""
    # the buffer must hold the longest mark; a larger one would only copy
    stream = io.BufferedReader(cast(io.RawIOBase, _Counted(file, tally)), buffer_size=2**17)
    try:
        head = stream.peek(_LONGEST_MARK)
    except OSError as problem:
        raise CorpusError(f"{name} can't be read: {problem.strerror or problem}") from problem
    module_name = next((name for mark, name in COMPRESSIONS if mark.match(head)), None)
    if module_name is None:
        return _Content(name, cast(BinaryIO, stream), (OSError,))
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        raise CorpusError(
            f"{name} is compressed, and this Python was built without {module_name}; decompress it first"
        ) from None
    problems = (OSError, EOFError, zlib.error, getattr(module, "LZMAError", OSError))
    return _Content(f"{name} (decompressed)", module.open(stream), problems)


def _decoded(content: _Content, encoding: str | None) -> Iterator[str]:
    """The characters of `content`, line breaks made one, a byte-order mark at the start dropped.

    An offset in an error counts the bytes of the (decompressed) content from 0.
    """
    head = content.read(HEAD_BYTES)
    marked = next((codec for mark, codec in BYTE_ORDER_MARKS if head.startswith(mark)), DEFAULT_ENCODING)
    codec = encoding or marked
    # in these two every other byte of an English text is NUL; in all others none is
    nul_is_binary = not codecs.lookup(codec).name.startswith(("utf-16", "utf-32"))
    if nul_is_binary and b"\0" in head:
        raise BinaryFileError(_binary(content.name, head.index(b"\0")))
    decoder = codecs.getincrementaldecoder(codec)("strict")
    line_breaks = io.IncrementalNewlineDecoder(None, translate=True)
    offset = 0
    at_start = True
    for block in _blocks(content, head):
        if nul_is_binary and b"\0" in block:
            raise CorpusError(_binary(content.name, offset + block.index(b"\0")))
        waiting = len(decoder.getstate()[0])  # bytes of a character that the last block cut in two
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as problem:
            at = offset - waiting + problem.start
            raise CorpusError(_misfit(content.name, problem, at, encoding)) from None
        except UnicodeError as problem:
            raise CorpusError(f"{content.name} does not fit --encoding {codec}: {problem}") from None
        offset += len(block)
        if text and at_start:
            text, at_start = text.removeprefix("\ufeff"), False
        text = line_breaks.decode(text, final=not block)
        if text:
            yield text


def _blocks(content: _Content, head: bytes) -> Iterator[bytes]:
    """`head` and the rest of `content` in blocks of `PIECE_BYTES`, then one empty block for the end."""
    for start in range(0, len(head), PIECE_BYTES):
        yield head[start : start + PIECE_BYTES]
    while block := content.read(PIECE_BYTES):
        yield block
    yield b""


def _binary(name: str, offset: int) -> str:
    return (
        f"{name} is a binary file, not a text: byte 0x00 at offset {offset}; "
        "give a text file (for UTF-16 without a byte-order mark add --encoding utf-16-le)"
    )


def _misfit(name: str, problem: UnicodeDecodeError, offset: int, encoding: str | None) -> str:
    byte = f"byte 0x{problem.object[problem.start]:02x} at offset {offset}"
    if encoding:
        return f"{name} does not fit --encoding {encoding}: {byte} ({problem.reason}); name another encoding"
    what = "UTF-8" if problem.encoding == DEFAULT_ENCODING else problem.encoding.upper()
    return f"{name} is not {what}: {byte} ({problem.reason}); name its encoding, such as --encoding cp1252"
