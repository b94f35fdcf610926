"""`measure ngram` on texts whose entropy is known, and where a model stands among the orders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqmagic.errors import CorpusError, RunError
from seqmagic.insight.measure_ngram import equivalent_order, measure_ngram, ngram_bits
from seqmagic.insight.passages import Passage
from seqmagic.insight.settings import NgramConfig
from tests.insight.networks import SYMBOLS, copying_text, shift_register
from tests.insight.subjects import subject_of

QUICK = NgramConfig(max_order=5)


def passage_of(ids: np.ndarray, held_out: int) -> Passage:
    return Passage(source="made", sha256="0", part="validation", ids=ids[-held_out:], train=ids[:-held_out])


def test_a_trigram_finds_the_entropy_of_a_markov_text_of_order_two() -> None:
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.full(SYMBOLS, 0.4), size=(SYMBOLS, SYMBOLS))
    limits, draws = table.cumsum(axis=-1), rng.random(120_000)
    ids = np.zeros(len(draws), np.int64)
    for place in range(2, len(ids)):
        ids[place] = min(np.searchsorted(limits[ids[place - 2], ids[place - 1]], draws[place]), SYMBOLS - 1)
    entropy = -np.log2(table[ids[:-2], ids[1:-1], ids[2:]])[-20_000:].mean()
    means = ngram_bits(ids[:-20_001], ids[-20_001:], SYMBOLS, max_order=5).mean(axis=1)
    assert means[3] == pytest.approx(entropy, abs=0.02)
    assert means[1] > means[2] > means[3] + 0.1
    assert means[3] < means[4] < means[5]


def test_what_is_copied_from_d_back_takes_an_n_gram_of_d_and_one(tmp_path: Path) -> None:
    ids = copying_text(3, 60_000)
    subject = subject_of(tmp_path, "copy", shift_register(3), ids)
    document = measure_ngram(subject.passage, SYMBOLS, QUICK, [subject])
    losses = [one["loss_bits"] for one in document["orders"]]
    assert losses[:4] == pytest.approx([np.log2(7)] * 4, abs=0.01)
    assert losses[4] < 1.2
    assert document["best_order"] == 4
    [model] = document["models"]
    assert (model["beyond_any_ngram"], model["equivalent_order"]) == (True, None)  # it needn't see every context
    assert "below that of the best one" in model["reasons"]["equivalent_order"]
    assert model["against_best_interval"][1] < 0
    [two] = measure_ngram(subject.passage, SYMBOLS, NgramConfig(max_order=2), [subject])["models"]
    assert two["equivalent_order_interval"] == [None, None]


def test_a_text_alone_has_orders_and_no_models() -> None:
    document = measure_ngram(passage_of(copying_text(1, 4000), 1000), SYMBOLS, QUICK)
    assert (document["models"], document["differences"], document["best_order"]) == ([], [], 2)
    assert [one["order"] for one in document["orders"]] == list(range(6))
    assert document["text"]["targets"] == 999


def test_a_loss_that_still_falls_at_the_highest_order_is_warned_of() -> None:
    passage = passage_of(copying_text(1, 4000), 1000)
    assert measure_ngram(passage, SYMBOLS, QUICK)["warnings"] == []
    [line] = measure_ngram(passage, SYMBOLS, NgramConfig(max_order=2))["warnings"]
    assert "still falls at order 2" in line


def test_differences_turn_round_with_the_runs(tmp_path: Path) -> None:
    ids = copying_text(2, 20_000)
    one = subject_of(tmp_path, "one", shift_register(2), ids)
    other = subject_of(tmp_path, "other", shift_register(2, sure=0.5), ids)
    there, back = (measure_ngram(one.passage, SYMBOLS, QUICK, pair) for pair in ([one, other], [other, one]))
    [difference], [opposite] = there["differences"], back["differences"]
    assert difference["loss_bits"] == -opposite["loss_bits"] > 0
    assert difference["loss_bits_interval"] == [-end for end in reversed(opposite["loss_bits_interval"])]


def test_refusals(tmp_path: Path) -> None:
    ids = copying_text(2, 20_000)
    one = subject_of(tmp_path / "a", "one", shift_register(2), ids)
    other = subject_of(tmp_path / "b", "other", shift_register(2), ids[1:])
    with pytest.raises(RunError, match="one and other are runs of different texts or splits"):
        measure_ngram(one.passage, SYMBOLS, QUICK, [one, other])
    with pytest.raises(CorpusError, match="has 200 characters, and comparing n-grams needs 201"):
        measure_ngram(passage_of(ids, 200), SYMBOLS, QUICK)


def test_the_equivalent_order_is_on_the_line_between_two() -> None:
    losses = np.array([6.0, 4.0, 3.0, 2.0, 2.5])
    assert equivalent_order(2.25, losses) == pytest.approx(2.75)
    assert equivalent_order(4.0, losses) == 1
    assert equivalent_order(5.0, losses) == pytest.approx(0.5)
    assert equivalent_order(7.0, losses) == 0
    assert equivalent_order(1.9, losses) == np.inf
