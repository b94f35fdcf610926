"""The network in a run's model.keras: read with zip and h5py, without TensorFlow."""

from __future__ import annotations

import dataclasses
import io
import math
import reprlib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic import files
from seqmagic.config import ModelConfig
from seqmagic.errors import RunError
from seqmagic.network.cells import Weights
from seqmagic.network.layout import KERAS_PLACES, KERAS_SETTINGS, LAYOUTS, numbered
from seqmagic.network.network import Layer, Network
from seqmagic.network.sizes import count_parameters
from seqmagic.runs.folder import Run
from seqmagic.runs.record import RunRecord, vocabulary_sum
from seqmagic.texts.records import record_end
from seqmagic.texts.vocabulary import Vocabulary

_CELLS_OF_KERAS = {layout.keras_class: layout.name for layout in LAYOUTS.values()}
_SILENT_LAYERS = ("InputLayer", "Dropout")  # they change nothing outside training
_CONFIG_LIMIT = 2**20  # bytes; eight layers take 20,000
_SLACK = 2**20  # bytes of an archive that are no weights
_LARGEST = 1e15  # the largest number of a model: sums of products of two still fit a float32


@dataclass(frozen=True)
class _KerasLayer:
    class_name: str
    config: dict[str, Any]
    name: str = ""
    inbound_nodes: tuple[Any, ...] = ()  # of a functional model: what it was called with


@dataclass(frozen=True)
class _KerasLayers:
    layers: list[_KerasLayer]


@dataclass(frozen=True)
class _KerasModel:
    """What we read of config.json."""

    config: _KerasLayers


def load_network(run: Run) -> Network:
    """The network in the model.keras of `run`: zip and h5py, no TensorFlow.

    The file may come from anyone. Whatever it declares - sizes, shapes, kinds, where its numbers lie - is held
    against the run's vocabulary and record before a number is read, and memory follows from what was checked.

    Raises:
        RunError: the file is missing or damaged, holds a model other than Embedding, recurrent layers and
            Dense with the settings of `seqmagic.network.cells` or numbers that no training leaves, or does
            not fit the run's vocabulary and record.
    """
    record = run.read_record() if run.record_path.exists() else None
    return network_of(run, record, run.read_vocabulary())


def network_of(run: Run, record: RunRecord | None, vocabulary: Vocabulary) -> Network:
    """The same, from a record and a vocabulary of `run` that have been read; None where there is no record."""
    path = run.require_model()
    if record is not None and record.vocabulary_sha256 not in (None, vocabulary_sum(vocabulary)):
        raise RunError(
            f"{run.vocabulary_path} is not the vocabulary that {run.record_path} was trained with: they are not of "
            "one training; restore the one that was changed"
        )
    model = record.model if record is not None else None
    config, weights = _unpack(path, limit=_weights_limit(model, vocabulary.size))
    classes = _replayable_classes(config, path)
    network = _read_network(
        weights, classes, path, check=lambda declared: _check_declared(declared, run, model, vocabulary.size)
    )
    end = record_end(record.data) if record is not None else None
    return network if end is None else dataclasses.replace(network, boundary=int(vocabulary.encode(end)[0]))


@dataclass(frozen=True, eq=False)
class StockModel:
    """The recurrent layers of a Keras model from elsewhere, as a network that can be replayed.

    Attributes:
        network: For one-hot inputs its embedding is the identity; without a head that predicts, its dense
            layer is zero.
        predicts: Whether its last layer gives the next character.
        parameters: How many numbers of the file are in use.
    """

    network: Network
    predicts: bool
    parameters: int


def load_stock_model(path: Path) -> StockModel:
    """The model of stock layers in the .keras file `path`: Embedding or one-hot inputs, recurrent layers, any head.

    Raises:
        RunError: the file is missing or damaged, or its recurrent layers are not those of `seqmagic.network.cells`.
    """
    config, content = _unpack(path, limit=None)
    described = files.as_type(config, _KerasModel, path, error=RunError).config.layers
    try:
        _check_chain(described, path)
    except RecursionError as problem:
        raise _corrupt(path, "config.json is nested without end") from problem
    active = [layer for layer in described if layer.class_name not in _SILENT_LAYERS]
    places = [number for number, layer in enumerate(active) if layer.class_name in _CELLS_OF_KERAS]
    last = places[-1] if places else -1
    body, head = active[: last + 1], active[last + 1 :]
    classes = [layer.class_name for layer in body]
    embedded = classes[:1] == ["Embedding"]
    if not places or not set(classes[embedded:]) <= set(_CELLS_OF_KERAS):
        found = files.shortened(", ".join(layer.class_name for layer in active)) or "none"
        raise RunError(
            f"this model cannot be replayed: {path} has the layers {found}; needed are SimpleRNN, LSTM or GRU layers, "
            "after nothing but an Embedding and Dropout"
        )
    for number, layer in enumerate(body):
        free = ("return_sequences",) if number == last else ()  # all steps are replayed, whatever it returns
        _check_settings(layer.class_name, layer.config, path, free=free)
    return _read_stock(content, classes, head, path)


