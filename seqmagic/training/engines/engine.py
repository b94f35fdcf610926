"""The face of an engine, what computes a training step, and the pieces that all engines share.

An engine is a pure function: weights, ids (B, T), targets, states and a seed in; the sum of the losses, its
gradients and the new states out. Clipping, optimiser and schedule live around it and don't know which runs.

Axes: B batch, T time, V vocabulary, U units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from seqmagic.config import DecidedModel
from seqmagic.fused import dropout
from seqmagic.fused.layer import States
from seqmagic.network.layout import LAYOUTS

StepResult = tuple[tf.Tensor, list[tf.Tensor], tuple[States, ...]]
ScoreResult = tuple[tf.Tensor, tuple[States, ...]]


class Engine(Protocol):
    """The face. States: per layer (h,) or, for lstm, (h, c), each (B, U) float32."""

    name: str  # "fused" | "keras" | "cudnn"
    reason: str  # what runs and why, in a phrase
    precision: str  # "float32" | "mixed_float16" | "mixed_bfloat16"
    shards: int  # parts of the batch that are computed side by side

    def initial_states(self, batch: int) -> tuple[States, ...]:
        """All zero: the state before the first character."""

    def loss_and_gradients(
        self,
        weights: Sequence[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: Sequence[States],
        seed: tf.Tensor,
        counted: tf.Tensor | None = None,
        first_stream: int = 0,
    ) -> StepResult:
        """One window, with dropout. May be called inside a `tf.function`.

        Args:
            weights: float32, in the order of the model's `trainable_weights`.
            ids, targets: (B, T) int32.
            states: Before the window.
            seed: Scalar int32 from which the dropout masks are made; another one for each step.
            counted: (B, T) float32, the factor of each loss: 0 for a target that only fills up; None for 1 everywhere.
            first_stream: Number of the first of these streams in the whole batch; the masks depend on it.

        Returns:
            Sum of the losses in nats (scalar float32), gradients of that sum in the order of `weights`,
            states after the window.
        """

    def score(
        self, weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        """Nats of each prediction, (B, T) float32, without dropout, and the states after the window."""


def zero_states(config: DecidedModel, batch: int) -> tuple[States, ...]:
    """Per layer the state before the first character, (batch, U) float32 each."""
    zeros = tf.zeros((batch, config.units))
    return tuple((zeros,) * len(LAYOUTS[config.cell].states) for _ in range(config.layers))


def dropout_masks(
    config: DecidedModel, seed: tf.Tensor, *, first_stream: tf.Tensor | int, batch: int, dtype: tf.DType
) -> list[tf.Tensor] | None:
    """The factors (batch, U) of each layer's outputs, or `None` without dropout."""
    if not config.dropout:
        return None
    shape = (batch, config.units)
    return [
        dropout.mask(seed, layer=layer, first_stream=first_stream, shape=shape, rate=config.dropout, dtype=dtype)
        for layer in range(config.layers)
    ]


def as_tensors(weights: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The values of weights that may be variables."""
    return [tf.convert_to_tensor(weight) for weight in weights]
