"""`inspect surprise`: what each character cost each model, in bits, and what it would rather have read.

bits_t = -log2 p(character t | all before it). A character that nothing was read before has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmagic.errors import RunError
from seqmagic.evaluation import units
from seqmagic.evaluation.baselines import measure_baselines, probabilities_of_orders
from seqmagic.evaluation.scorer import cross_entropy
from seqmagic.insight.excerpts import Excerpt, excerpt_document
from seqmagic.insight.replay import in_precision
from seqmagic.insight.statistics import plain
from seqmagic.insight.subjects import Subject
from seqmagic.network.probabilities import softmax
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import OwnTextError, read_own_text

TOP = 5
_PIECE = 64  # characters at a time, so that no (T, V) array of a large vocabulary stands in memory whole


@dataclass(frozen=True)
class Other:
    """What a run is held against: `name`, and its bits for each character, (N,) with NaN where it has none."""

    name: str
    bits: np.ndarray


def inspect_surprise(
    subjects: Sequence[Subject], excerpt: Excerpt, *, top: int = TOP, other: Other | None = None
) -> dict[str, Any]:
    """The document of kind "surprise" (docs/insight.md)."""
    models = [_surprise(one, excerpt, top=top, other=other) for one in subjects]
    return excerpt_document("surprise", subjects, models, excerpt)


def _surprise(subject: Subject, excerpt: Excerpt, *, top: int, other: Other | None) -> dict[str, Any]:
    skipped = len(excerpt.before)
    # nothing is said of the first character that a model reads
    bits, entropy = [np.nan], [np.nan]
    rank: list[int | None] = [None]
    guesses: list[list[Any]] = [[]]
    for piece, costs, chances in _read(subject):
        bits += costs.tolist()
        entropy += (-np.sum(chances * np.log2(np.maximum(chances, 1e-300)), axis=1)).tolist()
        rank += (1 + (chances > np.take_along_axis(chances, piece[:, np.newaxis], axis=1)).sum(axis=1)).tolist()
        for row in chances:
            best = np.argsort(-row, kind="stable")[:top]
            characters = subject.vocabulary.decode(best)
            guesses.append([[one, plain(row[number], 4)] for one, number in zip(characters, best, strict=True)])
    own = np.array(bits[skipped:])
    document: dict[str, Any] = {
        "mean_bits": plain(np.nanmean(own)),
        "characters": list(excerpt.text),
        "bits": [plain(value) for value in own],
        "entropy": [plain(value) for value in entropy[skipped:]],
        "rank": rank[skipped:],
        "top": guesses[skipped:],
    }
    if other is not None:
        difference = own - other.bits
        document["versus"] = {
            "name": other.name,
            "mean_bits": plain(np.nanmean(other.bits)),
            "bits": [plain(value) for value in other.bits],
            "mean_difference": plain(np.nanmean(difference)),
            "difference": [plain(value) for value in difference],
        }
    return document


def _read(subject: Subject) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each character from the second one on, what it cost in bits, and what was expected, in pieces.

    Yields:
        (n,) ids, (n,) float64 and (n, V) float64.
    """
    network, ids = in_precision(subject.network, np.float64), subject.passage.ids
    states = network.initial_states(1)
    for start in range(0, len(ids) - 1, _PIECE):
        piece = ids[start : start + _PIECE + 1]
        logits, states = network.forward(piece[np.newaxis, :-1], states)
        chances = softmax(logits[0])
        yield piece[1:], units.bits(1) * cross_entropy(logits[0], piece[1:]), chances


def other_run(subject: Subject, excerpt: Excerpt) -> Other:
    """A run to hold others against."""
    bits = np.concatenate([[np.nan], *(costs for _, costs, _ in _read(subject))])
    return Other(subject.run.name, bits[len(excerpt.before) :])


def best_ngram(run: Run, excerpt: Excerpt) -> Other:
    """The n-gram model of the training part of the run's own text, of the order that is best on its validation part.

    Raises:
        RunError: the text can't be had.
    """
    try:
        own = read_own_text(run, "validation")
    except OwnTextError as problem:
        raise RunError(f"{problem}; --vs ngram counts that text, so leave it out") from problem
    vocabulary = run.read_vocabulary()
    train = own.part("train")
    baselines = measure_baselines(train, own.ids, vocabulary.size, boundary=own.corpus.boundary)
    best = min(baselines, key=lambda one: one.loss)
    ids, order = vocabulary.encode(excerpt.before + excerpt.text), best.order or 0
    of_order = probabilities_of_orders(train, ids, vocabulary.size, {order}, boundary=own.corpus.boundary)
    bits = -np.log2(of_order[order])
    if not excerpt.before:
        bits[0] = np.nan  # as for a model, which has no guess before it has read anything
    return Other(best.name, bits[len(excerpt.before) :])
