"""Keras models from elsewhere: read without TensorFlow, replayed as Keras computes them, refused in one line."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from seqmagic.errors import ConfigError, CorpusError, RunError
from seqmagic.insight.excerpts import read_excerpt
from seqmagic.insight.model_files import open_model_file, read_model_file
from seqmagic.insight.replay import replay
from seqmagic.insight.settings import ExcerptConfig
from seqmagic.network.keras_file import load_stock_model
from seqmagic.runs.folder import Run
from tests.helpers import random_weights, write_archive

CHARACTERS = "abcdefghi"


def make_file(folder: Path, cell: str = "gru", **changes: Any) -> Path:
    """A model of ten ids; `changes` are made to the settings of its recurrent layer."""
    path = folder / "other.keras"
    write_archive(path, cell, random_weights(cell, vocabulary_size=10, units=6))
    if changes:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] in ("SimpleRNN", "LSTM", "GRU"):
                layer["config"] |= changes
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    return path


def vocabulary_file(folder: Path, content: Any = CHARACTERS, name: str = "characters.json") -> Path:
    path = folder / name
    path.write_text(content if name.endswith(".txt") else json.dumps(list(content)), encoding="utf-8")
    return path


@pytest.mark.parametrize("as_text", [False, True])
def test_ids_may_begin_at_one_or_at_zero(as_text: bool, tmp_path: Path) -> None:
    path = make_file(tmp_path)
    network = load_stock_model(path).network
    name = "characters.txt" if as_text else "characters.json"
    for characters, first in ((CHARACTERS, 1), (CHARACTERS + "j", 0)):
        source = vocabulary_file(tmp_path, characters[::-1] if as_text else characters, name)
        found = read_model_file(path, str(source))
        assert found.takes_unknown == (first == 1)
        excerpt = read_excerpt(Run(path), ExcerptConfig(text="abcabc"), length=400, vocabulary=found.vocabulary)
        subject = open_model_file(found, excerpt)
        expected = replay(network, np.array([[0, 1, 2, 0, 1, 2]]) + first)
        found_states = replay(subject.network, subject.passage.ids[np.newaxis]).layers[0].states.h
        np.testing.assert_allclose(found_states, expected.layers[0].states.h, atol=1e-6)
        assert subject.describe()["parameters"] == network.parameters
        with pytest.raises(RunError, match="is a model file and no run"):
            _ = subject.record


def test_a_word_for_the_unknown_one_may_come_first(tmp_path: Path) -> None:
    path = make_file(tmp_path)
    (tmp_path / "v.json").write_text(json.dumps(["[UNK]", *CHARACTERS]), encoding="utf-8")
    assert read_model_file(path, str(tmp_path / "v.json")).takes_unknown


def test_what_it_does_not_know_it_cannot_read_without_an_id(tmp_path: Path) -> None:
    path = make_file(tmp_path)
    found = read_model_file(path, str(vocabulary_file(tmp_path, CHARACTERS + "j")))
    excerpt = read_excerpt(Run(path), ExcerptConfig(text="abcx"), length=400, vocabulary=found.vocabulary)
    with pytest.raises(CorpusError, match="does not know the characters 'x' and has no id for unknown ones"):
        open_model_file(found, excerpt)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reset_after": False}, "has GRU with reset_after=False; only True can be"),
        ({"activation": "relu"}, "has GRU with activation='relu'; only 'tanh' can be"),
        ({"go_backwards": True}, "has GRU with go_backwards=True; only False can be"),
    ],
)
def test_what_cannot_be_replayed_is_named(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=words) as raised:
        load_stock_model(make_file(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def test_a_model_that_is_no_chain_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.keras"
    for wrong in ("ids", "initial state"):
        write_archive(path, "gru", random_weights("gru", vocabulary_size=10, units=6, layers=2))
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        [layer] = [one for one in config["config"]["layers"] if one["name"] == "gru_1"]
        if wrong == "ids":
            layer["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["ids", 0, 0]
        else:  # as in an encoder and decoder
            tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["gru", 0, 1]}}
            layer["inbound_nodes"][0]["kwargs"] = {"initial_state": [tensor]}
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        with pytest.raises(RunError, match="the layer gru_1 reads something else than the output of dropout"):
            load_stock_model(path)


def test_a_layer_that_gives_its_last_step_alone_can_be_the_last(tmp_path: Path) -> None:
    assert load_stock_model(make_file(tmp_path, return_sequences=False)).predicts


def test_a_vocabulary_that_does_not_fit_is_named(tmp_path: Path) -> None:
    path = make_file(tmp_path)
    with pytest.raises(ConfigError, match="give --vocabulary FILE"):
        read_model_file(path, None)
    with pytest.raises(RunError, match=r"has 3 characters and .* knows 10: needed are 10, or 9 where id 0"):
        read_model_file(path, str(vocabulary_file(tmp_path, "abc")))
    with pytest.raises(RunError, match="is no vocabulary: needed is a JSON list of single characters"):
        read_model_file(path, str(vocabulary_file(tmp_path, ["ab", "c"])))
    with pytest.raises(CorpusError, match="twice"):
        read_model_file(path, str(vocabulary_file(tmp_path, "aabcdefgh")))
    with pytest.raises(RunError, match=r"there is no file nowhere\.keras"):
        read_model_file(Path("nowhere.keras"), None)
    vocabulary_file(tmp_path, CHARACTERS, "vocabulary.json")
    assert read_model_file(path, None).vocabulary.characters == tuple(CHARACTERS)


def test_damage_is_one_line(tmp_path: Path) -> None:
    path = make_file(tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RunError, match="is corrupt") as raised:
        load_stock_model(path)
    assert "\n" not in str(raised.value)


def test_the_commands_take_it(tmp_path: Path, tiny_run: Run, seqmagic: Callable[..., Result]) -> None:
    path, known = make_file(tmp_path), vocabulary_file(tmp_path)
    text = "abcdefghi" * 40
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    end = ("--vocabulary", known, "--file", tmp_path / "text.txt")
    trace = seqmagic("inspect", "trace", path, *end, "--length", "20", "--json")
    assert trace.exit_code == 0, trace.stderr
    [model] = json.loads(trace.stdout)["models"]
    assert (model["run"], model["cell"], len(model["keep"]["mean"])) == ("other.keras", "gru", 20)
    gates = seqmagic("inspect", "gates", path, *end, "--lesion", "--json")
    assert gates.exit_code == 0, gates.stderr
    [model] = json.loads(gates.stdout)["models"]
    assert len(model["lesion"]) == 4
    assert "fresh" not in model
    assert seqmagic("inspect", "gates", path, *end, "--lesion").exit_code == 0
    for arguments, words in (
        (("surprise", path, "--text", "abc"), "is a model file and no run; inspect trace and inspect gates"),
        (("trace", path, "--vocabulary", known), "is a model file, with no text of its own; give characters"),
        (("trace", "tiny", "--vocabulary", known), "--vocabulary is for a .keras file"),
    ):
        result = seqmagic("inspect", *arguments)
        assert result.exit_code == 2
        assert words in result.stderr
        assert result.stderr.count("\n") == 1


def test_keras_computes_the_same(tmp_path: Path) -> None:
    """One-hot inputs, mixed layers, a last layer that predicts; and a head that predicts nothing."""
    import keras

    layers = keras.layers
    body = [layers.SimpleRNN(7, return_sequences=True), layers.Dropout(0.1), layers.LSTM(5, return_sequences=True)]
    model = keras.Sequential([layers.Input((None, 10)), *body, layers.Dense(10, activation="softmax")])
    model.save(tmp_path / "one_hot.keras")
    found = load_stock_model(tmp_path / "one_hot.keras")
    ids = np.random.default_rng(0).integers(0, 10, (1, 20))
    expected = keras.ops.convert_to_numpy(model(np.eye(10, dtype=np.float32)[ids]))[0]
    logits = replay(found.network, ids).logits()[:, 0]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), expected, atol=1e-5)
    assert (found.predicts, found.parameters) == (True, model.count_params())

    body = [layers.Embedding(10, 4), layers.GRU(6)]
    model = keras.Sequential([layers.Input((None,)), *body, layers.Dense(3, activation="relu"), layers.Dense(1)])
    model.save(tmp_path / "head.keras")
    found = load_stock_model(tmp_path / "head.keras")
    expected = keras.ops.convert_to_numpy(keras.Sequential(body)(ids))[0]
    np.testing.assert_allclose(replay(found.network, ids).outputs[-1, 0], expected, atol=1e-5)
    assert not found.predicts
    assert found.parameters == sum(layer.count_params() for layer in body)
