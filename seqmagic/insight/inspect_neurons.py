"""`inspect neurons`: for each feature of the text, the unit that tells most about it, and whether that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.evaluation.bootstrap import resampled_means_within
from seqmagic.insight.excerpts import Excerpt, read_excerpt
from seqmagic.insight.features import Feature, read_features, text_features
from seqmagic.insight.neurons import Found, Half, missing, probes, search, shifts_of
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.replay import replay
from seqmagic.insight.settings import WARM_UP, ExcerptConfig, NeuronsConfig
from seqmagic.insight.statistics import draw_blocks, interval, plain
from seqmagic.insight.streams import (
    Lesion,
    Unit,
    read_bits,
    read_bits_with_lesions,
    read_states,
    units_of,
)
from seqmagic.insight.subjects import Subject, document
from seqmagic.texts.vocabulary import code_points

_FEWEST = 2000  # characters that count
_ENDS = (0.05, 0.95)  # quantiles of a unit that are painted as its lowest and highest, where a feature is a number
_FEWEST_TARGETS = 20
PAINTED = 400


@dataclass(frozen=True, eq=False)
class Search:
    """What was searched in one run.

    Attributes:
        subject: The run.
        features: All of them.
        found: What was found for each; None where too little of it is in the text.
        units: All units.
        states: (k, n) float32, their values at the places that count.
        described: What the document says of each feature.
    """

    subject: Subject
    features: list[Feature]
    found: list[Found | None]
    units: list[Unit]
    states: np.ndarray
    described: list[dict[str, Any]]


def search_neurons(subject: Subject, config: NeuronsConfig) -> Search:
    """Search all units of a run.

    Raises:
        CorpusError: the text is too short.
        ConfigError: the file of features is none, or doesn't fit the text.
    """
    ids = subject.passage.ids
    count = min(config.characters, len(ids) - 1 - WARM_UP)
    if count < _FEWEST:
        raise CorpusError(
            f"the held-out part of the text of run {subject.run.name} has {len(ids):,} characters, and a search needs "
            f"{_FEWEST + WARM_UP + 1:,} ({WARM_UP} of them to warm up); choose a run with a longer text"
        )
    stop, half = WARM_UP + count, count // 2
    halves = (slice(WARM_UP, WARM_UP + half), slice(WARM_UP + half, stop))
    features = text_features(code_points(subject.vocabulary.decode(ids[: stop + 1])))
    if config.feature is not None:
        features += read_features(Path(config.feature), len(ids))
    units, states = units_of(subject.network), read_states(subject.network, ids, stop=stop)
    first, second = Half.of(states[:, :half], ids[halves[0]]), Half.of(states[:, half:], ids[halves[1]])
    shifts = shifts_of(stop - halves[1].start, config.shifts, config.seed)
    reasons = [missing(feature, halves[0]) or missing(feature, halves[1]) for feature in features]
    usable = [feature for feature, reason in zip(features, reasons, strict=True) if reason is None]
    found = side_by_side(lambda feature: search(first, second, feature, halves, shifts), usable)
    probed = probes(first, second, usable, halves)
    lesions = _lesions(subject, usable, found, units, states, span=halves[1], seed=config.seed)
    answers = iter(zip(found, probed, lesions, strict=True))
    by_feature = [next(answers) if reason is None else None for reason in reasons]
    described = [
        _describe(feature, reason, answer, units)
        for feature, reason, answer in zip(features, reasons, by_feature, strict=True)
    ]
    return Search(subject, features, [answer[0] if answer else None for answer in by_feature], units, states, described)


def _lesions(
    subject: Subject,
    features: Sequence[Feature],
    found: Sequence[Found],
    units: Sequence[Unit],
    states: np.ndarray,
    *,
    span: slice,
    seed: int,
) -> list[dict[str, Any] | None]:
    """What it costs to hold each unit that stands out at its mean, on the targets of its feature and elsewhere."""
    held = list(dict.fromkeys(one.unit for one in found if one.stands_out))
    if not held:
        return [None for _ in found]
    lesions = [Lesion(units[number], float(states[number].mean(dtype=np.float64))) for number in held]
    ids, network = subject.passage.ids, subject.network
    whole, _ = read_bits(network, ids, stop=span.stop)
    bits = read_bits_with_lesions(network, lesions, ids, first=span.start, stop=span.stop)
    costs = dict(zip(held, bits - whole[span.start - WARM_UP :], strict=True))
    starts, block = draw_blocks([span.stop - span.start], seed=seed)
    described: list[dict[str, Any] | None] = []
    for feature, one in zip(features, found, strict=True):
        if not one.stands_out:
            described.append(None)
            continue
        on, cost = feature.targets[span], costs[one.unit]
        masks = np.stack([on, ~on], axis=1)
        resampled = resampled_means_within(cost, masks, starts, block)
        enough = min(on.sum(), (~on).sum()) >= _FEWEST_TARGETS
        described.append(
            {
                "targets": feature.targets_name,
                "cases": int(on.sum()),
                "bits": plain(cost[on].mean()) if enough else None,
                "interval": interval(resampled[:, 0]) if enough else None,
                "bits_elsewhere": plain(cost[~on].mean()) if enough else None,
                "interval_elsewhere": interval(resampled[:, 1]) if enough else None,
            }
        )
    return described


def _describe(
    feature: Feature,
    reason: str | None,
    answer: tuple[Found, float, dict[str, Any] | None] | None,
    units: Sequence[Unit],
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "feature": feature.name,
        "statistic": "|2 AUC - 1|" if feature.binary else "|Spearman rho|",
        "reason": reason,
    }
    if answer is None:
        return described | dict.fromkeys(
            ["unit", "sign", "score", "null_95", "p", "away_from_delimiters", "character_alone", "probe", "lesion"]
        ) | {"stands_out": False, "echo": False}  # fmt: skip
    found, probe, lesion = answer
    unit = units[found.unit]
    return described | {
        "unit": {"layer": unit.layer + 1, "state": unit.state, "unit": unit.unit},
        "sign": found.sign,
        "score": plain(found.score),
        "null_95": plain(found.null),
        "p": plain(found.p),
        "stands_out": found.stands_out,
        "away_from_delimiters": None if found.away is None else plain(found.away),
        "character_alone": plain(found.character),
        "echo": found.echo,
        "probe": plain(probe),
        "lesion": lesion,
    }


def inspect_neurons(
    subjects: Sequence[Subject], config: NeuronsConfig, where: ExcerptConfig
) -> tuple[dict[str, Any], Excerpt | None]:
    """The document of kind "neurons" (docs/insight.md), and the characters that are painted in it, where any are.

    Painted is, in each run, the unit found for the feature whose unit stands out most in any run.

    Args:
        subjects: The runs, each with the held-out part of its own text.
        config: How to search.
        where: What to paint; where it names nothing, a stretch of the second half in which the feature changes.
    """
    named = where.text is not None or where.file is not None or where.at is not None
    excerpt = read_excerpt(subjects[0].run, where, length=PAINTED) if named else None
    searches = [search_neurons(one, config) for one in subjects]
    painted: list[dict[str, Any] | None] = [None for _ in searches]
    chosen = _most_telling(searches)
    if chosen is None:
        excerpt = None
    else:
        found_in, number = chosen
        if excerpt is None:
            at = _place(found_in, number, where.length or PAINTED)
            excerpt = read_excerpt(found_in.subject.run, replace(where, at=at), length=PAINTED)
        painted = [_paint(one, number, excerpt) for one in searches]
    models = [{"features": one.described, "painted": paint} for one, paint in zip(searches, painted, strict=True)]
    counted = searches[0].states.shape[1]
    made = document(
        "neurons", subjects, models, warm_up=WARM_UP, searched=counted, shifts=config.shifts, seed=config.seed
    )
    return made, excerpt


def _most_telling(searches: Sequence[Search]) -> tuple[Search, int] | None:
    """The search, and the number of its feature, with the highest score that is neither chance nor an echo."""
    best = [
        (found.score, -order, -number)
        for order, one in enumerate(searches)
        for number, found in enumerate(one.found)
        if found is not None and found.stands_out and not found.echo
    ]
    if not best:
        return None
    _, order, number = max(best)
    return searches[-order], -number


def _place(one: Search, number: int, length: int) -> int:
    """Where a stretch of the second half begins in which the feature varies most; at the start of a line, if near."""
    first, stop = WARM_UP + one.states.shape[1] // 2, WARM_UP + one.states.shape[1]
    starts = np.arange(first, max(first + 1, stop - length), max(1, length // 4))
    values = one.features[number].values
    start = int(starts[np.argmax([values[start : start + length].var() for start in starts])])
    text = one.subject.vocabulary.decode(one.subject.passage.ids[max(0, start - length // 4) : start])
    return start - (len(text) - 1 - text.rfind("\n")) if "\n" in text else start


def _paint(one: Search, number: int, excerpt: Excerpt) -> dict[str, Any] | None:
    """The unit of one run at each character of `excerpt`, from 0 to 1 as the feature goes (`_ends`)."""
    found, subject = one.found[number], one.subject
    if found is None:
        return None
    unit = one.units[found.unit]
    ids = subject.vocabulary.encode(excerpt.before + excerpt.text).astype(np.int64)
    trace = replay(subject.network, ids[np.newaxis])
    values = getattr(trace.layers[unit.layer].states, unit.state)[1 + len(excerpt.before) :, 0, unit.unit]
    low, high = _ends(one, number, found)
    levels = np.clip((values - low) / (high - low), 0, 1) if high != low else np.zeros_like(values)
    return {
        "feature": one.features[number].name,
        "unit": one.described[number]["unit"],
        "source": excerpt.source,
        "part": excerpt.part,
        "at": excerpt.at,
        "low": plain(low),
        "high": plain(high),
        "characters": list(excerpt.text),
        "values": [plain(value) for value in values],
        "levels": [plain(level, 4) for level in levels],
    }


def _ends(one: Search, number: int, found: Found) -> tuple[float, float]:
    """What is painted as 0 and as 1: the unit's medians where the feature is off and on, or quantiles of it."""
    values, feature = one.states[found.unit], one.features[number]
    if feature.binary:
        on = feature.values[WARM_UP : WARM_UP + len(values)] > 0
        return float(np.median(values[~on])), float(np.median(values[on]))
    low, high = np.quantile(values, _ENDS)
    return (float(low), float(high)) if found.sign > 0 else (float(high), float(low))
