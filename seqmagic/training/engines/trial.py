"""Whether an engine may be used here: it must agree with the stock Keras layers, and then be the fastest.

What can't be known beforehand (drivers, cuDNN versions, what XLA makes of a GPU, half precision on this chip) is
tried on a small random network when training starts.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqmagic.config import DecidedModel
from seqmagic.network.layout import LAYOUTS, weight_shapes
from seqmagic.training.engines.engine import Engine

CHECK_BATCH, CHECK_STEPS = 4, 12
SPEED_STEPS = 64
# Relative length of the difference of two gradients. GPUs multiply float32 matrices with 10 bits (TF32), float16
# keeps 10 and bfloat16 7: an error of some units in the last of them is what a right engine shows.
TOLERANCE = {"float32": 0.01, "mixed_float16": 0.03, "mixed_bfloat16": 0.1}
BROKEN = (tf.errors.OpError, ValueError, NotImplementedError, RuntimeError)


def random_case(
    config: DecidedModel, vocabulary_size: int, *, batch: int, steps: int
) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor, Any, tf.Tensor]:
    """Arguments of `loss_and_gradients`: weights as large as trained ones, a window of noise, full states."""
    rng = np.random.default_rng(1)
    shapes = weight_shapes(
        config.cell,
        vocabulary_size=vocabulary_size,
        embedding=config.embedding,
        units=config.units,
        layers=config.layers,
    )
    weights = [tf.constant(rng.normal(size=shape) / math.sqrt(shape[0]), tf.float32) for shape in shapes.values()]
    ids, targets = (tf.constant(rng.integers(0, vocabulary_size, (batch, steps)), tf.int32) for _ in range(2))
    states = tuple(
        tuple(tf.constant(rng.uniform(-1, 1, (batch, config.units)), tf.float32) for _ in LAYOUTS[config.cell].states)
        for _ in range(config.layers)
    )
    return weights, ids, targets, states, tf.constant(1)


def disagreement(candidate: Engine, reference: Engine, config: DecidedModel, vocabulary_size: int) -> str | None:
    """What is wrong with `candidate`, in a phrase, or `None` where it agrees with `reference`.

    Compared are the loss, every gradient and the states after a short window, dropout included.
    """
    case = random_case(config, vocabulary_size, batch=CHECK_BATCH, steps=CHECK_STEPS)
    expected_loss, expected, expected_states = reference.loss_and_gradients(*case)
    try:
        loss, gradients, states = candidate.loss_and_gradients(*case)
        values = [loss, *gradients, *tf.nest.flatten(states)]
        finite = all(bool(tf.reduce_all(tf.math.is_finite(value))) for value in values)
    except BROKEN as problem:
        return f"it fails here ({str(problem).strip().splitlines()[0][:120]})"
    if not finite:
        return "its numbers overflow"
    tolerance = TOLERANCE[candidate.precision]
    pairs = [
        ("loss", [loss], [expected_loss]),
        ("gradients", gradients, expected),
        ("states", tf.nest.flatten(states), tf.nest.flatten(expected_states)),
    ]
    for what, ours, theirs in pairs:
        difference = tf.linalg.global_norm([a - b for a, b in zip(ours, theirs, strict=True)])
        share = float(difference / tf.linalg.global_norm(theirs))
        if share > tolerance:
            return f"its {what} differ from the stock layers' by {share:.2g} of their length"
    return None


def seconds_per_step(engine: Engine, config: DecidedModel, vocabulary_size: int, batch: int) -> float:
    """The best of some steps of `batch` streams, each waited for; compiling is not counted."""
    case = random_case(config, vocabulary_size, batch=batch, steps=SPEED_STEPS)
    step = tf.function(engine.loss_and_gradients)
    best = math.inf
    for _ in range(6):
        start = time.perf_counter()
        float(step(*case)[0])
        best = min(best, time.perf_counter() - start)
    return best


def fastest(
    candidates: Sequence[Engine], reference: Engine, config: DecidedModel, vocabulary_size: int, batch: int
) -> tuple[Engine, str]:
    """The fastest engine that agrees with `reference`, itself among the candidates; and why, in a phrase."""
    timed: list[tuple[float, Engine]] = []
    notes: list[str] = []
    with _no_advice_on_tracing():
        for engine in (reference, *candidates):
            label = f"{engine.name} {engine.precision}"
            problem = None if engine is reference else disagreement(engine, reference, config, vocabulary_size)
            if problem is None:
                seconds = seconds_per_step(engine, config, vocabulary_size, batch)
                timed.append((seconds, engine))
                notes.append(f"{label} {1e3 * seconds:.1f} ms")
            else:
                notes.append(f"{label} left out: {problem}")
    return min(timed, key=lambda pair: pair[0])[1], "fastest when tried: " + ", ".join(notes)


@contextlib.contextmanager
def _no_advice_on_tracing() -> Iterator[None]:
    """Within the block TensorFlow doesn't warn that functions are traced often: each engine is, and is used once."""
    logger = tf.get_logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
