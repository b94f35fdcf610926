"""The engines agree with the model, with each other, and with themselves on other shards and in other processes."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from seqmagic.config import CELLS, DecidedModel
from seqmagic.errors import ConfigError, TrainingError
from seqmagic.training.engines import choose
from seqmagic.training.engines.choose import FusedEngine, KerasEngine, make_engine
from seqmagic.training.engines.fused import shard_rows
from seqmagic.training.model import build_model

pytestmark = pytest.mark.tf

VOCABULARY = 19
# float32: sums of some hundred products in another order; gradients here are of size 1 to 50.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def configuration(cell: str, dropout: float = 0.0, layers: int = 2) -> DecidedModel:
    return DecidedModel(cell=cell, units=21, layers=layers, embedding=8, dropout=dropout)


def window(config: DecidedModel, *, batch=7, steps=6, seed=0):
    """Random weights as large as trained ones, a window of text and non-zero states."""
    rng = np.random.default_rng(seed)
    model = build_model(config, vocabulary_size=VOCABULARY, seed=seed)
    weights = [tf.constant(rng.normal(0, 0.2, variable.shape), tf.float32) for variable in model.trainable_weights]
    ids, targets = (tf.constant(rng.integers(0, VOCABULARY, (batch, steps)), tf.int32) for _ in "ab")
    states = tf.nest.map_structure(
        lambda state: tf.constant(rng.normal(size=state.shape), tf.float32),
        FusedEngine(config, shards=1).initial_states(batch),
    )
    return weights, ids, targets, states


def assert_close(ours, expected):
    loss, gradients, states = ours
    expected_loss, expected_gradients, expected_states = expected
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    for i, (a, b) in enumerate(zip(gradients, expected_gradients, strict=True)):
        np.testing.assert_allclose(a, b, err_msg=f"weight {i}", **CLOSE)
    for a, b in zip(tf.nest.flatten(states), tf.nest.flatten(expected_states), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


@pytest.fixture
def uncompiled():
    """Run functions step by step: what XLA makes of them is tested elsewhere, and compiling takes seconds."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("cell", CELLS)
def test_fused_and_stock_layers_agree(cell, uncompiled):
    config = configuration(cell)
    arguments = (*window(config), tf.constant(3))
    stock = KerasEngine(config).loss_and_gradients(*arguments)
    assert_close(FusedEngine(config, shards=2).loss_and_gradients(*arguments), stock)


@pytest.mark.parametrize("cell", CELLS)
def test_compiled_and_with_dropout_they_agree_too(cell):
    """Both make the same masks from the same seed."""
    config = configuration(cell, dropout=0.4)
    arguments = (*window(config), tf.constant(3))
    stock = tf.function(KerasEngine(config).loss_and_gradients)(*arguments)
    assert_close(FusedEngine(config, shards=2).loss_and_gradients(*arguments), stock)


@pytest.mark.parametrize("shards", [2, 3, 9])
@pytest.mark.parametrize("cell", CELLS)
def test_shards_change_nothing(cell, shards, uncompiled):
    config = configuration(cell, dropout=0.4)
    arguments = (*window(config), tf.constant(3))
    whole = FusedEngine(config, shards=1)
    cut = FusedEngine(config, shards=shards)
    assert_close(cut.loss_and_gradients(*arguments), whole.loss_and_gradients(*arguments))
    for a, b in zip(
        tf.nest.flatten(cut.score(*arguments[:4])), tf.nest.flatten(whole.score(*arguments[:4])), strict=True
    ):
        np.testing.assert_allclose(a, b, **CLOSE)


@pytest.mark.parametrize("engine_class", [lambda config: FusedEngine(config, shards=2), KerasEngine])
@pytest.mark.parametrize("cell", CELLS)
def test_score_is_that_of_the_saved_model(cell, engine_class):
    """From an empty state, the stock model's own logits give the same nats; so the weights are in its order."""
    config = configuration(cell, dropout=0.4)
    model = build_model(config, vocabulary_size=VOCABULARY, seed=4)
    _, ids, targets, _ = window(config)
    engine = engine_class(config)
    weights = [variable.value for variable in model.trainable_weights]
    nats, _ = engine.score(weights, ids, targets, engine.initial_states(ids.shape[0]))
    log_probabilities = tf.nn.log_softmax(model(ids, training=False))
    expected = -tf.gather(log_probabilities, targets, axis=2, batch_dims=2)
    np.testing.assert_allclose(nats, expected, **CLOSE)


