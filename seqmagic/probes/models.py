"""The tiny models that are put to the test, all of one size: recurrent layers, and one head of attention.

Axes: B sequences, T characters, A answers, V alphabet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from seqmagic.config import DecidedModel
from seqmagic.fused import network
from seqmagic.network.layout import LAYOUTS
from seqmagic.probes import attention
from seqmagic.probes.settings import ATTENTION
from seqmagic.probes.shapes import Shape
from seqmagic.training.model import build_model

LossAndGradients = Callable[..., tuple[tf.Tensor, list[tf.Tensor], Any]]


@dataclass(frozen=True, eq=False)
class Probe:
    """A model to be trained.

    Attributes:
        variables: Its weights, a Keras variable each.
        states: Before the first character, for a batch of so many: what `loss_and_gradients` carries.
        loss_and_gradients: (weights, ids (B, T), answers (B, A), states, seed) -> the sum of the losses of the
            answers in nats, its gradients, the states. Compiled.
        predict: (weights, ids (B, T), A) -> the likeliest characters (B, A) int64. Compiled.
    """

    variables: Sequence[Any]
    states: Callable[[int], Any]
    loss_and_gradients: LossAndGradients
    predict: Callable[[Sequence[tf.Tensor], tf.Tensor, int], tf.Tensor]


def build(shape: Shape, *, vocabulary_size: int, seed: int) -> Probe:
    """A model of `shape` before training."""
    if shape.cell == ATTENTION:
        return _attention(shape, vocabulary_size, seed)
    return _recurrent(shape, vocabulary_size, seed)


def _recurrent(shape: Shape, vocabulary_size: int, seed: int) -> Probe:
    cell = shape.cell
    config = DecidedModel(cell=cell, units=shape.units, layers=1, embedding=shape.embedding, dropout=0.0)
    model = build_model(config, vocabulary_size=vocabulary_size, seed=seed)

    def states(batch: int) -> Any:
        return ((tf.zeros((batch, shape.units)),) * len(LAYOUTS[cell].states),)

    @tf.function(jit_compile=True)
    def loss_and_gradients(weights, ids, answers, states, seed):  # type: ignore[no-untyped-def]
        return network.loss_and_gradients(cell, weights, ids, answers, states, None)

    @tf.function(jit_compile=True)
    def predict(weights, ids, answers):  # type: ignore[no-untyped-def]
        parameters = network.unflatten(weights)
        batch = ids.shape[0]
        logits, *_ = network.forward(cell, parameters, tf.transpose(ids), states(batch), None, predicted=answers)
        return tf.transpose(tf.reshape(tf.argmax(logits, axis=1), (answers, batch)))

    return Probe(model.trainable_weights, states, loss_and_gradients, predict)


def _attention(shape: Shape, vocabulary_size: int, seed: int) -> Probe:
    fresh = attention.fresh_weights(
        vocabulary_size=vocabulary_size, embedding=shape.embedding, units=shape.units, seed=seed
    )
    variables = [keras.Variable(array, name=name) for name, array in fresh.items()]

    @tf.function(jit_compile=True)
    def loss_and_gradients(weights, ids, answers, states, seed):  # type: ignore[no-untyped-def]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits = attention.logits(weights, ids, answers.shape[1])
            loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=answers, logits=logits))
        return loss, [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, weights)], states

    @tf.function(jit_compile=True)
    def predict(weights, ids, answers):  # type: ignore[no-untyped-def]
        return tf.argmax(attention.logits(weights, ids, answers), axis=2)

    return Probe(variables, lambda batch: (), loss_and_gradients, predict)
