"""`measure repeats` on models that copy from a known distance, which is that of the words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqmagic.errors import CorpusError
from seqmagic.insight.measure_repeats import BINS, measure_repeats, mention_bits
from seqmagic.insight.mentions import Mention
from seqmagic.insight.passages import held_out
from seqmagic.insight.settings import RepeatsConfig
from seqmagic.insight.subjects import Subject, open_subject
from seqmagic.network.network import Network
from tests.helpers import make_run, make_text
from tests.insight.networks import SYMBOLS, shift_register, without_recurrence

CONFIG = RepeatsConfig()
BETWEEN = 24  # characters from a word to the same word


def words_that_come_twice(blocks: int) -> str:
    """Blocks of three random words of seven letters, each block twice."""
    rng = np.random.default_rng(0)
    made = ["".join(rng.choice(list("abcdef"), 7)) + " " for _ in range(3 * blocks)]
    return "".join("".join(made[3 * n : 3 * n + 3]) * 2 for n in range(blocks))


def subject_of(folder: Path, name: str, network: Network, text: str) -> Subject:
    run = make_run(folder, name, source=make_text(folder, text, "words.txt"), cell="rnn")
    subject = open_subject(run, held_out(run))
    assert subject.network.vocabulary_size == SYMBOLS
    return replace(subject, network=network)


@pytest.fixture
def text() -> str:
    return words_that_come_twice(400)


def test_a_model_that_copies_from_there_saves_what_it_was_sure_of(tmp_path: Path, text: str) -> None:
    document = measure_repeats([subject_of(tmp_path, "copy", shift_register(BETWEEN), text)], CONFIG)
    [model] = document["models"]
    near = model["by_distance"][0]
    assert near["cases"] > 80
    assert near["median_distance"] == BETWEEN
    assert near["bits"] == pytest.approx(-np.log2(0.9), abs=1e-3)
    right, wrong = -np.log2(0.9), -np.log2(0.1 / 7)
    assert near["saving_bits"] == pytest.approx(5 / 6 * (wrong - right), abs=0.5)  # a sixth of the letters is the same
    assert near["saving_bits_interval"][0] > 4
    assert [(one["from"], one["to"]) for one in model["by_distance"]] == list(BINS)
    assert model["by_distance"][4]["reason"] == "0 cases, and fewer than 20 say nothing"


def test_one_whose_memory_ends_before_saves_nothing(tmp_path: Path, text: str) -> None:
    for number, network in enumerate((shift_register(BETWEEN - 8), without_recurrence(shift_register(1)))):
        [model] = measure_repeats([subject_of(tmp_path / str(number), "x", network, text)], CONFIG)["models"]
        assert abs(model["all"]["saving_bits"]) < 1e-4


def test_differences_turn_round_and_a_seed_fixes_all(tmp_path: Path, text: str) -> None:
    one = subject_of(tmp_path, "one", shift_register(BETWEEN), text)
    other = subject_of(tmp_path, "other", shift_register(BETWEEN, sure=0.5), text)
    [there] = measure_repeats([one, other], CONFIG)["differences"]
    [back] = measure_repeats([other, one], CONFIG)["differences"]
    assert there["saving_bits"] == -back["saving_bits"] < 0
    assert there["saving_bits_interval"] == [-end for end in reversed(back["saving_bits_interval"])]
    assert measure_repeats([one], CONFIG) == measure_repeats([one], CONFIG)
    fewer = measure_repeats([one], RepeatsConfig(pairs=20))["models"][0]["by_distance"][0]
    assert fewer["cases"] == 20


def test_all_earlier_mentions_are_replaced_at_the_edge_of_the_window_too() -> None:
    network = shift_register(8)
    ids = np.tile(np.arange(1, SYMBOLS + 1) % SYMBOLS, 8)
    here = Mention("abcdef", 40, (10, 24, 32))
    other = [np.full(6, 3)]
    [[as_it_is, replaced]] = mention_bits(network, ids, [here], other, length=28)  # from 12 on
    assert as_it_is == pytest.approx(-np.log2(0.9), abs=1e-3)
    assert replaced > 4


def test_each_letter_of_the_substitute_stands_where_that_of_the_word_stood() -> None:
    ids = np.tile(np.arange(1, SYMBOLS + 1) % SYMBOLS, 8)
    word, network = ids[32:38], shift_register(8)
    right, wrong = -np.log2(0.9), -np.log2(0.1 / 7)
    for letter in range(6):
        other = word.copy()
        other[letter] = (other[letter] + 1) % SYMBOLS
        [[_, replaced]] = mention_bits(network, ids, [Mention("abcdef", 40, (32,))], [other], length=20)
        expected = right if letter == 0 else (4 * right + wrong) / 5  # the first letter is not looked at
        assert replaced == pytest.approx(expected, abs=1e-3)


def test_a_text_without_words_and_one_too_short(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", "plain", source=make_text(tmp_path, "no such word here. " * 300, "plain.txt"))
    model = measure_repeats([open_subject(run, held_out(run))], CONFIG)["models"][0]
    assert (model["all"]["cases"], model["all"]["saving_bits"]) == (0, None)
    run = make_run(tmp_path / "b", "short", source=make_text(tmp_path, "too short. " * 150, "short.txt"))
    with pytest.raises(CorpusError, match="has 165 characters, and measuring repeats needs 201"):
        measure_repeats([open_subject(run, held_out(run))], CONFIG)
