"""The characters that are measured: the held-out part of a run's own text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqmagic.errors import CorpusError, RunError
from seqmagic.runs.folder import Run
from seqmagic.texts.corpus import read_corpus

_PART = "validation"


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """Characters as ids of one run's vocabulary.

    Attributes:
        source: A path or the name of a built-in text.
        sha256: Of the whole text that it is from.
        part: Which part of that text.
        ids: (N,) integer.
    """

    source: str
    sha256: str
    part: str
    ids: np.ndarray


def held_out(run: Run) -> Passage:
    """The validation part of the text that `run` was trained on, read again and cut as it was then.

    Raises:
        RunError: the text is gone or is not the same any more.
    """
    record = run.read_record()
    source = record.text.source
    start, stop = record.text.validation
    if source == "-":
        raise RunError(f"run {run.name} read its text from standard input, where it can't be read again")
    try:
        corpus = read_corpus(source, record.data, vocabulary=run.read_vocabulary())
    except CorpusError as problem:
        raise RunError(f"the text of run {run.name} can't be read again: {problem}") from problem
    if corpus.sha256 != record.text.sha256:
        raise RunError(
            f"the text of run {run.name}, {source}, has changed since the training (sha256 "
            f"{record.text.sha256[:12]} then, {corpus.sha256[:12]} now); restore it"
        )
    ids = np.asarray(corpus.ids[start:stop], np.int64)
    return Passage(source=source, sha256=corpus.sha256, part=_PART, ids=ids)
