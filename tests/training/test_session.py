"""Several steps in one call are the same steps, one at a time, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from seqmagic.config import CELLS, DataConfig, DecidedModel, DecidedTraining
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.inputs import InputReader
from seqmagic.training.recipe import Plan
from seqmagic.training.session import Session
from seqmagic.training.step import Adam, make_step
from tests.helpers import make_text

pytestmark = pytest.mark.tf

RATES = [0.001 * (number + 1) for number in range(7)]
CLIP_NORM = 0.5


def session(tmp_path: Path, cell: str, engine: str, **settings: float) -> Session:
    """Two shards, dropout, weight decay, streams that forget: all that a step can be made of."""
    corpus = read_corpus(str(make_text(tmp_path)), DataConfig())
    plan = Plan(
        model=DecidedModel(cell=cell, units=16, layers=2, embedding=3, dropout=0.2),
        training=DecidedTraining(
            **{
                "epochs": 1,
                "batch_size": 8,
                "sequence_length": 8,
                "learning_rate": 0.01,
                "weight_decay": 0.1,
                "reset_probability": 0.3,
                "clip_norm": CLIP_NORM,
                "engine": engine,
                **settings,
            }
        ),
        notes=(),
    )
    return Session(corpus, plan, threads=2)


def assert_same(one: Session, other: Session) -> None:
    """The same weights, moments and carried states."""
    ours, theirs = one.state.to_arrays(), other.state.to_arrays()
    of_the_clock = {"step_seconds", "elapsed_seconds"}
    assert set(ours) == set(theirs)
    for name in set(ours) - of_the_clock:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.mark.parametrize("engine", ["fused", "keras"])
@pytest.mark.parametrize("cell", CELLS)
def test_several_steps_a_call_are_the_same_steps(cell: str, engine: str, tmp_path: Path) -> None:
    one, several, plain = (session(tmp_path, cell, engine) for _ in range(3))
    losses, norms = several.take_steps(RATES[:5])
    more = several.take_steps(RATES[5:])
    assert [*zip(losses, norms, strict=True), *zip(*more, strict=True)] == [
        (loss, norm) for rate in RATES for (loss,), (norm,) in [one.take_steps([rate])]
    ]
    assert_same(one, several)
    assert several.state.step == len(RATES)

    # and those of the step alone, without a loop around it
    step = make_step(plain.engine.loss_and_gradients, plain.state.optimizer, clip_norm=CLIP_NORM)
    reader = InputReader(plain.streams, seed=plain.seed, reset_probability=0.3)
    for number, rate in enumerate(RATES):
        ids, targets, keep, (seed,) = reader.inputs(number, 1)
        arguments = ids[0], targets[0], keep[0], plain.state.carried, seed, np.float32(rate)
        loss, _, plain.state.carried = step(*tf.nest.map_structure(tf.constant, arguments))
        assert float(loss) == [*losses, *more[0]][number]
        plain.state.step += 1
    assert_same(plain, several)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_step_that_is_not_finite_is_the_last_one(bad: float, tmp_path: Path) -> None:
    """A rate that is no number spoils the weights of its step; the next one shows it, and moves nothing more."""
    one, several = session(tmp_path, "gru", "fused"), session(tmp_path, "gru", "fused")
    for rate in (0.01, bad, 0.01):
        loss, norm = one.take_steps([rate])
    losses, norms = several.take_steps([0.01, bad, 0.01, 0.01, 0.01])
    assert len(losses) == len(norms) == several.state.step == 3
    assert np.isfinite([losses[:2], norms[:2]]).all() and not np.isfinite(norms[2])
    np.testing.assert_array_equal([losses[2:], norms[2:]], [loss, norm])
    assert_same(one, several)


def test_the_step_is_compiled_once_for_any_number_of_them(tmp_path: Path) -> None:
    one = session(tmp_path, "rnn", "fused")
    one.compile()
    for count in (1, 3, 2):
        one.take_steps([0.01] * count)
    assert one._step_function.experimental_get_tracing_count() == 1
    assert isinstance(one.state.optimizer, Adam) and one.state.step == 6
