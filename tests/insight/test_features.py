"""Features of a text, by hand; none of them knows what comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqmagic.errors import ConfigError
from seqmagic.insight.features import Feature, read_features, text_features
from seqmagic.texts.vocabulary import code_points


def features(text: str) -> dict[str, Feature]:
    return {feature.name: feature for feature in text_features(code_points(text))}


def digits(values: np.ndarray) -> str:
    return "".join(str(int(value)) for value in values)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("inside quotes", 'a "bc" d', "00111000"),
        ("bracket depth", "f(a[0])", "0112210"),
        ("column", "ab\ncd\n\ne", "12012001"),
        ("indent", "  a b\n\tc\nd", "1222201100"),
        ("letters of the word", "ab, cde 中", "120012300"),
        ("since blank line", "ab\n\ncd", "123012"),
        ("in capitals", "Ab CDE f", "00001100"),
        ("in a number", "a 12.5, 3.", "0011111011"),
        ("in a comment", "a # b\nc//d\nx#", "0011100011000"),
        ("in a URL", "at http://a.b/c, (x)", "00000000011111110000"),
    ],
)
def test_values(name: str, text: str, values: str) -> None:
    assert digits(features(text)[name].values) == values


def test_targets_are_of_the_character_after() -> None:
    found = features('a "b" (c)\nd\n\n')
    assert digits(found["inside quotes"].targets) == "00010" + "0" * 8
    assert digits(found["bracket depth"].targets) == "0000000100000"
    assert digits(found["column"].targets) == "0000000010110"
    assert digits(found["inside quotes"].delimiters) == "0010100000000"
    assert digits(found["bracket depth"].delimiters) == "0000001010000"


def test_the_future_changes_no_value() -> None:
    text = "I’ve \"SEEN (it)\" 3.14 // no\n  x = 'a' # b e\u0301\n\n中文http://a.b/c> d\n" * 2
    whole = features(text)
    for length in range(1, len(text), 5):
        for name, feature in features(text[:length]).items():
            np.testing.assert_array_equal(feature.values, whole[name].values[:length], err_msg=name)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_text("vowel\theight\r\n0\t1.5\r\n1\t1.5\r\n1\t-2\r\n", encoding="utf-8")
    vowel, height = read_features(path, 3)
    assert (vowel.name, vowel.binary, vowel.values.tolist()) == ("vowel", True, [0, 1, 1])
    assert (height.name, height.binary, height.values.tolist()) == ("height", False, [1.5, 1.5, -2])
    assert vowel.delimiters.tolist() == [False, True, False]
    assert height.targets.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must start with a line of names"),
        (b"a\ta\n1\t2\n", "must start with a line of names"),
        (b"a\n1\n", "has 1 lines below its names, and the text has 3 characters"),
        (b"a\tb\n1\t2\n1\n1\t2\n", "line 3: needs 2 numbers with tabs between; received '1'"),
        (b"a\n1\nx\n1\n", "line 3: needs 1 number with tabs between; received 'x'"),
        (b"a\n1\n2\ninf\n", "line 4: a number is needed, and no infinity or NaN"),
        (b"a\n1\n2\n-1e300\n", "line 4: a number is needed, and no infinity or NaN"),
        (b"a\n1\n\xff\n1\n", "is no UTF-8 text (byte 4)"),
    ],
)
def test_a_file_that_is_none(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_features(path, 3)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
