"""Letters get the form that a vocabulary has, in one text or in pieces, and nothing else changes."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.config import DataConfig
from seqmagic.texts.corpus import read_corpus
from seqmagic.texts.normal_forms import NormalForms
from seqmagic.texts.vocabulary import Vocabulary

FRENCH = "L'été, où l'élève rêve à Noël, ça y est."
LETTERS = st.text(st.sampled_from("aeàéêç\u0301\u0327한글ệ ."))


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize("text", [FRENCH, "Tiếng Việt", "한글은 쉽다", "\u212b"])
@pytest.mark.parametrize(("own", "other"), [(nfc, nfd), (nfd, nfc)])
def test_a_text_in_the_other_form(text: str, own: object, other: object) -> None:
    known, given_text = own(text), other(text)  # type: ignore[operator]
    forms = NormalForms(Vocabulary(dict.fromkeys(known)))
    assert forms.fit(given_text) == known
    assert forms.fit(known) == known
    assert bool(forms.changed) == (known != given_text)


@given(st.lists(LETTERS), LETTERS)
def test_pieces_give_what_the_whole_gives(pieces: list[str], known: str) -> None:
    vocabulary = Vocabulary(dict.fromkeys(nfc(known)))
    whole, apart = NormalForms(vocabulary), NormalForms(vocabulary)
    assert "".join(apart.fitted(pieces)) == whole.fit("".join(pieces))
    assert apart.changed == whole.changed


@given(LETTERS)
def test_what_is_known_stays_as_it_is(text: str) -> None:
    assert NormalForms(Vocabulary(dict.fromkeys(text))).fit(text) == text


def test_what_is_known_in_no_form_stays_as_it_is() -> None:
    forms = NormalForms(Vocabulary("ae"))
    for text in ("a\u0301 \u0301x", "z\u0302", "\u0301"):
        assert forms.fit(text) == text
    assert forms.changed == 0


def test_what_was_changed_in_words() -> None:
    forms = NormalForms(Vocabulary("té"))
    forms.fit(nfd("été"))
    assert forms.sentence == "2 letters were read in the composed form, which the model knows, such as é (U+00E9)"
    forms = NormalForms(Vocabulary("te\u0301"))
    forms.fit("té")
    assert "1 letter was read in the decomposed form" in forms.sentence and "(U+0065 U+0301)" in forms.sentence


def test_another_text_is_read_in_the_form_that_the_vocabulary_has(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.write_text(FRENCH * 20, encoding="utf-8")
    other.write_text(nfd(FRENCH * 20), encoding="utf-8")
    first = read_corpus(str(own), DataConfig())
    second = read_corpus(str(other), DataConfig(), vocabulary=first.vocabulary)
    assert second.ids.tolist() == first.ids.tolist()
    assert any("read in the composed form" in notice for notice in second.notices)
    # what is read again, to be what it was, and what a vocabulary is made of, stay as they are
    third = read_corpus(str(other), DataConfig(), vocabulary=first.vocabulary, again=True)
    assert len(third.ids) > len(first.ids) and third.notices == ()
    assert "\u0301" in read_corpus(str(other), DataConfig()).vocabulary.characters
