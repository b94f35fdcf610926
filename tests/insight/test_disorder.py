"""Disorder: what changes places and what stays."""

from __future__ import annotations

import re

import numpy as np

from seqmagic.insight.disorder import disordered


def of(text: str, how: str, seed: int = 0) -> str:
    ids = np.frombuffer(text.encode(), np.uint8)
    blanks = np.zeros(128, bool)
    blanks[[32, 10]] = True
    return disordered(ids, how=how, blanks=blanks, rng=np.random.default_rng(seed)).tobytes().decode()


def test_words_change_places_and_the_blanks_between_them_stay() -> None:
    text = "one two,\n  three four"
    found = {of(text, "shuffle-words", seed) for seed in range(20)}
    assert len(found) > 10
    for other in found:
        assert sorted(other.split()) == sorted(text.split())
        assert [run for run in re.split(r"\S+", other) if run] == [" ", "\n  ", " "]
    assert of("   ", "shuffle-words") == "   "
    assert of("word", "shuffle-words") == "word"


def test_characters_are_shuffled_or_turned_round() -> None:
    assert of("abcdef", "reverse") == "fedcba"
    assert of("abcdef", "shuffle-chars") != "abcdef"
    assert sorted(of("abcdef", "shuffle-chars")) == list("abcdef")
