"""The network in NumPy: read from a run's model.keras without TensorFlow, run over texts, scored.

Axes: B batch, T time, V vocabulary, E embedding, U units, G gate blocks. Inside, time comes first.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic.cells import CELLS, Weights, project
from seqmagic.errors import RunError
from seqmagic.runs import Run

States = tuple[Any, ...]

_NUMBERS_AT_A_TIME = 2**22  # what a scorer holds per array: 16 MiB of float32
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


@dataclass(frozen=True)
class Layer:
    """One recurrent layer: the name of its cell and its weights."""

    cell: str
    weights: Weights


@dataclass(frozen=True)
class Network:
    """Embedding (V, E), recurrent layers, dense layer (U, V) and (V,): ids in, logits out.

    A state is a tuple with the state of each layer's cell, (B, U) arrays. Nothing is kept between calls.
    """

    embedding: np.ndarray
    layers: tuple[Layer, ...]
    dense_kernel: np.ndarray
    dense_bias: np.ndarray

    @classmethod
    def from_weights(cls, cell: str, arrays: Sequence[np.ndarray]) -> Network:
        """The network of these weights, copied to float32.

        Args:
            cell: rnn, lstm or gru, for all layers.
            arrays: In the order of `model.trainable_weights` of Keras: embedding; kernel, recurrent
                kernel and bias of each layer; dense kernel, dense bias.

        Raises:
            ValueError: the shapes don't make a network.
        """
        embedding, *recurrent, dense_kernel, dense_bias = (np.array(array, np.float32) for array in arrays)
        layers = (Layer(cell, Weights(*recurrent[first : first + 3])) for first in range(0, len(recurrent), 3))
        network = cls(embedding, tuple(layers), dense_kernel, dense_bias)
        network.check_shapes()
        return network

    def check_shapes(self) -> None:
        """Raise ValueError, naming the array, unless every shape follows from the ones before it."""
        if self.embedding.ndim != 2 or not self.layers:
            raise ValueError("a network needs an embedding (V, E) and one recurrent layer or more")
        vocabulary_size, width = self.embedding.shape
        for number, (cell, weights) in enumerate(((layer.cell, layer.weights) for layer in self.layers), 1):
            units = weights.recurrent_kernel.shape[0]
            columns = len(CELLS[cell].gates) * units
            bias = (2, columns) if cell == "gru" else (columns,)
            for name, expected in (
                ("kernel", (width, columns)),
                ("recurrent_kernel", (units, columns)),
                ("bias", bias),
            ):
                _check_shape(f"{name} of layer {number} ({cell})", getattr(weights, name), expected)
            width = units
        _check_shape("dense kernel", self.dense_kernel, (width, vocabulary_size))
        _check_shape("dense bias", self.dense_bias, (vocabulary_size,))

    @property
    def vocabulary_size(self) -> int:
        return self.embedding.shape[0]

    @property
    def units(self) -> int:
        """Units of the last recurrent layer."""
        return self.dense_kernel.shape[0]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        recurrent = sum(array.size for layer in self.layers for array in layer.weights)
        return self.embedding.size + recurrent + self.dense_kernel.size + self.dense_bias.size

    def initial_states(self, batch: int) -> States:
        """Empty memory for `batch` streams."""
        return tuple(
            CELLS[layer.cell].initial_state(
                batch, layer.weights.recurrent_kernel.shape[0], layer.weights.recurrent_kernel.dtype
            )
            for layer in self.layers
        )

    def forward(self, ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Read `ids` from `states` on.

        Args:
            ids: (B, T) integer, below V.
            states: From `initial_states` or an earlier call.

        Returns:
            The logits of the character after each one read, (B, T, V) float, and the states after the last.
        """
        outputs, states = self.read(ids, states)
        return (outputs @ self.dense_kernel + self.dense_bias).swapaxes(0, 1), states

    def read(self, ids: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """The outputs of the last recurrent layer for `ids` (B, T), time first: (T, B, U); and the states."""
        first = self.layers[0].weights
        if ids.size > self.vocabulary_size:  # then a table of what each character adds is the smaller product
            projected = project(self.embedding, first)[ids.T]
        else:
            projected = project(self.embedding[ids.T], first)
        new_states = []
        outputs = np.empty(0)
        for number, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            if number > 0:
                projected = project(outputs, layer.weights)
            outputs, state = _recur(layer, projected, state)
            new_states.append(state)
        return outputs, tuple(new_states)


def _check_shape(name: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ValueError(f"the {name} has shape {array.shape} where {expected} is needed")


def _recur(layer: Layer, projected: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
    """All steps of one layer: projected (T, B, G*U) -> outputs (T, B, U) and the last state."""
    advance = CELLS[layer.cell].advance
    outputs = np.empty((*projected.shape[:2], layer.weights.recurrent_kernel.shape[0]), projected.dtype)
    for step, inputs in enumerate(projected):
        state = advance(inputs, state, layer.weights)
        outputs[step] = state.h
    return outputs, state


class NetworkScorer:
    """Scores characters with a Network: the scorer that `seqmagic.evaluation.evaluate` takes.

    It works through a window in pieces of time, so that neither the gates nor the (B, T, V) logits of a
    large vocabulary ever stand in memory whole.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        columns = [layer.weights.kernel.shape[1] for layer in network.layers]
        self._widest = max(network.vocabulary_size, *columns)

    def initial_states(self, batch: int) -> States:
        return self.network.initial_states(batch)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Read `inputs` and score `targets`, (B, T) integer each.

        Returns:
            The nats of each target, -ln p(target), (B, T) float32; and the states after the last input.
        """
        batch, time = inputs.shape
        nats = np.empty((batch, time), np.float32)
        steps = max(1, _NUMBERS_AT_A_TIME // (batch * self._widest))
        for start in range(0, time, steps):
            piece = slice(start, start + steps)
            logits, states = self.network.forward(inputs[:, piece], states)
            nats[:, piece] = cross_entropy(logits, targets[:, piece])
        return nats, states


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """-ln softmax(logits)[targets] in nats: (..., V) and (...) -> (...). `logits` is overwritten.

    The largest logit is taken off first, so that no exponential overflows and one of them is 1.
    """
    logits -= logits.max(axis=-1, keepdims=True)
    chosen = np.take_along_axis(logits, targets[..., np.newaxis], axis=-1)[..., 0]
    np.exp(logits, out=logits)
    return np.log(logits.sum(axis=-1)) - chosen


def load_network(run: Run) -> Network:
    """The network in the model.keras of `run`: zip and h5py, no TensorFlow.

    Raises:
        RunError: the file is missing or damaged, holds a model other than Embedding, recurrent layers and
            Dense with the settings of `seqmagic.cells`, or does not fit the run's vocabulary.
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
        RunError: the config is damaged, or a layer or setting is one that `seqmagic.cells` does not have.
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
