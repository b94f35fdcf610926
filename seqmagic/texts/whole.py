"""A text as it is looked into: every character has an id, also one that the training part lacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts.corpus import Span, count_ids, encode_pieces, split
from seqmagic.texts.decoding import Tallied
from seqmagic.texts.likeness import unlikeness
from seqmagic.texts.sources import named, text_pieces
from seqmagic.texts.spool import Spool
from seqmagic.texts.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, eq=False)
class WholeText:
    """A text as ids, none of them unknown.

    Attributes:
        source, sha256, bytes, ids, train, validation, test, notices: As in `Corpus`.
        vocabulary: All characters of the text.
        counts, train_counts: (V,) how often each id occurs, and how often in the training part.
    """

    source: str
    sha256: str
    bytes: int
    ids: np.ndarray
    vocabulary: Vocabulary
    counts: np.ndarray
    train_counts: np.ndarray
    train: Span
    validation: Span
    test: Span
    notices: tuple[str, ...]

    def part(self, span: Span) -> np.ndarray:
        """The ids within `span`, a view."""
        return self.ids[slice(*span)]


def read_whole(source: str, config: DataConfig) -> WholeText:
    """Read `source` once, in pieces. Errors as in `read_corpus`, but one character repeated is a text as well."""
    pieces = Tallied(text_pieces(source, config))
    with Spool(None) as spool:
        sha256, vocabulary, _ = encode_pieces(pieces, Vocabulary(()), spool, grow=True)
        if not spool.length:
            raise CorpusError(f"{named(source)} is empty; give a longer text")
        train, validation, test = split(spool.length, config.validation, config.test)
        in_parts = [count_ids(spool, span, vocabulary.size) for span in (train, validation, test)]
        unlike = unlikeness(spool, vocabulary, (train, validation), (in_parts[0], in_parts[1]))
        return WholeText(
            source=source,
            sha256=sha256,
            bytes=pieces.tally.bytes,
            ids=spool.finish(),
            vocabulary=vocabulary,
            counts=np.sum(in_parts, axis=0),
            train_counts=in_parts[0],
            train=train,
            validation=validation,
            test=test,
            notices=(*pieces.tally.notices, *unlike),
        )
