"""The matrix of context lengths: against reading each window alone, and on networks whose memory is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqmagic.errors import CorpusError
from seqmagic.insight.contexts import (
    SPACING,
    carried_bits,
    choose_targets,
    context_bits,
    context_lengths,
    foreign_start,
)
from seqmagic.insight.replay import in_precision, replay
from seqmagic.insight.settings import CARRIED
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Network
from seqmagic.network.probabilities import softmax
from tests.helpers import random_weights
from tests.insight.networks import SYMBOLS, copying_text, linear_rnn, orthogonal, shift_register, without_recurrence

IDS = np.random.default_rng(0).integers(SYMBOLS, size=1900)


def random_network(cell: str) -> Network:
    return Network.from_weights(cell, random_weights(cell, vocabulary_size=SYMBOLS, units=5, layers=2))


def test_context_lengths_are_dense_near_by_and_sparse_far_away() -> None:
    lengths = context_lengths(128).tolist()
    assert lengths == [*range(1, 17), *range(18, 33, 2), *range(36, 65, 4), *range(72, 129, 8)]
    assert context_lengths(20).tolist() == [*range(1, 17), 18, 20]


@pytest.mark.parametrize("cell", list(CELLS))
def test_every_figure_is_that_of_its_window_read_alone_in_float64(cell: str) -> None:
    network, exact = random_network(cell), in_precision(random_network(cell), np.float64)
    targets = choose_targets(len(IDS), targets=70, max_context=72)
    found = context_bits(network, IDS, targets, max_context=72)
    assert found.shape == (70, len(context_lengths(72)))
    for row in (0, 1, 34, 35, 69):
        place = targets.places[row]
        for column, length in enumerate(context_lengths(72)):
            logits = replay(exact, IDS[np.newaxis, place + 1 - length : place + 1]).logits()[-1, 0]
            assert found[row, column] == pytest.approx(-np.log2(softmax(logits)[IDS[place + 1]]), abs=1e-4)


@pytest.mark.parametrize("cell", list(CELLS))
def test_the_longest_contexts_are_those_of_a_carried_state(cell: str) -> None:
    network = random_network(cell)
    targets = choose_targets(len(IDS), targets=64, max_context=256)
    carried = carried_bits(network, IDS, targets)
    np.testing.assert_allclose(context_bits(network, IDS, targets, max_context=256)[:, -1], carried, atol=1e-4)
    foreign = context_bits(network, IDS, targets, max_context=256, start=foreign_start(network, IDS, seed=0))
    np.testing.assert_allclose(foreign[:, -1], carried, atol=1e-4)
    assert np.abs(foreign[:, 0] - context_bits(network, IDS, targets, max_context=16)[:, 0]).mean() > 0.01


def test_a_carried_state_has_read_a_thousand_characters_and_then_all_of_its_stretch() -> None:
    keeps_all = linear_rnn(orthogonal(6))  # each of a thousand characters still moves the prediction
    exact = replace(keeps_all, dense_kernel=1e3 * keeps_all.dense_kernel)
    network = in_precision(exact, np.float32)
    targets = choose_targets(len(IDS), targets=64, max_context=16)
    assert targets.lengths == (32, 32)
    found = carried_bits(network, IDS, targets)
    for stretch, row in ((0, 0), (0, 31), (32, 32), (32, 40)):
        first, place = targets.places[stretch] - CARRIED + 1, targets.places[row]
        logits = replay(exact, IDS[np.newaxis, first : place + 1]).logits()[-1, 0]
        assert found[row] == pytest.approx(-np.log2(softmax(logits)[IDS[place + 1]]), abs=1e-3)


def test_what_was_read_d_characters_before_is_gained_at_d_and_nowhere_else() -> None:
    for distance in (3, 12):
        ids = copying_text(distance, 6000)
        targets = choose_targets(len(ids), targets=300, max_context=32)
        mean = context_bits(shift_register(distance), ids, targets, max_context=32).mean(axis=0)
        gain = -np.diff(mean, prepend=np.log2(SYMBOLS))[: 2 * distance]
        assert int(gain.argmax()) + 1 == distance
        assert gain[distance - 1] > 1.5
        assert np.abs(np.delete(gain, distance - 1)).max() < 0.01


def test_without_recurrence_one_character_is_all() -> None:
    network = in_precision(without_recurrence(linear_rnn(orthogonal(6), size=0.5)), np.float32)
    targets = choose_targets(len(IDS), targets=64, max_context=32)
    found = context_bits(network, IDS, targets, max_context=32)
    np.testing.assert_allclose(found, found[:, :1] * np.ones(found.shape[1]), atol=1e-5)


def test_targets_are_in_stretches_with_all_their_context_before_them() -> None:
    targets = choose_targets(50_000, targets=400, max_context=256)
    assert targets.lengths == (100,) * 4
    assert targets.places[0] == CARRIED - 1
    assert targets.places[-1] == 49_998
    assert all((np.diff(stretch) == SPACING).all() for stretch in targets.stretches())
    assert choose_targets(50_000, targets=400, max_context=2000).places[0] == 1999
    assert choose_targets(CARRIED + 249, targets=400, max_context=16).lengths == (32,)
    with pytest.raises(CorpusError, match=r"1,248 characters, and measuring memory needs 1,249 \(1,000 to read"):
        choose_targets(CARRIED + 248, targets=400, max_context=16)
    with pytest.raises(CorpusError, match=r"or a smaller --max-context$"):
        choose_targets(1900, targets=400, max_context=2000)
