"""`measure memory`: how the loss falls with the characters read, and how many a model makes use of.

L(k) is the mean of A[target, k] (`contexts`) over the targets, L(0) what the frequencies of the training part
alone would cost, L_unlimited that of a carried state. k90 is the smallest context from which on L stays below
L(0) - 0.9 * (L(0) - L_unlimited); the effective context the smallest from which on it stays within 1 % of
L_unlimited. Intervals resample targets, neighbours together, with the same draws for all models of a text.

Axes: M targets, K context lengths, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmagic.evaluation.baselines import KneserNey
from seqmagic.evaluation.bootstrap import resampled_means
from seqmagic.insight.contexts import (
    SPACING,
    Targets,
    carried_bits,
    choose_targets,
    context_bits,
    context_lengths,
    foreign_start,
)
from seqmagic.insight.disorder import BOUNDARIES, WINDOW, disorder_bits
from seqmagic.insight.settings import CARRIED, MemoryConfig
from seqmagic.insight.statistics import Figure, count_interval, draw_blocks, interval, plain
from seqmagic.insight.subjects import Subject, document

SHARES = {"k50": 0.5, "k90": 0.9, "k99": 0.99}
WITHIN = 1.01  # times the unlimited loss: the effective context
_MOST_DISORDERED = 96  # targets read after a disorder: each costs thousands of steps
_SHOCK = 0.05  # bits, at the first few characters
_FIRST_CHARACTERS = 5


@dataclass(frozen=True, eq=False)
class _Measured:
    """A model's entry in the document, and the figures that its differences to others are made of."""

    entry: dict[str, Any]
    figures: dict[str, Figure]


def measure_memory(subjects: Sequence[Subject], config: MemoryConfig) -> dict[str, Any]:
    """The document of kind "memory" (docs/insight.md).

    Raises:
        CorpusError: a text is too short for the context.
    """
    targets = [
        choose_targets(len(one.passage.ids), targets=config.targets, max_context=config.max_context) for one in subjects
    ]
    found = [_measure(one, chosen, config) for one, chosen in zip(subjects, targets, strict=True)]
    whole = document(
        "memory",
        subjects,
        [one.entry for one in found],
        figures=[one.figures for one in found],
        targets=len(targets[0].places),
        spacing=SPACING,
        read_before=CARRIED,
        seed=config.seed,
    )
    for one, measured in zip(subjects, found, strict=True):
        whole["warnings"] += _shock(one.run.name, measured.entry)
    return whole


def _measure(subject: Subject, targets: Targets, config: MemoryConfig) -> _Measured:
    network, ids = subject.network, subject.passage.ids
    lengths = context_lengths(config.max_context)
    costs = {"zero": context_bits(network, ids, targets, max_context=config.max_context)}
    if "foreign" in config.variant:
        start = foreign_start(network, ids, seed=config.seed)
        costs["foreign"] = context_bits(network, ids, targets, max_context=config.max_context, start=start)
    carried = carried_bits(network, ids, targets)
    unigram = -np.log2(_unigram(subject))[ids[targets.places + 1]]

    starts, block = draw_blocks(targets.lengths, spacing=SPACING, seed=config.seed)
    drawn = resampled_means(np.column_stack([unigram, carried, costs["zero"]]), starts, block)
    mean = costs["zero"].mean(axis=0, dtype=np.float64)
    unlimited, nothing = float(carried.mean(dtype=np.float64)), float(unigram.mean())
    entry: dict[str, Any] = {
        "targets": len(targets.places),
        "k": [0, *lengths.tolist()],
        "loss_bits": [plain(nothing), *map(plain, mean)],
        "interval": [interval(drawn[:, 0]), *interval(drawn[:, 2:])],
        "unigram_bits": plain(nothing),
        "unlimited_bits": plain(unlimited),
        "unlimited_interval": interval(drawn[:, 1]),
        "reasons": {},
    }
    found, reached = _contexts(lengths, mean, (nothing, unlimited), drawn, reasons=entry["reasons"])
    entry.update(found)
    entry["variants"] = {
        name: {
            "k": lengths.tolist(),
            "loss_bits": [plain(value) for value in table.mean(axis=0, dtype=np.float64)],
            "interval": interval(resampled_means(table, starts, block)),
        }
        for name, table in costs.items()
    }
    for how in config.variant:
        if how not in costs:
            entry["variants"][how] = _disordered(subject, targets, how, costs.get("foreign"), lengths, config.seed)
    figures = {
        "unlimited_bits": (entry["unlimited_bits"], drawn[:, 1]),
        "k90": (entry["k90"], reached["k90"]),
    }
    return _Measured(entry, figures)


