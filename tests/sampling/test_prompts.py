"""Prompts fit the vocabulary, or the error names what does not and what is near."""

from __future__ import annotations

import pytest

from seqmagic.errors import SampleError
from seqmagic.sampling.prompts import default_prompt, fit_prompt
from seqmagic.texts.vocabulary import Vocabulary

VOCABULARY = Vocabulary("\n 'abcdeE-")


def test_a_fitting_prompt_stays_as_it_is() -> None:
    assert fit_prompt("a bad\ncab ", VOCABULARY) == ("a bad\ncab ", "")


def test_line_breaks_of_other_systems_become_newlines() -> None:
    assert fit_prompt("a\r\nb\rc", VOCABULARY) == ("a\nb\nc", "")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("aé", "'é' ('e' is known)"),
        ("A", "'A' ('a' is known)"),
        ("É", "'É' ('E' is known)"),
        ("Á", "'Á' ('a' is known)"),
        ("a’b", "'’' (\"'\" is known)"),
        ("a—b", "'—' ('-' is known)"),
        ("a\tb", "'\\t' (' ' is known)"),
        ("字", "'字' (U+5B57)"),
        ("0123456789", "'7' (U+0037) and 2 more;"),
    ],
)
def test_characters_outside_are_named_with_the_nearest(prompt: str, words: str) -> None:
    with pytest.raises(SampleError) as caught:
        fit_prompt(prompt, VOCABULARY)
    assert words in str(caught.value)
    assert "--skip-unknown" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_they_can_be_left_out() -> None:
    assert fit_prompt("xaxby", VOCABULARY, skip_unknown=True) == ("ab", "xy")


@pytest.mark.parametrize(("prompt", "words"), [("", "the prompt is empty"), ("xyz", "no character that the model")])
def test_a_prompt_of_nothing_is_refused(prompt: str, words: str) -> None:
    with pytest.raises(SampleError, match=words):
        fit_prompt(prompt, VOCABULARY, skip_unknown=True)


def test_the_default_is_a_line_break_or_the_first_character() -> None:
    assert default_prompt(VOCABULARY) == "\n"
    assert default_prompt(Vocabulary("xy")) == "x"
