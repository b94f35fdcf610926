"""Kinds of characters, of any script, by what makes them hard to predict: ten classes that share out a text.

A word is a run of letters; combining marks belong to the letter before them, and an apostrophe between two
letters does not end it. Han, kana and their kin are written without spaces between words, so that a place in a
word means nothing there: they are a class of their own. Classes describe what is to be predicted and may look
at the character after it; `seqmagic.evaluation.delimiters`, which says what is a closer, never does.
"""

from __future__ import annotations

import unicodedata

import numpy as np

from seqmagic.evaluation.delimiters import scan

CLASSES = (
    "word-initial letter",
    "letters 2-3",
    "letters 4+",
    "space",
    "newline",
    "digit",
    "closer",
    "other punctuation",
    "ideograph",
    "other",
)
FIRST_LETTER, EARLY_LETTER, LATER_LETTER, SPACE, NEWLINE, DIGIT, CLOSER, PUNCTUATION, IDEOGRAPH, OTHER = range(10)
LETTERS = (FIRST_LETTER, EARLY_LETTER, LATER_LETTER)

_LETTER, _MARK = 20, 21  # kinds that a place in the text makes classes of
_BREAKS = "\n\r\x0b\x0c\x85\u2028\u2029"
_JOINERS = "\u200c\u200d"
_APOSTROPHES = "'’"
_WITHOUT_SPACES = (
    "CJK UNIFIED", "CJK COMPATIBILITY IDEO", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "TANGUT",
    "NUSHU", "KHITAN",
)  # fmt: skip


def classify(points: np.ndarray) -> np.ndarray:
    """The class of each character, as a place in `CLASSES`: code points (n,) integer -> (n,) uint8."""
    classes = _kinds(points)
    places, in_word = _places_in_words(points, classes)
    classes[in_word & (places == 1)] = FIRST_LETTER
    classes[in_word & (places > 1)] = EARLY_LETTER
    classes[in_word & (places > 3)] = LATER_LETTER
    apostrophes = in_word & _is_one_of(points, _APOSTROPHES)
    classes[apostrophes] = PUNCTUATION
    classes[classes == _MARK] = OTHER  # on nothing
    marks = scan(points)
    classes[(classes == CLOSER) & marks.opens] = PUNCTUATION
    classes[marks.closes & ~apostrophes] = CLOSER
    return classes


def words(points: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The words of a text in their order, the place where each starts, and the word of each character.

    Returns:
        w words; their first places, (w,) integer; and (n,) integer, the number of the word that a character
        is part of, -1 outside words.
    """
    _, in_word = _places_in_words(points, _kinds(points))
    starts = np.flatnonzero(in_word & ~np.concatenate([[False], in_word[:-1]])) if len(points) else np.empty(0, int)
    spaced = np.where(in_word, points, ord(" ")).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    numbers = np.full(len(points), -1)
    marks = np.zeros(len(points), np.int64)
    marks[starts] = 1
    numbers[in_word] = np.cumsum(marks)[in_word] - 1
    return spaced.split(), starts, numbers


def _kinds(points: np.ndarray) -> np.ndarray:
    """What each character is by itself; (n,) uint8, a class or `_LETTER` or `_MARK`."""
    table = np.zeros(int(points.max(initial=0)) + 1, np.uint8)
    for point in np.flatnonzero(np.bincount(points.astype(np.int64), minlength=1)).tolist():
        table[point] = _kind(chr(point))
    return table[points]


def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if character in _BREAKS:
        return NEWLINE
    if category == "Zs" or character == "\t":
        return SPACE
    if category[0] == "M" or character in _JOINERS:
        return _MARK
    if category[0] in "LN" and unicodedata.name(character, "").startswith(_WITHOUT_SPACES):
        return IDEOGRAPH
    if category[0] == "L":
        return _LETTER
    if category[0] == "N":
        return DIGIT
    if category == "Pe" or (category == "Pf" and character not in _APOSTROPHES):
        return CLOSER
    if category[0] == "P" or category in ("Sm", "Sc", "Sk"):
        return PUNCTUATION
    return OTHER


def _places_in_words(points: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many letters of its word a character is the last of, (n,) integer, and whether it is in a word, (n,) bool."""
    letter, mark = kinds == _LETTER, kinds == _MARK
    bound = letter | mark
    joint = np.zeros(len(points), bool)
    joint[1:-1] = _is_one_of(points[1:-1], _APOSTROPHES) & bound[:-2] & letter[2:]
    bound |= joint
    letters = np.cumsum(letter)
    before_word = np.maximum.accumulate(np.where(bound, 0, letters)) if len(points) else letters
    places = letters - before_word
    return places, bound & (places > 0)


def _is_one_of(points: np.ndarray, characters: str) -> np.ndarray:
    return np.isin(points, [ord(character) for character in characters])
