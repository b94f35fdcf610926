"""From stored bytes to characters: files and standard input, decompressed and decoded piece by piece.

Every text, whatever it comes from, is a generator of `str` pieces with `\\n` line breaks, which returns a `Tally`
at its end. A piece is decoded from at most `PIECE_BYTES` bytes, so a text of any length is read in the same memory.
"""

from __future__ import annotations

import codecs
import difflib
import encodings.aliases
import importlib
import io
import itertools
import re
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts.diagnosis import DecodingError, not_utf8, survey, wide_advice, wide_encodings

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
_MARK = "\ufeff"


class BinaryFileError(CorpusError):
    """The file begins like a binary file, so it is no text. Raised before its first piece.

    Attributes:
        kind: What it is, in a word or a few.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Tally:
    """What reading a text has found.

    Attributes:
        bytes: Of the source as it is stored: those of a compressed file, not of its content.
        notices: What a reader should know, a sentence each.
    """

    bytes: int = 0
    notices: list[str] = field(default_factory=list)


Pieces = Generator[str, None, Tally]
Watch = Callable[[int], object]  # told of each read how many bytes it was


class Tallied(Iterator[str]):
    """The pieces of a text for a loop, which would drop what their generator returns.

    Attributes:
        tally: What reading has found; empty until the last piece was asked for.
    """

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self.tally = Tally()

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as end:
            if end.value is not None:  # asked again after its end, a generator returns nothing
                self.tally = end.value
            raise


class _Content(NamedTuple):
    """A file that may be read: its bytes after decompression, and what can go wrong on the way.

    Attributes:
        path: Of the file whose bytes these are; `None` for standard input and for what is compressed.
    """

    name: str
    stream: BinaryIO
    problems: tuple[type[Exception], ...]
    path: str | None = None

    def read(self, count: int) -> bytes:
        try:
            return self.stream.read(count)
        except self.problems as problem:
            words = getattr(problem, "strerror", None) or problem
            raise CorpusError(f"{self.name} can't be read to its end: {words}; is it damaged?") from problem


class _Counted(io.RawIOBase):
    """A file that counts the bytes that are read from it."""

    def __init__(self, file: BinaryIO, watch: Watch | None) -> None:
        self._file, self._watch, self.count = file, watch, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = cast(io.BufferedIOBase, self._file).readinto(buffer)
        self.count += count
        if self._watch is not None:
            self._watch(count)
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


def file_pieces(path: Path, encoding: str | None, *, watch: Watch | None = None) -> Pieces:
    """The characters of one file, compressed or not, in pieces that are not empty.

    Args:
        path: The file.
        encoding: Its encoding; `None` for UTF-8, or what its byte-order mark says.
        watch: Told of every read.

    Raises:
        BinaryFileError: it holds a NUL byte near its start.
        DecodingError: it holds bytes that do not fit.
        CorpusError: it can't be read, or is damaged.
    """
    try:
        file = path.open("rb")  # closed below: only the opening is guarded here
    except OSError as problem:
        raise CorpusError(f"{shown(path)} can't be read: {problem.strerror or problem}") from problem
    with file:
        return (yield from _counted_pieces(file, shown(path), encoding, shown(path), watch))


def standard_input_pieces(encoding: str | None, *, watch: Watch | None = None) -> Pieces:
    """The characters of standard input; arguments and errors as in `file_pieces`."""
    if sys.stdin is None:
        raise CorpusError("there is no standard input to read a text from; name a file instead of -")
    return (yield from _counted_pieces(cast(BinaryIO, sys.stdin.buffer), "standard input", encoding, None, watch))


def _counted_pieces(file: BinaryIO, name: str, encoding: str | None, path: str | None, watch: Watch | None) -> Pieces:
    counted = _Counted(file, watch)
    content = _decompressed(counted, name, path)
    with content.stream:
        notices = yield from _decoded(content, encoding)
    return Tally(counted.count, notices)


def _decompressed(file: io.RawIOBase, name: str, path: str | None) -> _Content:
    """The content of `file`, whose first bytes say whether and how it is compressed."""
    # the buffer must hold the longest mark; a larger one would only copy
    stream = io.BufferedReader(file, buffer_size=2**17)
    try:
        head = stream.peek(_LONGEST_MARK)
    except OSError as problem:
        raise CorpusError(f"{name} can't be read: {problem.strerror or problem}") from problem
    module_name = next((name for mark, name in COMPRESSIONS if mark.match(head)), None)
    if module_name is None:
        return _Content(name, cast(BinaryIO, stream), (OSError,), path)
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        raise CorpusError(
            f"{name} is compressed, and this Python was built without {module_name}; decompress it first"
        ) from None
    problems = (OSError, EOFError, zlib.error, getattr(module, "LZMAError", OSError))
    return _Content(f"{name} (decompressed)", module.open(stream), problems)


def _decoded(content: _Content, encoding: str | None) -> Generator[str, None, list[str]]:
    """The characters of `content`, line breaks made one, byte-order marks dropped, wherever they stand.

    Half a character at the end is left out, where what stands before it shows that it is one. The notices that are
    returned say this, how many marks stood inside the text, and where a named encoding is most likely the wrong one.
    An offset in an error counts the bytes of the (decompressed) content from 0.
    """
    head = content.read(HEAD_BYTES)
    marked = next((codec for mark, codec in BYTE_ORDER_MARKS if head.startswith(mark)), DEFAULT_ENCODING)
    codec = encoding or marked
    canonical = codecs.lookup(codec).name
    # in these two every other byte of an English text is NUL; in all others none is
    is_wide = canonical.startswith(("utf-16", "utf-32"))
    if is_wide and encoding:
        _check_byte_order(content, head, encoding, canonical, marked)
    if not is_wide and b"\0" in head:
        raise _binary(content, head.index(b"\0"), head, marked)
    decoder = codecs.getincrementaldecoder(codec)("strict")
    line_breaks = io.IncrementalNewlineDecoder(None, translate=True)
    as_utf8 = _Utf8Check() if encoding and not canonical.startswith(("utf-", "ascii")) else None
    is_certain = encoding is not None or marked != DEFAULT_ENCODING
    offset = surplus = marks = 0  # surplus: bytes more than characters, as UTF-8 beyond ASCII has
    at_start = True
    notices = []
    for block in _blocks(content, head):
        if not is_wide and b"\0" in block:
            raise CorpusError(str(_binary(content, offset + block.index(b"\0"), block, DEFAULT_ENCODING)))
        waiting = decoder.getstate()[0]  # bytes of a character that the last block cut in two
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as problem:
            at = offset - len(waiting) + problem.start
            # a lone byte after nothing but ASCII may as well be a letter of an 8-bit encoding
            if not block and (is_certain or surplus > len(waiting) or len(waiting) > 1):
                notices.append(_cut_off(content.name, at, len(waiting)))
                text = ""
            elif canonical in ("utf-8", "utf-8-sig"):
                before = problem.object[: problem.start]
                rest = itertools.chain((problem.object[problem.start :],), _unread(content, block))
                fitting = surplus - len(waiting) + len(before) - len(before.decode("utf-8"))
                found = survey(rest, fitting)
                raise not_utf8(content.name, content.path, problem, at, head, found) from None
            else:
                raise _misfit(content, problem, at, encoding, block) from None
        except UnicodeError as problem:
            raise CorpusError(
                f"{content.name} does not fit --encoding {codec}: {problem}; name another encoding"
            ) from None
        offset += len(block)
        surplus += len(block) - len(text)
        if as_utf8 is not None:
            as_utf8.push(block)
        if _MARK in text:
            marks += text.count(_MARK) - (at_start and text.startswith(_MARK))
            text = text.replace(_MARK, "")
            at_start = False
        at_start = at_start and not text
        text = line_breaks.decode(text, final=not block)
        if text:
            yield text
    if marks:
        words = "1 byte-order mark" if marks == 1 else f"{marks:,} byte-order marks"
        notices.append(f"left out of {content.name}: {words} inside the text")
    if as_utf8 is not None and as_utf8.fits:
        notices.append(
            f"{content.name} was read as {encoding}, but its bytes are valid UTF-8: "
            "if letters look wrong (such as Ã¼), leave out --encoding"
        )
    return notices


def _blocks(content: _Content, head: bytes) -> Iterator[bytes]:
    """`head` and the rest of `content` in blocks of `PIECE_BYTES`, then one empty block for the end."""
    for start in range(0, len(head), PIECE_BYTES):
        yield head[start : start + PIECE_BYTES]
    while block := content.read(PIECE_BYTES):
        yield block
    yield b""


def _unread(content: _Content, block: bytes) -> Iterator[bytes]:
    """What comes after `block`, which is empty at the end of the content."""
    while block and (block := content.read(PIECE_BYTES)):
        yield block


class _Utf8Check:
    """Whether bytes that are read with another encoding would be UTF-8 as well, with characters beyond ASCII."""

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")("strict")
        self._beyond_ascii = False

    def push(self, block: bytes) -> None:
        """Look at the next block; an empty one is the end."""
        if self._decoder is None:
            return
        try:
            self._beyond_ascii |= not self._decoder.decode(block, final=not block).isascii()
        except UnicodeDecodeError:
            self._decoder = None

    @property
    def fits(self) -> bool:
        return self._decoder is not None and self._beyond_ascii


def _check_byte_order(content: _Content, head: bytes, encoding: str, canonical: str, marked: str) -> None:
    """Raise DecodingError where UTF-16 or UTF-32 was named, and the bytes show another one of them, or no mark."""
    right: tuple[str, ...]
    goes_by_mark = canonical in ("utf-16", "utf-32")
    if marked != DEFAULT_ENCODING:
        right, shown_by = (marked,), "its byte-order mark says"
        fits = marked.startswith(canonical) if goes_by_mark else marked == canonical
    else:
        right, shown_by = wide_encodings(head), "its bytes read as"
        fits = not head if goes_by_mark else canonical in right or not right
    if goes_by_mark and not fits and not right:
        right, shown_by = (f"{canonical}-le", f"{canonical}-be"), "it has no byte-order mark, so name"
    if not fits:
        fault = f"{content.name} does not fit --encoding {encoding}: {shown_by} {' or '.join(right)}"
        raise DecodingError(fault, wide_advice(content.path, right), right[0] if len(right) == 1 else None)


def _binary(content: _Content, offset: int, block: bytes, marked: str) -> BinaryFileError:
    byte = f"byte 0x00 at offset {offset}"
    if marked != DEFAULT_ENCODING:
        kind = f"{marked[:6].upper()}, as its byte-order mark says,"
        return BinaryFileError(f"{content.name} is {kind} and not what --encoding names; leave out --encoding", kind)
    if wide := wide_encodings(block):
        kind = f"{wide[0][:6].upper()} without a byte-order mark"
        return BinaryFileError(f"{content.name} is {kind}: {byte}; {wide_advice(content.path, wide)}", kind)
    return BinaryFileError(f"{content.name} is a binary file, not a text: {byte}; give a text file", "binary")


def _cut_off(name: str, offset: int, count: int) -> str:
    return (
        f"{name} ends in the middle of a character: half of it, {count} byte{'s' if count > 1 else ''} "
        f"at offset {offset:,}, left out"
    )


def _misfit(
    content: _Content, problem: UnicodeDecodeError, offset: int, encoding: str | None, block: bytes
) -> DecodingError:
    """The error for a text that was read with a named encoding, or with that of its mark."""
    byte = f"byte 0x{problem.object[problem.start]:02x} at offset {offset} ({problem.reason})"
    if encoding is None:
        fault = f"{content.name} is not {problem.encoding.upper()}, as its byte-order mark says: {byte}"
        return DecodingError(fault, "it is damaged there; mend it, or save it anew as UTF-8")
    fault = f"{content.name} does not fit --encoding {encoding}: {byte}"
    found = survey(itertools.chain((problem.object,), _unread(content, block)), 0)
    if found.fitting and not found.misfits:
        return DecodingError(fault, "it is UTF-8: leave out --encoding")
    return DecodingError(fault, "name another encoding")
