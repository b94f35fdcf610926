"""The characters that are measured: the held-out part of a run's own text, or of any other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.evaluation.baselines import MOST_CHARACTERS
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import read_own_text
from seqmagic.texts.corpus import read_trainable
from seqmagic.texts.vocabulary import Vocabulary

_PART = "validation"


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """Characters as ids of one vocabulary.

    Attributes:
        source: A path or the name of a built-in text.
        sha256: Of the whole text that it is from; None where that was not read whole.
        part: Which part of a run's own text; None for any other text.
        ids: (N,) integer.
        train: (n,) integer, the training part, the last `MOST_CHARACTERS` of a longer one; empty where the ids are
            of a text that was not cut into parts.
    """

    source: str
    sha256: str | None
    part: str | None
    ids: np.ndarray
    train: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def head(self, characters: int, *, fewest: int, purpose: str) -> np.ndarray:
        """The first `characters` ids, fewer where there are not so many.

        Raises:
            CorpusError: there are fewer than `fewest`, which `purpose` needs.
        """
        if len(self.ids) < fewest:
            raise CorpusError(
                f"the {self.part} part has {len(self.ids):,} characters, and {purpose} needs {fewest:,}; choose a "
                "longer text, or a run of one"
            )
        return self.ids[:characters]


def held_out(run: Run) -> Passage:
    """The validation part of the text that `run` was trained on, read again and cut as it was then.

    Raises:
        RunError: the text is gone or is not the same any more.
    """
    own = read_own_text(run, _PART)
    return Passage(
        source=own.record.text.source,
        sha256=own.record.text.sha256,
        part=_PART,
        ids=np.asarray(own.ids, np.int64),
        train=own.part("train")[-MOST_CHARACTERS:],
    )


def of_text(source: str) -> tuple[Passage, Vocabulary]:
    """The validation part of a text that no run need know, cut as a training would cut it, and its vocabulary.

    Raises:
        CorpusError: there is no such text, or it is too short to train on.
    """
    corpus = read_trainable(source, DataConfig())
    passage = Passage(
        source=corpus.source,
        sha256=corpus.sha256,
        part=_PART,
        ids=np.asarray(corpus.part(_PART), np.int64),
        train=corpus.part("train")[-MOST_CHARACTERS:],
    )
    return passage, corpus.vocabulary
