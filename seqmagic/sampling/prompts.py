"""Prompts: what a text goes on from, made to fit the vocabulary."""

from __future__ import annotations

import unicodedata

from seqmagic.errors import SampleError
from seqmagic.texts.normal_forms import NormalForms
from seqmagic.texts.vocabulary import Vocabulary

_PLAIN = str.maketrans("‘’“”‚„–—…\u00a0\t«»", '\'\'"","--. \u0020""')
_NAMED = 8  # how many characters an error spells out
_TYPED = "$'A\\nB' in most shells, or --prompt-file"  # how a line break gets into a prompt


def default_prompt(vocabulary: Vocabulary) -> str:
    """Where a text starts when nothing is said: after a line break, or the first character that is known."""
    return "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]


def fit_prompt(prompt: str, vocabulary: Vocabulary, *, skip_unknown: bool = False) -> tuple[str, str]:
    """The prompt as the model can read it, and the distinct characters left out of it.

    Line breaks of other systems become newlines, as they do in the texts that models are trained on, and
    letters get the form, composed or decomposed, that the vocabulary has.

    Args:
        skip_unknown: Leave out characters that the vocabulary lacks.

    Raises:
        SampleError: there are such characters and they are not to be left out, or nothing is left.
    """
    prompt = NormalForms(vocabulary).fit(prompt.replace("\r\n", "\n").replace("\r", "\n"))
    outside = vocabulary.outside(prompt)
    if outside and not skip_unknown:
        line_break = f"; a line break is typed {_TYPED}" if "\\" in outside and "\\n" in prompt else ""
        raise SampleError(
            f"the prompt has characters that the model never saw: {_describe(outside, vocabulary)}; "
            f"change them, or leave them out with --skip-unknown{line_break}"
        )
    fitting = prompt.translate({ord(character): None for character in outside})
    if not fitting:
        what = "has no character that the model knows" if prompt else "is empty"
        raise SampleError(f"the prompt {what}; give some text, or none for the default, a line break")
    return fitting, outside


def begin_record(prompt: str, record_end: str) -> str:
    """What a model of records reads first: the end of the record before, and `prompt`, the beginning of one.

    Ends at the end of `prompt`, such as the last line break of a file, are left out.

    Raises:
        SampleError: a record ends within `prompt`.
    """
    beginning = prompt.rstrip(record_end)
    if record_end in beginning:
        raise SampleError(
            f"the prompt has the end of a record in it, {record_end!r}; this model writes one record at a time, so "
            "give the beginning of one"
        )
    return record_end + beginning


def prompt_notices(prompt: str, vocabulary: Vocabulary) -> list[str]:
    """What the user should know about how `prompt` is read, a sentence each."""
    forms = NormalForms(vocabulary)
    forms.fit(prompt)
    notices = [f"the prompt: {forms.sentence}"] if forms.changed else []
    if "\\n" in prompt and "\\" in vocabulary.characters:
        notices.append(f"\\n in the prompt was read as a backslash and an n; a line break is typed {_TYPED}")
    return notices


def spelled(characters: str) -> str:
    """Characters for a message, in quotes; marks without a letter as their code points."""
    return listed(characters).strip() if characters and _is_mark(characters[0]) else repr(characters)


def listed(characters: str) -> str:
    """Characters in a row for a message; marks, which can't be seen without their letter, as their code points."""
    return "".join(f" U+{ord(character):04X} " if _is_mark(character) else character for character in characters)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def _describe(outside: str, vocabulary: Vocabulary) -> str:
    """`'É' (E is known), '→' (U+2192)`: each character with its nearest known one, or its code point."""
    words = []
    for character in outside[:_NAMED]:
        near = _nearest(character, vocabulary)
        code, quoted = f"U+{ord(character):04X}", spelled(character)
        what = f"{near!r} is known" if near else code if quoted != code else unicodedata.name(character, "a mark")
        words.append(f"{quoted} ({what})")
    more = len(outside) - _NAMED
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")


def _nearest(character: str, vocabulary: Vocabulary) -> str | None:
    """A known character that reads much like this one: another case, without its accent, a plainer sign."""
    bare = unicodedata.normalize("NFKD", character)[0]
    for candidate in (character.swapcase(), bare, bare.swapcase(), character.translate(_PLAIN)):
        if candidate != character and candidate in vocabulary.characters:
            return candidate
    return None
