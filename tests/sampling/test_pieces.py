"""Pieces of several texts, put in order or gathered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.sampling.pieces import Piece, gather, in_order


@st.composite
def interleaved(draw: st.DrawFn) -> list[Piece]:
    """The pieces of some texts, those of each text in order, else in any order."""
    queues = []
    for number, count in enumerate(draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))):
        pieces = [Piece(number, chr(97 + place), (0.5,)) for place in range(count)]
        queues.append([*pieces, Piece(number, draw(st.sampled_from(["", "z"])), (), last=True)])
        if queues[-1][-1].characters:
            queues[-1][-1] = Piece(number, "z", (0.25,), last=True)
    mixed = []
    while any(queues):
        mixed.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return mixed


@given(interleaved())
def test_texts_come_one_after_the_other(mixed: list[Piece]) -> None:
    ordered = list(in_order(mixed))
    assert [piece.text for piece in ordered] == sorted(piece.text for piece in ordered)
    assert gather(ordered) == gather(mixed)
    assert [piece.text for piece in ordered if piece.last] == list(range(len(gather(mixed))))


def test_the_text_that_is_due_does_not_wait() -> None:
    def source() -> list[Piece]:
        return [Piece(1, "x"), Piece(0, "a"), Piece(0, "", last=True), Piece(1, "y"), Piece(1, "z", last=True)]

    assert [(piece.text, piece.characters) for piece in in_order(iter(source()))] == [
        (0, "a"), (0, ""), (1, "x"), (1, "y"), (1, "z"),
    ]  # fmt: skip


def test_gathered_texts_have_their_probabilities() -> None:
    (text,) = gather([Piece(0, "ab", (0.5, 0.25)), Piece(0, "c", (1.0,), last=True)])
    assert text.characters == "abc"
    assert text.probabilities == pytest.approx((0.5, 0.25, 1.0))
