"""The n-gram baselines against a slow model of dictionaries, a source of known entropy, and by hand."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.evaluation import baselines
from seqmagic.evaluation.baselines import KneserNey, measure_baselines, ngram_guesses, probabilities_of_orders
from seqmagic.texts.builtin import BUILTIN_TEXTS
from seqmagic.texts.corpus import read_corpus


class SlowKneserNey:
    """The formula of the module written down with dictionaries of tuples, one probability at a time."""

    def __init__(self, ids: list[int], order: int, vocabulary_size: int) -> None:
        self.order, self.vocabulary_size = order, vocabulary_size
        self.counts: list[dict[tuple[int, ...], int]] = []
        for length in range(1, order + 1):
            grams = [tuple(ids[start : start + length]) for start in range(len(ids) - length + 1)]
            if length == order:
                self.counts.append(Counter(grams))
            else:
                longer = {tuple(ids[start : start + length + 1]) for start in range(len(ids) - length)}
                self.counts.append(Counter(gram[1:] for gram in longer))
        self.after = [defaultdict(list) for _ in self.counts]
        for table, after in zip(self.counts, self.after, strict=True):
            for gram, count in table.items():
                after[gram[:-1]].append(count)

    def discount(self, order: int) -> float:
        counts = list(self.counts[order - 1].values())
        once, twice = counts.count(1), counts.count(2)
        return min(max(once / (once + 2 * twice), 0.1), 0.95) if once and twice else 0.5

    def probability(self, character: int, context: tuple[int, ...], order: int | None = None) -> float:
        order = self.order if order is None else order
        if order == 0:
            return 1 / self.vocabulary_size
        context = context[max(0, len(context) - order + 1) :]
        lower = self.probability(character, context, order - 1)
        counts = self.after[order - 1].get(context, [])
        if len(context) < order - 1 or not counts:
            return lower
        discount = self.discount(order)
        count = self.counts[order - 1].get((*context, character), 0)
        return (max(count - discount, 0) + discount * len(counts) * lower) / sum(counts)

    def score(self, ids: list[int]) -> float:
        losses = [-math.log(self.probability(ids[at], tuple(ids[:at]))) for at in range(1, len(ids))]
        return sum(losses) / len(losses)


@st.composite
def texts(draw, most: int = 120):
    """A vocabulary size, a text over it with repetition, and another one over the same vocabulary."""
    vocabulary_size = draw(st.sampled_from([2, 3, 5, 70, 5000]))
    some = draw(st.lists(st.integers(0, vocabulary_size - 1), min_size=1, max_size=4))
    symbol = st.one_of(st.sampled_from(some), st.integers(0, vocabulary_size - 1))
    train = draw(st.lists(symbol, min_size=0, max_size=most))
    other = draw(st.lists(symbol, min_size=2, max_size=30))
    return vocabulary_size, train, other


def score(model, ids):
    """Nats per character of ids[1:], each predicted from those before it, one context at a time."""
    chances = [model.probabilities(np.array(ids[:at], int))[ids[at]] for at in range(1, len(ids))]
    return -float(np.mean(np.log(chances)))


@settings(max_examples=80, deadline=None)
@given(texts(), st.integers(1, 7))
def test_it_is_the_slow_model(text, order):
    vocabulary_size, train, other = text
    order = min(order, max(1, len(train)))
    slow = SlowKneserNey(train, order, vocabulary_size)
    model = KneserNey.fit(np.array(train, np.uint16), order, vocabulary_size)
    assert score(model, other) == pytest.approx(slow.score(other), rel=1e-12)
    for length in range(min(len(other), order + 2)):
        context = other[:length]
        probabilities = model.probabilities(np.array(context, int))
        for character in {*other, *train[:5], 0, vocabulary_size - 1}:
            expected = slow.probability(character, tuple(context))
            assert probabilities[character] == pytest.approx(expected, rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(texts(), st.integers(0, 12), st.data())
def test_probabilities_sum_to_one_for_any_context(text, order, data):
    vocabulary_size, train, other = text
    model = KneserNey.fit(np.array(train, np.uint16), order, vocabulary_size)
    start = data.draw(st.integers(0, max(0, len(train) - 1)))
    for context in ([], other, train[start : start + 12], [0], [0] * 13, [vocabulary_size - 1] * 3):
        probabilities = model.probabilities(np.array(context, np.uint16))
        assert probabilities.shape == (vocabulary_size,)
        assert probabilities.min() > 0
        assert abs(probabilities.sum() - 1) < 1e-9


@settings(max_examples=60, deadline=None)
@given(texts(), st.integers(1, 12))
def test_both_ways_to_a_loss_agree(text, max_order):
    vocabulary_size, train, other = text
    ids = np.array(train, np.uint16)
    rows = measure_baselines(ids, np.array(other), vocabulary_size, max_order=max_order)
    unused = 0 not in [*train, *other]  # then it is the model of the others alone
    ids, other, vocabulary_size = ids - unused, [symbol - unused for symbol in other], vocabulary_size - unused
    assert rows[0].loss == pytest.approx(math.log(vocabulary_size))
    for row in rows:
        model = KneserNey.fit(ids, row.order, vocabulary_size)
        assert row.loss == pytest.approx(score(model, other), rel=1e-12)
    # and the probabilities, one context at a time, are those of the score
    by_hand = [-math.log(model.probabilities(np.array(other[:at]))[other[at]]) for at in range(1, len(other))]
    assert rows[-1].loss == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-12)


def test_probabilities_of_some_orders_are_those_of_the_models():
    train, ids = np.array([1, 2, 1, 3, 1, 2, 1, 1, 3]), np.array([1, 2, 2, 1, 3])
    found = probabilities_of_orders(train, ids, 4, {0, 2, 3, 40})  # id 0, the unknown character, never comes
    assert sorted(found) == [0, 2, 3, 40]
    np.testing.assert_array_equal(found[0], np.full(5, 1 / 3))
    for order in (2, 3, 40):
        model = KneserNey.fit(train - 1, order, 3)
        expected = [model.probabilities(ids[:at] - 1)[ids[at] - 1] for at in range(5)]
        np.testing.assert_allclose(found[order], expected, rtol=1e-12)


def test_two_symbols_by_hand():
    # 1 2 1 1 2, V = 3. Bigrams 12 (2), 21 (1), 11 (1): D = 2/(2 + 2·1) = 1/2.
    # Below: before 1 stood 2 and 1, before 2 stood 1: continuation counts 2 and 1, sum 3, T = 2;
    # one n-gram counted once, one twice: D = 1/(1 + 2) = 1/3.
    # P1(1) = (2 - 1/3)/3 + 1/3·2/3·1/3 = 5/9 + 2/27 = 17/27;  P1(2) = 2/9 + 2/27 = 8/27;  P1(0) = 2/27
    # After 1: N = 3, T = 2. P2(1|1) = (1 - 1/2)/3 + 1/2·2/3·17/27 = 1/6 + 17/81 = 61/162
    #                        P2(2|1) = (2 - 1/2)/3 + 1/3·8/27 = 1/2 + 8/81 = 97/162;  P2(0|1) = 2/81
    model = KneserNey.fit(np.array([1, 2, 1, 1, 2]), 2, 3)
    np.testing.assert_allclose(model.probabilities(np.array([], int)), np.array([2, 17, 8]) / 27, rtol=1e-12)
    np.testing.assert_allclose(model.probabilities(np.array([2, 1])), np.array([4, 61, 97]) / 162, rtol=1e-12)
    # 0 was never seen: its context says nothing.
    np.testing.assert_allclose(model.probabilities(np.array([0])), np.array([2, 17, 8]) / 27, rtol=1e-12)
    # 0 after the text's last 2 was not seen either; 2 went on once, to 1: N = T = 1.
    # P2(1|2) = 1/2 + 1/2·17/27 = 44/54
    np.testing.assert_allclose(model.probabilities(np.array([2])), np.array([2, 44, 8]) / 54, rtol=1e-12)


def test_a_markov_source_of_known_entropy():
    """Of order 2: each character depends on the two before it, so 3-grams are enough and all it takes."""
    symbols = 6
    rng = np.random.default_rng(5)
    table = rng.dirichlet(np.full(symbols, 0.4), size=(symbols, symbols))  # (a, b, next)
    pairs = np.zeros((symbols, symbols, symbols, symbols))  # from (a, b) to (b, next)
    for a, b in np.ndindex(symbols, symbols):
        pairs[a, b, b] = table[a, b]
    chain = pairs.reshape(symbols**2, symbols**2)
    stationary = np.full(symbols**2, symbols**-2)
    for _ in range(2000):
        stationary = stationary @ chain
    np.testing.assert_allclose(stationary @ chain, stationary, atol=1e-12)
    row_entropies = -np.sum(table * np.log2(np.maximum(table, 1e-300)), axis=-1)
    entropy = float(stationary @ row_entropies.ravel())

    cumulated, draws = table.cumsum(axis=-1), rng.random(120_000)
    ids = np.zeros(len(draws), np.uint8)
    for place in range(2, len(ids)):
        drawn = np.searchsorted(cumulated[ids[place - 2], ids[place - 1]], draws[place])
        ids[place] = min(drawn, symbols - 1)
    rows = measure_baselines(ids[:100_000] + 1, ids[100_000:] + 1, symbols + 1)
    best = min(rows, key=lambda row: row.loss)
    assert best.name == "3-gram"
    assert best.bits_per_character == pytest.approx(entropy, abs=0.02)
    assert [row.name for row in rows[:4]] == ["uniform", "unigram", "2-gram", "3-gram"]
    assert rows[2].bits_per_character > entropy + 0.1  # two characters of context are needed
    assert [row.order for row in rows] == [0, 1, 2, 3, 4, 5]  # two orders worse than 3, then no more


def test_the_order_stops_at_the_most_and_at_the_text():
    rng = np.random.default_rng(0)
    ids = np.tile(rng.integers(1, 30, size=40), 20).astype(np.uint8)  # every order learns the period better
    assert measure_baselines(ids, ids, 30, max_order=4)[-1].order == 4
    assert [row.order for row in measure_baselines(ids[:3], ids, 30)] == [0, 1, 2, 3]
    assert [row.name for row in measure_baselines(ids[:0], ids, 30)] == ["uniform"]


def test_of_a_huge_text_the_end_is_counted_and_the_start_scored():
    rng = np.random.default_rng(0)
    train, validation = rng.integers(4, size=500), rng.integers(4, size=300)
    limited = measure_baselines(train, validation, 4, limit=100)
    assert limited == measure_baselines(train[-100:], validation[:100], 4)
    assert limited != measure_baselines(train, validation, 4)


@pytest.mark.parametrize("characters", [0, 1])
def test_nothing_to_score_is_refused(characters):
    with pytest.raises(CorpusError, match=f"part of {characters} characters"):
        measure_baselines(np.arange(9), np.zeros(characters, int), 9)


def test_no_order_confuses_two_contexts():
    """64-bit keys made of the whole n-gram or of hashes would run over here: V^12 is 2^147."""
    vocabulary_size = 5000
    ids = np.random.default_rng(1).integers(vocabulary_size, size=3000).astype(np.uint16)
    grams = list(baselines._count_grams(ids, 12))
    for length, level in enumerate(grams, 1):
        windows = np.lib.stride_tricks.sliding_window_view(ids, length)
        distinct, counts = np.unique(windows, axis=0, return_counts=True)
        assert len(level.keys) == len(distinct)
        assert sorted(level.counts) == sorted(counts)
        assert np.all(np.diff(level.keys) > 0)


def test_uniform_is_over_what_can_be_written():
    """Two characters: ln 2 = 0.6931 nats, perplexity 2, 1 bit; the unknown id counts only where it occurs."""
    alternating = np.array([1, 2] * 50)
    for train, validation, possible in (
        (alternating, alternating, 2),
        (np.append(alternating, 0), alternating, 3),
        (alternating, np.append(alternating, 0), 3),
    ):
        uniform = measure_baselines(train, validation, 3)[0]
        assert uniform.loss == pytest.approx(math.log(possible))
    assert measure_baselines(alternating, alternating, 3)[0].bits_per_character == pytest.approx(1.0)


def test_a_loss_is_never_below_nothing():
    rows = measure_baselines(np.ones(500, int), np.ones(100, int), 2)
    assert all(math.copysign(1, row.loss) == 1 and row.loss < 0.01 for row in rows)


@pytest.mark.parametrize("name", ["recall", "brackets", "markov"])
def test_no_n_gram_is_below_the_best_possible(name):
    corpus = read_corpus(name, DataConfig())
    best = baselines.best_possible(corpus.sha256, corpus.validation)
    assert best is not None and (best.name, best.order) == ("best possible", None)
    counted = measure_baselines(corpus.part("train"), corpus.part("validation"), corpus.vocabulary.size, max_order=6)
    assert min(one.bits_per_character for one in counted) > best.bits_per_character
    entropy = BUILTIN_TEXTS[name].entropy_bits()
    assert best.bits_per_character == pytest.approx(entropy, abs=0.02)
    if name == "markov":
        assert counted[3].name == "3-gram"
        assert counted[3].bits_per_character == pytest.approx(best.bits_per_character, abs=0.02)


def test_the_best_possible_is_over_the_characters_that_are_scored():
    sha256 = BUILTIN_TEXTS["brackets"].sha256
    (first, second, third) = BUILTIN_TEXTS["brackets"].surprise()[100:103]
    best = baselines.best_possible(sha256, (99, 103))
    assert best.bits_per_character == pytest.approx((first + second + third) / 3)
    assert baselines.best_possible(sha256, (99, 100)) is None
    assert baselines.best_possible("0" * 64, (0, 100)) is None


def test_looking_for_the_unknown_takes_no_memory():
    """The training part of a large text is on the disk: nothing as long as it is made."""
    known = np.ones(4_000_000, np.uint8)
    tracemalloc.start()
    assert baselines.possible_characters(90, known, known[:5]) == 89
    assert baselines.possible_characters(90, known, np.zeros(5, np.uint8)) == 90
    assert baselines.possible_characters(90, known, known[:0].astype(np.int64)) == 89
    assert tracemalloc.get_traced_memory()[1] < 400_000
    tracemalloc.stop()


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("repeated", [False, True])
def test_guesses_are_the_likeliest_characters_of_the_model(order: int, repeated: bool) -> None:
    draw = np.random.default_rng(order)
    train = np.tile(draw.integers(0, 6, 7), 12) if repeated else draw.integers(0, 6, 90)
    symbols = draw.integers(0, 7, 60)  # one of them never occurs
    guesses = ngram_guesses(train, symbols, order=order)
    model = KneserNey.fit(train, order, 7)
    for place, guess in enumerate(guesses):
        probabilities = model.probabilities(symbols[max(0, place - order + 1) : place])
        assert probabilities[guess] == pytest.approx(probabilities.max())
    assert ngram_guesses(train[:0], symbols, order=order).tolist() == [0] * 60