@pytest.mark.parametrize("cell", CELLS)
def test_a_window_scored_in_two_halves(cell, uncompiled):
    config = configuration(cell)
    engine = FusedEngine(config, shards=2)
    weights, ids, targets, states = window(config, steps=8)
    whole, after = engine.score(weights, ids, targets, states)
    first, middle = engine.score(weights, ids[:, :3], targets[:, :3], states)
    second, end = engine.score(weights, ids[:, 3:], targets[:, 3:], middle)
    np.testing.assert_allclose(tf.concat([first, second], axis=1), whole, **CLOSE)
    for a, b in zip(tf.nest.flatten(end), tf.nest.flatten(after), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_the_loss_with_the_masks_of_the_seed(cell, uncompiled):
    """float32 differences along the gradient: with the seed fixed the masks are, so the loss is smooth."""
    config = configuration(cell, dropout=0.4)
    engine = FusedEngine(config, shards=2)
    weights, *rest = window(config)
    _, gradients, _ = engine.loss_and_gradients(weights, *rest, tf.constant(5))
    norm = tf.linalg.global_norm(gradients)

    def loss(step: float) -> float:
        moved = [weight + step * gradient / norm for weight, gradient in zip(weights, gradients, strict=True)]
        return float(engine.loss_and_gradients(moved, *rest, tf.constant(5))[0])

    np.testing.assert_allclose((loss(0.01) - loss(-0.01)) / 0.02, norm, rtol=5e-3)


def test_dropout_changes_with_the_seed_and_not_without_it(uncompiled):
    config = configuration("lstm", dropout=0.4)
    arguments = window(config)
    engine = FusedEngine(config, shards=2)
    losses = [float(engine.loss_and_gradients(*arguments, tf.constant(seed))[0]) for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


FRESH_PROCESS = """
import hashlib, sys
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(2)
tf.config.threading.set_inter_op_parallelism_threads(2)
from tests.training.engines.test_choose import digest
print("digest", digest(sys.argv[1]))
"""


def digest(cell: str) -> str:
    """A hash of all bits that one step gives."""
    config = configuration(cell, dropout=0.4, layers=1)
    results = FusedEngine(config, shards=2).loss_and_gradients(*window(config, batch=8), tf.constant(3))
    joined = b"".join(part.numpy().tobytes() for part in tf.nest.flatten(results))
    return hashlib.sha256(joined).hexdigest()


@pytest.mark.parametrize(
    "cell", [pytest.param("rnn", marks=pytest.mark.slow), "lstm", pytest.param("gru", marks=pytest.mark.slow)]
)
def test_fresh_engines_are_bit_identical(cell):
    assert digest(cell) == digest(cell)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_fresh_processes_are_bit_identical(cell):
    outputs = {
        subprocess.run(
            [sys.executable, "-c", FRESH_PROCESS, cell], capture_output=True, text=True, check=True
        ).stdout.splitlines()[-1]
        for _ in range(2)
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(("batch", "shards", "lengths"), [(7, 2, [3, 4]), (8, 2, [4, 4]), (2, 5, [1, 1]), (1, 1, [1])])
def test_shards_cover_the_batch(batch, shards, lengths):
    rows = shard_rows(batch, shards)
    assert [len(range(batch)[cut]) for cut in rows] == lengths
    assert [i for cut in rows for i in range(batch)[cut]] == list(range(batch))


def make(request: str, *, batch_size=32, threads=2, precision="auto"):
    config = configuration("gru")
    return make_engine(
        request,
        model=build_model(config, vocabulary_size=VOCABULARY, seed=0),
        config=config,
        vocabulary_size=VOCABULARY,
        batch_size=batch_size,
        threads=threads,
        precision=precision,
    )


def test_auto_on_a_cpu_is_fused_and_says_why():
    engine = make("auto")
    assert (engine.name, engine.precision) == ("fused", "float32")
    assert "2 cores" in engine.reason and "CPU" in engine.reason


def test_keras_is_what_was_asked():
    engine = make("keras")
    assert (engine.name, engine.precision) == ("keras", "float32")
    assert "as asked" in engine.reason


@pytest.mark.parametrize("request_", ["auto", "keras"])
def test_mixed_precision_on_a_cpu_runs_stock_layers_that_were_checked(request_):
    engine = make(request_, precision="mixed_bfloat16")
    assert (engine.name, engine.precision) == ("keras", "mixed_bfloat16")


def test_a_precision_that_fails_here_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(choose, "disagreement", lambda *_: "its numbers overflow")
    with pytest.raises(TrainingError, match="mixed_float16 can't be used here: its numbers overflow") as caught:
        make("keras", precision="mixed_float16")
    assert "\n" not in str(caught.value)


def test_a_model_of_another_make_is_refused():
    config = configuration("gru")
    model = build_model(configuration("gru", layers=1), vocabulary_size=VOCABULARY, seed=0)
    with pytest.raises(TrainingError, match="has 9 weight arrays; received a model with 6"):
        make_engine(
            "auto",
            model=model,
            config=config,
            vocabulary_size=VOCABULARY,
            batch_size=4,
            threads=1,
            precision="auto",
        )


def test_fused_refuses_mixed_precision_in_one_line():
    with pytest.raises(ConfigError, match="float32; received --precision mixed_bfloat16") as caught:
        make("fused", precision="mixed_bfloat16")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("cell", CELLS)
def test_mixed_precision_stays_near_float32(cell, precision):
    """What is kept of a number is 8 (bfloat16) or 11 bits: losses within 1 %, gradients within 5 % of their length."""
    config = configuration(cell)
    weights, *rest = window(config)
    arguments = (weights, *rest, tf.constant(0))
    loss, gradients, _ = KerasEngine(config).loss_and_gradients(*arguments)
    mixed_loss, mixed, states = KerasEngine(config, precision=precision).loss_and_gradients(*arguments)
    np.testing.assert_allclose(mixed_loss, loss, rtol=0.01)
    difference = tf.linalg.global_norm([a - b for a, b in zip(mixed, gradients, strict=True)])
    assert difference <= 0.05 * tf.linalg.global_norm(gradients)
    assert all(part.dtype == tf.float32 for part in (mixed_loss, *mixed, *tf.nest.flatten(states)))
