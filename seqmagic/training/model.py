"""From a DecidedModel to a Keras model of stock layers; saving it and setting its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from seqmagic import files
from seqmagic.config import DecidedModel
from seqmagic.network.fresh import DENSE_GAIN, EMBEDDING_RANGE, RECURRENT_GAIN
from seqmagic.network.layout import KERAS_SETTINGS, LAYOUTS, numbered

LAYER_CLASSES: dict[str, type[keras.layers.Layer]] = {
    cell: getattr(keras.layers, layout.keras_class) for cell, layout in LAYOUTS.items()
}


def layer_arguments(cell: str) -> dict[str, Any]:
    """The arguments that every recurrent layer of `cell` gets, stated even where they are Keras's defaults.

    They are the conditions under which Keras 3 takes the cuDNN kernel for LSTM and GRU on a GPU
    (keras/src/backend/tensorflow/rnn.py, `cudnn_ok`): tanh, sigmoid, no unrolling, a bias, no recurrent
    dropout, and `reset_after` for GRU. Leave one, and training is slow without a word.
    """
    arguments = {**KERAS_SETTINGS[LAYOUTS[cell].keras_class], "unroll": False, "recurrent_dropout": 0.0}
    if cell == "lstm":
        arguments["unit_forget_bias"] = True
    return arguments


def build_model(config: DecidedModel, *, vocabulary_size: int, seed: int) -> keras.Model:
    """The network as a stock Keras model: ids (B, T) int32 -> logits (B, T, V) float32.

    Embedding, then per layer the recurrent layer and a dropout whose mask stays the same over a window
    (Gal and Ghahramani 2016), then a dense layer. Kernels start Glorot-uniform, recurrent kernels orthogonal,
    the LSTM's forget bias at 1 (Jozefowicz et al. 2015), but not at Keras's scales, which make the first
    minute go into growing and shrinking (`bench/RESULTS.md`): the embedding starts uniform in [-1, 1], twenty
    times as wide, the dense kernel `DENSE_GAIN` times as wide, the recurrent kernels `RECURRENT_GAIN` times.
    """
    seeds = iter(range(seed, seed + 3 * config.layers + 2))
    ids = keras.Input(shape=(None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(
        vocabulary_size,
        config.embedding,
        embeddings_initializer=keras.initializers.RandomUniform(-EMBEDDING_RANGE, EMBEDDING_RANGE, seed=next(seeds)),
        name="embedding",
        **KERAS_SETTINGS["Embedding"],
    )(ids)
    for depth in range(config.layers):
        x = LAYER_CLASSES[config.cell](
            config.units,
            name=numbered(LAYOUTS[config.cell].keras_name, depth),  # Keras's own, whatever else was built before
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(RECURRENT_GAIN[config.cell], seed=next(seeds)),
            **layer_arguments(config.cell),
        )(x)
        x = keras.layers.Dropout(
            config.dropout, noise_shape=(None, 1, None), seed=next(seeds), name=numbered("dropout", depth)
        )(x)
    # Glorot-uniform draws with scale 1, and the width goes with the root of the scale
    wide = keras.initializers.VarianceScaling(DENSE_GAIN**2, mode="fan_avg", distribution="uniform", seed=next(seeds))
    logits = keras.layers.Dense(vocabulary_size, kernel_initializer=wide, name="dense", **KERAS_SETTINGS["Dense"])(x)
    return keras.Model(ids, logits, name=f"seqmagic_{config.cell}")


def save_model(model: keras.Model, path: Path) -> None:
    """Save as a Keras archive, whole or not at all."""
    with files.atomic_path(path) as temporary:
        model.save(temporary)


def set_weights(model: keras.Model, weights: Sequence[Any]) -> None:
    """Put `weights`, in the order of `model.trainable_weights`, into the model."""
    for variable, value in zip(model.trainable_weights, weights, strict=True):
        variable.assign(value)
