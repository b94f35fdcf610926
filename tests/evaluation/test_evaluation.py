"""Evaluation: every position once, from the right past; parallel streams give the sequential figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.errors import CorpusError
from seqmagic.evaluation.evaluation import Score, evaluate
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Network

# --- counting -------------------------------------------------------------------------------------


class Witness:
    """A scorer for the text 0, 1, 2 ... that remembers what each stream has read, and asks 2^-40 nats more
    for every position than for the one before: sums of such numbers are exact."""

    def __init__(self) -> None:
        self.shapes: set[tuple[int, ...]] = set()
        self.pasts: dict[int, int] = {}  # position -> longest unbroken past seen for it

    def initial_states(self, batch: int):
        return np.full(batch, -1), np.zeros(batch, int)  # the id read last, how many in a row

    def __call__(self, inputs, targets, states):
        assert inputs.shape == targets.shape
        assert inputs.dtype == targets.dtype == np.int32
        self.shapes.add(inputs.shape)
        last, length = states
        for column in range(inputs.shape[1]):
            now = inputs[:, column]
            unbroken = (now == last + 1) | (last == -1)
            length = np.where(unbroken, length + 1, 1)
            last = now
            for position, past in zip(now.tolist(), length.tolist(), strict=True):
                self.pasts[position] = max(past, self.pasts.get(position, 0))
        right = targets == inputs + 1
        return np.where(right, 2.0**-40 * inputs, np.nan), (last, length)


@given(
    characters=st.integers(2, 600),
    streams=st.integers(1, 9),
    warm_up=st.integers(0, 40),
    window=st.integers(1, 40),
)
def test_every_position_is_counted_once_after_its_warm_up(characters, streams, warm_up, window):
    witness = Witness()
    score = evaluate(witness, np.arange(characters, dtype=np.uint16), streams=streams, warm_up=warm_up, window=window)
    positions = characters - 1
    assert score.characters == positions
    # Each position p costs p·2^-40: only all positions, each once, sum to this.
    assert score.nats == 2.0**-40 * positions * (positions - 1) / 2
    assert len(witness.shapes) == 1
    ((batch, time),) = witness.shapes
    assert time == window
    assert 1 <= batch <= streams
    for position in range(positions):
        assert witness.pasts[position] >= min(position + 1, warm_up + 1)
    if batch == 1:
        assert all(witness.pasts[position] == position + 1 for position in range(positions))


@pytest.mark.parametrize(("characters", "batch"), [(2, 1), (500, 1), (1025, 2), (2561, 5), (111_539, 64)])
def test_a_short_text_gets_fewer_streams(characters, batch):
    # A stream counts at least four times its warm-up of 128: 512 positions.
    class Counter(Witness):
        def __call__(self, inputs, targets, states):
            self.shapes.add(inputs.shape)
            return np.zeros(inputs.shape), states

    counter = Counter()
    assert evaluate(counter, np.zeros(characters, np.uint8)).characters == characters - 1
    assert counter.shapes == {(batch, 64)}


@pytest.mark.parametrize("characters", [0, 1])
def test_a_text_without_a_prediction_is_refused(characters):
    with pytest.raises(CorpusError, match=f"a text of {characters} characters"):
        evaluate(Witness(), np.zeros(characters, np.uint8))


def test_sums_are_float64():
    class Tiny(Witness):
        """2^24 + 1 is the first integer that float32 doesn't have: one large loss, then ones."""

        def __call__(self, inputs, targets, states):
            return np.where(inputs == 0, 2.0**24, 1.0).astype(np.float32), states

    score = evaluate(Tiny(), np.arange(1001), streams=1)
    assert score.nats == 2**24 + 999


def test_measures_by_hand():
    score = Score(nats=4 * math.log(8), characters=4)  # every character as unsure as one of eight
    assert score.loss == pytest.approx(math.log(8), rel=1e-15)
    assert score.bits_per_character == pytest.approx(3, rel=1e-15)
    assert score.perplexity == pytest.approx(8, rel=1e-14)
    assert Score(nats=1e6, characters=1).perplexity == math.inf
    assert math.isnan(Score(nats=math.nan, characters=1).perplexity)


# --- with networks --------------------------------------------------------------------------------

VOCABULARY, UNITS = 12, 48


def text_with_topics(characters: int, rng: np.random.Generator) -> np.ndarray:
    """A text that pays for memory: a Markov chain whose table changes about every 200 characters."""
    tables = rng.dirichlet(np.full(VOCABULARY, 0.15), size=(4, VOCABULARY)).cumsum(axis=-1)
    ids, topic = np.zeros(characters, np.uint8), 0
    for place in range(1, characters):
        if rng.random() < 1 / 200:
            topic = int(rng.integers(4))
        drawn = np.searchsorted(tables[topic, ids[place - 1]], rng.random())
        ids[place] = min(drawn, VOCABULARY - 1)
    return ids


