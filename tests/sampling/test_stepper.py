"""The stepper against the reference network: same logits, states and scores for every cell."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.network import Network
from seqmagic.sampling import stepper as module
from seqmagic.sampling.stepper import FoldedNetwork, Stepper
from tests.helpers import random_weights

CASES = list(itertools.product(("rnn", "lstm", "gru"), (1, 2, 3)))
SIZE, UNITS = 11, 7


def make_network(cell: str, layers: int, *, units: int = UNITS) -> Network:
    weights = random_weights(cell, vocabulary_size=SIZE, units=units, layers=layers, embedding=5, seed=layers)
    return Network.from_weights(cell, weights)


def reference(network: Network, ids: np.ndarray) -> np.ndarray:
    """Logits after each of ids (N, T): (N, T, V)."""
    return network.forward(ids, network.initial_states(len(ids)))[0]


@pytest.fixture
def ids() -> np.ndarray:
    return np.random.default_rng(3).integers(0, SIZE, (4, 40))


@pytest.mark.parametrize(("cell", "layers"), CASES)
def test_one_stream_step_by_step(cell: str, layers: int, ids: np.ndarray) -> None:
    network = make_network(cell, layers)
    stepper = Stepper(FoldedNetwork.of(network))
    logits = [stepper.step(int(character)).copy() for character in ids[0]]
    assert logits[0].dtype == np.float32
    np.testing.assert_allclose(logits, reference(network, ids[:1])[0], atol=1e-5)


@pytest.mark.parametrize(("cell", "layers"), CASES)
def test_several_streams_side_by_side(cell: str, layers: int, ids: np.ndarray) -> None:
    network = make_network(cell, layers)
    stepper = Stepper(FoldedNetwork.of(network), len(ids))
    logits = np.stack([stepper.step(column).copy() for column in ids.T], axis=1)
    np.testing.assert_allclose(logits, reference(network, ids), atol=1e-5)


@pytest.mark.parametrize(("cell", "layers"), CASES)
@pytest.mark.parametrize("piece", [1, 7, 256])
def test_a_prompt_in_pieces(
    cell: str, layers: int, piece: int, ids: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", piece)
    network = make_network(cell, layers)
    stepper = Stepper(FoldedNetwork.of(network))
    expected = reference(network, ids[:1])[0]
    np.testing.assert_allclose(stepper.read(ids[0][:29]), expected[28], atol=1e-5)
    # and on from there, both ways
    np.testing.assert_allclose(stepper.step(int(ids[0][29])), expected[29], atol=1e-5)
    np.testing.assert_allclose(stepper.read(ids[0][30:]), expected[-1], atol=1e-5)


@pytest.mark.parametrize(("cell", "layers"), CASES)
def test_scores_are_those_of_the_network(cell: str, layers: int, ids: np.ndarray) -> None:
    network = make_network(cell, layers)
    scorer = NetworkScorer(network)
    expected, _ = scorer(ids[:1, :-1], ids[:1, 1:], scorer.initial_states(1))
    np.testing.assert_allclose(Stepper(FoldedNetwork.of(network)).score(ids[0]), expected[0], atol=1e-5)


def test_a_score_of_nothing_is_nothing() -> None:
    for length in (0, 1):
        assert Stepper(FoldedNetwork.of(make_network("gru", 2))).score(np.zeros(length, int)).shape == (0,)


@pytest.mark.parametrize(("cell", "layers"), CASES)
def test_memory_moves_between_steppers(cell: str, layers: int, ids: np.ndarray) -> None:
    folded = FoldedNetwork.of(make_network(cell, layers))
    readers = [Stepper(folded) for _ in ids]
    for reader, row in zip(readers, ids, strict=True):
        reader.read(row)
    together = Stepper(folded, len(ids))
    together.restore([reader.state() for reader in readers])
    chosen = np.array([1, 2, 3, 4])
    logits = together.step(chosen).copy()
    for row, (reader, character) in enumerate(zip(readers, chosen.tolist(), strict=True)):
        kept = reader.state()
        np.testing.assert_allclose(logits[row], reader.step(character), atol=1e-5)
        again = Stepper(folded)
        again.restore([kept])  # a state stays usable
        np.testing.assert_array_equal(again.step(character), reader.logits)
        np.testing.assert_allclose(together.state(row).outputs, reader.state().outputs, atol=1e-5)


def test_layers_may_differ_in_width_and_kind() -> None:
    lstm = make_network("lstm", 1, units=6)
    gru = Network.from_weights("gru", random_weights("gru", vocabulary_size=SIZE, units=9, layers=1, embedding=6))
    network = Network(lstm.embedding, (*lstm.layers, *gru.layers), gru.dense_kernel, gru.dense_bias)
    network.check_shapes()
    stepper = Stepper(FoldedNetwork.of(network))
    row = np.arange(SIZE)[np.newaxis]
    expected = reference(network, row)[0]
    np.testing.assert_allclose([stepper.step(number).copy() for number in range(SIZE)], expected, atol=1e-5)


def test_a_large_input_saturates_quietly() -> None:
    weights = [50 * array for array in random_weights("lstm", vocabulary_size=SIZE, units=5)]
    network = Network.from_weights("lstm", weights)
    stepper = Stepper(FoldedNetwork.of(network))
    expected = reference(network, np.arange(SIZE)[np.newaxis])[0]
    np.testing.assert_allclose([stepper.step(number).copy() for number in range(SIZE)], expected, rtol=1e-4, atol=1e-2)


def test_the_weights_of_a_step_are_counted() -> None:
    # U 4*7*7, second layer 4*7*14, dense and bias 23*11, four bytes each; embedding and first W are a look-up
    assert FoldedNetwork.of(make_network("lstm", 2)).bytes_per_step == 4 * (4 * 7 * 7 + 4 * 7 * 14 + 23 * SIZE)


@pytest.mark.parametrize(("cell", "layers"), CASES)
def test_predictions_along_a_prompt_are_those_of_reading_it(
    cell: str, layers: int, ids: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", 7)
    prompt = ids[0]
    network = FoldedNetwork.of(make_network(cell, layers))
    predicting, reading = Stepper(network), Stepper(network)
    rows = predicting.predict(prompt)
    assert rows.shape == (len(prompt), network.vocabulary_size)
    for length in (1, 7, 8, len(prompt)):
        np.testing.assert_allclose(rows[length - 1], Stepper(network).read(prompt[:length]), atol=1e-4)
    assert (predicting.logits == reading.read(prompt)).all()
    assert (predicting.state().outputs == reading.state().outputs).all()
