"""The network against the cells and against Keras, and every way in which model.keras can be wrong."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from math import log
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqmagic.errors import RunError
from seqmagic.evaluation import scorer as scorer_module
from seqmagic.evaluation.scorer import NetworkScorer, cross_entropy
from seqmagic.network import network as network_module
from seqmagic.network.cells import CELLS
from seqmagic.network.keras_file import load_network
from seqmagic.network.layout import KERAS_SETTINGS
from seqmagic.network.network import Network
from seqmagic.runs.folder import Run
from seqmagic.texts.vocabulary import Vocabulary

KERAS_CLASSES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
FOLDERS = {"rnn": "simple_rnn", "lstm": "lstm", "gru": "gru"}
RECURRENT_SETTINGS = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "reset_after": True,
    "return_sequences": True,
    "go_backwards": False,
}


def random_network(cell: str, *, vocabulary: int = 7, embedding: int = 3, units: int = 5, layers: int = 2) -> Network:
    rng = np.random.default_rng(vocabulary + units + layers)
    columns = len(CELLS[cell].gates) * units
    shapes: list[tuple[int, ...]] = [(vocabulary, embedding)]
    for layer in range(layers):
        shapes += [(units if layer else embedding, columns), (units, columns)]
        shapes += [(2, columns) if cell == "gru" else (columns,)]
    shapes += [(units, vocabulary), (vocabulary,)]
    return Network.from_weights(cell, [rng.normal(size=shape) / shape[0] ** 0.5 for shape in shapes])


def config_of(cell: str, layers: int) -> dict:
    """The part of a Keras config.json that matters, for a model with dropout after each layer."""
    described = [("InputLayer", {}), ("Embedding", {"mask_zero": False})]
    described += [(KERAS_CLASSES[cell], dict(RECURRENT_SETTINGS)), ("Dropout", {"rate": 0.5})] * layers
    described += [("Dense", {"activation": "linear", "use_bias": True})]
    return {"config": {"layers": [{"class_name": name, "config": dict(value)} for name, value in described]}}


def weights_of(network: Network) -> bytes:
    """A model.weights.h5 as Keras lays it out."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers/embedding/vars/0"] = network.embedding
        for number, layer in enumerate(network.layers):
            folder = FOLDERS[layer.cell] + (f"_{number}" if number else "")
            for index, array in enumerate(layer.weights):
                file[f"layers/{folder}/cell/vars/{index}"] = array
        file["layers/dense/vars/0"] = network.dense_kernel
        file["layers/dense/vars/1"] = network.dense_bias
    return content.getvalue()


