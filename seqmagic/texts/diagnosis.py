"""What stored bytes most likely are when they do not decode: the cause, and advice that fits it.

Nothing here reads a text with a guessed encoding. A guess only chooses the words of an error.
"""

from __future__ import annotations

import codecs
import re
import shlex
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from seqmagic.errors import CorpusError

SURVEY_BYTES = 2**24  # so much of a text is looked at after its first misfit
_LEAST_UNITS = 16  # characters of UTF-16 or UTF-32 before they can be told from chance
_MOST_STRANGE = 0.05  # share of unassigned, private and control characters that a text may have
_LEAST_COMMON = 0.02  # share of spaces, line breaks, ASCII, CJK punctuation and kana that a text has
_CLEARLY = 3.0  # so much more of these in one byte order than in the other decides between the two
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_COMMON = re.compile("[\t\n\r\x20-\x7e\u3000-\u30ff\uff00-\uff5e]")
_MISFIT = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")
# what Western texts have beside ASCII; cp1252 has 27 more signs, which as a rule mean that it is another encoding
_WESTERN = frozenset("äöüßÄÖÜéèêëàâáãåæçñíìîïóòôõøœúùûýÿÉÈÊÀÁÂÇÑÅØÆŒÓÍÚ‘’“”„–—…€£§°«»·•™©®¡¿šžŠŽ´ª º½¼\xa0")
_DENSEST_WESTERN = 0.4  # share of a Western text beside ASCII, at most
_OTHERS = ("gb18030", "shift_jis", "euc_kr", "big5", "cp1251", "koi8_r")
_EXCERPT = 10  # bytes on either side of a misfit that are shown


class DecodingError(CorpusError):
    """A text holds bytes that do not fit.

    Attributes:
        fault: What is wrong, the first half of the message.
        encoding: What the text most likely is, where its bytes show it: a name for --encoding.
    """

    def __init__(self, fault: str, advice: str, encoding: str | None = None) -> None:
        super().__init__(f"{fault}; {advice}")
        self.fault = fault
        self.encoding = encoding


@dataclass(frozen=True)
class Survey:
    """What a text holds that should be UTF-8.

    Attributes:
        misfits: Bytes that do not fit.
        fitting: Characters beyond ASCII that do; more or less, as bytes are counted for some.
        whole: Whether the text was looked at to its end.
    """

    misfits: int
    fitting: int
    whole: bool


def wide_encodings(head: bytes) -> tuple[str, ...]:
    """As which of UTF-16 and UTF-32, without a mark, the start of a text makes sense.

    Returns:
        Nothing as a rule; one; or both byte orders of UTF-16 where nothing decides between them.
    """
    shares = {codec: share for codec in _WIDE if (share := _common_share(head, codec))}
    found = sorted(shares, key=lambda codec: shares[codec], reverse=True)
    if len(found) > 1 and shares[found[0]] >= _CLEARLY * shares[found[1]]:
        found = found[:1]
    return tuple(found)


def _common_share(head: bytes, codec: str) -> float | None:
    """The share of common characters in `head` read with `codec`; `None` where that makes no text."""
    width = 4 if "32" in codec else 2
    text = head[: len(head) // width * width].decode(codec, "replace").rstrip("\ufffd")  # half a pair at the end
    if len(text) < _LEAST_UNITS:
        return None
    if sum(map(_is_strange, text)) > _MOST_STRANGE * len(text):
        return None
    share = len(_COMMON.findall(text)) / len(text)
    return share if share >= _LEAST_COMMON else None


def _is_strange(character: str) -> bool:
    if character in "\t\n\r\f\v":
        return False
    return unicodedata.category(character) in ("Cn", "Co", "Cs", "Cc") or character == "\ufffd"


def survey(blocks: Iterable[bytes], fitting: int) -> Survey:
    """Look at the rest of a text, from its first misfit on, as UTF-8; `fitting` were found before."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    misfits = seen = 0
    for block in blocks:
        text = decoder.decode(block)
        misfits += len(_MISFIT.findall(text))
        fitting += len(_BEYOND_ASCII.findall(text))
        seen += len(block)
        if seen >= SURVEY_BYTES:
            return Survey(misfits, fitting, whole=False)
    return Survey(misfits + len(_MISFIT.findall(decoder.decode(b"", final=True))), fitting, whole=True)


def not_utf8(
    name: str, path: str | None, problem: UnicodeDecodeError, offset: int, head: bytes, found: Survey
) -> DecodingError:
    """The error for a text that was read as UTF-8.

    Args:
        name: What it is called.
        path: Its file, where it is one that is not compressed.
        problem: The first misfit.
        offset: Where in the text that is, in bytes.
        head: The first bytes of the text.
        found: All that does not fit.
    """
    sample = problem.object[problem.start : problem.start + 2**16]
    byte = f"byte 0x{problem.object[problem.start]:02x} at offset {offset}"
    count = f"{found.misfits:,}" if found.whole else f"more than {found.misfits:,}"
    several = "the only byte that does not fit" if count == "1" else f"the first of {count} bytes that do not fit"
    wide = wide_encodings(head) if found.fitting < found.misfits else ()
    if wide:
        fault = f"{name} is not UTF-8: {byte} ({problem.reason}), and its bytes read as {' or '.join(wide)}"
        return DecodingError(fault, wide_advice(path, wide), wide[0] if len(wide) == 1 else None)
    fault = f"{name} is not UTF-8: {byte} ({problem.reason}), {several}"
    file = shlex.quote(path) if path else "FILE"
    repair = f"iconv -c -f utf-8 -t utf-8 {file} > repaired.txt"
    if 4 * found.fitting >= found.misfits:
        what = "the rest is UTF-8, which another --encoding would garble"
        return DecodingError(fault, f"{what}: mend what does not fit, or leave it out with: {repair}")
    excerpt = problem.object[max(0, problem.start - _EXCERPT) : problem.start + _EXCERPT]
    if _is_western(sample):
        western = excerpt.decode("cp1252", "replace")
        fault += f" (as cp1252 it reads {western!r})"
        convert = f"iconv -f cp1252 -t utf-8 {file} > converted.txt"
        return DecodingError(fault, f"if that is right add --encoding cp1252, or convert it with: {convert}", "cp1252")
    possible = [codec for codec in _OTHERS if found.misfits > 1 and _decodes(sample, codec)]
    named = f"such as {' or '.join(possible)}" if possible else "if it has one"
    return DecodingError(fault, f"name its --encoding, {named}, or leave out what does not fit with: {repair}")


def wide_advice(path: str | None, wide: tuple[str, ...]) -> str:
    """What to do about UTF-16 or UTF-32 without a mark."""
    if len(wide) == 1:
        return f"add --encoding {wide[0]}"
    file = shlex.quote(path) if path else "FILE"
    return f"see which it is with iconv -f {wide[0]} -t utf-8 {file} | head, and add --encoding {wide[0]} or {wide[1]}"


def _is_western(sample: bytes) -> bool:
    """Whether what does not fit into UTF-8 reads as Western letters and signs in cp1252."""
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    beyond = _BEYOND_ASCII.findall(text)
    typical = sum(character in _WESTERN for character in beyond)
    return typical >= 0.9 * len(beyond) and (len(beyond) <= 2 or len(beyond) <= _DENSEST_WESTERN * len(text))


def _decodes(sample: bytes, codec: str) -> bool:
    try:
        codecs.getincrementaldecoder(codec)("strict").decode(sample)
    except UnicodeDecodeError:
        return False
    return True
