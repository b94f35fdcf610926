"""The Keras engine: stock layers, or cuDNN directly, under TensorFlow's own gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from seqmagic.config import DecidedModel
from seqmagic.fused import network
from seqmagic.fused.layer import States
from seqmagic.network.cells import Weights
from seqmagic.training.engines.engine import ScoreResult, StepResult, as_tensors, dropout_masks, zero_states
from seqmagic.training.model import LAYER_CLASSES, layer_arguments

COMPUTE_DTYPES = {"float32": tf.float32, "mixed_float16": tf.float16, "mixed_bfloat16": tf.bfloat16}

# (inputs (B, T, D), weights, states) -> (outputs (B, T, U), states)
LayerCall = Callable[[tf.Tensor, Weights, States], tuple[tf.Tensor, States]]


def stock_layers(config: DecidedModel, *, precision: str, use_cudnn: bool | str = "auto") -> list[LayerCall]:
    """The stock Keras layers of a network as functions of their weights.

    Args:
        use_cudnn: As in Keras: `True` makes an error of what would silently be the slow generic loop.
    """
    arguments: dict[str, Any] = layer_arguments(config.cell)
    if config.cell != "rnn":
        arguments["use_cudnn"] = use_cudnn
    return [_stock_layer(config, depth, precision, arguments) for depth in range(config.layers)]


def _stock_layer(config: DecidedModel, depth: int, precision: str, arguments: dict[str, Any]) -> LayerCall:
    layer = LAYER_CLASSES[config.cell](
        config.units,
        return_state=True,
        dtype=COMPUTE_DTYPES[precision].name,
        recurrent_initializer="zeros",  # its own weights are never used, and orthogonal ones lack a bfloat16
        **arguments,
    )
    layer.build((None, None, config.units if depth else config.embedding))

    def call(inputs: tf.Tensor, weights: Weights, states: States) -> tuple[tf.Tensor, States]:
        unused = [variable.value for variable in layer.non_trainable_variables]  # a seed generator's
        (outputs, *after), _ = layer.stateless_call(weights, unused, inputs, initial_state=list(states))
        return outputs, tuple(after)

    return call


class KerasEngine:
    """A network of `layers`, with an embedding before and a dense layer behind them.

    In mixed precision the weights stay float32 and are cast for the step; the loss is float32. Its sum, not its
    mean, is differentiated, which keeps float16 gradients away from zero.
    """

    def __init__(
        self,
        config: DecidedModel,
        *,
        layers: Sequence[LayerCall] | None = None,
        name: str = "keras",
        precision: str = "float32",
        reason: str = "",
    ) -> None:
        self.name = name
        self.reason = reason
        self.precision = precision
        self.shards = 1
        self._config = config
        self._dtype = COMPUTE_DTYPES[precision]
        self._layers = stock_layers(config, precision=precision) if layers is None else layers
        self._score_all = tf.function(self._all_score)

    def initial_states(self, batch: int) -> tuple[States, ...]:
        return zero_states(self._config, batch)

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
        weights = as_tensors(weights)
        masks = dropout_masks(self._config, seed, first_stream=first_stream, batch=ids.shape[0], dtype=self._dtype)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits, new_states = self._forward(weights, ids, states, masks)
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
            loss = tf.reduce_sum(nats if counted is None else nats * counted)
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, weights)]
        return loss, gradients, new_states

    def score(
        self, weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        return self._score_all(as_tensors(weights), ids, targets, states)

    def _all_score(
        self, weights: list[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        logits, new_states = self._forward(weights, ids, states, None)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits), new_states

    def _forward(
        self, weights: Sequence[tf.Tensor], ids: tf.Tensor, states: Sequence[States], masks: network.Masks
    ) -> tuple[tf.Tensor, tuple[States, ...]]:
        """ids (B, T) -> logits (B, T, V) float32, new states."""
        parameters = network.unflatten([tf.cast(weight, self._dtype) for weight in weights])
        x = tf.gather(parameters.embedding, ids)
        new_states = []
        for depth, layer in enumerate(self._layers):
            state = tuple(tf.cast(part, self._dtype) for part in states[depth])
            x, after = layer(x, parameters.layers[depth], state)
            x = x if masks is None else x * masks[depth][:, None, :]
            new_states.append(tuple(tf.cast(part, tf.float32) for part in after))
        logits = tf.matmul(x, parameters.dense_kernel) + parameters.dense_bias
        return tf.cast(logits, tf.float32), tuple(new_states)
