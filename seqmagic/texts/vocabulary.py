"""The vocabulary: the characters a model knows, and the way from text to ids and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from seqmagic.errors import CorpusError

UNKNOWN = 0
UNKNOWN_CHARACTER = "\ufffd"


def code_points(text: str) -> np.ndarray:
    """The Unicode code points of `text`, (n,) uint32, n = len(text). Read only."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


@dataclass(frozen=True, init=False)
class Vocabulary:
    """Distinct characters with the ids 1, 2, ... in their order; id 0 stands for every other character.

    Two vocabularies are equal when their characters are.
    """

    characters: tuple[str, ...]
    # code point -> id; the last entry is for all beyond
    _ids: np.ndarray = field(repr=False, compare=False)
    # the same as a table for bytes.translate; None where ids need more than a byte
    _ascii_ids: bytes | None = field(repr=False, compare=False)
    # id -> code point
    _code_points: np.ndarray = field(repr=False, compare=False)

    def __init__(self, characters: Iterable[str]) -> None:
        """Take `characters` in order of id.

        Raises:
            CorpusError: an entry is not one character, or stands twice.
        """
        known = tuple(characters)
        wrong = next((character for character in known if len(character) != 1), None)
        if wrong is not None:
            raise CorpusError(f"a vocabulary holds single characters; received {wrong!r}")
        if len(set(known)) != len(known):
            raise CorpusError("a vocabulary holds each character once; received one twice")
        points = code_points("".join(known))
        dtype = np.min_scalar_type(len(known))
        ids = np.zeros(int(points.max(initial=127)) + 2, dtype)
        ids[points] = np.arange(1, len(known) + 1, dtype=dtype)
        ascii_ids = bytes(ids[:128]) + bytes(128) if dtype.itemsize == 1 else None
        object.__setattr__(self, "characters", known)
        object.__setattr__(self, "_ids", ids)
        object.__setattr__(self, "_ascii_ids", ascii_ids)
        object.__setattr__(self, "_code_points", np.concatenate([code_points(UNKNOWN_CHARACTER), points]))

    @property
    def size(self) -> int:
        """How many ids there are, the unknown one included."""
        return len(self.characters) + 1

    @property
    def dtype(self) -> np.dtype:
        """The smallest unsigned integer type that holds every id."""
        return self._ids.dtype

    def encode(self, text: str) -> np.ndarray:
        """The ids of `text`, (n,) of `self.dtype`, n = len(text); characters outside become `UNKNOWN`."""
        if self._ascii_ids is not None and text.isascii():
            # bytes.translate is several times faster than a NumPy take, and most texts are mostly ASCII
            return np.frombuffer(bytearray(text.encode("ascii").translate(self._ascii_ids)), np.uint8)
        return self._ids.take(code_points(text), mode="clip")

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of `ids`, (n,) of any integer type; `UNKNOWN` becomes U+FFFD.

        Raises:
            IndexError: an id is not below `size`.
        """
        points = self._code_points[np.asarray(ids, dtype=np.intp)]
        return points.tobytes().decode("utf-32-le", "surrogatepass")

    def outside(self, text: str) -> str:
        """The distinct characters of `text` that are not in the vocabulary, in order of appearance."""
        return "".join(self.count_outside(text))

    def count_outside(self, text: str) -> dict[str, int]:
        """How often each character of `text` that is not in the vocabulary occurs, in order of appearance."""
        points = code_points(text)[self.encode(text) == UNKNOWN]
        distinct, first, counts = np.unique(points, return_index=True, return_counts=True)
        order = np.argsort(first)
        characters = distinct[order].tobytes().decode("utf-32-le", "surrogatepass")
        return dict(zip(characters, counts[order].tolist(), strict=True))
