"""What only a GPU can tell: its engines compute what a CPU computes, and a training goes on with the one it took.

`bench/gpu.py` runs these where a GPU is at hand.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import seqmagic
from seqmagic.config import CELLS, DecidedModel
from seqmagic.training.engines.choose import FusedEngine, KerasEngine, cudnn_engine, make_engine
from seqmagic.training.engines.keras import stock_layers
from seqmagic.training.engines.trial import BROKEN, TOLERANCE, disagreement, random_case
from seqmagic.training.model import build_model
from seqmagic.training.step import Adam, make_step, make_steps

pytestmark = [pytest.mark.tf, pytest.mark.gpu]
VOCABULARY = 11
BATCH, STEPS = 6, 20


def configuration(cell: str, *, dropout: float = 0.2) -> DecidedModel:
    return DecidedModel(cell=cell, units=32, layers=2, embedding=5, dropout=dropout)


@pytest.fixture
def exact_products():
    """Products of float32 with all of its bits, not the ten of TF32 that a GPU uses for speed."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


def difference(ours, theirs) -> float:
    """Length of the difference, as a share of the length of `theirs`."""
    pairs = zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True)
    lengths = [(np.sum((np.asarray(a) - np.asarray(b)) ** 2), np.sum(np.asarray(b) ** 2)) for a, b in pairs]
    return math.sqrt(sum(one for one, _ in lengths) / sum(other for _, other in lengths))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["cudnn", "fused", "stock"])
def test_an_engine_computes_what_the_stock_layers_do_on_a_cpu(cell, name, exact_products):
    config = configuration(cell)
    case = random_case(config, VOCABULARY, batch=BATCH, steps=STEPS)
    with tf.device("/CPU:0"):
        reference = KerasEngine(config, layers=stock_layers(config, precision="float32", use_cudnn=False))
        loss, gradients, states = reference.loss_and_gradients(*case)
    engine = {"cudnn": cudnn_engine(config), "fused": FusedEngine(config, shards=1), "stock": KerasEngine(config)}[name]
    our_loss, our_gradients, our_states = tf.function(engine.loss_and_gradients)(*case)
    assert float(our_loss) == pytest.approx(float(loss), rel=1e-4)
    for ours, theirs in zip(our_gradients, gradients, strict=True):
        assert difference(ours, theirs) < 1e-3
    assert difference(our_states, states) < 1e-4


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_cudnn_in_half_precision_is_right_or_left_out(cell, precision):
    """cuDNN under TensorFlow 2.21 computes nothing in bfloat16 and says nothing: its wrong numbers must be noticed."""
    config = configuration(cell)
    candidate = cudnn_engine(config, precision=precision)
    case = random_case(config, VOCABULARY, batch=BATCH, steps=STEPS)
    with tf.device("/CPU:0"):
        reference = KerasEngine(config, layers=stock_layers(config, precision="float32", use_cudnn=False))
        _, expected, _ = reference.loss_and_gradients(*case)
    try:
        is_right = difference(candidate.loss_and_gradients(*case)[1], expected) < TOLERANCE[precision]
    except BROKEN:
        is_right = False
    assert (disagreement(candidate, KerasEngine(config), config, VOCABULARY) is None) == is_right


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_chosen_for_a_gpu_agrees_and_says_what_was_tried(cell):
    config = configuration(cell)
    model = build_model(config, vocabulary_size=VOCABULARY, seed=1)
    engine = make_engine(
        "auto",
        model=model,
        config=config,
        vocabulary_size=VOCABULARY,
        batch_size=BATCH,
        threads=2,
        precision="auto",
    )
    assert engine.reason.startswith("fastest when tried: keras float32 ")
    assert all(word in engine.reason for word in ("fused float32", "cudnn float32", "keras mixed_bfloat16"))
    assert disagreement(engine, KerasEngine(config), config, VOCABULARY) is None


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["cudnn", "fused"])
def test_several_steps_a_call_are_those_of_one_a_call(cell, name):
    config = configuration(cell, dropout=0.0)
    rng = np.random.default_rng(1)
    ids, targets = (tf.constant(rng.integers(0, VOCABULARY, (5, BATCH, STEPS)), tf.int32) for _ in range(2))
    found = []
    for several in (False, True):
        engine = cudnn_engine(config) if name == "cudnn" else FusedEngine(config, shards=1)
        adam = Adam(build_model(config, vocabulary_size=VOCABULARY, seed=1).trainable_weights, weight_decay=0.1)
        states = engine.initial_states(BATCH)
        if several:
            take = make_steps(engine.loss_and_gradients, adam, clip_norm=1.0, states=states, sequence_length=STEPS)
            take(ids, targets, tf.ones((5, BATCH, 1)), states, tf.range(5), tf.fill((5,), 0.01))
        else:
            step = make_step(engine.loss_and_gradients, adam, clip_norm=1.0)
            for number in range(5):
                window = ids[number], targets[number], tf.ones((BATCH, 1))
                _, _, states = step(*window, states, tf.constant(number), tf.constant(0.01))
        found.append([variable.numpy() for variable in adam.variables])
    assert difference(*found) < TOLERANCE["float32"]


def test_a_training_learns_and_goes_on_with_its_engine(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{number} and {number + 1} is {2 * number + 1}.\n" for number in range(800)))
    settings = {"cell": "gru", "units": 32, "models": tmp_path}
    first = seqmagic.train(text, name="run", epochs=6, **settings)
    assert first.results.validation_loss < 0.8 * first.history[0].validation_loss or len(first.history) == 1
    more = seqmagic.train(resume="run", more_epochs=2, models=tmp_path)
    paths = [one.run.read_record().environment["path"] for one in (first, more)]
    assert paths[0] == paths[1]
    assert more.results.epochs > first.results.epochs