def _check_chain(layers: Sequence[_KerasLayer], path: Path) -> None:
    """Raise RunError unless each layer of a functional model reads the output of the one before it, and no more."""
    for before, layer in pairwise(layers):
        if layer.inbound_nodes and _histories(layer.inbound_nodes) != [[before.name, 0, 0]]:
            raise RunError(
                f"this model cannot be replayed: in {path} the layer {files.shortened(layer.name)} reads something "
                f"else than the output of {files.shortened(before.name)}; needed is one layer after the other"
            )


def _histories(nodes: Any) -> list[Any]:
    """Layer, call and number of each tensor that is named anywhere in `nodes`."""
    if isinstance(nodes, dict):
        return [nodes["keras_history"]] if "keras_history" in nodes else _histories(list(nodes.values()))
    return [one for part in nodes for one in _histories(part)] if isinstance(nodes, (list, tuple)) else []


def _read_stock(content: bytes, classes: list[str], head: Sequence[_KerasLayer], path: Path) -> StockModel:
    """The network of these layers, with a dense layer of zeros where `head` is no prediction of a character."""
    import h5py

    embedded = classes[0] == "Embedding"
    try:
        with h5py.File(io.BytesIO(content), "r") as weights:
            recurrent = [[_numbers(one) for one in arrays] for arrays in _find_arrays(weights, classes)]
            embedding = recurrent.pop(0)[0] if embedded else _identity(recurrent[0][0].shape[0], path)
            names = classes[embedded:]
            layers = tuple(
                Layer(_CELLS_OF_KERAS[name], Weights(*arrays)) for name, arrays in zip(names, recurrent, strict=True)
            )
            size, units = len(embedding), layers[-1].weights.recurrent_kernel.shape[0]
            predicts = len(head) == 1 and _predicts(head[0], size)
            dense = [np.zeros((units, size), np.float32), np.zeros(size, np.float32)]
            if predicts:
                [arrays] = _find_arrays(weights, ["Dense"])
                dense = [_numbers(one) for one in arrays]
        network = Network(embedding, layers, *dense)
        network.check_shapes()
    except RunError:
        raise
    except MemoryError as problem:
        raise _too_large(path) from problem
    except Exception as problem:  # h5py raises nearly anything over a damaged file
        raise _corrupt(path, problem) from problem
    unread = 0 if embedded else embedding.size
    unread += 0 if predicts else dense[0].size + dense[1].size
    return StockModel(network, predicts, network.parameters - unread)


_WIDEST_ONE_HOT = 20_000


def _identity(size: int, path: Path) -> np.ndarray:
    """The embedding of one-hot inputs, (size, size) float32."""
    if size > _WIDEST_ONE_HOT:
        raise RunError(f"{path} takes {size:,} numbers a step, too many for one-hot characters ({_WIDEST_ONE_HOT:,})")
    return np.eye(size, dtype=np.float32)


def _predicts(layer: _KerasLayer, size: int) -> bool:
    """Whether a last layer gives the logits or probabilities of `size` characters."""
    wanted = {"units": size, "use_bias": True}
    settings = layer.config
    return (
        layer.class_name == "Dense"
        and all(settings.get(name) == value for name, value in wanted.items())
        and settings.get("activation") in ("linear", "softmax")
    )


def _weights_limit(model: ModelConfig | None, vocabulary_size: int) -> int | None:
    """The most bytes that the weights of a model may have; None where its sizes are not known.

    Four times 32 bits for each number: Keras may have kept the two moments of an optimizer beside it.
    """
    if model is None or model.units is None or model.layers is None:
        return None
    parameters = count_parameters(
        model.cell,
        units=model.units,
        layers=model.layers,
        embedding=model.embedding,
        vocabulary_size=vocabulary_size,
    )
    return 16 * parameters + _SLACK


