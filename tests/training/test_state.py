"""A state that was given out and put back goes on as if nothing had happened, bit by bit."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from seqmagic.config import CELLS, DataConfig, DecidedModel, DecidedTraining
from seqmagic.errors import TrainingError
from seqmagic.evaluation.evaluation import Score
from seqmagic.runs.record import HistoryRow
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.budget import EvaluationTimes
from seqmagic.training.recipe import Plan
from seqmagic.training.session import Session
from tests.helpers import make_text

pytestmark = pytest.mark.tf


def session(tmp_path, cell: str, *, units: int = 6, batch_size: int = 4) -> Session:
    corpus = read_corpus(str(make_text(tmp_path)), DataConfig())
    plan = Plan(
        model=DecidedModel(cell=cell, units=units, layers=2, embedding=3, dropout=0.2),
        training=DecidedTraining(
            epochs=1, batch_size=batch_size, sequence_length=8, learning_rate=0.01, weight_decay=0.1
        ),
        notes=(),
    )
    return Session(corpus, plan, threads=1)


@pytest.mark.parametrize("cell", CELLS)
def test_a_training_goes_on_bit_by_bit_from_a_state_put_back(cell, tmp_path):
    whole, cut = session(tmp_path, cell), session(tmp_path, cell)
    for _ in range(3):
        whole.take_step(0.01)
    kept = whole.state.to_arrays()
    losses = [whole.take_step(0.02) for _ in range(3)]
    cut.take_step(0.5)  # somewhere else altogether
    cut.state.restore(kept)
    assert cut.state.step == 3
    assert [cut.take_step(0.02) for _ in range(3)] == losses
    for one, other in zip(whole.state.weights, cut.state.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_everything_that_was_reached_comes_back(tmp_path):
    one, other = session(tmp_path, "rnn"), session(tmp_path, "rnn")
    state = one.state
    one.take_step(0.01)
    state.losses, state.train_loss, state.elapsed_seconds = [2.5, 2.25], 2.75, 12.5
    state.history.append(HistoryRow(step=1, validation_loss=2.0))
    state.best, state.best_weights = Score(nats=200.0, characters=100), state.weights
    state.learning_rate, state.evaluations = 0.02, EvaluationTimes(seconds=1.5, ended_at=12.25, next_mark=0.75)
    other.state.restore(state.to_arrays())
    assert other.state.learning_rate == 0.02 and other.state.evaluations == state.evaluations
    for name in ("step", "step_seconds", "elapsed_seconds", "losses", "train_loss", "history", "best"):
        assert getattr(other.state, name) == getattr(state, name), name
    for kept, found in zip(state.best_weights, other.state.best_weights, strict=True):
        np.testing.assert_array_equal(kept, found)
    assert {key: value.dtype for key, value in state.to_arrays().items() if value.dtype == object} == {}


@pytest.mark.parametrize("cell", CELLS)
def test_compiling_moves_nothing(cell, tmp_path):
    """So a state may be put back before or after it."""
    one = session(tmp_path, cell)
    one.take_step(0.01)
    before = one.state.to_arrays()
    one.compile()
    after = one.state.to_arrays()
    assert set(before) == set(after)
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name], err_msg=name)


def test_a_state_given_out_does_not_move_with_the_training(tmp_path):
    one = session(tmp_path, "gru")
    kept = one.state.to_arrays()
    before = {name: np.copy(array) for name, array in kept.items()}
    one.take_step(0.1)
    for name, array in kept.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert math.isnan(float(kept["train_loss"]))
    assert json.loads(kept["history"].tobytes()) == []


def test_a_state_of_another_training_is_refused_and_changes_nothing(tmp_path):
    one = session(tmp_path, "lstm")
    weights = one.state.weights
    for foreign, what in (
        (session(tmp_path, "lstm", units=7).state.to_arrays(), "weights/1 has shape"),
        (session(tmp_path, "lstm", batch_size=3).state.to_arrays(), "carried/0 has shape"),
        ({}, "weights/0 has shape none"),
        ({**one.state.to_arrays(), "history": np.zeros(3, np.uint8)}, "no state of a training"),
    ):
        with pytest.raises(TrainingError, match=what):
            one.state.restore(foreign)
    for before, after in zip(weights, one.state.weights, strict=True):
        np.testing.assert_array_equal(before, after)
