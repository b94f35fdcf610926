"""The check at start: right engines pass, wrong or broken ones are named, the fastest right one is taken."""

from __future__ import annotations

import pytest
import tensorflow as tf

from seqmagic.config import CELLS, DecidedModel
from seqmagic.training.engines import trial
from seqmagic.training.engines.choose import gpu_candidates
from seqmagic.training.engines.cudnn import simple_rnn
from seqmagic.training.engines.keras import KerasEngine
from seqmagic.training.engines.trial import disagreement, fastest

pytestmark = pytest.mark.tf
VOCABULARY = 11


def configuration(cell: str = "rnn", layers: int = 1) -> DecidedModel:
    return DecidedModel(cell=cell, units=16, layers=layers, embedding=5, dropout=0.2)


def spoilt(config: DecidedModel, *, spoil) -> KerasEngine:
    """The simple cell written out in TensorFlow, with `spoil` applied to its outputs."""

    def layer(inputs, weights, states):
        h, outputs = states[0], []
        for x in tf.unstack(inputs, axis=1):
            h = tf.tanh(x @ weights.kernel + h @ weights.recurrent_kernel + weights.bias)
            outputs.append(h)
        return spoil(tf.stack(outputs, axis=1)), (h,)

    return KerasEngine(config, layers=[layer], name="cudnn")


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("cell", CELLS)
def test_right_engines_agree(cell, precision):
    config = configuration(cell, layers=2)
    assert disagreement(KerasEngine(config, precision=precision), KerasEngine(config), config, VOCABULARY) is None


def test_another_implementation_of_the_layer_agrees():
    config = configuration()
    assert disagreement(spoilt(config, spoil=lambda x: x), KerasEngine(config), config, VOCABULARY) is None


def test_a_gradient_that_is_not_that_of_the_loss_is_found():
    """The outputs are right, and so is the loss; only what flows back is not."""
    config = configuration()
    wrong = spoilt(config, spoil=lambda x: 1.1 * x - tf.stop_gradient(0.1 * x))
    assert "gradients differ" in str(disagreement(wrong, KerasEngine(config), config, VOCABULARY))


def test_wrong_outputs_are_found():
    config = configuration()
    wrong = spoilt(config, spoil=lambda x: x[:, ::-1])
    assert "loss differ" in str(disagreement(wrong, KerasEngine(config), config, VOCABULARY))


def test_numbers_that_overflow_are_found():
    config = configuration()
    wrong = spoilt(config, spoil=lambda x: x / tf.zeros_like(x))
    assert disagreement(wrong, KerasEngine(config), config, VOCABULARY) == "its numbers overflow"


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="cuDNN runs here")
def test_an_operation_that_does_not_run_here_is_named_in_one_line():
    config = configuration()
    engine = KerasEngine(config, layers=[simple_rnn], name="cudnn")
    problem = disagreement(engine, KerasEngine(config), config, VOCABULARY)
    assert problem is not None and problem.startswith("it fails here (") and "\n" not in problem


def test_the_fastest_that_agrees_is_taken(monkeypatch):
    """A wrong one is never timed, however fast; the reason names all of them."""
    config = configuration()
    stock = KerasEngine(config)
    right = spoilt(config, spoil=lambda x: x)
    wrong = spoilt(config, spoil=lambda x: x * x)
    seconds = {id(stock): 0.004, id(right): 0.003}
    monkeypatch.setattr(trial, "seconds_per_step", lambda engine, *_: seconds[id(engine)])
    engine, why = fastest([right, wrong], stock, config, VOCABULARY, batch=4)
    assert engine is right
    assert "keras float32 4.0 ms, cudnn float32 3.0 ms, cudnn float32 left out: its" in why


def test_steps_are_timed_on_the_batch_that_will_be_trained():
    config = configuration()
    assert 0 < trial.seconds_per_step(KerasEngine(config), config, VOCABULARY, 2) < 60


@pytest.mark.parametrize(
    ("cell", "names"), [("rnn", ["fused", "cudnn", "keras"]), ("lstm", ["fused", "cudnn", "keras"])]
)
def test_candidates_for_a_gpu(cell, names):
    engines = gpu_candidates(configuration(cell), mixed_too=True)
    assert [engine.name for engine in engines] == names
    assert [engine.precision for engine in engines] == ["float32", "float32", "mixed_bfloat16"]


@pytest.mark.gpu
@pytest.mark.parametrize("cell", CELLS)
def test_every_candidate_agrees_on_a_gpu(cell):
    config = configuration(cell, layers=2)
    for engine in gpu_candidates(config, mixed_too=True):
        assert disagreement(engine, KerasEngine(config), config, VOCABULARY) is None, engine.name
