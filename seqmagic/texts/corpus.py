"""The corpus: a text as ids, cut into its parts, and the streams in which a part is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts.decoding import Tallied
from seqmagic.texts.likeness import unlikeness
from seqmagic.texts.normal_forms import NormalForms
from seqmagic.texts.sources import named, text_pieces
from seqmagic.texts.spool import Spool
from seqmagic.texts.vocabulary import UNKNOWN, Vocabulary

MINIMUM_CHARACTERS = 200
VALIDATION_SHARE = 0.1
LONGEST_VALIDATION = 1_000_000  # characters, where the share is not given
MINIMUM_PART = 16

NO_CHARACTERS = Vocabulary(())

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """A text as ids.

    Attributes:
        source: What was given: a path, `-`, or the name of a text, built in or of the catalogue.
        config: How it was read and cut.
        sha256: Of the characters as UTF-8, after line breaks became newlines.
        bytes: Of the source as it is stored.
        ids: (n,) of the vocabulary's type, read only; a memory map where n is large.
        vocabulary: The characters of the training part, or the vocabulary that was given.
        train, validation, test: First character and the one after the last of each part.
        notices: What the user should know about the reading, a sentence each.
        unknown: How often each character that a given vocabulary lacks occurs; empty where none was given.
    """

    source: str
    config: DataConfig
    sha256: str
    bytes: int
    ids: np.ndarray
    vocabulary: Vocabulary
    train: Span
    validation: Span
    test: Span
    notices: tuple[str, ...]
    unknown: Mapping[str, int] = field(default_factory=Counter)

    @property
    def summary(self) -> str:
        """Its name, its size and its parts, in one line."""
        train, validation = len(self.part("train")), len(self.part("validation"))
        return (
            f"{self.source}: {len(self.ids):,} characters, {self.vocabulary.size - 1:,} distinct; "
            f"{train:,} to train on, {validation:,} to validate"
        )

    def part(self, name: str) -> np.ndarray:
        """The ids of `train`, `validation` or `test`, a view of `ids`."""
        start, stop = {"train": self.train, "validation": self.validation, "test": self.test}[name]
        return self.ids[start:stop]


def read_corpus(
    source: str,
    config: DataConfig,
    *,
    vocabulary: Vocabulary | None = None,
    extending: Vocabulary = NO_CHARACTERS,
    spool_folder: Path | None = None,
    again: bool = False,
) -> Corpus:
    """Read `source` once, in pieces, and encode it.

    Args:
        source: A file, a folder, `-` for standard input, or the name of a text, built in or of the catalogue.
        config: How it is read and cut.
        vocabulary: To encode with; letters in a form that it lacks are read in the one that it has
            (`texts.normal_forms`), other characters outside become the unknown one. `None` to make it from
            the training part.
        extending: Where one is made: characters that keep their ids, before those that are new.
        spool_folder: Where the ids of a large text are kept until the corpus is no longer used; `None`
            for the system's temporary folder.
        again: This text was read before, to train with, and is to be the same, character for character: no
            letter changes its form, and what can be read only once (a pipe, standard input) is refused.

    Raises:
        CorpusError: there is no such text, it can't be read, is empty, or is one character repeated.
        ConfigError: the encoding or the pattern is none.
    """
    read = Tallied(text_pieces(source, config, again=again))
    forms = NormalForms(vocabulary) if vocabulary is not None and not again else None
    pieces = forms.fitted(read) if forms else read
    with Spool(spool_folder) as spool:
        sha256, found, unknown = encode_pieces(pieces, vocabulary or Vocabulary(()), spool, grow=vocabulary is None)
        notices = list(read.tally.notices)
        if spool.length < 2:
            what = "has 1 character; a loss needs at least 2" if spool.length else "is empty"
            raise CorpusError(f"{named(source)} {what}; give a longer text")
        train, validation, test = split(spool.length, config.validation, config.test)
        if vocabulary is None:
            if len(found.characters) == 1:
                raise CorpusError(
                    f"{named(source)} is one character, {found.characters[0]!r}, repeated; give another text"
                )
            vocabulary, found_out = _settle(spool, found, train, validation, config.min_count, extending)
            notices += found_out
        if forms is not None and forms.changed:
            notices.append(forms.sentence)
        return Corpus(
            source=source,
            config=config,
            sha256=sha256,
            bytes=read.tally.bytes,
            ids=spool.finish(),
            vocabulary=vocabulary,
            train=train,
            validation=validation,
            test=test,
            notices=tuple(notices),
            unknown=unknown,
        )


def split(characters: int, validation: float | None, test: float) -> tuple[Span, Span, Span]:
    """The spans of the training, validation and test part, one after the other.

    Args:
        characters: Length of the text.
        validation, test: Shares of the text; `None` for `VALIDATION_SHARE`, at most `LONGEST_VALIDATION`.
    """
    validation_stop = int(characters * (1.0 - test))
    if validation is None:
        train_stop = int(characters * (1.0 - VALIDATION_SHARE - test))
        train_stop = max(train_stop, validation_stop - LONGEST_VALIDATION)
    else:
        train_stop = int(characters * (1.0 - validation - test))
    return (0, train_stop), (train_stop, validation_stop), (validation_stop, characters)


def read_trainable(source: str, config: DataConfig, *, extending: Vocabulary = NO_CHARACTERS) -> Corpus:
    """`read_corpus`, and CorpusError unless the text is long and varied enough to train on."""
    corpus = read_corpus(source, config, extending=extending)
    check_trainable(corpus)
    return corpus


def check_trainable(corpus: Corpus) -> None:
    """Raise CorpusError unless the text, its parts and its vocabulary are large enough to train on."""
    name, characters = named(corpus.source), len(corpus.ids)
    if characters < MINIMUM_CHARACTERS:
        raise CorpusError(
            f"{name} has {characters} characters; training needs {MINIMUM_CHARACTERS}, so give a longer text"
        )
    for part, advice in (("train", "lower --validation or --test"), ("validation", "raise --validation")):
        length = len(corpus.part(part))
        if length < MINIMUM_PART:
            raise CorpusError(
                f"the {part} part has {length} of the {characters} characters of {name}; it needs at least "
                f"{MINIMUM_PART}, so {advice}"
            )
    known = len(corpus.vocabulary.characters)
    if known < 2:
        raise CorpusError(
            f"the train part of {name} leaves {known} of the 2 distinct characters that a vocabulary needs; "
            "lower --min-count or give another text"
        )


def encode_pieces(
    pieces: Iterable[str], vocabulary: Vocabulary, spool: Spool, *, grow: bool
) -> tuple[str, Vocabulary, Counter[str]]:
    """Encode `pieces` into `spool`.

    With `grow` new characters get the next free ids as they come, so no character becomes unknown.

    Returns:
        The sha256 of the characters as UTF-8, the vocabulary as it is at the end, and how often each character
        became unknown.
    """
    unknown: Counter[str] = Counter()
    digest = hashlib.sha256()
    for piece in pieces:
        try:
            digest.update(piece.encode("utf-8"))
        except UnicodeEncodeError as problem:
            character = f"U+{ord(piece[problem.start]):04X} at character {spool.length + problem.start}"
            raise CorpusError(f"the text holds half a surrogate pair, {character}; name another --encoding") from None
        ids = vocabulary.encode(piece)
        if not ids.all():
            outside = vocabulary.count_outside(piece)
            if grow:
                vocabulary = Vocabulary((*vocabulary.characters, *outside))
                ids = vocabulary.encode(piece)
            else:
                unknown.update(outside)
        spool.append(ids)
    return digest.hexdigest(), vocabulary, unknown


def _settle(
    spool: Spool, found: Vocabulary, train: Span, validation: Span, min_count: int, extending: Vocabulary
) -> tuple[Vocabulary, list[str]]:
    """Make the ids in `spool`, still those of `found`, those of `extending` and then of the training part.

    Returns:
        That vocabulary, and a notice for the rare characters of the training part and one for the new
        characters after it, where such became unknown; and one where the validation part is unlike it.
    """
    counts = count_ids(spool, train, found.size)
    rest = (train[1], spool.length)
    counts_of_rest = count_ids(spool, rest, found.size)
    held_back = counts_of_rest if validation == rest else count_ids(spool, validation, found.size)
    unlike = unlikeness(spool, found, (train, validation), (counts, held_back))
    kept = sorted(c for c, count in zip(found.characters, counts[1:], strict=True) if count >= min_count)
    vocabulary = Vocabulary(dict.fromkeys((*extending.characters, *kept)))
    new_ids = np.zeros(found.size, vocabulary.dtype)
    new_ids[1:] = vocabulary.encode("".join(found.characters))
    spool.replace(new_ids)
    notices = []
    if rare := counts[new_ids == UNKNOWN].sum():
        notices.append(f"--min-count {min_count} makes {rare:,} of {train[1]:,} training characters unknown")
    if new := counts_of_rest[new_ids == UNKNOWN].sum():
        length = rest[1] - rest[0]
        notices.append(f"{new:,} of {length:,} characters after the training part are not in its vocabulary")
    return vocabulary, notices + unlike


def count_ids(spool: Spool, span: Span, size: int) -> np.ndarray:
    """How often each id occurs in `span`, (size,) int64."""
    counts = np.zeros(max(size, 256), np.int64)
    for block in spool.blocks(*span):
        if block.dtype == np.uint8:
            # two ids at a time: half the steps of the counting loop
            even = len(block) // 2 * 2
            pairs = np.bincount(block[:even].view(np.uint16), minlength=2**16).reshape(256, 256)
            counts[:256] += pairs.sum(axis=0) + pairs.sum(axis=1)
            block = block[even:]
        counts += np.bincount(block, minlength=len(counts))
    return counts[:size]
