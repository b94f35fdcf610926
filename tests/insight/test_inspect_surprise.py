"""The bits of each character: those of an evaluation, and those of plain counting."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from seqmagic.evaluation.baselines import KneserNey, measure_baselines
from seqmagic.evaluation.evaluation import evaluate
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.insight.excerpts import open_reader, read_excerpt
from seqmagic.insight.inspect_surprise import best_ngram, inspect_surprise, other_run
from seqmagic.insight.settings import ExcerptConfig
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import read_own_text
from tests.helpers import TEXT, make_run, make_text


def test_the_mean_is_that_of_an_evaluation(tiny_run: Run, tmp_path: Path) -> None:
    path = make_text(tmp_path, TEXT[:300], "part.txt")
    excerpt = read_excerpt(tiny_run, ExcerptConfig(file=str(path)), length=400)
    subject = open_reader(tiny_run, excerpt)
    [model] = inspect_surprise([subject], excerpt)["models"]
    score = evaluate(NetworkScorer(subject.network), subject.passage.ids)
    assert model["mean_bits"] == pytest.approx(score.loss / math.log(2), rel=1e-5)
    assert model["characters"] == list(TEXT[:300])
    assert model["bits"][0] is None  # nothing was read before it
    assert (model["rank"][0], model["top"][0]) == (None, [])
    assert np.mean(model["bits"][1:]) == pytest.approx(model["mean_bits"], rel=1e-4)


def test_what_is_said_of_a_character_hangs_together(tiny_run: Run) -> None:
    excerpt = read_excerpt(tiny_run, ExcerptConfig(), length=50)
    subject = open_reader(tiny_run, excerpt)
    size = subject.vocabulary.size
    [model] = inspect_surprise([subject], excerpt, top=size)["models"]
    assert len(model["bits"]) == len(model["top"]) == len(model["entropy"]) == 50
    assert None not in model["bits"]  # real characters were read before the first one
    for character, bits, rank, top, entropy in zip(
        *(model[name] for name in ("characters", "bits", "rank", "top", "entropy")), strict=True
    ):
        chances = [chance for _, chance in top]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) == pytest.approx(1, abs=1e-3)
        assert top[rank - 1][0] == character
        assert chances[rank - 1] == pytest.approx(2**-bits, rel=1e-3)
        assert entropy == pytest.approx(-sum(chance * math.log2(chance) for chance in chances), rel=1e-2)


def test_swapping_two_runs_turns_the_difference(models: Path, text: Path) -> None:
    runs = [make_run(models, cell, source=text, cell=cell) for cell in ("rnn", "gru")]
    excerpt = read_excerpt(runs[0], ExcerptConfig(), length=50)
    one, other = (open_reader(run, excerpt) for run in runs)
    found, turned = (
        inspect_surprise([first], excerpt, other=other_run(second, excerpt))["models"][0]["versus"]
        for first, second in ((one, other), (other, one))
    )
    assert (found["name"], turned["name"]) == ("gru", "rnn")
    np.testing.assert_allclose(found["difference"], -np.array(turned["difference"]), atol=1e-5)
    assert found["mean_difference"] == pytest.approx(-turned["mean_difference"], abs=1e-5)


def test_the_ngram_is_the_best_one_of_the_training_part(tiny_run: Run) -> None:
    own = read_own_text(tiny_run, "validation")
    vocabulary = tiny_run.read_vocabulary()
    best = min(measure_baselines(own.part("train"), own.ids, vocabulary.size), key=lambda one: one.loss)
    excerpt = read_excerpt(tiny_run, ExcerptConfig(), length=60)
    found = best_ngram(tiny_run, excerpt)
    assert found.name == best.name
    model = KneserNey.fit(own.part("train"), best.order, vocabulary.size)
    ids = vocabulary.encode(excerpt.before + excerpt.text)
    expected = -math.log2(model.probabilities(ids[:230])[ids[230]])
    assert found.bits[30] == pytest.approx(expected)
    typed = read_excerpt(tiny_run, ExcerptConfig(text="3 green"), length=60)
    assert np.isnan(best_ngram(tiny_run, typed).bits[0])
