"""`measure gradient`: retention of trained runs beside that of untrained models of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.retention import choose_targets, log_retention, summary
from seqmagic.insight.settings import WARM_UP, GradientConfig
from seqmagic.insight.subjects import Subject, document
from seqmagic.network.fresh import fresh_network
from seqmagic.network.network import Network

_SHARE_OF_FRESH = 4  # an untrained model varies little from place to place: every fourth target is plenty


def measure_gradient(subjects: Sequence[Subject], config: GradientConfig) -> dict[str, Any]:
    """The document of kind "gradient" (docs/insight.md).

    Raises:
        CorpusError: a text is too short for the lag.
    """
    models = [_measure(subject, config) for subject in subjects]
    return document(
        "gradient",
        subjects,
        models,
        warm_up=WARM_UP,
        targets=models[0]["trained"]["targets"],
        wrt=config.wrt,
        seed=config.seed,
    )


def _measure(subject: Subject, config: GradientConfig) -> dict[str, Any]:
    ids = subject.passage.ids
    targets = choose_targets(len(ids), targets=config.targets, max_lag=config.max_lag)

    jobs = [(subject.network, targets)]
    seeds = [] if config.fresh == "none" else range(config.seed, config.seed + config.seeds)
    few = targets[:: max(1, min(_SHARE_OF_FRESH, len(targets) // 8))]
    size = subject.network.vocabulary_size

    def untrained(seed: int) -> Network:
        return fresh_network(subject.record.model, vocabulary_size=size, seed=seed, start=config.fresh)

    jobs += [(network, few) for network in side_by_side(untrained, seeds)]
    trained, *fresh = [
        summary(logs, places, seed=config.seed)
        for logs, (_, places) in zip(
            log_retention(jobs, ids, max_lag=config.max_lag, wrt=config.wrt), jobs, strict=True
        )
    ]
    return {
        "trained": trained,
        "fresh": [{"seed": n, "start": config.fresh, **one} for n, one in zip(seeds, fresh, strict=True)],
    }
