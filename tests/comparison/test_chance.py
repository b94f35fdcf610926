"""Intervals of differences: they cover what is known to be true, and two seeds of one configuration are level."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.comparison.chance import Contestant, measure_chance, student


def drifting(rng: np.random.Generator, length: int, *, keep: float = 0.8) -> np.ndarray:
    """(length,) noise whose neighbours are alike: what a passage that is hard adds."""
    noise = rng.normal(size=length + 100)
    for place in range(1, len(noise)):
        noise[place] += keep * noise[place - 1]
    return noise[100:]


def contest(*rows: tuple[list[float], np.ndarray, str], ngram: np.ndarray | None = None):
    contestants = {place: Contestant(losses=losses, costs=costs, kind=kind)
                   for place, (losses, costs, kind) in enumerate(rows)}  # fmt: skip
    if ngram is not None:
        contestants[None] = Contestant(losses=[float(ngram.mean())], costs=ngram, kind=None)
    found = measure_chance(contestants, part="validation")
    assert found is not None
    return found


@pytest.mark.parametrize("length", [1500, 4000])
def test_intervals_cover_a_known_difference(length: int) -> None:
    rng = np.random.default_rng(length)
    draws, covered, true = 400, 0, 0.5
    for _ in range(draws):
        shared = 3 * drifting(rng, length)  # far larger than the difference: only a paired interval is this narrow
        one, other = shared + drifting(rng, length), shared + true + drifting(rng, length)
        found = contest(([float(one.mean())], one, "a"), ([float(other.mean())], other, "b"))
        (distance,) = found.distances
        signed = distance.difference if found.best == 0 else -distance.difference
        covered += abs(signed - true) <= distance.margin
        assert distance.margin < 1.6
    assert 0.92 * draws <= covered <= 0.98 * draws


def test_intervals_cover_a_difference_over_seeds() -> None:
    """The same two kinds, 3 seeds each: what a seed adds to a loss is far more than the text does."""
    rng = np.random.default_rng(5)
    draws, covered, true = 400, 0, 0.1
    for _ in range(draws):
        text = rng.normal(size=900)
        seeds = rng.normal(scale=0.05, size=(2, 3))
        one, other = text + seeds[0].mean(), text + true + seeds[1].mean() + 0.1 * rng.normal(size=900)
        losses = [list(text.mean() + seeds[0]), list(other.mean() - seeds[1].mean() + seeds[1])]
        found = contest((losses[0], one, "a"), (losses[1], other, "b"))
        (distance,) = found.distances
        assert found.seeds == 4
        signed = distance.difference if found.best == 0 else -distance.difference
        covered += abs(signed - true) <= distance.margin
    assert 0.92 * draws <= covered <= 0.98 * draws


def test_two_seeds_of_one_kind_are_level_however_far_apart() -> None:
    text = np.random.default_rng(1).normal(size=5000) + 2
    found = contest(([2.0], text, "lstm"), ([2.4], text + 0.4, "lstm"))
    assert found.distances[0].difference == pytest.approx(0.4)
    assert found.distances[0].margin > 0.4
    apart = contest(([2.0], text, "lstm"), ([2.4], text + 0.4, "gru"))
    assert apart.distances[0].margin < 1e-6 and apart.seeds == 0


def test_the_n_gram_is_held_against_the_best_row() -> None:
    rng = np.random.default_rng(2)
    text = rng.normal(size=4000) + 2
    found = contest(([2.1], text + 0.1, "a"), ([2.0], text, "b"), ngram=text + rng.normal(size=4000))
    assert found.best == 1 and [one.row for one in found.distances] == [0, None]
    assert found.of(1) is None
    ngram = found.of(None)
    assert ngram is not None and ngram.margin == pytest.approx(1.96 / np.sqrt(4000), rel=0.2)


def test_nothing_to_compare() -> None:
    assert measure_chance({}, part="validation") is None
    alone = contest(([2.0], np.ones(100), "a"))
    assert alone.distances == ()


@pytest.mark.parametrize(
    ("degrees", "wanted"), [(1, 12.706), (3.9, 3.182), (10, 2.228), (11, 2.201), (30, 2.042), (1e9, 1.96)]
)
def test_students_distribution(degrees: float, wanted: float) -> None:
    assert student(degrees) == pytest.approx(wanted, abs=3e-3)
