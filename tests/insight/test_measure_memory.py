"""`measure memory` on models whose memory is known, and differences that turn round with the runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seqmagic import files
from seqmagic.insight.measure_memory import measure_memory, reach
from seqmagic.insight.replay import in_precision
from seqmagic.insight.settings import MemoryConfig
from tests.insight.networks import copying_text, linear_rnn, orthogonal, shift_register, without_recurrence
from tests.insight.subjects import subject_of

QUICK = MemoryConfig(max_context=32, targets=200)
IDS = copying_text(5, 30_000)


def test_a_model_that_copies_from_five_back_needs_exactly_five(tmp_path: Path) -> None:
    document = measure_memory([subject_of(tmp_path, "copy", shift_register(5), IDS)], QUICK)
    [model] = document["models"]
    assert (document["kind"], document["text"]["targets"], model["k"][0]) == ("memory", 200, 0)
    assert (model["k50"], model["k90"], model["k99"], model["effective_context"]) == (5, 5, 5, 5)
    assert model["k99_interval"] == [5, 5]
    assert model["unigram_bits"] == pytest.approx(np.log2(7), abs=0.03)
    assert model["unlimited_bits"] == pytest.approx(model["loss_bits"][-1], abs=1e-5)
    assert model["loss_bits"][1:5] == pytest.approx([3.0] * 4, abs=1e-3)  # eight symbols, as far as it knows
    low, high = model["unlimited_interval"]
    assert low < model["unlimited_bits"] < high
    assert len(model["k"]) == len(model["loss_bits"]) == len(model["interval"])
    assert document["differences"] == []


def test_without_recurrence_one_character_is_all_there_is(tmp_path: Path) -> None:
    network = in_precision(without_recurrence(shift_register(1)), np.float32)
    ids = copying_text(1, 30_000)
    [model] = measure_memory([subject_of(tmp_path, "one", network, ids)], QUICK)["models"]
    assert (model["k50"], model["k99"], model["effective_context"]) == (1, 1, 1)
    assert np.ptp(model["loss_bits"][1:]) < 1e-5


def test_a_model_worse_than_frequencies_and_one_whose_memory_is_too_long_give_reasons(tmp_path: Path) -> None:
    random = in_precision(linear_rnn(0.5 * orthogonal(6), size=2.0), np.float32)
    [model] = measure_memory([subject_of(tmp_path, "random", random, IDS)], QUICK)["models"]
    assert (model["k50"], model["k90_interval"]) == (None, [None, None])
    assert "no better than the frequencies" in model["reasons"]["k90"]
    far = subject_of(tmp_path, "far", shift_register(40), copying_text(40, 30_000))
    [model] = measure_memory([far], QUICK)["models"]
    assert (model["k50"], model["effective_context"]) == (None, None)
    assert model["reasons"]["k90"] == "more than 32 characters, the longest context measured"


def test_differences_turn_round_with_the_runs_and_a_seed_fixes_all(tmp_path: Path) -> None:
    one = subject_of(tmp_path, "one", shift_register(5), IDS)
    other = subject_of(tmp_path, "other", shift_register(5, sure=0.5), IDS)
    [there] = measure_memory([one, other], QUICK)["differences"]
    [back] = measure_memory([other, one], QUICK)["differences"]
    assert (there["run"], there["to"], back["run"]) == ("other", "one", "one")
    assert there["unlimited_bits"] == -back["unlimited_bits"] > 0
    assert there["unlimited_bits_interval"] == [-end for end in reversed(back["unlimited_bits_interval"])]
    assert there["unlimited_bits_interval"][0] > 0  # paired: one text, two models
    assert (there["k90"], there["k90_interval"]) == (0, [0, 0])
    config = MemoryConfig(max_context=16, targets=64, variant=("foreign", "shuffle-words"), seed=3)
    texts = {files.to_json(measure_memory([one, other], config)) for _ in range(2)}
    assert len(texts) == 1
    assert json.loads(texts.pop())["text"]["seed"] == 3


def test_runs_of_different_texts_have_no_difference(tmp_path: Path) -> None:
    one = subject_of(tmp_path / "a", "one", shift_register(5), IDS)
    other = subject_of(tmp_path / "b", "other", shift_register(5), IDS[1:])
    [entry] = measure_memory([one, other], QUICK)["differences"]
    assert entry["reasons"] == {"all": "the runs are of different texts"}


def test_disorder_beyond_what_is_used_costs_nothing(tmp_path: Path) -> None:
    config = MemoryConfig(max_context=32, targets=64, variant=("foreign", "shuffle-chars", "reverse"))
    document = measure_memory([subject_of(tmp_path, "copy", shift_register(5), IDS)], config)
    variants = document["models"][0]["variants"]
    assert set(variants) == {"zero", "foreign", "shuffle-chars", "reverse"}
    for name in ("shuffle-chars", "reverse"):
        added = dict(zip(variants[name]["boundary"], variants[name]["added_bits"], strict=True))
        assert list(added) == [1, 2, 5, 10, 20]
        assert min(added[1], added[2]) > 1
        assert max(abs(added[5]), abs(added[10]), abs(added[20])) < 1e-5
        assert variants[name]["share_of_foreign"][2:] == [None] * 3
        assert variants[name]["share_of_foreign"][0] == pytest.approx(1, abs=0.3)
    assert any("foreign memory and an empty one differ" in line for line in document["warnings"])


def test_disorder_begins_right_behind_its_boundary(tmp_path: Path) -> None:
    config = MemoryConfig(max_context=16, targets=64, variant=("reverse",))
    for distance, costs in ((5, False), (6, True)):
        subject = subject_of(tmp_path / str(distance), "copy", shift_register(distance), copying_text(distance, 30_000))
        variant = measure_memory([subject], config)["models"][0]["variants"]["reverse"]
        assert (variant["added_bits"][variant["boundary"].index(5)] > 1) == costs


def test_the_level_must_hold_from_there_on() -> None:
    lengths = np.array([1, 2, 3, 4])
    losses = np.array([[3.0, 1.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0], [3.0, 3.0, 3.0, 3.0]])
    assert reach(lengths, losses, np.full(3, 1.5)).tolist() == [4, 1, np.inf]
