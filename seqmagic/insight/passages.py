"""The characters that are measured: the held-out part of a run's own text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import read_own_text

_PART = "validation"


@dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """Characters as ids of one run's vocabulary.

    Attributes:
        source: A path or the name of a built-in text.
        sha256: Of the whole text that it is from; None where that was not read whole.
        part: Which part of a run's own text; None for any other text.
        ids: (N,) integer.
    """

    source: str
    sha256: str | None
    part: str | None
    ids: np.ndarray


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
    )
