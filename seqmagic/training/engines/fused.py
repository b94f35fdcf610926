"""The fused engine: a hand-written step compiled whole by XLA, one shard of the batch per core."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seqmagic.config import DecidedModel
from seqmagic.fused import network
from seqmagic.fused.layer import States
from seqmagic.training.device import xla_fuses_reductions
from seqmagic.training.engines.engine import ScoreResult, StepResult, as_tensors, dropout_masks, zero_states


class FusedEngine:
    """Forward, loss and backward of a shard in one XLA program; gradients of the shards are added.

    The shards are calls of one compiled function in a plain graph, which TensorFlow's executor runs side by
    side; inside a shard XLA uses one core. Where XLA makes programs that must not run twice at once, each shard
    has one of its own, at the price of compiling so many.
    """

    name = "fused"
    precision = "float32"

    def __init__(self, config: DecidedModel, *, shards: int, reason: str = "") -> None:
        self.reason = reason
        self._config = config
        self.shards = shards
        programs = shards if xla_fuses_reductions() else 1
        self._step_programs = [tf.function(self._shard_loss_and_gradients, jit_compile=True) for _ in range(programs)]
        self._score_programs = [tf.function(self._shard_score, jit_compile=True) for _ in range(programs)]
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
        counted: tf.Tensor | None = None,
        first_stream: int = 0,
    ) -> StepResult:
        return self._step_all(as_tensors(weights), ids, targets, states, seed, counted, first_stream)

    def score(
        self, weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        return self._score_all(as_tensors(weights), ids, targets, states)

    def _shards_of(self, ids: tf.Tensor, programs: Sequence[Any]) -> list[tuple[Any, slice]]:
        """The streams of each shard, with the program that computes it."""
        return list(zip(itertools.cycle(programs), shard_rows(ids.shape[0], self.shards), strict=False))

    def _all_loss_and_gradients(
        self,
        weights: list[tf.Tensor],
        ids: tf.Tensor,
        targets: tf.Tensor,
        states: Sequence[States],
        seed: tf.Tensor,
        counted: tf.Tensor | None,
        first_stream: int,
    ) -> StepResult:
        results = [
            program(
                weights,
                ids[rows],
                targets[rows],
                _cut(states, rows),
                seed,
                tf.constant(first_stream + rows.start),
                None if counted is None else counted[rows],
            )
            for program, rows in self._shards_of(ids, self._step_programs)
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
        counted: tf.Tensor | None,
    ) -> StepResult:
        masks = dropout_masks(self._config, seed, first_stream=first_stream, batch=ids.shape[0], dtype=tf.float32)
        return network.loss_and_gradients(self._config.cell, weights, ids, targets, states, masks, counted)

    def _all_score(
        self, weights: list[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        results = [
            program(weights, ids[rows], targets[rows], _cut(states, rows))
            for program, rows in self._shards_of(ids, self._score_programs)
        ]
        nats, new_states = zip(*results, strict=True)
        return tf.concat(nats, axis=0), _join(new_states)

    def _shard_score(
        self, weights: list[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: Sequence[States]
    ) -> ScoreResult:
        return network.score(self._config.cell, weights, ids, targets, states)


def shard_rows(batch: int, shards: int) -> list[slice]:
    """Cut `batch` streams into at most `shards` runs of nearly the same length, none of them empty."""
    shards = min(shards, batch)
    bounds = [batch * i // shards for i in range(shards + 1)]
    return [slice(start, end) for start, end in itertools.pairwise(bounds)]


def _cut(states: Sequence[States], rows: slice) -> tuple[States, ...]:
    return tuple(tuple(state[rows] for state in layer) for layer in states)


def _join(states: Sequence[Sequence[States]]) -> tuple[States, ...]:
    """From states[shard][layer][kind] to states[layer][kind], streams joined."""
    layers = zip(*states, strict=True)
    return tuple(tuple(tf.concat(parts, axis=0) for parts in zip(*layer, strict=True)) for layer in layers)
