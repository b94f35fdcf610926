"""How a step is divided over the devices of one process; two processors stand in for GPUs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import seqmagic
from seqmagic.errors import ConfigError
from seqmagic.training.cluster import HERE, Placement
from seqmagic.training.distribution import Distribution, make_strategy
from tests.helpers import make_text

ROOT = Path(seqmagic.__file__).parents[1]
# Two steps of two calls each, and states given out, put back and taken up.
CHILD = """
import sys
import numpy as np
from seqmagic.config import DataConfig, DecidedModel, DecidedTraining
from seqmagic.training.cluster import Placement
from seqmagic.training.device import start_tensorflow

def devices():
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

strategy = start_tensorflow(1, make_strategy=devices).strategy

from seqmagic.texts.corpus import read_corpus
from seqmagic.training.distribution import Distribution
from seqmagic.training.recipe import Plan
from seqmagic.training.session import Session

text, records = (read_corpus(sys.argv[1], DataConfig(records=one, split_seed=1)) for one in (None, "line"))

def session(corpus, engine, distribution):
    plan = Plan(
        model=DecidedModel(cell="lstm", units=12, layers=2, dropout=0.2, embedding=8),
        training=DecidedTraining(epochs=1.0, batch_size=8, sequence_length=16, learning_rate=0.003, weight_decay=0.1,
                                 reset_probability=0.1, engine=engine),
        notes=(),
    )
    return Session(corpus, plan, threads=1, distribution=distribution)

for corpus, engine in ((text, "fused"), (text, "keras"), (records, "fused"), (records, "keras")):
    alone, shared = (session(corpus, engine, one) for one in (None, Distribution(Placement(gpus=2), strategy)))
    assert shared.distribution.replicas == 2
    for number in range(3):
        for one in (alone, shared):
            if number == 2:  # the states that the checkpoint has are those of all streams
                arrays = one.state.to_arrays()
                assert arrays["carried/0"].shape == (8, 12), arrays["carried/0"].shape
                one.state.restore(arrays)
            else:
                one.compile()
            found = one.take_steps([0.003] * 4)
            if one is alone:
                expected = found
            else:
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    mine, theirs = (one.state.to_arrays() for one in (alone, shared))
    assert sorted(mine) == sorted(theirs)
    for name in mine:
        if name.split("/")[0] in ("weights", "first_moments", "second_moments", "carried"):
            np.testing.assert_allclose(theirs[name], mine[name], rtol=0, atol=1e-5, err_msg=name)
    for copies in map(strategy.experimental_local_results, shared.state.variables):
        np.testing.assert_array_equal(copies[0], copies[1])
print("alike")
"""


def test_two_devices_compute_what_one_computes(tmp_path: Path) -> None:
    text = make_text(tmp_path, "".join(f"{n} green bottles, and {n * n} more.\n" for n in range(200)))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(text)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alike\n"), done.stderr[-3000:]


def test_one_device_divides_nothing() -> None:
    alone = Distribution()
    assert alone.replicas == 1 and alone.rows(7) == slice(0, 7) and alone.lines(7) == ()
    np.testing.assert_array_equal(alone.place(np.arange(3)), np.arange(3))
    assert make_strategy(HERE) is None


def test_more_gpus_than_there_are_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--gpus 64 asks for more than the \d+ GPUs of this machine"):
        make_strategy(Placement(gpus=64))
