"""The corpus: a text as ids, cut into its parts, and the streams in which a part is read."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqmagic.config import DataConfig, TrainConfig
from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts.cache import IdCache, Kept, identify
from seqmagic.texts.decoding import Tallied, Watch
from seqmagic.texts.likeness import unlikeness
from seqmagic.texts.normal_forms import NormalForms
from seqmagic.texts.records import draw, record_end, record_pieces, way_of_reading
from seqmagic.texts.sources import STANDARD_INPUT, named, text_pieces
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
        boundary: Id of the end of a record, where the text was read as records: each part is an end and then its
            records with theirs (`texts.records`). None for one text from start to end.
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
    boundary: int | None = None

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
    cache: IdCache | None = None,
    watch: Watch | None = None,
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
        cache: Where the ids of a large text may be found, and are kept for the next time; `None` for nowhere.
        watch: Told of every read how many bytes it was.

    Records are not split where a vocabulary is given and the text is a new one: all of them are the training part.

    Raises:
        CorpusError: there is no such text, it can't be read, is empty, is one character repeated, or has no such
            column.
        ConfigError: the encoding or the pattern is none.
    """
    config = config.drawn_with(TrainConfig.seed)
    end = record_end(config)
    if end is not None or extending.characters:
        cache = None  # records are arranged anew for every draw, and ids depend on the vocabulary that is extended
    if cache is not None and (vocabulary is None or again):
        kept = cache.find(source, config)
        if kept is not None and vocabulary in (None, kept.vocabulary):
            return _as_corpus(kept, source, config)
    before = identify(source, config) if cache is not None and vocabulary is None else None
    found_pieces = text_pieces(source, config, again=again, watch=watch)
    if end is not None:
        _check_records(source, config, end, vocabulary)
        found_pieces = record_pieces(found_pieces, config, named(source))
    read = Tallied(found_pieces)
    forms = NormalForms(vocabulary) if vocabulary is not None and not again else None
    pieces = forms.fitted(read) if forms else read
    with Spool(spool_folder) as spool:
        sha256, found, unknown = encode_pieces(pieces, vocabulary or Vocabulary(()), spool, grow=vocabulary is None)
        notices = list(read.tally.notices)
        if spool.length < 2:
            what = "has 1 character; a loss needs at least 2" if spool.length else "is empty"
            raise CorpusError(f"{named(source)} {what}; give a longer text")
        if end is None:
            train, validation, test = split(spool.length, config.validation, config.test)
        else:
            boundary = int((vocabulary or found).encode(end)[0])
            drawn = config if vocabulary is None or again else None
            (train, validation, test), told = _arrange(spool, boundary, drawn, named(source))
            notices += told
        if vocabulary is None:
            if len(found.characters) == 1:
                raise CorpusError(
                    f"{named(source)} is one character, {found.characters[0]!r}, repeated; give another text"
                )
            vocabulary, found_out = _settle(spool, found, train, validation, config.min_count, end, extending)
            notices += found_out
            if cache is not None and spool.is_large:
                kept, trouble = cache.keep(
                    spool,
                    source=source,
                    config=config,
                    before=before,
                    text_sha256=sha256,
                    vocabulary=vocabulary,
                    bytes_read=read.tally.bytes,
                    notices=tuple(notices),
                )
                if kept is not None:
                    return _as_corpus(kept, source, config)
                notices += [trouble] if trouble else []
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
            boundary=None if end is None else int(vocabulary.encode(end)[0]),
        )


def _check_records(source: str, config: DataConfig, end: str, vocabulary: Vocabulary | None) -> None:
    """Raise where a text can't be read as records, or not for a model with this vocabulary."""
    if config.column is not None and source != STANDARD_INPUT and os.path.isdir(source):
        raise CorpusError(f"--column reads one table and {source} is a folder; give a file")
    if vocabulary is not None and end not in vocabulary.characters:
        raise ConfigError(f"this model was not trained on records, received {way_of_reading(config)}; leave it out")


def _arrange(
    spool: Spool, boundary: int, config: DataConfig | None, name: str
) -> tuple[tuple[Span, Span, Span], list[str]]:
    """Put the records in `spool`, each with its end, in the order of their parts, an end before each part.

    Args:
        boundary: Id of the end.
        config: How they are split; None for not at all.

    Returns:
        The spans of training, validation and test, and what is to be said of them.
    """
    ids = spool.take()
    lengths = np.diff(np.flatnonzero(ids == boundary), prepend=-1)  # the end included
    parts = np.zeros(len(lengths), np.uint8)
    if config is not None:
        shares = (VALIDATION_SHARE if config.validation is None else config.validation, config.test)
        targets = [share * len(ids) for share in shares]
        if config.validation is None:
            targets[0] = min(targets[0], LONGEST_VALIDATION)
        parts = draw(lengths, (targets[0], targets[1]), config.split_seed or 0)
        if not (parts == 0).any():
            raise CorpusError(f"{name} has {len(lengths)} records, too few to split; give more of them")
    part_of_ids = np.repeat(parts, lengths)
    spans: list[Span] = []
    for part in range(3):
        start = spool.length
        if (parts == part).any():
            spool.append(np.full(1, boundary, ids.dtype))
            spool.append(ids[part_of_ids == part])
        spans.append((start, spool.length))
    train, validation, test = (int((parts == part).sum()) for part in range(3))
    told = (
        []
        if config is None
        else [
            f"{len(lengths):,} records: {train:,} to train on, {validation:,} to validate"
            + (f", {test:,} to test" if test else "")
            + f", drawn with seed {config.split_seed}"
        ]
    )
    return (spans[0], spans[1], spans[2]), told


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


def _as_corpus(kept: Kept, source: str, config: DataConfig) -> Corpus:
    """A text from the cache, cut as `config` says."""
    train, validation, test = split(len(kept.ids), config.validation, config.test)
    return Corpus(
        source=source,
        config=config,
        sha256=kept.sha256,
        bytes=kept.bytes,
        ids=kept.ids,
        vocabulary=kept.vocabulary,
        train=train,
        validation=validation,
        test=test,
        notices=kept.notices,
    )


def read_trainable(
    source: str,
    config: DataConfig,
    *,
    extending: Vocabulary = NO_CHARACTERS,
    cache: IdCache | None = None,
    watch: Watch | None = None,
) -> Corpus:
    """`read_corpus`, and CorpusError unless the text is long and varied enough to train on."""
    corpus = read_corpus(source, config, extending=extending, cache=cache, watch=watch)
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
    spool: Spool,
    found: Vocabulary,
    train: Span,
    validation: Span,
    min_count: int,
    end: str | None,
    extending: Vocabulary,
) -> tuple[Vocabulary, list[str]]:
    """Make the ids in `spool`, still those of `found`, those of `extending` and then of the training part.

    The end of a record stays, however rare; a part whose records were drawn needs no look at how like another it is.

    Returns:
        That vocabulary, and a notice for the rare characters of the training part and one for the new
        characters after it, where such became unknown; and one where the validation part is unlike it.
    """
    counts = count_ids(spool, train, found.size)
    rest = (train[1], spool.length)
    counts_of_rest = count_ids(spool, rest, found.size)
    held_back = counts_of_rest if validation == rest else count_ids(spool, validation, found.size)
    unlike = unlikeness(spool, found, (train, validation), (counts, held_back)) if end is None else []
    kept = sorted(c for c, count in zip(found.characters, counts[1:], strict=True) if count >= min_count or c == end)
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
