"""`seqmagic.load` and what a model does: the library that people build on."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import seqmagic
from seqmagic import SampleConfig
from seqmagic.api import Model
from seqmagic.errors import ConfigError, RunError, SampleError
from seqmagic.evaluation.evaluation import evaluate
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.keras_file import load_network
from seqmagic.runs.folder import Run
from tests.helpers import TEXT


@pytest.fixture
def model(tiny_run: Run, models: Path) -> Model:
    return seqmagic.load("tiny", models=models)


def test_a_run_is_found_as_on_the_command_line(tiny_run: Run, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seqmagic.load(tiny_run.path).run.name == "tiny"
    assert seqmagic.load(models=models).run.name == "tiny"
    monkeypatch.setenv("SEQMAGIC_MODELS", str(models))
    assert seqmagic.load("best").run.name == "tiny"
    with pytest.raises(RunError, match="did you mean tiny"):
        seqmagic.load("tinny")


def test_generate_yields_characters(model: Model) -> None:
    characters = list(model.generate("1 green", length=30, seed=2))
    assert len(characters) == 30 and all(len(character) == 1 for character in characters)
    assert list(model.generate("1 green", SampleConfig(length=30, seed=2))) == characters
    assert list(model.generate("1 green", SampleConfig(length=9, seed=2), length=30)) == characters
    endless = model.generate("1 green", length=0, seed=2)
    assert list(itertools.islice(endless, 30)) == characters
    assert list(model.generate(length=5, seed=2, temperature=0)) == list(model.generate("\n", length=5, top_k=1))


def test_generate_refuses_at_once(model: Model) -> None:
    with pytest.raises(ConfigError, match="there is no setting 'temprature'; there are ban, count, length"):
        model.generate(temprature=1)
    with pytest.raises(ConfigError, match="generate writes one text, received count=2"):
        model.generate(count=2)
    with pytest.raises(ConfigError, match="--temperature must be"):
        model.generate(temperature=-1)
    with pytest.raises(SampleError, match="never saw"):
        model.generate("→")


def test_a_score_is_the_loss_of_each_character(model: Model, tiny_run: Run) -> None:
    nats = model.score(TEXT)
    assert nats.shape == (len(TEXT) - 1,) and nats.dtype == np.float32
    expected = evaluate(NetworkScorer(load_network(tiny_run)), model.vocabulary.encode(TEXT), streams=1)
    assert nats.mean() == pytest.approx(expected.loss, abs=1e-5)
    assert model.score("1").shape == (0,)
    unknown = model.score("a→")
    assert np.isfinite(unknown).all()


def test_step_says_what_may_follow(model: Model) -> None:
    logarithms, state = model.step(None, "1 gree")
    assert logarithms.shape == (model.vocabulary.size,) and logarithms.dtype == np.float32
    assert np.exp(logarithms).sum() == pytest.approx(1, abs=1e-5)
    n = int(model.vocabulary.encode("n")[0])
    assert -logarithms[n] == pytest.approx(model.score("1 green")[-1], abs=1e-5)
    # a state is not used up, and one character more is one step
    onward = [model.step(state, "n")[0] for _ in range(2)]
    np.testing.assert_array_equal(*onward)
    np.testing.assert_allclose(onward[0], model.step(None, "1 green")[0], atol=1e-5)
    with pytest.raises(SampleError, match="one character or more"):
        model.step(state, "")
