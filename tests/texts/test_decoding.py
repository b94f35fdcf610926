"""Decoding: pieces of any size give the characters of the whole, and an error names the exact byte."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts import decoding as reading
from seqmagic.texts.decoding import Tallied, check_encoding, file_pieces, standard_input_pieces

PIECE_SIZES = (1, 2, 3, 5, 7, 64, 2**18)
COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
# many line breaks and characters of every length in UTF-8, without NUL, which is refused
TEXTS = st.text(st.sampled_from("ab\r\n\u2028é中😀\ufeff") | st.characters(exclude_categories=("Cs",), min_codepoint=1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "text"


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For hypothesis, which calls a test many times with one fixture."""
    return tmp_path_factory.mktemp("reading") / "text"


def read(path: Path, encoding: str | None = None) -> str:
    pieces = list(file_pieces(path, encoding))
    assert all(pieces)
    return "".join(pieces)


def with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("size", PIECE_SIZES)
@given(text=TEXTS)
def test_pieces_of_any_size_give_the_whole(shared_path: Path, size: int, text: str) -> None:
    shared_path.write_bytes(text.encode("utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PIECE_BYTES", size)
        assert read(shared_path) == with_newlines(text.replace("\ufeff", ""))


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@given(text=TEXTS)
def test_a_byte_order_mark_says_the_encoding(shared_path: Path, mark: bytes, codec: str, text: str) -> None:
    shared_path.write_bytes(mark + text.encode(codec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PIECE_BYTES", 3)
        assert read(shared_path) == with_newlines(text.replace("\ufeff", ""))
        assert read(shared_path, codec) == with_newlines(text.replace("\ufeff", ""))


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-7", "utf-8-sig"])
def test_a_named_encoding(path: Path, encoding: str) -> None:
    path.write_bytes("né\r\nle".encode(encoding))
    assert read(path, encoding) == "né\nle"


@pytest.mark.parametrize("size", PIECE_SIZES)
@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "euc-kr", "iso2022_jp"])
def test_east_asian_encodings_in_pieces(path: Path, size: int, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "中文ab日本\r\n" * 9 if encoding != "euc-kr" else "한국ab\r\n" * 9
    path.write_bytes(text.encode(encoding))
    monkeypatch.setattr(reading, "PIECE_BYTES", size)
    assert read(path, encoding) == with_newlines(text)


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("size", [1, 7, 2**18])
def test_compressed_is_plain(path: Path, kind: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "naïve\r\n中文\r" * 50
    stored = COMPRESS[kind](text.encode("utf-8"))
    path.write_bytes(stored)
    monkeypatch.setattr(reading, "PIECE_BYTES", size)
    pieces = Tallied(file_pieces(path, None))
    # what is inside decides, not the name
    assert "".join(pieces) == with_newlines(text)
    assert pieces.tally.bytes == len(stored)


@pytest.mark.parametrize("kind", COMPRESS)
def test_nothing_compressed_is_nothing(path: Path, kind: str) -> None:
    path.write_bytes(COMPRESS[kind](b""))
    assert read(path) == ""


def test_letters_that_look_like_a_compression_are_text(path: Path) -> None:
    path.write_text("BZh9 is how bzip2 begins")
    assert read(path) == "BZh9 is how bzip2 begins"


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_damaged_compressed_file(path: Path, kind: str) -> None:
    stored = COMPRESS[kind](bytes(range(33, 127)) * 400)
    path.write_bytes(stored[:-10])
    with pytest.raises(CorpusError, match=r"text \(decompressed\) can't be read to its end: .*damaged\?$"):
        read(path)
    middle = len(stored) // 2
    path.write_bytes(stored[:middle] + bytes(byte ^ 0xFF for byte in stored[middle:]))
    with pytest.raises(CorpusError, match="can't be read to its end"):
        read(path)


@pytest.mark.parametrize("size", PIECE_SIZES)
@pytest.mark.parametrize(
    ("start", "bad"),
    [(b"", b"\xff"), (b"abc", b"\xe9xy"), ("é中😀".encode(), b"\xf0\x9f\x98z"), (b"a\r\n", b"\xc0")],
)
def test_an_error_names_file_and_offset(
    path: Path, size: int, start: bytes, bad: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(start + bad + b"rest")
    monkeypatch.setattr(reading, "PIECE_BYTES", size)
    with pytest.raises(CorpusError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not UTF-8: byte 0x{bad[0]:02x} at offset {len(start)} ")
    assert "--encoding" in message
    assert "\n" not in message


def test_the_offset_beyond_the_first_pieces(path: Path) -> None:
    place = 3 * reading.PIECE_BYTES - 1  # its two bytes lie in two pieces
    path.write_bytes(b"x" * place + "é".encode() + b"y" * 1000 + b"\xc3" + b"z" * reading.PIECE_BYTES)
    with pytest.raises(CorpusError, match=f"byte 0xc3 at offset {place + 2 + 1000} "):
        read(path)


@pytest.mark.parametrize("size", PIECE_SIZES)
@pytest.mark.parametrize(
    ("content", "encoding", "text", "words"),
    [
        ("ab中".encode()[:-1], None, "ab", "half of it, 2 bytes at offset 2, left out"),
        ("é, ab中".encode()[:-2], None, "é, ab", "half of it, 1 byte at offset 6, left out"),
        ("ab中".encode()[:-2], "utf-8", "ab", "half of it, 1 byte at offset 2, left out"),
        (codecs.BOM_UTF16_LE + "ab".encode("utf-16-le")[:-1], None, "a", "half of it, 1 byte at offset 4, left out"),
        (codecs.BOM_UTF16_LE + "a😀".encode("utf-16-le")[:-1], None, "a", "half of it, 3 bytes at offset 4, left out"),
        ("ab日".encode("shift_jis")[:-1], "shift_jis", "ab", "half of it, 1 byte at offset 2, left out"),
    ],
)
def test_half_a_character_at_the_end_is_left_out_and_said(
    path: Path, size: int, content: bytes, encoding: str | None, text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(content)
    monkeypatch.setattr(reading, "PIECE_BYTES", size)
    pieces = Tallied(file_pieces(path, encoding))
    assert "".join(pieces) == text
    assert pieces.tally.notices == [f"{path} ends in the middle of a character: {words}"]


def refusal(path: Path, content: bytes, encoding: str | None = None) -> str:
    path.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        read(path, encoding)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def follow(message: str, before: str) -> None:
    """Do in a shell what a message advises after the words `before`."""
    command = message.partition(before)[2]
    assert command, message
    subprocess.run(["bash", "-c", command], check=False)


needs_iconv = pytest.mark.skipif(shutil.which("iconv") is None, reason="there is no iconv")


@needs_iconv
@pytest.mark.parametrize("bad", [b"\xff", b"\xe9 \xe9\xff"])
def test_bad_bytes_in_a_utf_8_text_are_counted_and_can_be_left_out(
    path: Path, bad: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    start = "На берегу спит ".encode()
    message = refusal(path, start + bad + " рыбак, ветер дует с моря\n".encode())
    assert f"at offset {len(start)} " in message
    assert ("the only byte" if len(bad) == 1 else "the first of 3 bytes") in message
    assert "cp1252" not in message
    follow(message, "leave it out with: ")
    left = bad.replace(b"\xe9", b"").replace(b"\xff", b"").decode()
    assert read(path.parent / "repaired.txt") == f"На берегу спит {left} рыбак, ветер дует с моря\n"


@needs_iconv
def test_a_western_text_is_shown_as_it_reads_and_both_ways_work(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    text = "It’s a long way home, “no” – déjà vu.\n" * 5
    message = refusal(path, text.encode("cp1252"))
    assert "the first of 30 bytes that do not fit (as cp1252 it reads 'It’s a long ')" in message
    assert read(path, "cp1252") == text
    follow(message, "convert it with: ")
    assert read(path.parent / "converted.txt") == text


def test_a_text_that_is_not_western_is_not_called_so(path: Path) -> None:
    message = refusal(path, "Ветер дует с моря, лодка ждёт у берега. ".encode("cp1251") * 9)
    assert "cp1252" not in message and "cp1251" in message
    assert "shift_jis" in refusal(path, "吾輩は猫である。名前はまだ無い。".encode("shift_jis") * 9)


CHINESE = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n" * 4
ENGLISH = "Corfield is near Mardalewick.\n" * 4


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, "Ветер дует с моря, лодка ждёт.\n" * 4], ids=["en", "zh", "ru"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_characters_without_a_mark_lead_to_their_encoding(path: Path, text: str, codec: str) -> None:
    message = refusal(path, text.encode(codec))
    assert message.endswith(f"add --encoding {codec}")
    assert read(path, codec) == text
    other = codec[:-2] + {"le": "be", "be": "le"}[codec[-2:]]
    assert codec in refusal(path, text.encode(codec), other)  # the wrong one is not taken in silence
    assert codec in refusal(path, text.encode(codec), "utf-16" if "16" in codec else "utf-32")


def test_a_mark_against_the_named_byte_order(path: Path) -> None:
    message = refusal(path, codecs.BOM_UTF16_BE + "中文".encode("utf-16-be"), "utf-16-le")
    assert "its byte-order mark says utf-16-be" in message


def test_where_the_byte_order_can_not_be_told_both_are_named(path: Path) -> None:
    message = refusal(path, "\u9696\u3030".encode("utf-16-le") * 40)  # the same in both orders
    assert f"see which it is with iconv -f utf-16-le -t utf-8 {path} | head" in message
    assert message.endswith("and add --encoding utf-16-le or utf-16-be")
    assert read(path, "utf-16-be") == "\u9696\u3030" * 40


def test_a_mark_against_an_encoding_of_bytes(path: Path) -> None:
    message = refusal(path, codecs.BOM_UTF16_LE + "Über".encode("utf-16-le"), "cp1252")
    assert "is UTF-16, as its byte-order mark says, and not what --encoding names; leave out --encoding" in message


def test_marks_inside_a_text_are_left_out_and_counted(path: Path) -> None:
    path.write_bytes(codecs.BOM_UTF8 * 2 + b"one\n" + codecs.BOM_UTF8 + b"two\n")
    pieces = Tallied(file_pieces(path, None))
    assert "".join(pieces) == "one\ntwo\n"
    assert pieces.tally.notices == [f"left out of {path}: 2 byte-order marks inside the text"]
    path.write_bytes(codecs.BOM_UTF8 + b"one")
    pieces = Tallied(file_pieces(path, None))
    assert "".join(pieces) == "one" and pieces.tally.notices == []


def test_utf_8_that_is_read_as_something_else(path: Path) -> None:
    path.write_text("schöne Grüße\n", encoding="utf-8")
    pieces = Tallied(file_pieces(path, "cp1252"))
    assert "".join(pieces) == "schÃ¶ne GrÃ¼ÃŸe\n"
    assert pieces.tally.notices == [
        f"{path} was read as cp1252, but its bytes are valid UTF-8: "
        "if letters look wrong (such as Ã¼), leave out --encoding"
    ]
    assert "it is UTF-8: leave out --encoding" in refusal(path, "É Œ, Á".encode(), "cp1252")
    path.write_text("schöne Grüße\n", encoding="cp1252")
    pieces = Tallied(file_pieces(path, "cp1252"))
    assert "".join(pieces) == "schöne Grüße\n" and pieces.tally.notices == []


@pytest.mark.parametrize("size", PIECE_SIZES)
@pytest.mark.parametrize(
    ("encoding", "content", "offset"),
    [
        ("shift_jis", "日本".encode("shift_jis") + b"\xfd", 4),
        ("cp1252", b"ab\x81", 2),
        ("ascii", b"a\xe9", 1),
    ],
)
def test_a_byte_outside_the_named_encoding(
    path: Path, size: int, encoding: str, content: bytes, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(content + b"rest of it")
    monkeypatch.setattr(reading, "PIECE_BYTES", size)
    with pytest.raises(CorpusError, match=f"does not fit --encoding {encoding}: byte 0x.. at offset {offset} "):
        read(path, encoding)


def test_utf_16_without_the_mark_that_it_needs(path: Path) -> None:
    path.write_bytes("abc".encode("utf-16-le"))
    with pytest.raises(CorpusError, match="does not fit --encoding utf-16"):
        read(path, "utf-16")


@pytest.mark.parametrize("place", [0, 100, 70_000, 600_000])
def test_a_nul_byte_is_binary(path: Path, place: int) -> None:
    path.write_bytes(b"a" * place + b"\0" + b"b" * 10)
    with pytest.raises(CorpusError, match=f"is a binary file, not a text: byte 0x00 at offset {place};"):
        read(path)


def test_what_can_not_be_opened(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="can't be read: No such file"):
        read(tmp_path / "nothing")
    with pytest.raises(CorpusError, match="can't be read: Is a directory"):
        read(tmp_path)


class Pipe:
    """Standard input that hands out its bytes a few at a time and can't be rewound, as a pipe does."""

    def __init__(self, content: bytes, at_once: int) -> None:
        source = io.BytesIO(content)

        class Trickle(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
                some = source.read(min(at_once, len(buffer)))
                buffer[: len(some)] = some
                return len(some)

        self.buffer = io.BufferedReader(Trickle())  # type: ignore[type-var]


@pytest.mark.parametrize("at_once", [1, 3, 1000])
@pytest.mark.parametrize("kind", ["plain", *COMPRESS])
def test_standard_input(at_once: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "one\r\ntwo é中\r" * 30
    stored = COMPRESS.get(kind, bytes)(text.encode())
    monkeypatch.setattr(sys, "stdin", Pipe(stored, at_once))
    pieces = Tallied(standard_input_pieces(None))
    assert "".join(pieces) == with_newlines(text)
    assert pieces.tally.bytes == len(stored)
    assert not sys.stdin.buffer.closed


def test_standard_input_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(b"abc\xff", 2))
    with pytest.raises(CorpusError, match=r"^standard input is not UTF-8: byte 0xff at offset 3 "):
        list(standard_input_pieces(None))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CorpusError, match="no standard input"):
        list(standard_input_pieces(None))


@pytest.mark.parametrize("encoding", ["utf8", "UTF-8", "latin-1", "utf-16", "gb18030", "idna"])
def test_known_encodings(encoding: str) -> None:
    check_encoding(encoding)


@pytest.mark.parametrize("encoding", ["", "utf-99", "hex", "rot13", "a\0b", "no such"])
def test_unknown_encodings_and_those_of_bytes(encoding: str) -> None:
    with pytest.raises(ConfigError, match="--encoding must be one that Python knows; received "):
        check_encoding(encoding)


def test_the_nearest_encoding_is_suggested() -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*latin1"):
        check_encoding("lat1")
