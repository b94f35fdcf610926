"""What computes a training step: one face, several engines behind it.

An engine is a pure function: weights, ids (B, T), targets, states and a seed in; the sum of the losses, its
gradients and the new states out. Clipping, optimiser and schedule live around it and don't know which one runs.

Axes: B batch, T time, V vocabulary, U units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf

from seqmagic.config import ModelConfig
from seqmagic.errors import ConfigError
from seqmagic.fused import dropout, network
from seqmagic.fused.layer import States
from seqmagic.model import LAYER_CLASSES, layer_arguments

STATES_PER_CELL = {"rnn": 1, "lstm": 2, "gru": 1}
COMPUTE_DTYPES = {"float32": "float32", "mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
SMALLEST_SHARD = 4  # streams; with fewer, packing the recurrent kernel costs more than a core gains

StepResult = tuple[tf.Tensor, list[tf.Tensor], tuple[States, ...]]
ScoreResult = tuple[tf.Tensor, tuple[States, ...]]


class Engine(Protocol):
    """The face. States: per layer (h,) or, for lstm, (h, c), each (B, U) float32."""

    name: str  # "fused" | "keras" | "cudnn"
    reason: str  # what runs and why, in a phrase
    precision: str  # "float32" | "mixed_float16" | "mixed_bfloat16"

    def initial_states(self, batch: int) -> tuple[States, ...]:
        """All zero: the state before the first character."""

    def loss_and_gradients(
        self,
        weights: Sequence[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: Sequence[States],
        seed: tf.Tensor,
    ) -> StepResult:
        """One window, with dropout. May be called inside a `tf.function`.

        Args:
            weights: float32, in the order of the model's `trainable_weights`.
            ids, targets: (B, T) int32.
            states: Before the window.
            seed: Scalar int32 from which the dropout masks are made; another one for each step.

        Returns:
            Sum of the losses in nats (scalar float32), gradients of that sum in the order of `weights`,
            states after the window.
        """

    def score(
        self, weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        """Nats of each prediction, (B, T) float32, without dropout, and the states after the window."""


def zero_states(config: ModelConfig, batch: int) -> tuple[States, ...]:
    """Per layer the state before the first character, (batch, U) float32 each."""
    zeros = tf.zeros((batch, config.units))
    return tuple((zeros,) * STATES_PER_CELL[config.cell] for _ in range(config.layers or 0))


def dropout_masks(
    config: ModelConfig, seed: tf.Tensor, *, first_stream: tf.Tensor | int, batch: int, dtype: tf.DType
) -> list[tf.Tensor] | None:
    """The factors (batch, U) of each layer's outputs, or `None` without dropout."""
    if not config.dropout:
        return None
    shape = (batch, int(config.units or 0))
    return [
        dropout.mask(seed, layer=layer, first_stream=first_stream, shape=shape, rate=config.dropout, dtype=dtype)
        for layer in range(config.layers or 0)
    ]


