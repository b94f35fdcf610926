"""`measure gradient`: retention of trained runs beside that of untrained models of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.retention import choose_targets, log_retention, summary_and_draws
from seqmagic.insight.settings import WARM_UP, GradientConfig
from seqmagic.insight.statistics import difference
from seqmagic.insight.subjects import OTHER_TEXT, Subject, document, same_characters
from seqmagic.network.fresh import fresh_network
from seqmagic.network.network import Network

_SHARE_OF_FRESH = 4  # an untrained model varies little from place to place: every fourth target is plenty


def measure_gradient(subjects: Sequence[Subject], config: GradientConfig) -> dict[str, Any]:
    """The document of kind "gradient" (docs/insight.md).

    Raises:
        CorpusError: a text is too short for the lag.
    """
    measured = [_measure(subject, config) for subject in subjects]
    models = [model for model, _ in measured]
    whole = document(
        "gradient",
        subjects,
        models,
        warm_up=WARM_UP,
        targets=models[0]["trained"]["targets"],
        wrt=config.wrt,
        seed=config.seed,
    )
    others = zip(subjects[1:], measured[1:], strict=True)
    whole["differences"] = [_difference((subjects[0], measured[0]), other) for other in others]
    return whole


_Measured = tuple[dict[str, Any], np.ndarray]  # a model's entry, and rho of each resample, (R,)


def _difference(first: tuple[Subject, _Measured], other: tuple[Subject, _Measured]) -> dict[str, Any]:
    """`other` minus `first`, on the same targets and with the same draws."""
    (against, (entry, drawn)), (subject, (own, own_drawn)) = first, other
    names = subject.run.name, against.run.name
    if not same_characters(subject, against):
        return difference(*names, {}, reason=OTHER_TEXT)
    if own["trained"]["targets"] != entry["trained"]["targets"]:
        return difference(*names, {}, reason="one of the two has predictions without any gradient")
    return difference(*names, {"rho": ((entry["trained"]["rho"], drawn), (own["trained"]["rho"], own_drawn))})


def _measure(subject: Subject, config: GradientConfig) -> _Measured:
    ids = subject.passage.ids
    targets = choose_targets(len(ids), targets=config.targets, max_lag=config.max_lag)

    jobs = [(subject.network, targets)]
    seeds = [] if config.fresh == "none" else range(config.seed, config.seed + config.seeds)
    few = targets[:: max(1, min(_SHARE_OF_FRESH, len(targets) // 8))]
    size = subject.network.vocabulary_size

    def untrained(seed: int) -> Network:
        return fresh_network(subject.record.model, vocabulary_size=size, seed=seed, start=config.fresh)

    jobs += [(network, few) for network in side_by_side(untrained, seeds)]
    (trained, drawn), *fresh = [
        summary_and_draws(logs, places, seed=config.seed)
        for logs, (_, places) in zip(
            log_retention(jobs, ids, max_lag=config.max_lag, wrt=config.wrt), jobs, strict=True
        )
    ]
    entry = {
        "trained": trained,
        "fresh": [{"seed": n, "start": config.fresh, **one} for n, (one, _) in zip(seeds, fresh, strict=True)],
    }
    return entry, drawn
