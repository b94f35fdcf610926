"""Runs for tests, made in milliseconds and without TensorFlow: random weights in a real Keras archive."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.network.sizes import count_parameters
from seqmagic.runs import folder as runs
from seqmagic.runs.folder import Run
from seqmagic.runs.making import create_run
from seqmagic.runs.record import HistoryRow, Results, RunRecord, TextRecord, vocabulary_sum
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started

TEXT = "".join(f"{number} green bottles, hanging on the wall; and {number} more.\n" for number in range(40))

_FOLDERS = {"rnn": "simple_rnn", "lstm": "lstm", "gru": "gru"}
_CLASSES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def make_text(folder: Path, text: str = TEXT, name: str = "bottles.txt") -> Path:
    """A text file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens at just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def make_run(
    models: Path,
    name: str = "tiny",
    *,
    source: str | Path,
    cell: str = "lstm",
    units: int = 6,
    layers: int = 1,
    embedding: int = 4,
    seed: int = 1,
    status: str = "complete",
    results: Mapping[str, Any] | None = None,
    created: str = "2026-01-02T03:04:05.678+00:00",
    data: DataConfig | None = None,
    environment: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Run:
    """A whole run below `models`, of a model with random weights on the text `source`."""
    data = data or DataConfig()
    corpus = read_corpus(str(source), data)
    size = corpus.vocabulary.size
    run = Run(models / name)
    run.path.mkdir(parents=True)
    weights = random_weights(cell, vocabulary_size=size, units=units, layers=layers, embedding=embedding, seed=seed)
    write_archive(run.model_path, cell, weights)
    run.write_vocabulary(corpus.vocabulary)
    default = make_results(3.0 - 0.1 * units / 6, sum(array.size for array in weights))
    run.write_record(
        RunRecord(
            name=name,
            created=created,
            argv=("train", str(source)),
            seed=seed,
            text=TextRecord.of(corpus),
            data=data,
            model=ModelConfig(cell=cell, units=units, layers=layers, embedding=embedding, dropout=0.0),
            training=TrainConfig(minutes=1.0, seed=seed, batch_size=4, sequence_length=16, learning_rate=0.01),
            environment={"device": "a processor", "threads": 2, **(environment or {})},
            status=status,
            results=default if results is None and status != "running" else results,
            notes=tuple(notes),
            vocabulary_sha256=vocabulary_sum(corpus.vocabulary),
        )
    )
    return run


def make_results(loss: float, parameters: int = 1000) -> Results:
    """Results as a training leaves them, with this validation loss."""
    return Results(
        train_loss=loss - 0.1,
        validation_loss=loss,
        bits_per_character=loss / float(np.log(2)),
        perplexity=float(np.exp(loss)) if loss < 709 else None,
        parameters=parameters,
        epochs=2.5,
        characters=5000,
        characters_per_second=1234.5,
        seconds=60.0,
    )


def random_weights(
    cell: str, *, vocabulary_size: int, units: int, layers: int = 1, embedding: int = 4, seed: int = 1
) -> list[np.ndarray]:
    """Weights in the order of Keras's `model.trainable_weights`, float32, normal with deviation 0.5."""
    rng = np.random.default_rng(seed)
    columns = _GATES[cell] * units
    shapes: list[tuple[int, ...]] = [(vocabulary_size, embedding)]
    for width in [embedding] + [units] * (layers - 1):
        shapes += [(width, columns), (units, columns), (2, columns) if cell == "gru" else (columns,)]
    shapes += [(units, vocabulary_size), (vocabulary_size,)]
    return [rng.normal(scale=0.5, size=shape).astype(np.float32) for shape in shapes]


def write_archive(path: Path, cell: str, weights: Sequence[np.ndarray]) -> None:
    """A model.keras as Keras 3 lays it out (`keras.saving.load_model` opens it), without Keras."""
    embedding, *recurrent, kernel, bias = weights
    arrays = {"embedding/vars/0": embedding, "dense/vars/0": kernel, "dense/vars/1": bias}
    layers = len(recurrent) // 3
    for number, array in enumerate(recurrent):
        folder = _numbered(_FOLDERS[cell], number // 3)
        arrays[f"{folder}/cell/vars/{number % 3}"] = array
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for place, array in arrays.items():
            file[f"layers/{place}"] = array
        for place in ["vars", "layers/input_layer/vars"] + [
            f"layers/{_numbered('dropout', number)}/vars" for number in range(layers)
        ]:
            file.create_group(place)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.12.0"}))
        archive.writestr("config.json", json.dumps(_config(cell, weights, layers)))
        archive.writestr("model.weights.h5", content.getvalue())


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _config(cell: str, weights: Sequence[np.ndarray], layers: int) -> dict[str, Any]:
    """The model as Keras describes it: input, embedding, (recurrent, dropout) a layer, dense."""
    vocabulary_size, width = weights[0].shape
    units = weights[-2].shape[0]
    recurrent = {
        "units": units, "activation": "tanh", "use_bias": True, "return_sequences": True,
        "go_backwards": False, "unroll": False, "recurrent_dropout": 0.0,
    }  # fmt: skip
    if cell != "rnn":
        recurrent["recurrent_activation"] = "sigmoid"
    if cell == "gru":
        recurrent["reset_after"] = True
    described = [("Embedding", "embedding", {"input_dim": vocabulary_size, "output_dim": width, "mask_zero": False})]
    for number in range(layers):
        described.append((_CLASSES[cell], _numbered(_FOLDERS[cell], number), recurrent))
        described.append(("Dropout", _numbered("dropout", number), {"rate": 0.1, "noise_shape": [None, 1, None]}))
    described.append(("Dense", "dense", {"units": vocabulary_size, "activation": "linear", "use_bias": True}))
    built = [
        {
            "module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "ids",
            "config": {"batch_shape": [None, None], "dtype": "int32", "name": "ids"}, "inbound_nodes": [],
        }
    ]  # fmt: skip
    before, shape, dtype = "ids", [None, None], "int32"
    for class_name, name, config in described:
        history = {"shape": shape, "dtype": dtype, "keras_history": [before, 0, 0]}
        node = {"args": [{"class_name": "__keras_tensor__", "config": history}], "kwargs": {}}
        built.append(
            {
                "module": "keras.layers", "class_name": class_name, "registered_name": None, "name": name,
                "config": {"name": name, **config}, "inbound_nodes": [node],
                "build_config": {"input_shape": shape},
            }
        )  # fmt: skip
        size = config.get("output_dim") or config.get("units") or shape[-1]
        before, shape, dtype = name, [None, None, size], "float32"
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "registered_name": None,
        "config": {
            "name": f"seqmagic_{cell}",
            "layers": built,
            "input_layers": [["ids", 0, 0]],
            "output_layers": [["dense", 0, 0]],
        },
    }


class FakeTraining:
    """Stands for `seqmagic.training.train.train`: makes a run of random weights and says how it went.

    Args:
        losses: Validation loss by (cell, units), or by cell; an exception is raised instead, "interrupted"
            ends as Ctrl-C does.
        units: What the recipe would choose for one layer.
    """

    def __init__(self, losses: Mapping[Any, Any], *, units: int = 6) -> None:
        self.losses, self.units = losses, units
        self.calls: list[dict[str, Any]] = []

    def __call__(self, corpus: Corpus, **asked: Any) -> Iterator[Event]:
        self.calls.append(asked)
        model, training, models = asked["model"], asked["training"], asked["models"]
        units, layers = model.units or self.units, model.layers or 1
        loss = self.losses.get((model.cell, units), self.losses.get(model.cell))
        if isinstance(loss, BaseException):
            raise loss
        status = "interrupted" if loss == "interrupted" else "complete"
        loss = 2.5 if loss == "interrupted" else loss
        default = runs.default_name(corpus.source, model.cell, layers, units)
        new = create_run(models, name=asked["name"], default=default, overwrite=False)
        name = new.name
        new.end("failed")
        parameters = count_parameters(
            model.cell,
            units=units,
            layers=layers,
            embedding=model.embedding,
            vocabulary_size=corpus.vocabulary.size,
        )
        run = make_run(
            models,
            name,
            source=corpus.source,
            cell=model.cell,
            units=units,
            layers=layers,
            embedding=model.embedding,
            seed=training.seed,
            status=status,
            results=make_results(loss + 0.001 * training.seed, parameters),
            data=corpus.config,
        )
        row = HistoryRow(epoch=1.0, train_loss=loss - 0.1, validation_loss=loss, bits_per_character=loss / 0.6931)
        sizes = {"layers": layers, "units": units}
        yield Started(run=run, corpus=corpus, lines=("a processor, 2 threads",), settings=sizes)
        yield Progress(fraction=0.5, train_loss=loss, characters_per_second=1000.0, seconds_left=30.0, epoch=1.0)
        yield Evaluated(row=row, sample="\ngreen [bold] bottles", best=True)
        yield Finished(run=run, status=status, results=run.read_record().results or Results())


def on_terminal(
    arguments: Sequence[str],
    *,
    models: Path,
    columns: int = 80,
    interrupt_at: str | None = None,
    wait: float = 0.0,
    typed: str = "",
    more: Mapping[str, str] | None = None,
) -> tuple[str, int]:
    """Run the command line in a process of its own on a pseudo-terminal; what the terminal got, and the exit code.

    Args:
        arguments: After `seqmagic`.
        models: The models folder.
        columns: Width of the terminal.
        interrupt_at: Press Ctrl-C when this is shown.
        wait: So many seconds later.
        typed: What is typed as soon as something is shown.
        more: Environment variables besides the usual ones.
    """
    import fcntl
    import pty
    import struct
    import termios

    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    unset = ("COLUMNS", "NO_COLOR")
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment |= {"TERM": "xterm-256color", "SEQMAGIC_MODELS": str(models)}
    environment |= more or {}
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", *arguments],
        stdin=end, stdout=end, stderr=end, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(end)
    shown = b""
    try:
        while piece := _read_terminal(terminal):
            shown += piece
            if typed:
                os.write(terminal, typed.encode())
                typed = ""
            if interrupt_at is not None and interrupt_at.encode() in shown:
                interrupt_at = None
                time.sleep(wait)
                process.send_signal(signal.SIGINT)
        return shown.decode("utf-8", "replace").replace("\r\n", "\n"), process.wait(200)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def _read_terminal(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the last process that had it open is gone
        return b""
