"""From a DecidedModel to a Keras model of stock layers, and the views of it that training and export use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from seqmagic import files
from seqmagic.config import DecidedModel

LAYER_CLASSES: dict[str, type[keras.layers.Layer]] = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}
LAYER_NAMES = {"rnn": "simple_rnn", "lstm": "lstm", "gru": "gru"}  # Keras's own, whatever else was built before
RECURRENT_GAIN = {"rnn": 0.5, "lstm": 0.25, "gru": 0.25}
DENSE_GAIN = 4.0
STATE_NAMES = {keras.layers.SimpleRNN: ("h",), keras.layers.LSTM: ("h", "c"), keras.layers.GRU: ("h",)}


def layer_arguments(cell: str) -> dict[str, Any]:
    """The arguments that every recurrent layer of `cell` gets, stated even where they are Keras's defaults.

    They are the conditions under which Keras 3 takes the cuDNN kernel for LSTM and GRU on a GPU
    (keras/src/backend/tensorflow/rnn.py, `cudnn_ok`): tanh, sigmoid, no unrolling, a bias, no recurrent
    dropout, and `reset_after` for GRU. Leave one, and training is slow without a word.
    """
    arguments: dict[str, Any] = {
        "activation": "tanh",
        "use_bias": True,
        "unroll": False,
        "recurrent_dropout": 0.0,
        "return_sequences": True,
        "go_backwards": False,
    }
    if cell in ("lstm", "gru"):
        arguments["recurrent_activation"] = "sigmoid"
    if cell == "lstm":
        arguments["unit_forget_bias"] = True
    if cell == "gru":
        arguments["reset_after"] = True
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
        embeddings_initializer=keras.initializers.RandomUniform(-1.0, 1.0, seed=next(seeds)),
        name="embedding",
    )(ids)
    for depth in range(config.layers):
        number = f"_{depth}" if depth else ""
        x = LAYER_CLASSES[config.cell](
            config.units,
            name=f"{LAYER_NAMES[config.cell]}{number}",
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(RECURRENT_GAIN[config.cell], seed=next(seeds)),
            **layer_arguments(config.cell),
        )(x)
        x = keras.layers.Dropout(
            config.dropout, noise_shape=(None, 1, None), seed=next(seeds), name=f"dropout{number}"
        )(x)
    # Glorot-uniform draws with scale 1, and the width goes with the root of the scale
    wide = keras.initializers.VarianceScaling(DENSE_GAIN**2, mode="fan_avg", distribution="uniform", seed=next(seeds))
    logits = keras.layers.Dense(vocabulary_size, kernel_initializer=wide, name="dense")(x)
    return keras.Model(ids, logits, name=f"seqmagic_{config.cell}")


def recurrent_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The recurrent layers of a model made by `build_model`, first to last."""
    return [layer for layer in model.layers if type(layer) in STATE_NAMES]


def stateful_view(model: keras.Model) -> keras.Model:
    """The same layers with the state outside: (ids (B, T), states) -> (logits (B, T, V), states).

    The states are a flat list, layer by layer, each (B, U) float32: h for SimpleRNN and GRU, h then c
    for LSTM. Nothing is hidden in `stateful=True`, and the batch size stays free.
    """
    ids = keras.Input(shape=(None,), dtype="int32", name="ids")
    states_in: list[Any] = []
    states_out: list[Any] = []
    x: Any = ids
    for layer in model.layers[1:]:
        names = STATE_NAMES.get(type(layer))
        if names is not None:
            depth = len(states_in)
            states = [keras.Input(shape=(layer.units,), name=f"{name}{depth + i}") for i, name in enumerate(names)]
            x, *after = _with_states(layer)(x, initial_state=states)
            states_in += states
            states_out += after
        else:
            x = layer(x)
    return keras.Model([ids, *states_in], [x, *states_out], name=f"{model.name}_stateful")


def _with_states(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer with the same cell (hence the same weights) that also returns its states."""
    twin = type(layer).from_config({**layer.get_config(), "return_state": True})
    twin.cell = layer.cell
    twin.built = True
    return twin


def save_model(model: keras.Model, path: Path) -> None:
    """Save as a Keras archive, whole or not at all."""
    with files.atomic_path(path) as temporary:
        model.save(temporary)


def set_weights(model: keras.Model, weights: Sequence[Any]) -> None:
    """Put `weights`, in the order of `model.trainable_weights`, into the model."""
    for variable, value in zip(model.trainable_weights, weights, strict=True):
        variable.assign(value)
