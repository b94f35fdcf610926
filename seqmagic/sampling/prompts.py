"""Prompts: what a text goes on from, made to fit the vocabulary."""

from __future__ import annotations

import unicodedata

from seqmagic.errors import SampleError
from seqmagic.texts.vocabulary import Vocabulary

_PLAIN = str.maketrans("‘’“”‚„–—…\u00a0\t«»", '\'\'"","--. \u0020""')
_NAMED = 8  # how many characters an error spells out


def default_prompt(vocabulary: Vocabulary) -> str:
    """Where a text starts when nothing is said: after a line break, or the first character that is known."""
    return "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]


def fit_prompt(prompt: str, vocabulary: Vocabulary, *, skip_unknown: bool = False) -> tuple[str, str]:
    """The prompt as the model can read it, and the distinct characters left out of it.

    Line breaks of other systems become newlines, as they do in the texts that models are trained on.

    Args:
        skip_unknown: Leave out characters that the vocabulary lacks.

    Raises:
        SampleError: there are such characters and they are not to be left out, or nothing is left.
    """
    prompt = prompt.replace("\r\n", "\n").replace("\r", "\n")
    outside = vocabulary.outside(prompt)
    if outside and not skip_unknown:
        raise SampleError(
            f"the prompt has characters that the model never saw: {_describe(outside, vocabulary)}; "
            "change them, or leave them out with --skip-unknown"
        )
    fitting = prompt.translate({ord(character): None for character in outside})
    if not fitting:
        what = "has no character that the model knows" if prompt else "is empty"
        raise SampleError(f"the prompt {what}; give some text, or none for the default, a line break")
    return fitting, outside


def _describe(outside: str, vocabulary: Vocabulary) -> str:
    """`'É' (E is known), '→' (U+2192)`: each character with its nearest known one, or its code point."""
    words = []
    for character in outside[:_NAMED]:
        near = _nearest(character, vocabulary)
        words.append(f"{character!r} ({f'{near!r} is known' if near else f'U+{ord(character):04X}'})")
    more = len(outside) - _NAMED
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")


def _nearest(character: str, vocabulary: Vocabulary) -> str | None:
    """A known character that reads much like this one: another case, without its accent, a plainer sign."""
    bare = unicodedata.normalize("NFKD", character)[0]
    for candidate in (character.swapcase(), bare, bare.swapcase(), character.translate(_PLAIN)):
        if candidate != character and candidate in vocabulary.characters:
            return candidate
    return None
