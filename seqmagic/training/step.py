"""One training step: gradients from the engine, clipped to a length, applied by Adam in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import tensorflow as tf

BETA_1 = 0.8
BETA_2 = 0.99
EPSILON = 1e-8

States = Any  # per layer a tuple of (B, U) float32 tensors
StepFunction = Callable[..., tuple[tf.Tensor, tf.Tensor, States]]


class LossAndGradients(Protocol):
    """What the step asks of an engine (`seqmagic.training.engines.choose`)."""

    def __call__(
        self,
        weights: Sequence[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: States,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, list[tf.Tensor], States]: ...


class Adam:
    """Adam with decoupled weight decay (Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019).

    The moments live beside the variables that they move, and TensorFlow's own in-place kernel updates
    all three, so that a step costs one pass over the memory. Biases and the embedding do not decay.

    Args:
        variables: The model's weights, in order.
        weight_decay: Share of a matrix taken off per step, times the learning rate.
    """

    def __init__(self, variables: Sequence[Any], *, weight_decay: float) -> None:
        self.variables = [variable.value for variable in variables]
        self.decays = [
            weight_decay > 0.0 and len(variable.shape) == 2 and "kernel" in variable.name for variable in variables
        ]
        self.weight_decay = weight_decay
        self.first = [tf.Variable(tf.zeros_like(variable), trainable=False) for variable in self.variables]
        self.second = [tf.Variable(tf.zeros_like(variable), trainable=False) for variable in self.variables]
        self.steps = tf.Variable(0.0, trainable=False)

    @property
    def slots(self) -> list[tf.Variable]:
        """All that it remembers of the steps so far: the moments and their count."""
        return [*self.first, *self.second, self.steps]

    def apply(self, gradients: Sequence[tf.Tensor], learning_rate: tf.Tensor) -> None:
        """Move the variables by one step against `gradients`."""
        count = self.steps.assign_add(1.0)
        power_1, power_2 = tf.pow(BETA_1, count), tf.pow(BETA_2, count)
        for variable, first, second, gradient, decays in zip(
            self.variables, self.first, self.second, gradients, self.decays, strict=True
        ):
            if decays:
                variable.assign_sub(variable * (learning_rate * self.weight_decay))
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=power_1,
                beta2_power=power_2,
                lr=learning_rate,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )


def make_step(loss_and_gradients: LossAndGradients, optimizer: Adam, *, clip_norm: float) -> StepFunction:
    """The compiled training step.

    Returns:
        A function (ids (B, T) int32, targets int32, keep (B, 1) float32, states, seed () int32,
        learning_rate () float32) -> (mean loss in nats, length of the gradient before clipping, states).
        `targets` are (B, T), or what else the engine takes; the mean is over them.
        `keep` is 0 where a stream starts from an empty state. A step whose gradient is not finite leaves
        the weights as they were, so that the last good ones survive.
    """

    @tf.function(reduce_retracing=True)
    def step(
        ids: tf.Tensor,
        targets: tf.Tensor,
        keep: tf.Tensor,
        states: States,
        seed: tf.Tensor,
        learning_rate: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, States]:
        states = tf.nest.map_structure(lambda state: state * keep, states)
        weights = [variable.read_value() for variable in optimizer.variables]
        loss_sum, gradients, states = loss_and_gradients(weights, ids, targets, states, seed)
        count = tf.cast(tf.size(targets), tf.float32)
        norm = tf.linalg.global_norm(gradients) / count
        scale = tf.minimum(1.0, clip_norm / tf.maximum(norm, 1e-12)) / count
        finite = tf.math.is_finite(norm)

        def update() -> tf.Tensor:
            optimizer.apply([gradient * scale for gradient in gradients], learning_rate)
            return tf.constant(True)

        tf.cond(finite, update, lambda: tf.constant(False))
        return loss_sum / count, norm, states

    return step