def _contexts(
    lengths: np.ndarray, mean: np.ndarray, ends: tuple[float, float], drawn: np.ndarray, *, reasons: dict[str, str]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """k50 ... and the effective context with their intervals, and the same of each resample, (R,), inf where never.

    Args:
        lengths: (K,) rising.
        mean: (K,), L(k).
        ends: L(0) and L_unlimited.
        drawn: (R, 2 + K), those two and L(k) of each resample.
        reasons: Takes why a context is null.
    """
    (nothing, unlimited), (no_context, carried) = ends, drawn[:, :2].T
    levels = {
        name: (nothing - share * (nothing - unlimited), no_context - share * (no_context - carried))
        for name, share in SHARES.items()
    }
    levels["effective_context"] = (WITHIN * unlimited, WITHIN * carried)
    found: dict[str, Any] = {}
    reached = {}
    for name, (level, resampled) in levels.items():
        value = float(reach(lengths, mean[np.newaxis], np.array([level]))[0])
        reached[name] = reach(lengths, drawn[:, 2:], resampled)
        if unlimited >= nothing and name in SHARES:
            value, reached[name] = math.inf, np.full(len(drawn), math.inf)
            reasons[name] = "the model predicts no better than the frequencies of the characters alone"
        elif math.isinf(value):
            reasons[name] = f"more than {int(lengths[-1]):,} characters, the longest context measured"
        found[name] = None if math.isinf(value) else int(value)
        found[f"{name}_interval"] = count_interval(reached[name])
    return found, reached


def _unigram(subject: Subject) -> np.ndarray:
    """p of each character by its frequency in the training part, (V,) float64."""
    return KneserNey.fit(subject.passage.train, 1, subject.network.vocabulary_size).probabilities(np.empty(0, int))


def reach(lengths: np.ndarray, losses: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The smallest context from which on a loss stays at or below its level, (R,) float; inf where there is none.

    Args:
        lengths: (K,) rising.
        losses: (R, K).
        levels: (R,).
    """
    rounding = 1e-6 * np.abs(levels)  # of float32: a loss that doesn't change any more is at its level
    above = losses > (levels + rounding)[:, np.newaxis]
    last_above = np.where(above.any(axis=1), above.shape[1] - 1 - above[:, ::-1].argmax(axis=1), -1)
    return np.append(lengths, math.inf)[last_above + 1]


def _disordered(
    subject: Subject, targets: Targets, how: str, foreign: np.ndarray | None, lengths: np.ndarray, seed: int
) -> dict[str, Any]:
    """The entry of a variant whose far past is in disorder; of what context brings, the share that is order."""
    every = math.ceil(len(targets.places) / _MOST_DISORDERED)
    chosen = np.arange(0, len(targets.places), every)
    places = targets.places[chosen]
    vocabulary = subject.run.read_vocabulary()
    blanks = np.array([False, *(character.isspace() for character in vocabulary.characters)])
    table = disorder_bits(subject.network, subject.passage.ids, places, how=how, blanks=blanks, seed=seed)
    added = table[:, :-1] - table[:, -1:]
    starts, block = draw_blocks([len(places)], spacing=SPACING * every, seed=seed)
    boundaries = [boundary for boundary in BOUNDARIES if boundary <= lengths[-1]]
    entry: dict[str, Any] = {
        "boundary": boundaries,
        "window": WINDOW,
        "targets": len(places),
        "loss_bits": [plain(value) for value in table.mean(axis=0, dtype=np.float64)[: len(boundaries)]],
        "intact_bits": plain(table[:, -1].mean(dtype=np.float64)),
        "added_bits": [plain(value) for value in added.mean(axis=0, dtype=np.float64)[: len(boundaries)]],
        "added_interval": interval(resampled_means(added, starts, block))[: len(boundaries)],
    }
    if foreign is not None:
        lost = (foreign[chosen] - table[:, -1:]).mean(axis=0, dtype=np.float64)
        of_boundary = [float(lost[np.searchsorted(lengths, boundary)]) for boundary in boundaries]
        entry["share_of_foreign"] = [
            plain(own / whole) if whole > _SHOCK else None
            for own, whole in zip(added.mean(axis=0, dtype=np.float64), of_boundary, strict=False)
        ]
        if None in entry["share_of_foreign"]:
            entry["reasons"] = {"share_of_foreign": f"foreign text adds {_SHOCK} bits or less beyond that boundary"}
    return entry


def _shock(name: str, entry: dict[str, Any]) -> list[str]:
    """A warning where an empty memory and a foreign one disagree in the first characters."""
    if "foreign" not in entry["variants"]:
        return []
    pairs = zip(*(entry["variants"][variant]["loss_bits"] for variant in ("zero", "foreign")), strict=True)
    apart = [foreign - zero for zero, foreign in list(pairs)[:_FIRST_CHARACTERS]]
    worst = max(apart, key=abs)
    if abs(worst) <= _SHOCK:
        return []
    return [
        f"{name}: a foreign memory and an empty one differ by up to {worst:+.2f} bits in the first "
        f"{_FIRST_CHARACTERS} characters; what L(k) says there depends on what the model started from"
    ]
