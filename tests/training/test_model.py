"""The Keras model: stock layers, cuDNN conditions, the layout of its weights."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from seqmagic.config import CELLS, DecidedModel
from seqmagic.errors import ConfigError
from seqmagic.network.layout import KERAS_SETTINGS, LAYER_ARRAYS, LAYOUTS, numbered, weight_shapes
from seqmagic.training.model import (
    RECURRENT_GAIN,
    build_model,
    save_model,
    set_weights,
)

pytestmark = pytest.mark.tf


def recurrent_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The recurrent layers of a model, first to last."""
    return [layer for layer in model.layers if isinstance(layer, keras.layers.RNN)]


CONFIGURATIONS = [
    DecidedModel(cell=cell, units=units, layers=layers, embedding=embedding, dropout=dropout)
    for cell, units, layers, embedding, dropout in itertools.product(CELLS, (1, 9), (1, 3), (1, 5), (0.0, 0.5))
]


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=str)
def test_every_buildable_layer_meets_the_cudnn_conditions(config: DecidedModel) -> None:
    """The conditions of keras/src/backend/tensorflow/rnn.py, for every configuration that options can name.

    `DecidedModel` has no field that reaches a layer's activations, bias or unrolling; the fields that it
    has are swept here, so that a new one which breaks the conditions fails.
    """
    for layer in recurrent_layers(build_model(config, vocabulary_size=7, seed=0)):
        assert keras.activations.serialize(layer.activation) == "tanh"
        assert layer.use_bias and not layer.unroll and not layer.go_backwards
        assert layer.recurrent_dropout == 0.0 and layer.dropout == 0.0
        assert not layer.stateful
        if config.cell != "rnn":
            assert keras.activations.serialize(layer.recurrent_activation) == "sigmoid"
            assert layer.use_cudnn in (True, "auto")
        if config.cell == "gru":
            assert layer.reset_after


def test_the_fields_of_the_model_configuration_are_the_ones_swept() -> None:
    assert set(DecidedModel.__dataclass_fields__) == {"cell", "units", "layers", "embedding", "dropout"}


@pytest.mark.parametrize("cell", CELLS)
def test_saved_file_holds_stock_layers_only(cell: str, tmp_path) -> None:
    model = build_model(DecidedModel(cell=cell, units=6, layers=2, embedding=4, dropout=0.2), vocabulary_size=9, seed=3)
    save_model(model, tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert all(type(layer).__module__.startswith("keras.") for layer in opened.layers)
    ids = np.array([[1, 2, 3, 4, 8]], np.int32)
    np.testing.assert_array_equal(np.asarray(opened(ids)), np.asarray(model(ids)))


@pytest.mark.parametrize("cell", CELLS)
def test_weights_are_laid_out_as_the_table_says(cell: str) -> None:
    config = DecidedModel(cell=cell, units=5, layers=3, embedding=4, dropout=0.3)
    model = build_model(config, vocabulary_size=8, seed=1)
    shapes = weight_shapes(cell, vocabulary_size=8, embedding=4, units=5, layers=3)
    assert [tuple(weight.shape) for weight in model.trainable_weights] == list(shapes.values())
    kinds = [weight.name for weight in model.trainable_weights]
    assert kinds == ["embeddings", *LAYER_ARRAYS * 3, "kernel", "bias"]
    for depth, layer in enumerate(recurrent_layers(model)):
        assert type(layer).__name__ == LAYOUTS[cell].keras_class
        assert layer.name == numbered(LAYOUTS[cell].keras_name, depth)
        assert np.size(layer.cell.state_size) == len(LAYOUTS[cell].states)


@pytest.mark.parametrize("cell", CELLS)
def test_a_model_is_built_as_its_file_must_be_to_be_read(cell: str) -> None:
    model = build_model(DecidedModel(cell=cell, units=5, layers=2, embedding=4, dropout=0.3), vocabulary_size=8, seed=1)
    held = 0
    for layer in model.layers:
        wanted = KERAS_SETTINGS.get(type(layer).__name__, {})
        assert {name: layer.get_config()[name] for name in wanted} == wanted
        held += bool(wanted)
    assert held == 4


def test_same_seed_same_weights_and_forget_bias_one() -> None:
    config = DecidedModel(cell="lstm", units=6, layers=2, embedding=4, dropout=0.0)
    one, other, different = (build_model(config, vocabulary_size=9, seed=seed) for seed in (5, 5, 6))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.get_weights()[0], different.get_weights()[0])
    for layer in recurrent_layers(one):
        bias = np.asarray(layer.cell.bias)
        np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 6))
        kernel = np.asarray(layer.cell.recurrent_kernel)
        np.testing.assert_allclose(kernel @ kernel.T, RECURRENT_GAIN["lstm"] ** 2 * np.eye(6), atol=1e-5)


def test_set_weights_puts_them_in_order() -> None:
    config = DecidedModel(cell="gru", units=3, layers=1, embedding=2, dropout=0.0)
    model = build_model(config, vocabulary_size=4, seed=0)
    wanted = [np.full(weight.shape, i, np.float32) for i, weight in enumerate(model.trainable_weights)]
    set_weights(model, wanted)
    for value, want in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(value, want)


@pytest.mark.parametrize("name", ["units", "layers", "dropout"])
def test_undecided_sizes_are_refused(name: str) -> None:
    sizes = {"units": 4, "layers": 1, "dropout": 0.0, name: None}
    with pytest.raises(ConfigError, match=f"--{name} must be decided"):
        DecidedModel(**sizes)


def test_building_leaves_the_models_of_others_alone() -> None:
    theirs = keras.layers.Dense(2)
    build_model(DecidedModel(units=3, layers=2, dropout=0.1), vocabulary_size=4, seed=0)
    again = build_model(DecidedModel(units=3, layers=2, dropout=0.1), vocabulary_size=4, seed=0)
    assert keras.layers.Dense(2).name != theirs.name, "the session that counts names was wiped"
    names = ["ids", "embedding", "lstm", "dropout", "lstm_1", "dropout_1", "dense"]
    assert [layer.name for layer in again.layers] == names, "the second model is named as the first"
