"""The vocabulary: text to ids and back, whatever the characters."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.errors import CorpusError
from seqmagic.texts.vocabulary import UNKNOWN_CHARACTER, Vocabulary

# every code point but the halves of surrogate pairs
TEXTS = st.text(st.characters(exclude_categories=("Cs",)))


def test_ids_by_hand() -> None:
    vocabulary = Vocabulary(["b", "a", "中", "😀"])
    assert vocabulary.size == 5
    assert vocabulary.encode("ab中😀c").tolist() == [2, 1, 3, 4, 0]
    assert vocabulary.encode("abba").tolist() == [2, 1, 1, 2]
    assert vocabulary.decode([1, 2, 0, 4]) == "ba\ufffd😀"
    assert vocabulary.decode(np.array([3], np.uint8)) == "中"


@given(TEXTS, st.data())
def test_round_trip_against_a_dictionary(text: str, data: st.DataObject) -> None:
    characters = list(dict.fromkeys(text))
    known = data.draw(st.permutations(characters)) if characters else []
    known = known[: data.draw(st.integers(0, len(known)))]
    vocabulary = Vocabulary(known)
    number = {character: place for place, character in enumerate(known, start=1)}

    ids = vocabulary.encode(text)

    assert ids.dtype == vocabulary.dtype
    assert ids.tolist() == [number.get(character, 0) for character in text]
    assert vocabulary.decode(ids) == "".join(c if c in number else UNKNOWN_CHARACTER for c in text)
    assert vocabulary.outside(text) == "".join(c for c in characters if c not in number)
    counted = Counter(c for c in text if c not in number)
    assert list(vocabulary.count_outside(text).items()) == list(counted.items())  # in the order of their coming


@pytest.mark.parametrize(
    ("characters", "dtype"),
    [(0, "uint8"), (1, "uint8"), (255, "uint8"), (256, "uint16"), (65_535, "uint16"), (65_536, "uint32")],
)
def test_smallest_type_that_holds_the_ids(characters: int, dtype: str) -> None:
    code_points = [point for point in range(0x20000) if not 0xD800 <= point < 0xE000][:characters]
    vocabulary = Vocabulary(map(chr, code_points))
    assert vocabulary.dtype == dtype
    text = "".join(vocabulary.characters)
    assert vocabulary.encode(text).tolist() == list(range(1, characters + 1))
    assert vocabulary.decode(vocabulary.encode(text)) == text
    # the fast path for ASCII must agree with the table
    assert vocabulary.encode(text[:128]).tolist() == list(range(1, min(characters, 128) + 1))


def test_a_half_surrogate_pair_is_one_more_unknown_character() -> None:
    vocabulary = Vocabulary("ab")
    assert vocabulary.encode("a\udc80b").tolist() == [1, 0, 2]
    assert vocabulary.outside("a\udc80b") == "\udc80"


def test_equal_where_the_characters_are() -> None:
    assert Vocabulary("abc") == Vocabulary(iter("abc"))
    assert hash(Vocabulary("abc")) == hash(Vocabulary(("a", "b", "c")))
    assert Vocabulary("abc") != Vocabulary("acb")


def test_an_id_beyond_the_vocabulary_is_an_error() -> None:
    with pytest.raises(IndexError):
        Vocabulary("ab").decode([3])


@pytest.mark.parametrize("characters", [["ab"], [""], ["a", "b", "a"]])
def test_refuses_what_is_no_character_or_stands_twice(characters: list[str]) -> None:
    with pytest.raises(CorpusError):
        Vocabulary(characters)
