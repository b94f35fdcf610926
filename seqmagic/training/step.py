"""One training step: gradients from the engine, clipped to a length, applied by Adam in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import tensorflow as tf

BETA_1 = 0.8
BETA_2 = 0.99
EPSILON = 1e-8

States = Any  # per layer a tuple of (B, U) float32 tensors
StepFunction = Callable[..., tuple[tf.Tensor, tf.Tensor, States]]  # -> mean loss, gradient length, states
# (weights, ids, targets, states, seed) -> sum of the losses, predictions, gradients of that sum, states
Sums = Callable[..., tuple[tf.Tensor, tf.Tensor, list[tf.Tensor], States]]
Spread = Callable[[Callable[..., Any], Sums, "Adam"], Callable[..., Any]]


class LossAndGradients(Protocol):
    """What the step asks of an engine (`seqmagic.training.engines.choose`)."""

    def __call__(
        self,
        weights: Sequence[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: States,
        seed: tf.Tensor,
        counted: tf.Tensor | None = None,
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
    step = _step(_summing(loss_and_gradients, has_gaps=False), optimizer, clip_norm=clip_norm)
    return tf.function(step, reduce_retracing=True)


def make_steps(
    loss_and_gradients: LossAndGradients,
    optimizer: Adam,
    *,
    clip_norm: float,
    states: States,
    sequence_length: int,
    has_gaps: bool = False,
    spread: Spread = lambda make, sums, optimizer: make(sums, optimizer),
) -> StepFunction:
    """Any number of training steps in one call, compiled once: the steps of `make_step`, to the last bit.

    What Python and TensorFlow do around a call is paid once for all of its steps. The loop is TensorFlow's; a step is
    the same graph within it, and XLA compiles no more than it does for a single one.

    Args:
        states: As the function will be given them; their shapes count.
        sequence_length: T.
        has_gaps: Whether some targets are below 0: these are not predicted, and the mean is over the others.
        spread: Makes of what makes a step the step that is taken: several that are taken together, say, on devices that
            each have a part of the streams.

    Returns:
        As from `make_step`, with an axis of N steps before all but the states: ids and targets (N, B, T), keep
        (N, B, 1), seeds and learning rates (N,) in, losses and lengths out. These are fewer than N where a step
        was not finite: it is the last one that was taken.
    """

    def make(sums: Sums, optimizer: Adam) -> Callable[..., Any]:
        step = _step(sums, optimizer, clip_norm=clip_norm)

        def numbered(number: tf.Tensor, inputs: tuple[tf.Tensor, ...], states: States, rate: tf.Tensor) -> Any:
            ids, targets, keep, seeds = inputs
            return step(ids[number], targets[number], keep[number], states, seeds[number], rate)

        return numbered

    step = spread(make, _summing(loss_and_gradients, has_gaps=has_gaps), optimizer)
    parts = tf.nest.flatten(states)
    batch = parts[0].shape[0] if tf.is_tensor(parts[0]) else None
    window = tf.TensorSpec((None, batch, sequence_length), tf.int32)
    # Where each of several devices has its part of the streams, what is traced is what comes.
    signature = (
        None
        if batch is None
        else (
            window,
            window,
            tf.TensorSpec((None, batch, 1), tf.float32),
            tf.nest.map_structure(lambda state: tf.TensorSpec(state.shape, state.dtype), states),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None,), tf.float32),
        )
    )

    @tf.function(input_signature=signature, reduce_retracing=signature is None)
    def steps(
        ids: tf.Tensor,
        targets: tf.Tensor,
        keep: tf.Tensor,
        states: States,
        seeds: tf.Tensor,
        learning_rates: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, States]:
        number = tf.size(seeds)
        found = tuple(tf.TensorArray(tf.float32, size=number, element_shape=()) for _ in range(2))

        def goes_on(taken: tf.Tensor, finite: tf.Tensor, *_: Any) -> tf.Tensor:
            return tf.logical_and(taken < number, finite)

        def take(taken: tf.Tensor, _: tf.Tensor, found: tuple[tf.TensorArray, ...], states: States) -> tuple[Any, ...]:
            *figures, states = step(taken, (ids, targets, keep, seeds), states, learning_rates[taken])
            finite = tf.reduce_all(tf.math.is_finite(figures))
            kept = tuple(array.write(taken, figure) for array, figure in zip(found, figures, strict=True))
            return taken + 1, finite, kept, states

        taken, _, found, states = tf.while_loop(goes_on, take, (tf.constant(0), tf.constant(True), found, states))
        losses, norms = (array.stack()[:taken] for array in found)
        return losses, norms, states

    return steps


def _summing(loss_and_gradients: LossAndGradients, *, has_gaps: bool) -> Sums:
    """The sums over a window of streams, with the number of predictions in them; `where` goes to the engine."""

    def sums(
        weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: States, seed: tf.Tensor, **where: Any
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor], States]:
        if has_gaps:
            counted = tf.cast(targets >= 0, tf.float32)
            count = tf.reduce_sum(counted)
            window = weights, ids, tf.maximum(targets, 0), states, seed, counted
            loss_sum, gradients, states = loss_and_gradients(*window, **where)
        else:
            loss_sum, gradients, states = loss_and_gradients(weights, ids, targets, states, seed, **where)
            count = tf.cast(tf.size(targets), tf.float32)
        return loss_sum, count, gradients, states

    return sums


def _step(sums: Sums, optimizer: Adam, *, clip_norm: float) -> StepFunction:
    """The step of `make_step`, to be made part of a graph."""

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
        loss_sum, count, gradients, states = sums(weights, ids, targets, states, seed)
        norm = update(optimizer, gradients, count, learning_rate, clip_norm=clip_norm)
        return loss_sum / count, norm, states

    return step


def update(
    optimizer: Adam, gradients: Sequence[tf.Tensor], count: tf.Tensor, learning_rate: tf.Tensor, *, clip_norm: float
) -> tf.Tensor:
    """Clip the mean of `count` summed gradients to the length `clip_norm`, and move the weights if it is finite.

    Returns:
        The length before clipping.
    """
    norm = tf.linalg.global_norm(gradients) / count
    scale = tf.minimum(1.0, clip_norm / tf.maximum(norm, 1e-12)) / count

    def move() -> tf.Tensor:
        optimizer.apply([gradient * scale for gradient in gradients], learning_rate)
        return tf.constant(True)

    tf.cond(tf.math.is_finite(norm), move, lambda: tf.constant(False))
    return norm