def realistic_network(cell: str, ids: np.ndarray, rng: np.random.Generator) -> Network:
    """Recurrent weights with memories of 1 to 100 characters, as trained models have them, under a dense
    layer that is trained on `ids`: a reservoir."""
    columns = len(CELLS[cell].gates) * UNITS
    bias = np.zeros((2, columns) if cell == "gru" else columns)
    memory = np.log(np.geomspace(1, 100, UNITS))  # sigmoid(ln m) keeps 1 - 1/(m + 1) of a state
    if cell == "lstm":
        bias[UNITS : 2 * UNITS], bias[:UNITS] = memory, -memory
    if cell == "gru":
        bias[0, :UNITS] = memory
    recurrent = np.concatenate([np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0] for _ in CELLS[cell].gates], axis=1)
    arrays = [
        rng.normal(size=(VOCABULARY, 8)),
        rng.normal(scale=0.4, size=(8, columns)),
        0.9 * recurrent,
        bias,
        np.zeros((UNITS, VOCABULARY)),
        np.zeros(VOCABULARY),
    ]
    reservoir = Network.from_weights(cell, arrays)
    states, _ = reservoir.read(ids[np.newaxis, :-1], reservoir.initial_states(1))
    arrays[-2:] = trained_softmax(states[:, 0], ids[1:])
    return Network.from_weights(cell, arrays)


def trained_softmax(features: np.ndarray, targets: np.ndarray) -> list[np.ndarray]:
    """Softmax regression by 150 steps of gradient descent with momentum, on standardised features."""
    scale = features.std(axis=0) + 1e-3
    x = np.concatenate([(features - features.mean(axis=0)) / scale, np.ones((len(features), 1))], axis=1)
    weights = velocity = np.zeros((x.shape[1], VOCABULARY))
    wanted = np.eye(VOCABULARY)[targets]
    for _ in range(150):
        exponentials = np.exp(x @ weights)
        error = exponentials / exponentials.sum(axis=1, keepdims=True) - wanted
        velocity = 0.9 * velocity - 0.3 * x.T @ error / len(x)
        weights = weights + velocity
    kernel = weights[:-1] / scale[:, np.newaxis]
    return [kernel, weights[-1] - features.mean(axis=0) @ kernel]


@pytest.mark.parametrize("cell", CELLS)
def test_parallel_streams_give_the_sequential_figure(cell):
    rng = np.random.default_rng(7)
    text = text_with_topics(24_000, rng)
    scorer = NetworkScorer(realistic_network(cell, text[:8_000], rng))
    validation = text[8_000:]
    sequential = evaluate(scorer, validation, streams=1)
    parallel = evaluate(scorer, validation, streams=64)  # 16,000 / 512 = 31 streams
    assert sequential.loss < 2.0  # it learned: chance is ln 12 = 2.48
    assert parallel.characters == sequential.characters == len(validation) - 1
    assert abs(parallel.loss - sequential.loss) < 0.002


@pytest.mark.parametrize("cell", CELLS)
def test_one_stream_is_the_text_read_in_one_go(cell):
    rng = np.random.default_rng(0)
    ids = rng.integers(VOCABULARY, size=333).astype(np.uint8)  # the last window is 13 of 64
    network = realistic_network(cell, ids, rng)
    score = evaluate(NetworkScorer(network), ids, streams=1)
    logits, _ = network.forward(ids[np.newaxis, :-1], network.initial_states(1))
    exact = logits[0].astype(np.float64)
    nats = np.log(np.exp(exact).sum(axis=1)) - exact[np.arange(332), ids[1:]]
    assert score.characters == 332
    assert score.nats == pytest.approx(nats.sum(), rel=1e-6)


def test_unknown_characters_are_scored_as_the_unknown_symbol():
    # With no weight but the dense bias, a character costs -ln softmax(bias): ln 2 for id 0, ln 4 for 1 and 2.
    arrays = [np.zeros((3, 1)), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), np.zeros((1, 3))]
    network = Network.from_weights("rnn", [*arrays, np.log([0.5, 0.25, 0.25])])
    score = evaluate(NetworkScorer(network), np.array([1, 0, 0, 2, 0], np.uint8))
    assert score.nats == pytest.approx(3 * math.log(2) + math.log(4), rel=1e-6)
