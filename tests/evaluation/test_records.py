"""Records are scored each from an empty state, in any order to the last bit, and counted like n-grams."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from seqmagic.errors import CorpusError
from seqmagic.evaluation.baselines import KneserNey, measure_baselines, ngram_probabilities, probabilities_of_orders
from seqmagic.evaluation.evaluation import costs, evaluate, record_costs, score_records, score_text
from seqmagic.evaluation.records import record_statistics
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.network import Network
from seqmagic.network.sizes import weight_shapes
from seqmagic.texts.vocabulary import Vocabulary

VOCABULARY = Vocabulary("|abcdefgh")
END = 1
NAMES = ["".join(random.Random(seed).choices("abcdefgh", k=3 + seed % 40)) for seed in range(150)]


@pytest.fixture(scope="module")
def scorer() -> NetworkScorer:
    chance = np.random.default_rng(1)
    shapes = weight_shapes("lstm", vocabulary_size=VOCABULARY.size, embedding=5, units=24, layers=2)
    arrays = [chance.normal(size=shape).astype(np.float32) * 0.4 for shape in shapes.values()]
    return NetworkScorer(Network.from_weights("lstm", arrays))


def part(names: Sequence[str]) -> np.ndarray:
    return VOCABULARY.encode("".join(f"|{name}" for name in [*names, ""]))


def test_each_record_costs_what_it_costs_alone(scorer: NetworkScorer) -> None:
    found = score_records(scorer, part(NAMES), END)
    alone = [costs(scorer, part([name]), streams=1).sum(dtype=np.float64) for name in NAMES]
    np.testing.assert_allclose(found.nats, alone, rtol=1e-5)
    assert found.score.characters == sum(len(name) + 1 for name in NAMES) == len(part(NAMES)) - 1
    assert found.score.nats == pytest.approx(sum(alone), rel=1e-5)


def test_in_any_order_the_same_to_the_last_bit(scorer: NetworkScorer) -> None:
    first = score_records(scorer, part(NAMES), END)
    mixed = random.Random(3).sample(range(len(NAMES)), len(NAMES))
    second = score_records(scorer, part([NAMES[place] for place in mixed]), END)
    assert first.nats[mixed].tolist() == second.nats.tolist()
    assert first.score == second.score
    # not so where the state is carried over, which is what records are for
    assert evaluate(scorer, part(NAMES), streams=1) != evaluate(scorer, part(NAMES[::-1]), streams=1)


def test_costs_stand_where_their_characters_do(scorer: NetworkScorer) -> None:
    ids = part(NAMES)
    found = record_costs(scorer, ids, END)
    assert found.shape == (len(ids) - 1,)
    begin = sum(len(name) + 1 for name in NAMES[:7])
    alone = costs(scorer, part([NAMES[7]]), streams=1)
    np.testing.assert_allclose(found[begin : begin + len(NAMES[7]) + 1], alone, rtol=1e-4)
    assert score_text(scorer, ids, END).nats == pytest.approx(found.sum(dtype=np.float64))
    assert score_text(scorer, ids, None) == evaluate(scorer, ids)


@pytest.mark.parametrize("names", [NAMES, NAMES[:3]])
def test_with_a_window_given_all_calls_have_one_shape(scorer: NetworkScorer, names: list[str]) -> None:
    class Watched:
        initial_states = staticmethod(scorer.initial_states)

        def __init__(self) -> None:
            self.shapes: set[tuple[int, ...]] = set()

        def __call__(self, inputs: np.ndarray, targets: np.ndarray, states: object) -> object:
            self.shapes.add(inputs.shape)
            return scorer(inputs, targets, states)  # type: ignore[arg-type]

    watched = Watched()
    score = score_records(watched, part(names), END, streams=16, window=10).score  # type: ignore[arg-type]
    assert watched.shapes == {(16, 10)}
    assert score.loss == pytest.approx(score_records(scorer, part(names), END).score.loss, rel=1e-5)


def test_a_text_without_a_record_is_refused(scorer: NetworkScorer) -> None:
    with pytest.raises(CorpusError, match="has no record"):
        score_records(scorer, part([]), END)


def test_what_is_said_of_records(scorer: NetworkScorer) -> None:
    names = [*NAMES, "h" * 500]
    found = score_records(scorer, part(names), END)
    document = record_statistics(found, part(names), VOCABULARY)
    bits = found.nats / math.log(2)
    assert document["count"] == 151
    assert document["bits_per_record"] == pytest.approx(bits.mean())
    assert (document["least_bits"], document["most_bits"]) == (bits.min(), bits.max())
    first = document["costliest"][0]
    assert first == {"record": "h" * 200, "bits": bits.max(), "characters": 501}
    costliest = [one["record"] for one in document["costliest"][1:]]
    assert costliest == [names[place] for place in np.argsort(-bits)[1:5]]


# ---------------------------------------------------------------- n-grams


def test_no_context_goes_over_the_end_of_a_record() -> None:
    train, symbols = part(NAMES), part(["abc", "hhf", "abc"])
    for found in ngram_probabilities(train, symbols, VOCABULARY.size, max_order=5, boundary=END):
        np.testing.assert_array_equal(found[1:5], found[9:13])  # whatever was read before
    over = list(ngram_probabilities(train, symbols, VOCABULARY.size, max_order=5))[-1]
    assert not np.array_equal(over[1:5], over[9:13])


def test_the_order_of_the_records_does_not_count() -> None:
    symbols = part(NAMES[:20])
    losses = [
        [one.loss for one in measure_baselines(part(names), symbols, VOCABULARY.size, boundary=END)]
        for names in (NAMES, NAMES[::-1])
    ]
    assert losses[0] == pytest.approx(losses[1])


def test_a_beginning_counts_as_often_as_it_occurs() -> None:
    """Nothing stands before a record, so a count of what does would make every beginning equally unlikely."""
    names = ["ab"] * 30 + ["ba"] * 10 + ["ca"]
    found = probabilities_of_orders(part(names), part(["a"]), VOCABULARY.size, {2, 3, 5}, boundary=END)
    for order in (2, 3, 5):
        assert found[order][1] == pytest.approx(30 / 41, abs=0.05)


def test_without_a_boundary_nothing_changes_and_probabilities_sum_to_one() -> None:
    train = part(NAMES)
    fitted = KneserNey.fit(train, 4, VOCABULARY.size)
    assert fitted.probabilities(part(["ab"])[:3]).sum() == pytest.approx(1.0)
    every = []
    for last in range(VOCABULARY.size):
        symbols = np.array([END, 2, 3, last])
        every.append(list(ngram_probabilities(train, symbols, VOCABULARY.size, max_order=4, boundary=END))[-1][-1])
    assert sum(every) == pytest.approx(1.0)
