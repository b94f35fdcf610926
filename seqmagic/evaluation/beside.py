"""The baselines of a text, measured beside a training without taking time from it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence

from seqmagic.errors import SeqmagicError
from seqmagic.evaluation.baselines import Baseline, best_possible, measure_baselines
from seqmagic.texts.corpus import Corpus

MOST_CHARACTERS = 2_000_000  # of each part: some 1.5 seconds of one core, and some 150 MB


class BaselinesBeside:
    """Measured in a thread while TensorFlow starts and compiles; where the system can, at the lowest priority.

    Of longer parts the n-grams count the last `MOST_CHARACTERS`.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._found: list[Baseline] = []
        self._thread = threading.Thread(target=self._measure, name="baselines", daemon=True)
        self._thread.start()

    def _measure(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # of this thread alone, on Linux
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        corpus = self._corpus
        with contextlib.suppress(SeqmagicError, MemoryError):  # a training does not depend on them
            found = measure_baselines(
                corpus.part("train"),
                corpus.part("validation"),
                corpus.vocabulary.size,
                limit=MOST_CHARACTERS,
                boundary=corpus.boundary,
            )
            best = best_possible(corpus.sha256, corpus.validation) if corpus.boundary is None else None
            self._found = found if best is None else [*found, best]

    def result(self, *, wait: bool) -> Sequence[Baseline]:
        """What was measured; nothing where it is not done, could not be, or Ctrl-C ended the waiting."""
        if wait:
            with contextlib.suppress(KeyboardInterrupt):
                self._thread.join()
        return () if self._thread.is_alive() else tuple(self._found)
