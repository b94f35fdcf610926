"""The archives that tests make by hand are what Keras itself would open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import random_weights, write_archive

pytestmark = pytest.mark.tf


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_keras_opens_the_archive_with_the_same_weights(cell: str, tmp_path: Path) -> None:
    import keras

    weights = random_weights(cell, vocabulary_size=7, units=5, layers=2, embedding=3)
    write_archive(tmp_path / "model.keras", cell, weights)
    model = keras.saving.load_model(tmp_path / "model.keras")
    for variable, expected in zip(model.trainable_weights, weights, strict=True):
        np.testing.assert_array_equal(variable.numpy(), expected)
