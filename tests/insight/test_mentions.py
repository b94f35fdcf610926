"""Rare words that come again: which they are, and what may stand in for them."""

from __future__ import annotations

from collections import Counter

from seqmagic.insight.mentions import Mention, count_words, later_mentions, pieces_of, shape, substitutes, words_of

TEXT = "Lantern, harbour; lantern harbour harbours x_harbour 株の花株の花株 ความทรงจำ Straße straßen harbour."


def test_words_are_runs_of_six_letters_in_scripts_with_spaces() -> None:
    assert [word for _, word in words_of(TEXT)] == [
        "Lantern", "harbour", "lantern", "harbour", "harbours", "Straße", "straßen", "harbour",
    ]  # fmt: skip
    assert [TEXT[place : place + len(word)] for place, word in words_of(TEXT)] == [word for _, word in words_of(TEXT)]


def test_every_mention_but_the_first_knows_the_ones_before() -> None:
    places = [place for place, word in words_of(TEXT) if word == "harbour"]
    found = later_mentions(TEXT, Counter(), rare=5)
    assert found == [
        Mention("harbour", places[1], (places[0],)),
        Mention("harbour", places[2], (places[0], places[1])),
    ]
    assert found[1].distance == places[2] - places[1]
    assert later_mentions(TEXT, Counter(harbour=6), rare=5) == []


def test_a_substitute_is_rare_and_of_the_same_shape_but_begins_otherwise() -> None:
    counts = Counter({"lantern": 2, "hammock": 1, "thought": 99, "Captain": 1})
    mention = Mention("harbour", 50, (10,))
    for seed in range(5):
        assert substitutes([mention], counts, Counter({"harbour": 2}), rare=5, seed=seed) == ["lantern"]
    assert substitutes([Mention("Harbour", 50, (10,))], counts, Counter(), rare=5, seed=0) == ["Captain"]
    assert substitutes([Mention("harbours", 50, (10,))], counts, Counter(), rare=5, seed=0) == [None]
    assert shape("Lantern") == (7, True, False)


def test_words_are_counted_piece_by_piece() -> None:
    assert count_words(iter(["lantern lantern", "lantern"])) == {"lantern": 3}
    assert [len(piece) for piece in pieces_of(range(2**20 + 3))] == [2**20, 3]
