"""`inspect errors`: which classes of characters cost a model its bits, and what would have saved its errors.

The funnel is a simplified one after Karpathy, Johnson and Fei-Fei (2015, "Visualizing and understanding recurrent
networks"): an error is a character that was given less than half of the probability; each error is put down to
the first of a list of remedies that would have helped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.evaluation.baselines import measure_baselines, probabilities_of_orders
from seqmagic.evaluation.bootstrap import RESAMPLES, resampled_means_within
from seqmagic.evaluation.classes import CLASSES, FIRST_LETTER, LETTERS, NEWLINE, PUNCTUATION, SPACE, classify, words
from seqmagic.insight.settings import WARM_UP, ErrorsConfig
from seqmagic.insight.statistics import draw_blocks, interval, plain
from seqmagic.insight.streams import read_bits
from seqmagic.insight.subjects import Subject, document
from seqmagic.runs.record import comparable
from seqmagic.texts.vocabulary import code_points

FEWEST = 20  # characters of a class: fewer give no figure
_SHORTEST = 200  # characters that count
_FUNNEL_ORDER = 9
_MEMORY = 1000  # characters
_RARE = 5  # times in the training part

FUNNEL = (
    f"an n-gram of up to {_FUNNEL_ORDER} characters had it",
    f"the word was there in the last {_MEMORY:,} characters",
    f"the word is rare: up to {_RARE} times in the training part",
    "the first letter of a word",
    "just after a space or punctuation",
    "none of these",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Text:
    """What can be said of a held-out text whatever model reads it; n targets, all but the first `WARM_UP` + 1.

    Attributes:
        subject: A run of that text.
        classes: (n,) integer, of each target.
        ngram: Name of the best n-gram.
        ngram_bits: (n,) float64, what the target cost it.
        remedies: (n,) integer, place in `FUNNEL` of the first remedy, had the target been an error.
    """

    subject: Subject
    classes: np.ndarray
    ngram: str
    ngram_bits: np.ndarray
    remedies: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class _Read:
    """What a run made of its text: the bits of each target, (n,) float64, and whether it was guessed, (n,) bool."""

    subject: Subject
    text: _Text
    bits: np.ndarray
    hits: np.ndarray


def inspect_errors(subjects: Sequence[Subject], config: ErrorsConfig) -> dict[str, Any]:
    """The document of kind "errors" (docs/insight.md).

    Raises:
        CorpusError: a text is too short.
        RunError: a text can't be had.
    """
    texts: list[_Text] = []
    reads = []
    for one in subjects:
        stop = _stop(one, config)
        bits, hits = read_bits(one.network, one.passage.ids, stop=stop)
        text = next((text for text in texts if comparable(text.subject.record, one.record)), None)
        if text is None:
            text = _read_text(one, stop=stop)
            texts.append(text)
        reads.append(_Read(subject=one, text=text, bits=bits, hits=hits))
    models = [_describe(one, reads, seed=config.seed) for one in reads]
    return document(
        "errors", subjects, models, warm_up=WARM_UP, counted=len(reads[0].bits), resamples=RESAMPLES, seed=config.seed
    )


def _stop(subject: Subject, config: ErrorsConfig) -> int:
    """The first position that no longer counts."""
    ids = subject.passage.ids
    if len(ids) < WARM_UP + _SHORTEST + 1:
        raise CorpusError(
            f"the held-out part of the text of run {subject.run.name} has {len(ids):,} characters, and "
            f"{WARM_UP + _SHORTEST + 1:,} are needed ({WARM_UP} of them to warm up); choose a run with a longer text"
        )
    return WARM_UP + min(config.characters, len(ids) - 1 - WARM_UP)


# ---------------------------------------------------------------- what belongs to a text, whatever model reads it


def _read_text(subject: Subject, *, stop: int) -> _Text:
    ids, vocabulary = subject.passage.ids[: stop + 1], subject.vocabulary
    train = subject.passage.train
    points = code_points(vocabulary.decode(ids))
    classes = classify(points)
    boundary = subject.network.boundary
    best = min(measure_baselines(train, ids, vocabulary.size, boundary=boundary), key=lambda one: one.loss)
    orders = {best.order or 0, _FUNNEL_ORDER}
    of_order = probabilities_of_orders(train, ids, vocabulary.size, orders, boundary=boundary)
    probabilities = {order: found[WARM_UP + 1 :] for order, found in of_order.items()}
    frequency = Counter(words(code_points(vocabulary.decode(train)))[0])
    return _Text(
        subject=subject,
        classes=classes[WARM_UP + 1 :],
        ngram=best.name,
        ngram_bits=-np.log2(probabilities[best.order or 0]),
        remedies=remedies(points, classes, frequency, probabilities[_FUNNEL_ORDER]),
    )


def remedies(points: np.ndarray, classes: np.ndarray, frequency: Mapping[str, int], ngram: np.ndarray) -> np.ndarray:
    """The first entry of `FUNNEL` that helps with each target from `WARM_UP` + 1 on.

    Args:
        points: (N,) code points of the text.
        classes: (N,) of its characters.
        frequency: How often each word occurs in the training part.
        ngram: (n,) the probability of each target in an n-gram model, n = N - `WARM_UP` - 1.

    Returns:
        (n,) integer.
    """
    found, starts, numbers = words(points)
    seen, rare, last = np.zeros(len(found) + 1, bool), np.zeros(len(found) + 1, bool), dict[str, int]()
    for number, (word, start) in enumerate(zip(found, starts.tolist(), strict=True)):
        seen[number] = start - last.get(word, -_MEMORY - 1) <= _MEMORY
        rare[number] = frequency.get(word, 0) <= _RARE
        last[word] = start
    targets = slice(WARM_UP + 1, None)
    of_word, target = numbers[targets], classes[targets]  # -1, no word, is the last entry: False
    helps = [
        ngram >= 0.5,
        seen[of_word] & np.isin(target, LETTERS) & (target != FIRST_LETTER),
        rare[of_word] & np.isin(target, LETTERS),
        target == FIRST_LETTER,
        np.isin(classes[targets.start - 1 : -1], [SPACE, NEWLINE, PUNCTUATION]),
    ]
    return np.select(helps, range(len(helps)), default=len(helps))


# ---------------------------------------------------------------- the document


def _describe(one: _Read, reads: Sequence[_Read], *, seed: int) -> dict[str, Any]:
    masks = one.text.classes[:, np.newaxis] == np.arange(len(CLASSES))
    everything = np.ones((len(masks), 1), bool)
    groups = np.concatenate([masks, everything], axis=1)
    starts, block = draw_blocks([len(masks)], seed=seed)
    versus = {one.text.ngram: one.text.ngram_bits}
    versus |= {other.subject.run.name: other.bits for other in reads if other is not one and other.text is one.text}
    against = {
        name: (one.bits - bits, resampled_means_within(one.bits - bits, groups, starts, block))
        for name, bits in versus.items()
    }
    rows = []
    for number, name in enumerate((*CLASSES, "all")):
        mask = groups[:, number]
        enough = bool(mask.sum() >= FEWEST)
        rows.append(
            {
                "class": name,
                "characters": int(mask.sum()),
                "share": plain(mask.mean()),
                "bits": plain(one.bits[mask].mean()) if enough else None,
                "share_of_bits": plain(one.bits[mask].sum() / max(one.bits.sum(), 1e-300)),
                "accuracy": plain(one.hits[mask].mean()) if enough else None,
                "versus": {
                    other: {
                        "difference": plain(difference[mask].mean()) if enough else None,
                        "interval": interval(resampled[:, number]) if enough else None,
                    }
                    for other, (difference, resampled) in against.items()
                },
                "reason": None if enough else f"fewer than {FEWEST} characters",
            }
        )
    errors = one.bits > 1
    counts = np.bincount(one.text.remedies[errors], minlength=len(FUNNEL))
    return {
        "ngram": one.text.ngram,
        "classes": rows,
        "funnel": {
            "errors": int(errors.sum()),
            "share": plain(errors.mean()),
            "steps": [
                {"remedy": name, "errors": int(count), "share": plain(count / max(int(errors.sum()), 1))}
                for name, count in zip(FUNNEL, counts, strict=True)
            ],
        },
    }
