"""Intervals and test losses of real weights: by their own costs, and what they leave out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from seqmagic.comparison.compare import Compared, compare
from seqmagic.comparison.record import Comparison
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.evaluation.evaluation import evaluate
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.trained import read_trained
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import read_own_text
from seqmagic.runs.record import Results
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.events import Finished
from tests.helpers import FakeTraining, make_results, make_run, make_text

Call = Callable[..., Result]


def loss_of(run: Run, part: str) -> float:
    return evaluate(NetworkScorer(read_trained(run).network), read_own_text(run, part).ids).loss


def with_its_own_loss(run: Run) -> Run:
    """The record says what the weights of the run really lose."""
    results = Results(**make_results(loss_of(run, "validation")))
    run.write_record(dataclasses.replace(run.read_record(), results=results))
    return run


class HonestTraining(FakeTraining):
    """One whose records say what the weights really lose."""

    def __call__(self, corpus: Any, **asked: Any) -> Iterator[Any]:
        for event in super().__call__(corpus, **asked):
            if isinstance(event, Finished):
                with_its_own_loss(event.run)
            yield event


@pytest.fixture
def long_text(tmp_path: Path) -> Path:
    return make_text(
        tmp_path, "".join(f"{n} green bottles, hanging on the wall; and {n * 7} more.\n" for n in range(400))
    )


def compared(text: Path, models: Path, *, data: DataConfig | None = None, **more: Any) -> Comparison:
    asked: dict[str, Any] = {"cells": ["rnn", "lstm"], "units": [6], "layers": [1], "train": HonestTraining({}), **more}
    asked["train"].losses = {"rnn": 3.0, "lstm": 3.0, "gru": 3.0}
    corpus = read_corpus(str(text), data or DataConfig())
    training = TrainConfig(epochs=1.0, seed=7)
    events = list(compare(corpus, model=ModelConfig(embedding=4), training=training, models=models, **asked))
    assert isinstance(events[-1], Compared)
    return events[-1].comparison


def test_rows_are_held_against_each_other_on_their_own_costs(long_text: Path, models: Path) -> None:
    comparison = compared(long_text, models)
    chance = comparison.chance
    assert chance is not None and (chance.part, chance.seeds) == ("validation", 0)
    start, stop = comparison.text["validation"]
    assert chance.characters == stop - start - 1
    losses = [row.loss or 0.0 for row in comparison.rows]
    assert chance.best == int(np.argmin(losses))
    (other,) = [one for one in chance.distances if one.row is not None]
    assert other.difference == pytest.approx(abs(losses[0] - losses[1]))
    assert 0.001 < other.margin < 0.5
    assert chance.of(None) is not None
    assert f"±{other.margin:.3f}" in comparison.sentence or "level" in comparison.sentence
    assert "what another seed would change is not in it" in (comparison.legend or "")


def test_the_test_part_is_the_last_word(long_text: Path, models: Path) -> None:
    comparison = compared(long_text, models, data=DataConfig(test=0.1))
    assert comparison.part == "test" and comparison.chance is not None and comparison.chance.part == "test"
    for row in comparison.rows:
        assert row.test_loss == pytest.approx(loss_of(Run(models / (row.run or "")), "test"), abs=1e-6)
        assert row.test_loss != row.loss
    shown = [one for one in comparison.baselines if one.test_loss is not None]
    assert [one.order for one in shown[:2]] == [0, 1] and len(shown) >= 3
    assert "nats per character of the test part" in comparison.sentence


def test_two_seeds_of_one_configuration_are_level(long_text: Path, models: Path, seqmagic: Call) -> None:
    for seed in (1, 2):
        with_its_own_loss(make_run(models, f"seed-{seed}", source=long_text, seed=seed))
    result = seqmagic("compare", "seed-1", "seed-2")
    assert result.exit_code == 0, result.stderr
    assert "In these runs lstm 1×6 and lstm 1×6 are level at" in " ".join(result.stdout.split())
    chance = json.loads(seqmagic("compare", "seed-1", "seed-2", "--json").stdout)["chance"]
    assert chance["seeds"] == 1
    assert chance["distances"][0]["margin"] > chance["distances"][0]["difference"] > 0.005


def test_over_seeds_the_spread_is_in_the_interval(long_text: Path, models: Path) -> None:
    comparison = compared(long_text, models, seeds=2, cells=["lstm"], units=[6, 7])
    assert comparison.chance is not None and comparison.chance.seeds == 2
    assert all(summary.deviation is not None for summary in comparison.summaries)
    assert "over seeds" in (comparison.legend or "")


def test_weights_that_are_not_those_of_the_row_have_no_interval(long_text: Path, models: Path) -> None:
    comparison = compared(long_text, models, train=FakeTraining({}))
    assert comparison.chance is None and comparison.legend is None
    assert [note for note in comparison.notes if note.startswith("No interval for bottles-rnn-1x6: its weights")]


def test_a_kept_comparison_says_it_again_without_runs_or_text(long_text: Path, models: Path, seqmagic: Call) -> None:
    comparison = compared(long_text, models, data=DataConfig(test=0.1))
    first = seqmagic("compare", comparison.name).stdout
    long_text.unlink()
    for row in comparison.rows:
        (models / (row.run or "") / "model.keras").unlink()
    again = seqmagic("compare", comparison.name)
    assert again.stdout == first
    head = next(line for line in first.splitlines() if "char/s" in line)
    assert (
        head.split()[-1] == "loss" and " to test " in first and "on a processor, 2 threads" in " ".join(first.split())
    )
