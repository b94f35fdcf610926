"""Prompts fit the vocabulary, or the error names what does not and what is near."""

from __future__ import annotations

import pytest

from seqmagic.errors import SampleError
from seqmagic.sampling.prompts import default_prompt, fit_prompt, prompt_notices
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


@pytest.mark.parametrize(("prompt", "known"), [("be\u0301", "bé"), ("bé", "be\u0301")])
def test_letters_get_the_form_that_the_model_knows(prompt: str, known: str) -> None:
    vocabulary = Vocabulary(known)
    assert fit_prompt(prompt, vocabulary) == (known, "")
    [notice] = prompt_notices(prompt, vocabulary)
    assert notice.startswith("the prompt: 1 letter was read in the ")
    assert prompt_notices(known, vocabulary) == []


def test_a_mark_is_named_by_its_code_point() -> None:
    with pytest.raises(SampleError) as caught:
        fit_prompt("e\u0301", VOCABULARY)
    assert "never saw: U+0301 (COMBINING ACUTE ACCENT);" in str(caught.value)
    assert "\u0301" not in str(caught.value)


def test_who_types_a_backslash_and_an_n_is_told_how_to_type_a_line_break() -> None:
    with pytest.raises(SampleError, match=r"a line break is typed \$'A\\nB' in most shells, or --prompt-file"):
        fit_prompt(r"a\nb", VOCABULARY)
    code = Vocabulary("\\abn")  # these are the two characters that they are
    assert fit_prompt(r"a\nb", code) == (r"a\nb", "")
    assert prompt_notices(r"a\nb", code) == [
        r"\n in the prompt was read as a backslash and an n; a line break is typed $'A\nB' in most shells, "
        "or --prompt-file"
    ]
