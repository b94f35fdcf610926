"""Neuron search on states of which it is known what they hold."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.insight.features import Feature
from seqmagic.insight.neurons import (
    Found,
    Half,
    associations,
    centred_ranks,
    missing,
    prepared,
    probes,
    search,
    shifts_of,
)
from seqmagic.insight.parallel import side_by_side

N = 6000
HALVES = (slice(0, N // 2), slice(N // 2, N))


def quotes(seed: int, length: int = N) -> np.ndarray:
    """On and off in stretches of 5 to 60 characters, as quotations are."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 60, length // 5)
    return np.repeat(np.arange(len(lengths)) % 2, lengths)[:length].astype(np.float32)


def feature(values: np.ndarray, *, binary: bool = True) -> Feature:
    changes = np.concatenate([[False], values[1:] != values[:-1]])
    return Feature(
        name="planted", values=values, binary=binary, delimiters=changes, targets=changes, targets_name="changes"
    )


def slow_noise(seed: int, units: int = 8) -> np.ndarray:
    """Units that change slowly, as those of a model do, (units, N) float32."""
    noise = np.random.default_rng(seed).normal(size=(units, N + 19))
    return np.stack([np.convolve(row, np.ones(20), "valid") for row in noise]).astype(np.float32)


def searched(units: np.ndarray, wanted: Feature, ids: np.ndarray | None = None) -> Found:
    ids = np.random.default_rng(0).integers(0, 30, N) if ids is None else ids
    first, second = (Half.of(units[:, half], ids[half]) for half in HALVES)
    return search(first, second, wanted, HALVES, shifts_of(N // 2, 200, 0))


def test_a_planted_neuron_is_found_first() -> None:
    wanted, units = feature(quotes(1)), slow_noise(1)
    units[5] = 1 - 2 * wanted.values + 0.1 * units[3]
    found = searched(units, wanted)
    assert (found.unit, found.sign) == (5, -1)
    assert found.score > 0.9 > found.null
    assert found.p < 0.01
    assert found.stands_out
    assert not found.echo
    assert found.away is not None and found.away > 0.9


def test_a_planted_counter_is_found_first() -> None:
    wanted = feature((np.arange(N) * 7919 % 6007 % 83).astype(np.float32).cumsum() % 71, binary=False)
    units = slow_noise(2)
    units[2] = np.tanh(wanted.values / 30)  # any rising function of it does as well
    found = searched(units, wanted)
    assert (found.unit, found.sign, found.stands_out) == (2, 1, True)
    assert found.score == pytest.approx(1, abs=1e-4)


def test_where_nothing_is_planted_nothing_stands_out() -> None:
    """The same units, and labels that were moved: of 100 no more than 5 may look like a find."""
    units, ids = slow_noise(3), np.random.default_rng(3).integers(0, 30, N)
    units[4] = quotes(3)
    first, second = (Half.of(units[:, half], ids[half]) for half in HALVES)
    shifts = shifts_of(N // 2, 200, 0)
    moved = [feature(np.roll(units[4], 500 + 50 * number)) for number in range(100)]
    found = side_by_side(lambda one: search(first, second, one, HALVES, shifts), moved)
    assert sum(one.stands_out for one in found) <= 5


def test_a_unit_that_holds_the_last_character_is_an_echo() -> None:
    ids = np.random.default_rng(4).integers(0, 30, N)
    wanted, units = feature((ids == 3).astype(np.float32)), slow_noise(4)
    units[0] = 5 * wanted.values + 0.01 * units[1]
    found = searched(units, wanted, ids)
    assert (found.unit, found.stands_out, found.echo) == (0, True, True)
    assert found.character == pytest.approx(1, abs=1e-5)


def test_a_unit_that_knows_the_delimiter_alone_is_nothing_away_from_it() -> None:
    wanted, units = feature(quotes(5)), np.random.default_rng(5).normal(size=(8, N)).astype(np.float32)
    starts = np.flatnonzero(wanted.delimiters & (wanted.values > 0))
    for after in range(3):
        units[6, np.minimum(starts + after, N - 1)] = 100 - after
    found = searched(units, wanted)
    assert found.unit == 6
    assert found.away is not None and found.score > found.away + 0.05


def test_what_is_spread_over_many_units_is_found_by_the_probe() -> None:
    rng = np.random.default_rng(6)
    wanted = feature(quotes(6))
    units = rng.normal(size=(40, N)) + 0.2 * (wanted.values - 0.5) * np.where(rng.random(40) < 0.5, -1, 1)[:, None]
    units = units.astype(np.float32)
    first, second = (Half.of(units[:, half], np.zeros(N // 2, int)) for half in HALVES)
    [spread] = probes(first, second, [wanted], HALVES)
    assert spread > searched(units, wanted).score + 0.2
    [numeric] = probes(first, second, [feature(3 * wanted.values, binary=False)], HALVES)
    assert numeric > 0.3


def test_ranks_share_what_is_equal() -> None:
    ranks = centred_ranks(np.array([[3.0, 1.0, 3.0, 7.0], [2, 2, 2, 2]]))
    np.testing.assert_allclose(ranks, [[0, -1.5, 0, 1.5], [0, 0, 0, 0]])


def test_scores_by_hand() -> None:
    values = np.array([[0.1, 0.4, 0.35, 0.8], [1, 1, 1, 1]])
    on = np.array([[0, 0, 1, 1]], np.float32)
    np.testing.assert_allclose(associations(centred_ranks(values), on, binary=True)[:, 0], [0.5, 0])  # AUC 3/4
    rising = prepared(np.array([1.0, 2, 3, 9]), binary=False)[np.newaxis]
    np.testing.assert_allclose(associations(centred_ranks(values), rising, binary=False)[:, 0], [0.8, 0], atol=1e-6)


def test_too_little_of_a_feature_has_a_reason() -> None:
    values = np.zeros(1000, np.float32)
    values[:19] = 1
    assert missing(feature(values), slice(0, 1000)) == "19 characters of a half have it; 20 or more are needed"
    assert missing(feature(1 - values), slice(0, 1000)) == (
        "19 characters of a half are outside it; 20 or more are needed"
    )
    values[19] = 1
    assert missing(feature(values), slice(0, 1000)) is None
    assert missing(feature(np.full(1000, 7, np.float32), binary=False), slice(0, 1000)) is not None


def test_shifts_are_large_and_of_one_seed() -> None:
    shifts = shifts_of(10_000, 200, 1)
    assert len(np.unique(shifts)) == 200
    assert shifts.min() >= 1000 and shifts.max() <= 9000
    np.testing.assert_array_equal(shifts, shifts_of(10_000, 200, 1))
    assert len(shifts_of(100, 200, 1)) == 51