def _corrupt(path: Path, problem: object) -> RunError:
    if isinstance(problem, BaseException):
        words = problem.args[0] if isinstance(problem, KeyError) and problem.args else problem
        problem = files.in_brief(words if isinstance(words, BaseException) else Exception(words))
    return RunError(f"{path} is corrupt: {problem}; train the run again or restore it")


def _too_large(path: Path) -> RunError:
    return RunError(f"{path} can't be read: its {path.stat().st_size:,} bytes do not fit into the memory that is free")


def _unpack(path: Path, *, limit: int | None) -> tuple[Any, bytes]:
    """The two members of a .keras archive that matter: config.json, parsed, and model.weights.h5.

    The weights have to be stored as they are, as Keras does it: what an archive unpacks to is then never
    more than what lies on the disk.
    """
    import msgspec

    try:
        size = path.stat().st_size
        if limit is not None and size > limit + _SLACK:
            raise _corrupt(path, f"{size:,} bytes, where its run can need {limit:,} at most")
        with zipfile.ZipFile(path) as archive:
            config = _read_member(archive, "config.json", path, limit=_CONFIG_LIMIT)
            stored = archive.getinfo("model.weights.h5")
            if stored.compress_type != zipfile.ZIP_STORED:
                raise _corrupt(path, "model.weights.h5 is compressed, which Keras never does")
            weights = _read_member(archive, stored.filename, path, limit=size if limit is None else limit)
        return msgspec.json.decode(config), weights
    except RunError:
        raise
    except MemoryError as problem:
        raise _too_large(path) from problem
    except Exception as problem:  # zipfile and zlib raise nearly anything over a damaged archive
        raise _corrupt(path, problem) from problem


def _read_member(archive: zipfile.ZipFile, name: str, path: Path, *, limit: int) -> bytes:
    """The content of a member, refused by the size that it declares, and read no further than that."""
    declared = archive.getinfo(name).file_size
    if declared > limit:
        raise _corrupt(path, f"{name} unpacks to {declared:,} bytes, where {limit:,} are enough")
    with archive.open(name) as member:
        content = member.read(limit + 1)
    if len(content) != declared:
        raise _corrupt(path, f"{name} has {len(content):,} bytes and declares {declared:,}")
    return content


def _replayable_classes(config: Any, path: Path) -> list[str]:
    """The Keras classes of the layers that compute something, Embedding first and Dense last.

    Raises:
        RunError: the config is damaged, or a layer or setting is one that `seqmagic.network.cells` does not have.
    """
    described = files.as_type(config, _KerasModel, path, error=RunError).config.layers
    active = [(layer.class_name, layer.config) for layer in described if layer.class_name not in _SILENT_LAYERS]
    for name, settings in active:
        if name not in KERAS_SETTINGS:
            raise RunError(f"this model cannot be replayed: {path} has a layer of class {files.shortened(name)}")
        _check_settings(name, settings, path)
    classes = [name for name, _ in active]
    outer, inner = (classes[:1], classes[-1:]), classes[1:-1]
    if outer != (["Embedding"], ["Dense"]) or not inner or not set(inner) <= set(_CELLS_OF_KERAS):
        raise RunError(
            f"this model cannot be replayed: {path} has the layers {files.shortened(', '.join(classes)) or 'none'}; "
            "needed are Embedding, recurrent layers, Dense"
        )
    return classes


def _check_settings(name: str, settings: dict[str, Any], path: Path, *, free: Sequence[str] = ()) -> None:
    """Raise RunError unless a layer of class `name` has the settings of our equations; those of `free` are any."""
    for setting, wanted in KERAS_SETTINGS[name].items():
        found = settings.get(setting)
        if found != wanted and setting not in free:
            raise RunError(
                f"this model cannot be replayed: {path} has {name} with {setting}={reprlib.repr(found)}; "
                f"only {wanted!r} can be"
            )


def _read_network(content: bytes, classes: Sequence[str], path: Path, *, check: Callable[[Network], None]) -> Network:
    """The network of the arrays in model.weights.h5, once `check` accepted the shapes that it declares."""
    import h5py  # 70 ms that only a reader of weights has to wait for

    try:
        with h5py.File(io.BytesIO(content), "r") as weights:
            found = _find_arrays(weights, classes)
            # an array of one number that has the declared shape, and needs no memory for it
            declared = [[np.broadcast_to(np.float32(0), one.shape) for one in layer] for layer in found]
            check(_network_of(classes, declared))
            try:
                return _network_of(classes, [[_numbers(one) for one in layer] for layer in found])
            except MemoryError as problem:
                raise _too_large(path) from problem
    except RunError:
        raise
    except Exception as problem:  # h5py raises nearly anything over a damaged file
        raise _corrupt(path, problem) from problem


