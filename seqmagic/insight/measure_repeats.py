"""`measure repeats`: what a model saves on a rare word because it has read it before, by distance.

A word that is rare in the training part comes again. The bits of its letters from the second on are measured
with the text as it is, and with another rare word of the same length in the place of all its earlier mentions.
What the second reading costs more is what the model saved by remembering the word. The first letter is left out:
that a word comes again can't be known, only which one it is.

Axes: M mentions, W characters of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.insight.bins import Bin, by_bin, figures, of_bin, resampled
from seqmagic.insight.costs import bits_of
from seqmagic.insight.mentions import Mention, count_words, later_mentions, pieces_of, substitutes
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.settings import WARM_UP, RepeatsConfig
from seqmagic.insight.statistics import Figure
from seqmagic.insight.subjects import Subject, differences, document
from seqmagic.network.network import Network

BINS: tuple[Bin, ...] = ((1, 49), (50, 99), (100, 199), (200, 399), (400, 799))
_SCORED = 24  # letters of a word that are looked at, at most
_TOGETHER = 32  # windows in one product
_STEPS = 32  # characters whose outputs stand in memory together


def measure_repeats(subjects: Sequence[Subject], config: RepeatsConfig) -> dict[str, Any]:
    """The document of kind "repeats" (docs/insight.md).

    Raises:
        CorpusError: a text is too short.
    """
    measured = [_measure(one, config) for one in subjects]
    whole = document(
        "repeats",
        subjects,
        [entry for entry, _ in measured],
        read=min(len(subjects[0].passage.ids), config.targets),
        rare=config.rare,
        warm_up=WARM_UP,
        seed=config.seed,
    )
    whole["differences"] = differences(subjects, [found for _, found in measured])
    return whole


def _measure(subject: Subject, config: RepeatsConfig) -> tuple[dict[str, Any], dict[str, Figure]]:
    """A model's entry, and its saving over all distances with its resamples."""
    ids = subject.passage.head(config.targets, fewest=WARM_UP + 1, purpose="measuring repeats")
    vocabulary = subject.run.read_vocabulary()
    text = vocabulary.decode(ids)
    counts = count_words(vocabulary.decode(piece) for piece in pieces_of(subject.passage.train))
    own = count_words(iter([text]))
    mentions = later_mentions(text, counts, rare=config.rare)
    words = substitutes(mentions, counts, own, rare=config.rare, seed=config.seed)
    pairs = [(mention, word) for mention, word in zip(mentions, words, strict=True) if word is not None]
    chosen: list[tuple[Mention, str]] = []
    jobs: list[tuple[list[tuple[Mention, str]], int]] = []
    for one in BINS:
        in_range = _in_range(pairs, one, most=config.pairs)
        chosen += in_range
        length = WARM_UP + int(one[1] or 0)
        jobs += [(in_range[start : start + _TOGETHER], length) for start in range(0, len(in_range), _TOGETHER)]

    def read(job: tuple[list[tuple[Mention, str]], int]) -> np.ndarray:
        here, length = job
        replacing = [vocabulary.encode(word).astype(np.int64) for _, word in here]
        return mention_bits(subject.network, ids, [mention for mention, _ in here], replacing, length=length)

    found = np.concatenate([np.empty((0, 2)), *side_by_side(read, jobs)])
    order = np.argsort([mention.place for mention, _ in chosen], kind="stable")
    places = np.array([mention.place for mention, _ in chosen], np.int64)[order]
    distances = np.array([mention.distance for mention, _ in chosen], np.int64)[order]
    as_it_is, replaced = found[order, 0], found[order, 1]
    values = {"saving_bits": replaced - as_it_is, "bits": as_it_is, "bits_without": replaced}
    entry: dict[str, Any] = {
        "all": figures(places, values, seed=config.seed),
        "by_distance": by_bin(BINS, distances, places, values, seed=config.seed),
    }
    drawn = resampled(places, {"saving_bits": values["saving_bits"]}, seed=config.seed) or {}
    return entry, {name: (entry["all"][name], drawn[name]) for name in drawn}


def _in_range(pairs: list[tuple[Mention, str]], one: Bin, *, most: int) -> list[tuple[Mention, str]]:
    """The pairs at these distances whose window lies in the text, at most so many, spread evenly."""
    distances = np.array([mention.distance for mention, _ in pairs])
    fits = np.array([mention.place >= WARM_UP + int(one[1] or 0) for mention, _ in pairs], bool)
    which = np.flatnonzero(of_bin(distances, one) & fits) if pairs else np.empty(0, int)
    if len(which) > most:
        which = which[np.linspace(0, len(which) - 1, most).round().astype(int)]
    return [pairs[number] for number in which]


def mention_bits(
    network: Network, ids: np.ndarray, mentions: Sequence[Mention], replacing: Sequence[np.ndarray], *, length: int
) -> np.ndarray:
    """Mean bits of each mention's letters from the second on, (M, 2): as it is, and with the earlier ones replaced.

    Args:
        network: The model.
        ids: (N,) of the text.
        mentions: With `length` characters or more before them.
        replacing: For each the ids of a word of its length.
        length: Characters read before each mention.
    """
    begins = np.array([mention.place - length for mention in mentions])
    windows = ids[begins[:, np.newaxis] + np.arange(length)]
    other = windows.copy()
    for row, (mention, word) in enumerate(zip(mentions, replacing, strict=True)):
        for place in mention.earlier:
            start = place - begins[row]
            if start + len(word) > 0:  # of one at the edge of the window the rest is in it
                other[row, max(start, 0) : start + len(word)] = word[max(-start, 0) :]
    sizes = np.array([min(len(mention.word), _SCORED) for mention in mentions])
    places = np.array([mention.place for mention in mentions])
    letters = ids[np.minimum(places[:, np.newaxis] + np.arange(sizes.max()), len(ids) - 1)]
    scored = np.arange(1, letters.shape[1]) < sizes[:, np.newaxis]
    means = []
    for text in (windows, other):
        states = network.initial_states(len(text))
        for start in range(0, length, _STEPS):
            _, states = network.read(text[:, start : start + _STEPS], states)
        outputs, _ = network.read(letters[:, :-1], states)
        costs = bits_of(network, outputs.swapaxes(0, 1), letters[:, 1:])
        means.append(np.where(scored, costs, 0).sum(axis=1, dtype=np.float64) / scored.sum(axis=1))
    return np.stack(means, axis=1)