def write_run(folder: Path, members: dict[str, bytes], characters: str = "abcdef") -> Run:
    folder.mkdir(exist_ok=True)
    run = Run(folder)
    run.write_vocabulary(Vocabulary(characters))
    with zipfile.ZipFile(run.model_path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return run


def members_of(network: Network) -> dict[str, bytes]:
    config = config_of(network.layers[0].cell, len(network.layers))
    return {"config.json": json.dumps(config).encode(), "model.weights.h5": weights_of(network)}


def arrays_of(network: Network) -> list[np.ndarray]:
    recurrent = [array for layer in network.layers for array in layer.weights]
    return [network.embedding, *recurrent, network.dense_kernel, network.dense_bias]


def refused(run: Run) -> str:
    """The one line with which loading is refused."""
    with pytest.raises(RunError) as caught:
        load_network(run)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- forward --------------------------------------------------------------------------------------


def read_one_by_one(network: Network, ids: np.ndarray, states) -> tuple[np.ndarray, list]:
    """What `forward` must give, from the step functions, one character at a time."""
    logits, states = [], list(states)
    for column in ids.T:
        x = network.embedding[column]
        for number, layer in enumerate(network.layers):
            states[number] = CELLS[layer.cell].step(x, states[number], layer.weights)
            x = states[number].h
        logits.append(x @ network.dense_kernel + network.dense_bias)
    return np.stack(logits, axis=1), states


@pytest.mark.parametrize("vocabulary", [3, 200])  # fewer and more characters than the window: both products
@pytest.mark.parametrize("time", [1, 2, 7])
@pytest.mark.parametrize("cell", CELLS)
def test_forward_is_the_steps_one_by_one(cell, time, vocabulary):
    network = random_network(cell, vocabulary=vocabulary, layers=3)
    rng = np.random.default_rng(time)
    ids = rng.integers(vocabulary, size=(5, time))
    start = network.forward(rng.integers(vocabulary, size=(5, 4)), network.initial_states(5))[1]
    logits, states = network.forward(ids, start)
    expected_logits, expected_states = read_one_by_one(network, ids, start)
    assert logits.dtype == np.float32
    assert logits.shape == (5, time, vocabulary)
    np.testing.assert_allclose(logits, expected_logits, rtol=0, atol=2e-6)  # float32: sums of <= 5 products
    for ours, expected in zip(states, expected_states, strict=True):
        assert type(ours) is CELLS[cell].state
        np.testing.assert_allclose(np.stack(ours), np.stack(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_text_read_in_windows_is_the_text_read_at_once(cell):
    network = random_network(cell)
    ids = np.random.default_rng(0).integers(7, size=(2, 20))
    whole, last = network.forward(ids, network.initial_states(2))
    states, pieces = network.initial_states(2), []
    for start, end in ((0, 1), (1, 8), (8, 20)):
        logits, states = network.forward(ids[:, start:end], states)
        pieces.append(logits)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=0, atol=2e-6)
    np.testing.assert_allclose(np.stack(states[-1]), np.stack(last[-1]), rtol=0, atol=1e-6)


def test_sizes_by_hand():
    network = random_network("gru", vocabulary=7, embedding=3, units=5, layers=2)
    assert (network.vocabulary_size, network.units) == (7, 5)
    # 7·3 + [3·15 + 5·15 + 2·15] + [5·15 + 5·15 + 2·15] + 5·7 + 7 = 21 + 150 + 180 + 42
    assert network.parameters == 393


def test_from_weights_keeps_a_copy_of_its_own():
    arrays = [np.array(array) for array in arrays_of(random_network("rnn"))]
    network = Network.from_weights("rnn", arrays)
    arrays[0][:] = 0
    assert network.embedding.any()


@pytest.mark.parametrize("index", range(6))
def test_from_weights_names_the_array_that_does_not_fit(index):
    arrays = arrays_of(random_network("lstm", layers=1))
    arrays[index] = np.zeros((arrays[index].shape[0] + 1, *arrays[index].shape[1:]))
    with pytest.raises(ValueError, match=r"has shape .* where .* is needed"):
        Network.from_weights("lstm", arrays)


# --- scoring --------------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    # softmax of (0, ln 3) is (1/4, 3/4); of (5, 5, 5, 5) is 1/4 each
    nats = cross_entropy(np.array([[0.0, log(3)], [0.0, log(3)]]), np.array([0, 1]))
    np.testing.assert_allclose(nats, [log(4), log(4 / 3)], rtol=1e-12)
    np.testing.assert_allclose(cross_entropy(np.full((1, 4), 5.0), np.array([2])), [log(4)], rtol=1e-12)


def test_cross_entropy_of_huge_logits_is_finite():
    logits = np.array([[3e38, -3e38, 0.0], [-1e4, -1e4, -1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        nats = cross_entropy(logits / 4, np.array([0, 1]))
    np.testing.assert_allclose(nats, [0.0, log(3)], rtol=1e-6)


@pytest.mark.parametrize("numbers_at_a_time", [1, 100, 2**22])
@pytest.mark.parametrize("cell", CELLS)
def test_scorer_gives_the_nats_of_the_targets_whatever_the_pieces(cell, numbers_at_a_time, monkeypatch):
    monkeypatch.setattr(scorer_module, "_NUMBERS_AT_A_TIME", numbers_at_a_time)
    network = random_network(cell)
    rng = np.random.default_rng(1)
    ids = rng.integers(7, size=(3, 11)).astype(np.int32)
    targets = rng.integers(7, size=(3, 11)).astype(np.int32)
    scorer = NetworkScorer(network)
    nats, states = scorer(ids, targets, scorer.initial_states(3))
    logits, expected_states = network.forward(ids, network.initial_states(3))
    exponentials = np.exp(logits.astype(np.float64))
    probabilities = exponentials / exponentials.sum(axis=-1, keepdims=True)
    expected = -np.log(np.take_along_axis(probabilities, targets[..., np.newaxis], axis=-1)[..., 0])
    assert nats.shape == (3, 11)
    np.testing.assert_allclose(nats, expected, rtol=0, atol=5e-6)
    np.testing.assert_allclose(np.stack(states[-1]), np.stack(expected_states[-1]), rtol=0, atol=1e-6)


def test_scorer_never_holds_the_logits_of_a_large_vocabulary():
    network = random_network("rnn", vocabulary=5000, layers=1)
    scorer = NetworkScorer(network)
    ids = np.zeros((64, 64), np.int32)
    whole = 64 * 64 * 5000 * 4  # 82 MB
    tracemalloc.start()
    try:
        scorer(ids, ids, scorer.initial_states(64))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * 4 * 2**22 < whole  # the logits of a piece, those shifted, their exponentials


# --- model.keras ----------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_what_was_written_is_read(cell, layers, tmp_path):
    network = random_network(cell, layers=layers)
    loaded = load_network(write_run(tmp_path / "run", members_of(network)))
    assert [layer.cell for layer in loaded.layers] == [cell] * layers
    for ours, expected in zip(arrays_of(loaded), arrays_of(network), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.tf
@pytest.mark.parametrize("functional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_a_model_saved_by_keras_gives_its_probabilities(cell, layers, functional, tmp_path):
    import keras

    vocabulary, units = 11, 6
    stack = [keras.layers.Embedding(vocabulary, 4)]
    for _ in range(layers):
        stack += [getattr(keras.layers, KERAS_CLASSES[cell])(units, return_sequences=True)]
        stack += [keras.layers.Dropout(0.3, noise_shape=(None, 1, None))]
    stack += [keras.layers.Dense(vocabulary)]
    ids_in = keras.Input((None,), dtype="int32")
    if functional:
        x = ids_in
        for layer in stack:
            x = layer(x)
        model = keras.Model(ids_in, x)
    else:
        model = keras.Sequential([ids_in, *stack])
    rng = np.random.default_rng(layers)
    model.set_weights([rng.normal(scale=0.6, size=array.shape) for array in model.get_weights()])

    run = write_run(tmp_path / "run", {}, characters="abcdefghij")
    model.save(run.model_path)
    network = load_network(run)
    trained = Network.from_weights(cell, [variable.numpy() for variable in model.trainable_weights])
    for ours, expected in zip(arrays_of(network), arrays_of(trained), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert network.parameters == model.count_params()

    ids = rng.integers(vocabulary, size=(4, 9))
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(model(ids)))
    logits, _ = network.forward(ids, network.initial_states(4))
    ours = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(ours, probabilities, rtol=0, atol=1e-5)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_missing_member_is_named(member, tmp_path):
    members = members_of(random_network("lstm"))
    del members[member]
    line = refused(write_run(tmp_path / "run", members))
    assert "corrupt" in line
    assert member in line


def test_a_run_without_a_model_is_refused(tmp_path):
    run = write_run(tmp_path / "run", {})
    run.model_path.unlink()
    assert "has no model.keras" in refused(run)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"config": {"layers": [1]}}', b"\xff\xfe\x00", b"[" * 10**6]
)
def test_a_config_that_is_none_is_corrupt(content, tmp_path):
    members = members_of(random_network("lstm")) | {"config.json": content}
    assert "corrupt" in refused(write_run(tmp_path / "run", members))


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_weights_cut_short_are_corrupt(kept, tmp_path):
    members = members_of(random_network("lstm"))
    content = members["model.weights.h5"]
    members["model.weights.h5"] = content[: int(len(content) * kept)]
    assert "corrupt" in refused(write_run(tmp_path / "run", members))


def test_a_missing_array_is_corrupt(tmp_path):
    network = random_network("lstm", layers=2)
    members = members_of(network) | {"model.weights.h5": weights_of(random_network("lstm", layers=1))}
    assert "has no layers/lstm_1/cell/vars/0" in refused(write_run(tmp_path / "run", members))


@pytest.mark.parametrize("field", ["embedding", "dense_kernel", "dense_bias"])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_arrays_that_do_not_fit_together_are_corrupt(field, shape, tmp_path):
    network = random_network("gru")
    arrays = {name: getattr(network, name) for name in ("embedding", "layers", "dense_kernel", "dense_bias")}
    odd = Network(**(arrays | {field: np.zeros(shape, np.float32)}))
    assert "corrupt" in refused(write_run(tmp_path / "run", members_of(odd)))


@pytest.mark.parametrize("cell", CELLS)
def test_a_scalar_recurrent_kernel_is_corrupt(cell, tmp_path):
    network = random_network(cell, layers=1)
    layer = network.layers[0]
    odd_layer = network_module.Layer(cell, layer.weights._replace(recurrent_kernel=np.float32(1)))
    odd = Network(network.embedding, (odd_layer,), network.dense_kernel, network.dense_bias)
    assert "corrupt" in refused(write_run(tmp_path / "run", members_of(odd)))


def test_a_model_of_another_vocabulary_is_refused(tmp_path):
    line = refused(write_run(tmp_path / "run", members_of(random_network("lstm")), characters="abc"))
    assert "knows 7 characters" in line
    assert "has 4" in line


@pytest.mark.parametrize(
    ("position", "setting", "value"),
    [
        (1, "mask_zero", True),
        (2, "activation", "relu"),
        (2, "recurrent_activation", "hard_sigmoid"),
        (2, "use_bias", False),
        (2, "reset_after", False),
        (2, "return_sequences", False),
        (2, "go_backwards", True),
        (4, "activation", "relu"),
        (-1, "activation", "softmax"),
        (-1, "use_bias", False),
        (2, "activation", {"class_name": "function"}),
    ],
)
def test_settings_that_the_cells_do_not_have_are_refused(position, setting, value, tmp_path):
    config = config_of("gru", 2)
    config["config"]["layers"][position]["config"][setting] = value
    members = members_of(random_network("gru")) | {"config.json": json.dumps(config).encode()}
    line = refused(write_run(tmp_path / "run", members))
    assert line.startswith("this model cannot be replayed: ")
    assert f"{setting}={value!r}" in line


@pytest.mark.parametrize(
    "classes",
    [
        ["Embedding", "Bidirectional", "Dense"],
        ["Embedding", "LSTM", "BatchNormalization", "Dense"],
        ["Embedding", "Dense"],
        ["LSTM", "Dense"],
        ["Embedding", "LSTM"],
        ["Dense", "LSTM", "Embedding"],
        [],
        ["Embedding", "LSTM", "Dense", "Dense"],
        ["Embedding", "Embedding", "LSTM", "Dense"],
    ],
)
def test_other_architectures_are_refused(classes, tmp_path):
    layers = [{"class_name": name, "config": KERAS_SETTINGS.get(name, {})} for name in classes]
    config = json.dumps({"config": {"layers": layers}}).encode()
    members = members_of(random_network("lstm")) | {"config.json": config}
    assert refused(write_run(tmp_path / "run", members)).startswith("this model cannot be replayed: ")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_in_one_line_or_loads_unharmed(data, tmp_path):
    network = random_network("lstm")
    run = write_run(tmp_path / "run", members_of(network))
    content = bytearray(run.model_path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1), label="position")
    if data.draw(st.booleans(), label="cut"):
        del content[position:]
    else:
        content[position] ^= data.draw(st.integers(1, 255), label="flipped bits")
    run.model_path.write_bytes(content)
    try:
        loaded = load_network(run)
    except RunError as refusal:
        assert "\n" not in str(refusal)
    else:
        for ours, expected in zip(arrays_of(loaded), arrays_of(network), strict=True):
            np.testing.assert_array_equal(ours, expected)


def test_importing_the_network_imports_nothing_heavy():
    heavy = "{'tensorflow', 'keras', 'h5py', 'click', 'rich'}"
    program = f"import sys, seqmagic.network.keras_file; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
