"""The network in a run's model.keras: read with zip and h5py, without TensorFlow."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic.errors import RunError
from seqmagic.network.cells import Weights
from seqmagic.network.network import Layer, Network
from seqmagic.runs.folder import Run

_CELLS_OF_KERAS = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}


_SILENT_LAYERS = ("InputLayer", "Dropout")  # they change nothing outside training


_READ_IN_ORDER = {"use_bias": True, "return_sequences": True, "go_backwards": False, "activation": "tanh"}


_REQUIRED_SETTINGS: dict[str, dict[str, Any]] = {
    "Embedding": {"mask_zero": False},
    "SimpleRNN": _READ_IN_ORDER,
    "LSTM": {**_READ_IN_ORDER, "recurrent_activation": "sigmoid"},
    "GRU": {**_READ_IN_ORDER, "recurrent_activation": "sigmoid", "reset_after": True},
    "Dense": {"use_bias": True, "activation": "linear"},
}


_VARIABLES = {  # folder and number of arrays of each layer in model.weights.h5
    "Embedding": ("embedding", "vars", 1),
    "SimpleRNN": ("simple_rnn", "cell/vars", 3),
    "LSTM": ("lstm", "cell/vars", 3),
    "GRU": ("gru", "cell/vars", 3),
    "Dense": ("dense", "vars", 2),
}


def load_network(run: Run) -> Network:
    """The network in the model.keras of `run`: zip and h5py, no TensorFlow.

    Raises:
        RunError: the file is missing or damaged, holds a model other than Embedding, recurrent layers and
            Dense with the settings of `seqmagic.network.cells`, or does not fit the run's vocabulary.
    """
    path = run.require_model()
    config, weights = _unpack(path)
    classes = _replayable_classes(config, path)
    embedding, *recurrent, dense = _read_variables(weights, classes, path)
    layers = tuple(
        Layer(_CELLS_OF_KERAS[name], Weights(*arrays)) for name, arrays in zip(classes[1:-1], recurrent, strict=True)
    )
    network = Network(embedding[0], layers, *dense)
    try:
        network.check_shapes()
    except (ValueError, IndexError) as problem:
        raise _corrupt(path, problem) from problem
    size = run.read_vocabulary().size
    if network.vocabulary_size != size:
        raise RunError(
            f"{path} knows {network.vocabulary_size} characters, {run.vocabulary_path} has {size} (both with "
            "the unknown one): they are not of one training; restore the one that was changed"
        )
    return network


def _corrupt(path: Path, problem: object) -> RunError:
    words = " ".join(str(problem.args[0] if isinstance(problem, KeyError) else problem).split())
    words = words or type(problem).__name__
    return RunError(f"{path} is corrupt: {words}; train the run again or restore it")


def _unpack(path: Path) -> tuple[Any, bytes]:
    """The two members of a .keras archive that matter: config.json, parsed, and model.weights.h5."""
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json")), archive.read("model.weights.h5")
    except (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as problem:
        raise _corrupt(path, problem) from problem


def _replayable_classes(config: Any, path: Path) -> list[str]:
    """The Keras classes of the layers that compute something, Embedding first and Dense last.

    Raises:
        RunError: the config is damaged, or a layer or setting is one that `seqmagic.network.cells` does not have.
    """
    try:
        described = [(layer["class_name"], dict(layer["config"])) for layer in config["config"]["layers"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise _corrupt(path, "config.json lists no layers") from problem
    active = [(name, settings) for name, settings in described if name not in _SILENT_LAYERS]
    for name, settings in active:
        if name not in _REQUIRED_SETTINGS:
            raise RunError(f"this model cannot be replayed: {path} has a layer of class {name}")
        for setting, wanted in _REQUIRED_SETTINGS[name].items():
            found = settings.get(setting)
            if found != wanted:
                raise RunError(
                    f"this model cannot be replayed: {path} has {name} with {setting}={found!r}; only {wanted!r} can be"
                )
    classes = [name for name, _ in active]
    outer, inner = (classes[:1], classes[-1:]), classes[1:-1]
    if outer != (["Embedding"], ["Dense"]) or not inner or not set(inner) <= set(_CELLS_OF_KERAS):
        raise RunError(
            f"this model cannot be replayed: {path} has the layers {', '.join(classes) or 'none'}; "
            "needed are Embedding, recurrent layers, Dense"
        )
    return classes


def _read_variables(content: bytes, classes: Iterable[str], path: Path) -> list[list[np.ndarray]]:
    """The arrays of each layer, float32. Keras numbers the folders per class: lstm, lstm_1, lstm_2 ..."""
    import h5py  # 70 ms that only a reader of weights has to wait for

    seen: Counter[str] = Counter()
    variables = []
    try:
        with h5py.File(io.BytesIO(content), "r") as weights:
            for name in classes:
                folder, inner, count = _VARIABLES[name]
                numbered = f"{folder}_{seen[name]}" if seen[name] else folder
                seen[name] += 1
                addresses = [f"layers/{numbered}/{inner}/{index}" for index in range(count)]
                missing = [address for address in addresses if address not in weights]
                if missing:
                    raise KeyError(f"model.weights.h5 has no {missing[0]}")
                variables.append([np.asarray(weights[address], np.float32) for address in addresses])
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as problem:
        raise _corrupt(path, problem) from problem
    return variables
