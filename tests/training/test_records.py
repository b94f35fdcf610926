"""Training on records: each from an empty state, what fills up a window counts for nothing, and all as without them."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import seqmagic
from seqmagic.config import DataConfig, DecidedModel, ModelConfig, TrainConfig
from seqmagic.errors import SampleError
from seqmagic.network.keras_file import load_network
from seqmagic.runs.find import open_run
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.texts.record_streams import NOT_PREDICTED, record_lengths
from seqmagic.training.engines.fused import FusedEngine
from seqmagic.training.engines.keras import KerasEngine
from seqmagic.training.model import build_model
from seqmagic.training.recipe import Plan, make_plan, record_batch
from seqmagic.training.resume import resume
from seqmagic.training.session import Session
from seqmagic.training.train import train

pytestmark = pytest.mark.tf

# after an a comes an a three times, after a b a b, so all but the first character of a record follows from it
LINES = [letter * 4 for letter in "abcdefgh"] * 40
OF_THE_CLOCK = ("seconds", "characters_per_second")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "lines.txt"
    path.write_text("\n".join(random.Random(1).sample(LINES, len(LINES))))
    return path


@pytest.fixture(scope="module")
def corpus(lines: Path) -> Corpus:
    return read_corpus(str(lines), DataConfig(records="line"))


def plan_of(corpus: Corpus, **settings: Any) -> Plan:
    assert corpus.boundary is not None
    return make_plan(
        ModelConfig(cell="gru", units=16, layers=1, embedding=8, dropout=0.0),
        TrainConfig(**{"epochs": 1.0, "learning_rate": 0.02, **settings}),
        characters=len(corpus.part("train")),
        vocabulary_size=corpus.vocabulary.size,
        device="cpu",
        measure_flops=lambda: 1e9,
        record_lengths=record_lengths(corpus.part("train"), corpus.boundary),
    )


def test_a_model_of_records_learns_their_structure_and_knows_where_they_end(lines: Path, tmp_path: Path) -> None:
    training = seqmagic.train(
        lines, records="line", units=24, cell="lstm", epochs=60, learning_rate=0.02, models=tmp_path, name="letters"
    )
    model = training.load()
    # the first letter costs ln 8 of the five characters, the rest follows: 0.416 nats per character
    assert training.results["validation_loss"] == pytest.approx(np.log(8) / 5, abs=0.03)
    written = ["".join(model.generate(seed=seed)) for seed in range(12)]
    assert set(written) <= {letter * 4 for letter in "abcdefgh"} and len(set(written)) > 3
    assert "".join(model.generate("c", seed=1)) == "ccc"
    assert "".join(model.generate("ccc\n", seed=1)) == "c"  # the line break of a file ends no record
    with pytest.raises(SampleError, match="end of a record"):
        model.generate("cccc\nd")
    assert seqmagic.evaluate("letters", models=tmp_path).loss == pytest.approx(
        float(training.results["validation_loss"] or 0), abs=1e-5
    )


@pytest.mark.parametrize("engine", [FusedEngine, KerasEngine])
def test_what_fills_up_a_window_moves_nothing(engine: Callable[..., Any]) -> None:
    config = DecidedModel(cell="lstm", units=6, layers=2, embedding=4, dropout=0.0)
    model = build_model(config, vocabulary_size=9, seed=1)
    made = engine(config, shards=2) if engine is FusedEngine else engine(config)
    weights = [variable.value.read_value() for variable in model.trainable_weights]
    ids = tf.constant(np.random.default_rng(1).integers(1, 9, (2, 5)), tf.int32)
    targets = tf.constant(np.random.default_rng(2).integers(1, 9, (2, 5)), tf.int32)
    counted = tf.constant([[1, 1, 0, 0, 0]] * 2, tf.float32)
    seed, states = tf.constant(1), made.initial_states(2)
    loss, gradients, _ = made.loss_and_gradients(weights, ids, targets, states, seed, counted)
    shorter, expected, _ = made.loss_and_gradients(weights, ids[:, :2], targets[:, :2], states, seed)
    assert float(loss) == pytest.approx(float(shorter), rel=1e-5)
    for found, one in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, one, rtol=1e-4, atol=1e-6)
    all_of_them = made.loss_and_gradients(weights, ids, targets, states, seed, tf.ones((2, 5)))
    plain = made.loss_and_gradients(weights, ids, targets, states, seed)
    np.testing.assert_allclose(all_of_them[0], plain[0], rtol=1e-6)


def test_the_mean_is_over_what_is_predicted(corpus: Corpus) -> None:
    session = Session(corpus, plan_of(corpus, sequence_length=7, batch_size=4), threads=2)
    _, targets, _ = session.streams.windows(0, 1)
    assert (targets == NOT_PREDICTED).any()
    losses, _ = session.take_steps([0.0])
    # at the start no character is much likelier than another, whatever fills up the windows
    assert losses[0] == pytest.approx(np.log(corpus.vocabulary.size), abs=0.8)
    assert session.characters_per_step == pytest.approx(4 * 5)
    assert session.steps_per_epoch == pytest.approx(len(corpus.part("train")) / 20)


def test_several_steps_in_one_call_are_those_steps_to_the_last_bit(corpus: Corpus) -> None:
    at_once, one_by_one = (Session(corpus, plan_of(corpus, batch_size=8), threads=2) for _ in range(2))
    together = at_once.take_steps([0.01] * 5)
    alone = [one_by_one.take_steps([0.01]) for _ in range(5)]
    assert together == ([one[0][0] for one in alone], [one[1][0] for one in alone])
    for one, other in zip(at_once.state.weights, one_by_one.state.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_that_was_stopped_goes_on_bit_for_bit(corpus: Corpus, tmp_path: Path) -> None:
    def begin(name: str) -> Any:
        training = TrainConfig(epochs=6.0, batch_size=8, sequence_length=3, learning_rate=0.01)
        model = ModelConfig(cell="gru", units=8, layers=1, embedding=4, dropout=0.1)
        return train(corpus, model=model, training=training, models=tmp_path, name=name)

    list(begin("whole"))
    events = begin("stopped")
    evaluations = 0
    for event in events:
        evaluations += type(event).__name__ == "Evaluated"
        if evaluations == 3:
            signal.raise_signal(signal.SIGINT)
            evaluations += 1
    stopped = open_run(tmp_path, "stopped")
    assert stopped.read_record().status == "interrupted" and stopped.has_checkpoint
    list(resume(stopped))
    whole = open_run(tmp_path, "whole")
    for one, other in zip(load_network(whole).arrays, load_network(stopped).arrays, strict=True):
        np.testing.assert_array_equal(one, other)
    history = [
        [{key: value for key, value in row.items() if key not in OF_THE_CLOCK} for row in run.read_history()]
        for run in (whole, stopped)
    ]
    assert history[0] == history[1]
    assert whole.read_record().data == DataConfig(records="line", split_seed=1)


def test_the_plan_keeps_records_whole_and_steps_as_long_as_otherwise(corpus: Corpus) -> None:
    training = plan_of(corpus).training
    assert training.sequence_length == 5 and training.batch_size == 205
    assert plan_of(corpus, sequence_length=3, batch_size=10_000).training.batch_size == len(
        record_lengths(corpus.part("train"), corpus.boundary or 0)
    )
    assert record_batch(TrainConfig(), np.array([1024] * 50)) == (16, 64)
    [note] = [line for line in plan_of(corpus, sequence_length=10).notes if "fills up" in line]
    assert note == "50% of each step fills up records to windows of 10 characters"