def _network_of(classes: Sequence[str], arrays: Sequence[Sequence[np.ndarray]]) -> Network:
    """The network of these arrays, layer by layer; ValueError where their shapes don't fit together."""
    embedding, *recurrent, dense = arrays
    layers = tuple(
        Layer(_CELLS_OF_KERAS[name], Weights(*weights)) for name, weights in zip(classes[1:-1], recurrent, strict=True)
    )
    network = Network(embedding[0], layers, *dense)
    network.check_shapes()
    return network


def _check_declared(network: Network, run: Run, model: ModelConfig | None, size: int) -> None:
    """Raise RunError unless the shapes of `network` are those of the run's vocabulary and record."""
    path = run.model_path
    if network.vocabulary_size != size:
        raise RunError(
            f"{path} knows {network.vocabulary_size} characters, {run.vocabulary_path} has {size} (both with "
            "the unknown one): they are not of one training; restore the one that was changed"
        )
    if model is None:
        return
    units = [layer.weights.recurrent_kernel.shape[0] for layer in network.layers]
    pairs = {
        "cells": (sorted({layer.cell for layer in network.layers}), [model.cell]),
        "layers": (len(units), model.layers),
        "units": (units, model.units and [model.units] * len(units)),
        "embedding": (network.embedding.shape[1], model.embedding),
    }
    for name, (found, recorded) in pairs.items():
        if found != recorded and recorded is not None:
            raise RunError(
                f"{path} has {name} {_words(found)}, {run.record_path} says {_words(recorded)}: they are not of one "
                "training; restore the one that was changed"
            )


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _find_arrays(weights: Any, classes: Iterable[str]) -> list[list[Any]]:
    """The data sets of each layer. Keras numbers the folders per class: lstm, lstm_1, lstm_2 ..."""
    seen: Counter[str] = Counter()
    found = []
    for name in classes:
        place = KERAS_PLACES[name]
        folder = f"layers/{numbered(place.folder, seen[name])}/{place.inner}"
        seen[name] += 1
        found.append([_find_array(weights, f"{folder}/{index}") for index in range(place.arrays)])
    return found


def _find_array(weights: Any, address: str) -> Any:
    """The data set at `address`, known to have its numbers in this file, as plain floats in one piece.

    HDF5 can point to other files of the user: by a link, by external storage, by a virtual data set. It can
    also declare numbers that are nowhere, and unpack them from next to nothing.

    Raises:
        KeyError, ValueError: there is none, or it is stored otherwise than Keras does it.
    """
    import h5py

    place = weights
    for part in address.split("/"):
        if not isinstance(place, h5py.Group) or place.get(part, getclass=False, getlink=True) is None:
            raise KeyError(f"model.weights.h5 has no {address}")
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{address} is a link to another place")
        place = place[part]
    if not isinstance(place, h5py.Dataset):
        raise KeyError(f"model.weights.h5 has no {address}")
    plan = place.id.get_create_plist()
    in_one_piece = plan.get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT) and plan.get_nfilters() == 0
    if not in_one_piece or plan.get_external_count():
        raise ValueError(f"{address} does not hold its numbers itself, in one piece and unpacked")
    if place.dtype.kind != "f" or place.dtype.itemsize > 8 or place.shape is None:
        raise ValueError(f"{address} holds no array of floats but {place.dtype}")
    needed = math.prod(place.shape) * place.dtype.itemsize
    if place.id.get_storage_size() != needed or needed > place.file.id.get_filesize():
        raise ValueError(f"{address} declares {needed:,} bytes and does not have them")
    return place


def _numbers(array: Any) -> np.ndarray:
    """The numbers of a data set, float32.

    Raises:
        ValueError: some are NaN, infinite or so large that a sum of their products would be.
    """
    numbers = np.asarray(array, np.float32)
    if numbers.size and not (numbers.min() >= -_LARGEST and numbers.max() <= _LARGEST):
        wrong = numbers.size - np.count_nonzero(np.abs(numbers) <= _LARGEST)
        raise ValueError(
            f"{wrong:,} of the {numbers.size:,} numbers in {array.name.removeprefix('/')} are not finite or beyond "
            f"{_LARGEST:g}"
        )
    return numbers
