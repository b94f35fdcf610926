"""Losses side by side: bits per character of runs and of n-grams on the same characters, with paired intervals."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqmagic.evaluation import units
from seqmagic.evaluation.baselines import measure_baselines
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.settings import BLOCK, RESAMPLES, WARM_UP, LossesConfig
from seqmagic.insight.statistics import block_choices, interval, plain, resampled_means
from seqmagic.insight.subjects import Subject, document
from seqmagic.network.network import Network
from seqmagic.runs.own_text import read_own_text

_STREAMS = 32
_LEAST_SHARE = 2 * WARM_UP  # characters that a stream counts, if it can, so that little is read twice


def measure_losses(subjects: Sequence[Subject], config: LossesConfig) -> dict[str, Any]:
    """The document of kind "losses" (docs/insight.md): of runs of one text and split.

    `differences` has the bits of one run less those of another on the same characters. A model reads 200
    characters before the first one that counts.

    Raises:
        RunError: the text can't be had.
    """
    first = subjects[0]
    ids = first.passage.ids[: config.characters]
    own = read_own_text(first.run, "validation")
    ngrams = [
        {"order": one.order, "name": one.name, "bits": plain(one.bits_per_character)}
        for one in measure_baselines(own.part("train"), ids, own.corpus.vocabulary.size)
    ]
    bits = side_by_side(lambda one: character_bits(one.network, ids), subjects)
    lengths = [len(bits[0])]
    starts, block = block_choices(lengths, block=BLOCK, resamples=RESAMPLES, seed=config.seed)
    means = [resampled_means(one, starts, block) for one in bits]
    differences = [
        {
            "run": subjects[one].run.name,
            "than": subjects[other].run.name,
            "bits": plain(bits[one].mean() - bits[other].mean()),
            "interval": interval(means[one] - means[other]),
        }
        for one, other in itertools.combinations(range(len(subjects)), 2)
    ]
    models = [
        {
            "bits": plain(own_bits.mean()),
            "interval": interval(own_means),
            **_sizes(one),
            **_order(own_bits.mean(), ngrams),
        }
        for one, own_bits, own_means in zip(subjects, bits, means, strict=True)
    ]
    found = document("losses", subjects, models, predicted=lengths[0], warm_up=WARM_UP, seed=config.seed)
    return {**found, "ngrams": ngrams, "differences": differences}


def character_bits(network: Network, ids: np.ndarray) -> np.ndarray:
    """Bits of each of `ids` (N,) but the first 200, (n,) float64; cut into streams that warm up first."""
    warm_up = min(WARM_UP, len(ids) // 2)
    counted = len(ids) - warm_up
    streams = max(1, min(_STREAMS, counted // _LEAST_SHARE))
    share = -(-counted // streams)
    # stream b counts the characters from warm_up + b * share on, and reads `warm_up` characters before those
    places = np.minimum(share * np.arange(streams)[:, np.newaxis] + np.arange(share + warm_up), len(ids) - 1)
    scorer = NetworkScorer(network)
    nats, _ = scorer(ids[places[:, :-1]], ids[places[:, 1:]], scorer.initial_states(streams))
    return units.bits(1) * nats[:, warm_up - 1 :].astype(np.float64).reshape(-1)[:counted]


def _sizes(subject: Subject) -> dict[str, Any]:
    results = subject.record.results or {}
    return {
        "state_numbers": sum(array.size for state in subject.network.initial_states(1) for array in state),
        "characters_per_second": results.get("characters_per_second"),
    }


def _order(bits: float, ngrams: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Between which n-grams a loss stands: n, in between by a straight line; None with a reason beyond them all."""
    for shorter, longer in itertools.pairwise(ngrams):
        if longer["bits"] <= bits:
            share = (shorter["bits"] - bits) / max(shorter["bits"] - longer["bits"], 1e-12)
            return {"ngram_order": plain(shorter["order"] + min(max(share, 0.0), 1.0), 4)}
    return {"ngram_order": None, "reasons": {"ngram_order": "better than every n-gram"}}