class FusedEngine:
    """Hand-written forward and backward, compiled whole by XLA, one shard of the batch per core.

    The shards are calls of one compiled function in a plain graph, which TensorFlow's executor runs side by
    side; inside a shard XLA uses one core.
    """

    name = "fused"
    precision = "float32"

    def __init__(self, config: ModelConfig, *, shards: int, reason: str = "") -> None:
        self.reason = reason
        self._config = config
        self._shards = shards
        self._step_shard = tf.function(self._shard_loss_and_gradients, jit_compile=True)
        self._score_shard = tf.function(self._shard_score, jit_compile=True)
        self._step_all = tf.function(self._all_loss_and_gradients)
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
    ) -> StepResult:
        return self._step_all(as_tensors(weights), ids, targets, states, seed)

    def score(
        self, weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        return self._score_all(as_tensors(weights), ids, targets, states)

    def _all_loss_and_gradients(
        self,
        weights: list[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: Sequence[States],
        seed: tf.Tensor,
    ) -> StepResult:
        results = [
            self._step_shard(weights, ids[rows], targets[rows], _cut(states, rows), seed, tf.constant(rows.start))
            for rows in shard_rows(ids.shape[0], self._shards)
        ]
        losses, gradients, new_states = zip(*results, strict=True)
        return (
            tf.add_n(losses),
            [tf.add_n(parts) for parts in zip(*gradients, strict=True)],
            _join(new_states),
        )

    def _shard_loss_and_gradients(
        self,
        weights: list[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: Sequence[States],
        seed: tf.Tensor,
        first_stream: tf.Tensor,
    ) -> StepResult:
        masks = dropout_masks(self._config, seed, first_stream=first_stream, batch=ids.shape[0], dtype=tf.float32)
        return network.loss_and_gradients(self._config.cell, weights, ids, targets, states, masks)

    def _all_score(
        self, weights: list[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        results = [
            self._score_shard(weights, ids[rows], targets[rows], _cut(states, rows))
            for rows in shard_rows(ids.shape[0], self._shards)
        ]
        nats, new_states = zip(*results, strict=True)
        return tf.concat(nats, axis=0), _join(new_states)

    def _shard_score(
        self, weights: list[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        return network.score(self._config.cell, weights, ids, targets, states)


def as_tensors(weights: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The values of weights that may be variables."""
    return [tf.convert_to_tensor(weight) for weight in weights]


def shard_rows(batch: int, shards: int) -> list[slice]:
    """Cut `batch` streams into at most `shards` runs of nearly the same length, none of them empty."""
    shards = min(shards, batch)
    bounds = [batch * i // shards for i in range(shards + 1)]
    return [slice(start, end) for start, end in zip(bounds, bounds[1:], strict=False)]


def _cut(states: Sequence[States], rows: slice) -> tuple[States, ...]:
    return tuple(tuple(state[rows] for state in layer) for layer in states)


def _join(states: Sequence[Sequence[States]]) -> tuple[States, ...]:
    """From states[shard][layer][kind] to states[layer][kind], streams joined."""
    layers = zip(*states, strict=True)
    return tuple(tuple(tf.concat(parts, axis=0) for parts in zip(*layer, strict=True)) for layer in layers)


class KerasEngine:
    """Keras's own layers and TensorFlow's own gradient; on a GPU the layers take cuDNN where it applies."""

    name = "keras"

    def __init__(self, config: ModelConfig, *, precision: str = "float32", reason: str = "") -> None:
        self.reason = reason
        self.precision = precision
        self._config = config
        self._dtype = tf.as_dtype(COMPUTE_DTYPES[precision])
        self._layers = [self._build_layer(depth) for depth in range(config.layers or 0)]
        self._score_all = tf.function(self._all_score)

    def _build_layer(self, depth: int) -> keras.layers.Layer:
        """A stock layer whose own weights are never used: it is called with the weights given."""
        layer = LAYER_CLASSES[self._config.cell](
            self._config.units,
            return_state=True,
            dtype=self._dtype.name,
            recurrent_initializer="zeros",  # orthogonal ones can't be made in bfloat16
            **layer_arguments(self._config.cell),
        )
        layer.build((None, None, self._config.embedding if depth == 0 else self._config.units))
        return layer

    def initial_states(self, batch: int) -> tuple[States, ...]:
        return zero_states(self._config, batch)

    def _forward(
        self, weights: Sequence[tf.Tensor], ids: tf.Tensor, states: Sequence[States], masks: network.Masks
    ) -> tuple[tf.Tensor, tuple[States, ...]]:
        """ids (B, T) -> logits (B, T, V) float32, new states."""
        parameters = network.unflatten([tf.cast(weight, self._dtype) for weight in weights])
        x = tf.gather(parameters.embedding, ids)
        new_states = []
        for depth, layer in enumerate(self._layers):
            state = [tf.cast(part, self._dtype) for part in states[depth]]
            unused = [variable.value for variable in layer.non_trainable_variables]  # a seed generator's
            (x, *after), _ = layer.stateless_call(parameters.layers[depth], unused, x, initial_state=state)
            x = x if masks is None else x * masks[depth][:, None, :]
            new_states.append(tuple(tf.cast(part, tf.float32) for part in after))
        logits = tf.matmul(x, parameters.dense_kernel) + parameters.dense_bias
        return tf.cast(logits, tf.float32), tuple(new_states)

    def loss_and_gradients(
        self,
        weights: Sequence[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: Sequence[States],
        seed: tf.Tensor,
    ) -> StepResult:
        weights = as_tensors(weights)
        masks = dropout_masks(self._config, seed, first_stream=0, batch=ids.shape[0], dtype=self._dtype)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits, new_states = self._forward(weights, ids, states, masks)
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
            loss = tf.reduce_sum(nats)
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


def make_engine(
    request: str,
    *,
    model: keras.Model,
    config: ModelConfig,
    vocabulary_size: int,
    batch_size: int,
    threads: int,
    precision: str,
) -> Engine:
    """The engine for this machine.

    Args:
        request: "auto", "fused" or "keras".
        model: Whose weights will be given, as made by `build_model`.
        config: With units, layers and dropout decided.
        batch_size: Streams per step of this process.
        threads: Cores to use.
        precision: "auto" (float32), "float32", "mixed_float16" or "mixed_bfloat16".

    Raises:
        ConfigError: The fused engine was asked for mixed precision.
    """
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    mixed = precision not in ("auto", "float32")
    if request == "fused" and mixed:
        raise ConfigError(
            f"--engine fused computes in float32; received --precision {precision}; use --engine keras for it"
        )
    if request == "fused" or (request == "auto" and not on_gpu and not mixed):
        shards = 1 if on_gpu else max(1, min(threads, batch_size // SMALLEST_SHARD))
        return FusedEngine(config, shards=shards, reason=_fused_reason(request, shards))
    precision = precision if mixed else "float32"
    return KerasEngine(config, precision=precision, reason=_keras_reason(request, on_gpu, precision))


def _fused_reason(request: str, shards: int) -> str:
    why = "as asked" if request == "fused" else "the fastest on a CPU"
    cores = "1 core" if shards == 1 else f"{shards} cores, a part of the batch on each"
    return f"fused XLA step on {cores}; {why}"


def _keras_reason(request: str, on_gpu: bool, precision: str) -> str:
    why = "as asked" if request == "keras" else "a GPU is there" if on_gpu else f"for {precision}"
    return f"stock Keras layers in {precision}; {why}"
