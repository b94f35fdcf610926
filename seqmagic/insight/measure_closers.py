"""`measure closers`: how sure a model is of the closing bracket or quote, by the distance to its opener.

The probability is that of the closer at its place, given all of the text before. The best n-gram stands beside
the models: one of order n can't know of an opener n or more characters back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.evaluation.classes import closed_pairs
from seqmagic.insight.bins import Bin, by_bin, figures, resampled
from seqmagic.insight.measure_ngram import ngram_bits
from seqmagic.insight.settings import WARM_UP, ClosersConfig
from seqmagic.insight.statistics import Figure
from seqmagic.insight.streams import text_bits
from seqmagic.insight.subjects import Subject, document
from seqmagic.texts.vocabulary import code_points

BINS: tuple[Bin, ...] = ((1, 4), (5, 9), (10, 19), (20, 39), (40, 79), (80, None))


def measure_closers(subjects: Sequence[Subject], config: ClosersConfig) -> dict[str, Any]:
    """The document of kind "closers" (docs/insight.md).

    Raises:
        CorpusError: a text is too short.
    """
    measured = [_measure(one, config) for one in subjects]
    return document(
        "closers",
        subjects,
        [entry for entry, _ in measured],
        figures=[found for _, found in measured],
        read=min(len(subjects[0].passage.ids), config.targets),
        seed=config.seed,
    )


def _measure(subject: Subject, config: ClosersConfig) -> tuple[dict[str, Any], dict[str, Figure]]:
    """A model's entry, and its figures over all distances with their resamples."""
    ids = subject.passage.head(config.targets, fewest=WARM_UP + 1, purpose="measuring closers")
    text = subject.run.read_vocabulary().decode(ids)
    openers, places = closed_pairs(code_points(text)).T
    openers, places = openers[places >= WARM_UP], places[places >= WARM_UP]
    distances = places - openers
    own = text_bits(subject.network, ids)[places - 1].astype(np.float64)
    size = subject.network.vocabulary_size
    boundary = subject.network.boundary
    orders = ngram_bits(subject.passage.train, ids, size, max_order=config.max_order, boundary=boundary)
    best = int(orders.mean(axis=1).argmin())
    counted = orders[best, places - 1]

    def table(bits: np.ndarray) -> dict[str, Any]:
        values = {"probability": 2.0**-bits, "bits": bits}
        return {
            "all": figures(places, values, seed=config.seed),
            "by_distance": by_bin(BINS, distances, places, values, seed=config.seed),
        }

    signs = Counter(text[place] for place in places)
    entry = {
        "closers": dict(sorted(signs.items(), key=lambda item: (-item[1], item[0]))),
        **table(own),
        "ngram": {"order": best, **table(counted)},
    }
    values = {"probability": 2.0**-own, "bits": own}
    drawn = resampled(places, values, seed=config.seed) or {}
    return entry, {name: (entry["all"][name], drawn[name]) for name in drawn}
