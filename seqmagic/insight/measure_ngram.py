"""`measure ngram`: which n-gram a model is as good as, on the same characters of the same text.

The n-grams are the interpolated Kneser-Ney ones of `evaluation.baselines`, counted on the training part. A
model's equivalent order is where the line through their losses comes down to its own: 6.4 is between the 6-gram
and the 7-gram. A model better than the best of them is beyond any n-gram.

Axes: N characters, O orders, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.errors import RunError
from seqmagic.evaluation.baselines import ngram_probabilities, possible_characters
from seqmagic.evaluation.bootstrap import resampled_means
from seqmagic.insight.passages import Passage
from seqmagic.insight.settings import NgramConfig
from seqmagic.insight.statistics import CONFIDENCE, draw_blocks, interval, plain
from seqmagic.insight.streams import text_bits
from seqmagic.insight.subjects import Subject, describe_passage, document, envelope, same_characters

BEYOND = "beyond any n-gram: the model's loss is below that of the best one"
_FEWEST = 200  # characters


def measure_ngram(
    passage: Passage, vocabulary_size: int, config: NgramConfig, subjects: Sequence[Subject] = ()
) -> dict[str, Any]:
    """The document of kind "ngram" (docs/insight.md).

    Args:
        passage: The text, with its training part.
        vocabulary_size: How many ids there are.
        config: The settings.
        subjects: Runs of this text; none to look at the text alone.

    Raises:
        CorpusError: the text is too short.
        RunError: the runs are of different texts.
    """
    for one in subjects[1:]:
        if not same_characters(subjects[0], one):
            raise RunError(
                f"{subjects[0].run.name} and {one.run.name} are runs of different texts or splits, and n-grams are "
                "those of one text; measure them one by one"
            )
    ids = passage.head(config.targets + 1, fewest=_FEWEST + 1, purpose="comparing n-grams")
    boundary = subjects[0].network.boundary if subjects else None
    costs = ngram_bits(passage.train, ids, vocabulary_size, max_order=config.max_order, boundary=boundary)
    starts, block = draw_blocks([costs.shape[1]], seed=config.seed)
    means, drawn = costs.mean(axis=1), resampled_means(costs.T, starts, block)
    best = int(means.argmin())
    orders = [
        {"order": order, "loss_bits": plain(mean), "interval": interval(drawn[:, order])}
        for order, mean in enumerate(means)
    ]
    bits = [text_bits(one.network, ids).astype(np.float64) for one in subjects]
    resampled = [resampled_means(own, starts, block) for own in bits]
    models = [_entry(own, own_drawn, means, drawn) for own, own_drawn in zip(bits, resampled, strict=True)]
    facts = {"targets": costs.shape[1], "train_characters": len(passage.train), "seed": config.seed}
    if subjects:
        losses = [{"loss_bits": (model["loss_bits"], own)} for model, own in zip(models, resampled, strict=True)]
        whole = document("ngram", subjects, models, figures=losses, **facts)
    else:
        whole = {**envelope("ngram", {**describe_passage(passage), **facts}, [], []), "differences": []}
    if best == len(means) - 1 > 1:
        whole["warnings"] = [
            *whole["warnings"],
            f"the loss of n-grams still falls at order {best}, the highest tried: raise --max-order",
        ]
    whole["orders"], whole["best_order"] = orders, best
    return whole


def ngram_bits(
    train: np.ndarray, ids: np.ndarray, vocabulary_size: int, *, max_order: int, boundary: int | None = None
) -> np.ndarray:
    """The bits of each character of `ids` (N,) but the first, by order from 0 (uniform): (O + 1, N - 1) float64.

    `boundary` is the end of a record, where the text is records.
    """
    possible = possible_characters(vocabulary_size, train, ids)
    rows = [np.full(len(ids) - 1, math.log2(possible))]
    every = ngram_probabilities(train, ids, possible, max_order=max_order, boundary=boundary)
    rows += [-np.log2(found[1:]) for found in every]
    return np.stack(rows)


def _entry(own: np.ndarray, own_drawn: np.ndarray, means: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    loss, best = float(own.mean()), int(means.argmin())
    order = equivalent_order(loss, means)
    orders = np.array([equivalent_order(one, row) for one, row in zip(own_drawn, drawn, strict=True)])
    low, high = np.quantile(orders, CONFIDENCE, method="nearest")
    entry: dict[str, Any] = {
        "loss_bits": plain(loss),
        "interval": interval(own_drawn),
        "equivalent_order": plain(order, 4),
        "equivalent_order_interval": [plain(low, 4), plain(high, 4)],
        "beyond_any_ngram": math.isinf(order),
        "against_best": plain(loss - means[best]),
        "against_best_interval": interval(own_drawn - drawn[:, best]),
        "reasons": {},
    }
    if entry["beyond_any_ngram"]:
        entry["reasons"]["equivalent_order"] = BEYOND
    return entry


def equivalent_order(loss: float, losses: np.ndarray) -> float:
    """Where the losses (O + 1,) of the orders from 0 on first come down to `loss`; inf where they never do.

    Between two orders the losses are taken to lie on a straight line; a loss above that of order 0 is 0.
    """
    below = np.flatnonzero(losses <= loss)
    if not len(below):
        return math.inf
    order = int(below[0])
    if order == 0:
        return 0.0
    return order - 1 + float((losses[order - 1] - loss) / (losses[order - 1] - losses[order]))
