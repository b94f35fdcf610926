"""The text that a run was trained on: found again, known to be the same, and cut as it was then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqmagic.config import PARTS
from seqmagic.errors import RunError, SeqmagicError
from seqmagic.runs.folder import Run
from seqmagic.runs.record import RunRecord
from seqmagic.texts.cache import IdCache
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.texts.sources import STANDARD_INPUT


class OwnTextError(RunError):
    """The own text of a run can't be had. `brief` says why in a clause, without the folders of this machine."""

    def __init__(self, message: str, *, brief: str) -> None:
        super().__init__(message)
        self.brief = brief


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnText:
    """The own text of a run: all of it in the vocabulary of the run, and one part.

    Attributes:
        corpus: The whole text. Its own spans are those of today's rules; `record.text` has those of the run.
        record: Of the run.
        ids: (n,) of the part asked for, a view of `corpus.ids`.
    """

    corpus: Corpus
    record: RunRecord
    ids: np.ndarray

    def part(self, name: str) -> np.ndarray:
        """The ids (n,) of another part, a view of `corpus.ids`."""
        start, stop = getattr(self.record.text, name)
        return self.corpus.ids[start:stop]


def read_own_text(run: Run, part: str) -> OwnText:
    """The text that `run` was trained on, read again, and its `part`: train, validation or test.

    Raises:
        OwnTextError: the text came from standard input, is gone, is nothing to be read twice (a device, a
            pipe), or is not the same any more.
        RunError: the run is corrupt, or its text has no such part.
    """
    record = run.read_record()
    source, name = record.text.source, source_name(record)
    if source == STANDARD_INPUT:
        raise OwnTextError(
            f"run {run.name} read its text from standard input, where it can't be read again",
            brief="the text came from standard input",
        )
    start, stop = getattr(record.text, part)
    if stop - start < 2:
        raise RunError(f"run {run.name} has no {part} part; the parts it has: {_parts(record)}")
    gone = f"the text {name} is not here any more"
    try:
        cache = IdCache(run.path.resolve().parent)  # that of the models folder that the run lies in
        corpus = read_corpus(source, record.data, vocabulary=run.read_vocabulary(), again=True, cache=cache)
    except SeqmagicError as problem:
        raise OwnTextError(f"the text of run {run.name} can't be read again: {problem}", brief=gone) from problem
    if corpus.sha256 != record.text.sha256:
        raise OwnTextError(
            f"the text of run {run.name}, {source}, has changed since the training (sha256 "
            f"{record.text.sha256[:12]} then, {corpus.sha256[:12]} now), and so have its parts",
            brief=f"the text {name} has changed since the training",
        )
    if corpus.boundary is not None and (corpus.train, corpus.validation) != (record.text.train, record.text.validation):
        raise OwnTextError(
            f"the records of run {run.name} are not drawn as they were in the training; evaluate it on a text instead",
            brief=f"the records of {name} are not drawn as they were",
        )
    return OwnText(corpus=corpus, record=record, ids=corpus.ids[start:stop])


def source_name(record: RunRecord) -> str:
    """What the text of a run is called, without the folders of the machine on which it was read."""
    return "standard input" if record.text.source == STANDARD_INPUT else Path(record.text.source).name


def _parts(record: RunRecord) -> str:
    spans = {part: getattr(record.text, part) for part in PARTS}
    return ", ".join(f"{part} ({stop - start:,} characters)" for part, (start, stop) in spans.items() if stop > start)
