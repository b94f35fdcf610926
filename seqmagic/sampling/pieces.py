"""Pieces of texts on their way from the writer to whoever shows them."""

from __future__ import annotations

import array
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from seqmagic.config import SampleConfig
from seqmagic.sampling.endings import make_ending


class Piece(NamedTuple):
    """What was added to a text.

    Attributes:
        text: Its number.
        characters: One or more; in a last piece perhaps none.
        probabilities: What the model gave each of `characters`, where that was asked for.
        last: Whether the text is complete.
    """

    text: int
    characters: str
    probabilities: tuple[float, ...] = ()
    last: bool = False


class Track:
    """One text on its way out: holds back what its ending has not decided on, probabilities beside it.

    Attributes:
        watched: Whether something but its length may end the text.
        ended: Whether that has happened.
    """

    def __init__(self, text: int, config: SampleConfig, record_end: str | None = None) -> None:
        self._text = text
        self._ending = make_ending(config, record_end)
        self._probabilities: list[float] = []
        self.watched = self._ending is not None
        self.ended = False

    def add(self, character: str, probability: float | None) -> Piece | None:
        """The piece that the next character makes possible."""
        if probability is not None:
            self._probabilities.append(probability)
        if self._ending is None:
            return self._piece(character)
        released = self._ending.push(character)
        self.ended = self._ending.reached
        return self._piece(released) if released else None

    def last(self) -> Piece:
        """What is left when the text is complete."""
        held = "" if self._ending is None or self.ended else self._ending.finish()
        return self._piece(held)._replace(last=True)

    def _piece(self, characters: str) -> Piece:
        ready = tuple(self._probabilities[: len(characters)])
        del self._probabilities[: len(characters)]
        return Piece(self._text, characters, ready)


class Text(NamedTuple):
    """A whole text, and what the model gave each of its characters where that was asked for."""

    characters: str
    probabilities: tuple[float, ...]


class _Waiting:
    """A text that grows while another one is shown."""

    def __init__(self) -> None:
        self._characters = io.StringIO()
        self._probabilities = array.array("f")
        self.last = False

    def add(self, piece: Piece) -> None:
        self._characters.write(piece.characters)
        self._probabilities.extend(piece.probabilities)
        self.last = piece.last

    def text(self) -> Text:
        return Text(self._characters.getvalue(), tuple(self._probabilities))


def in_order(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces of one text after the other: those of the text that is due at once, the others later."""
    waiting: defaultdict[int, _Waiting] = defaultdict(_Waiting)
    due = 0
    for piece in pieces:
        if piece.text != due:
            waiting[piece.text].add(piece)
            continue
        yield piece
        done = piece.last
        while done:
            due += 1
            next_one = waiting.pop(due, _Waiting())
            done = next_one.last
            text = next_one.text()
            if text.characters or done:
                yield Piece(due, text.characters, text.probabilities, done)


def gather(pieces: Iterable[Piece]) -> list[Text]:
    """All texts, whole, in the order of their numbers."""
    texts: defaultdict[int, _Waiting] = defaultdict(_Waiting)
    for piece in pieces:
        texts[piece.text].add(piece)
    return [texts[number].text() for number in sorted(texts)]
