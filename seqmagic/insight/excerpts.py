"""The characters that `inspect` looks at, and the real ones that a model reads before them to warm up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqmagic.config import DataConfig
from seqmagic.errors import ConfigError, CorpusError, RunError
from seqmagic.insight.passages import Passage
from seqmagic.insight.settings import WARM_UP, ExcerptConfig
from seqmagic.insight.subjects import Subject, document, model_cautions, open_subject
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import OwnTextError, read_own_text
from seqmagic.runs.record import comparable
from seqmagic.sampling.prompts import spelled
from seqmagic.texts.normal_forms import NormalForms
from seqmagic.texts.sources import text_pieces
from seqmagic.texts.vocabulary import Vocabulary

TYPED = "--text"  # the source of characters that were typed
_PART = "validation"
_NAMED = 5  # of the unknown characters, so many are named


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """Characters to look at.

    Attributes:
        source: A path, the name of a built-in text, or `TYPED`.
        sha256: Of the whole text, where it was read whole.
        part: Which part of a run's own text; None for any other text.
        at: Place of the first character in that part or text.
        before: What is read before them, not looked at: up to `WARM_UP` characters.
        text: The characters.
    """

    source: str
    sha256: str | None
    part: str | None
    at: int
    before: str
    text: str


def read_excerpt(run: Run, config: ExcerptConfig, *, length: int, vocabulary: Vocabulary | None = None) -> Excerpt:
    """The characters that `config` names; `length` of them where it does not say how many.

    Args:
        run: Whose own text is meant where none is named.
        config: Which characters.
        length: How many.
        vocabulary: Whose spelling of letters is taken; that of `run` where none is given.

    Raises:
        ConfigError: the settings contradict each other, or there is no such place.
        CorpusError, RunError: the text can't be had.
    """
    if config.text is not None and (config.file is not None or config.at is not None):
        other = "--file" if config.file is not None else "--at"
        raise ConfigError(f"--text gives the characters themselves; leave out {other}, or leave out --text")
    if config.text is not None:
        return _typed(config.text[: config.length], vocabulary or run.read_vocabulary())
    length, at = config.length or length, config.at or 0
    if config.file is not None:
        return _from_file(config.file, at=at, length=length, vocabulary=vocabulary or run.read_vocabulary())
    if vocabulary is not None:
        raise ConfigError(f"{run.path} is a model file, with no text of its own; give characters with --text or --file")
    try:
        return _from_own_text(run, at=at, length=length)
    except OwnTextError as problem:
        raise RunError(f"{problem}; give characters with --text or --file") from problem


def _typed(text: str, vocabulary: Vocabulary) -> Excerpt:
    fitted = NormalForms(vocabulary).fit(text)
    if len(fitted) < 2:
        raise ConfigError(f"--text needs 2 characters or more, the first to predict the second; received {text!r}")
    return Excerpt(source=TYPED, sha256=None, part=None, at=0, before="", text=fitted)


def _from_file(source: str, *, at: int, length: int, vocabulary: Vocabulary) -> Excerpt:
    needed, parts, have = at + length, [], 0
    for piece in NormalForms(vocabulary).fitted(text_pieces(source, DataConfig())):
        parts.append(piece)
        have += len(piece)
        if have >= needed:
            break
    whole = "".join(parts)
    _check_place(at, len(whole), source)
    before = whole[max(0, at - WARM_UP) : at]
    return Excerpt(source=source, sha256=None, part=None, at=at, before=before, text=whole[at:needed])


def _from_own_text(run: Run, *, at: int, length: int) -> Excerpt:
    own = read_own_text(run, _PART)
    start, stop = getattr(own.record.text, _PART)
    _check_place(at, stop - start, f"the {_PART} part of {own.record.text.source}")
    vocabulary, first = run.read_vocabulary(), start + at
    return Excerpt(
        source=own.record.text.source,
        sha256=own.record.text.sha256,
        part=_PART,
        at=at,
        before=vocabulary.decode(own.corpus.ids[max(0, first - WARM_UP) : first]),
        text=vocabulary.decode(own.corpus.ids[first : min(first + length, stop)]),
    )


def _check_place(at: int, characters: int, name: str) -> None:
    if characters < 2:
        raise CorpusError(f"{name} has {characters} character{'' if characters == 1 else 's'}; 2 or more are needed")
    if at > characters - 2:
        raise ConfigError(
            f"--at must be from 0 to {characters - 2:,}, as {name} has {characters:,} characters; received {at:,}"
        )


def open_reader(run: Run, excerpt: Excerpt) -> Subject:
    """`run`, ready to read `excerpt`: its passage has the ids of what comes before and of the characters.

    Raises:
        CorpusError: it knows none of the characters.
        RunError: its model can't be read or can't be replayed.
    """
    return open_subject(run, passage_of(excerpt, run.read_vocabulary(), f"run {run.name}"))


def passage_of(excerpt: Excerpt, vocabulary: Vocabulary, name: str) -> Passage:
    """What comes before `excerpt` and its characters, in a vocabulary.

    Raises:
        CorpusError: it has none of the characters; `name` is whose vocabulary it is.
    """
    if len(vocabulary.outside(excerpt.text)) == len(set(excerpt.text)):
        raise CorpusError(
            f"{name} knows none of the characters looked at ({_named(vocabulary.outside(excerpt.text))}); "
            "give it a text in the characters that it was trained on"
        )
    ids = vocabulary.encode(excerpt.before + excerpt.text).astype("int64")
    return Passage(source=excerpt.source, sha256=excerpt.sha256, part=excerpt.part, ids=ids)


def excerpt_document(
    kind: str, subjects: Sequence[Subject], models: Sequence[Mapping[str, Any]], excerpt: Excerpt, **text: Any
) -> dict[str, Any]:
    """The document of what was seen in `excerpt`; `text` adds to what it says of the text."""
    first, *others = subjects
    warnings = [
        f"{one.run.name} was trained on another text or split than {first.run.name}: what is held out for one "
        "may be of the training part of the other"
        for one in others
        if excerpt.part is not None and one.recorded and not comparable(first.record, one.record)
    ]
    return document(
        kind,
        subjects,
        models,
        warnings=warnings + model_cautions(subjects),
        at=excerpt.at,
        characters=len(excerpt.text),
        warm_up=len(excerpt.before),
        **text,
    )


def remarks(subjects: Sequence[Subject], excerpt: Excerpt) -> list[str]:
    """What a reader should know about how the characters were read, a sentence each."""
    found = []
    if not excerpt.before:
        found.append("nothing was read before the first character: the models start with an empty memory")
    elif len(excerpt.before) < WARM_UP:
        found.append(f"only {len(excerpt.before)} characters were there to be read before the first one")
    for one in subjects:
        outside = one.vocabulary.outside(excerpt.text).replace("\ufffd", "")
        if outside:
            found.append(f"{one.run.name} does not know {_named(outside)}: read as its unknown character")
    return found


def _named(outside: str) -> str:
    more = f" and {len(outside) - _NAMED} more" if len(outside) > _NAMED else ""
    return ", ".join(spelled(character) for character in outside[:_NAMED]) + more
