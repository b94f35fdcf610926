"""Classes of characters, by hand, in several scripts."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.evaluation.classes import CLASSES, classify, words
from seqmagic.texts.vocabulary import code_points

# one sign a class, in the order of `CLASSES`
SIGNS = "ABCs/0)pio"


def signs(text: str) -> str:
    return "".join(SIGNS[number] for number in classify(code_points(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, a tab\t12!\n", "ABBCCpsAsABBs00p/"),
        ("Привет мир", "ABBCCCsABB"),
        ("e\u0301te\u0301 \u0301", "AABBBso"),  # a mark has the class of its letter; on nothing it is other
        ("don't rock'n", "ABBpCsABBCpC"),  # the apostrophe is no end of the word
        ("dogs' ’tis", "ABBCpspABB"),
        ("中文。《书》かな。", "iip" + "pi)" + "iip"),
        ("a(b)[c] d} :)", "ApA)pA)sA)sp)"),
        ('x "y" “z” «q»', "AspA)spA)spA)"),
        ("„so“ »da«", "pAB)spAB)"),
        ("c['red']", "AppABB))"),
        ("x1y_z", "A0ApA"),
        ("½Ⅷ٣", "000"),
        ("a=b<c>d$^`|", "ApApApApppp"),
        ("\ufffd😀\u200b", "ooo"),
        ("한국어 말", "ABBsA"),
        ("\u2028\r\x0b", "///"),
    ],
)
def test_mixed_text(text: str, expected: str) -> None:
    assert signs(text) == expected


def test_every_character_has_one_class() -> None:
    everything = np.concatenate([np.arange(0xD800), np.arange(0xE000, 0x3000), np.arange(0x1F000, 0x20100)])
    classes = classify(everything)
    assert classes.shape == everything.shape
    assert int(classes.max()) < len(CLASSES)
    assert classify(code_points("")).size == 0


def test_words_and_their_places() -> None:
    found, starts, numbers = words(code_points("don't, e\u0301t 中 x2y"))
    assert found == ["don't", "e\u0301t", "x", "y"]
    assert starts.tolist() == [0, 7, 13, 15]
    assert numbers.tolist() == [0] * 5 + [-1] * 2 + [1] * 3 + [-1] * 3 + [2, -1, 3]
    assert words(code_points(""))[0] == []
