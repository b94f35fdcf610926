"""Characters per second of an exported SavedModel beside the TensorFlow tutorial's way, in turns.

    python bench/export_speed.py [--cell lstm] [--units 256] [--rounds 7] [--json FILE]

The tutorial ("Text generation with an RNN") calls one `tf.function` per character: it splits strings, looks
up ids, runs a Keras model for one step, draws, and looks up characters. The export runs its whole loop in
one call of `generate`. Both have random weights of one shape, 65 characters, embedding 64, and write at
temperature 1. Each round times every way once; a ratio is the median of the rounds' own ratios, so that
what else the machine does falls on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from seqmagic.export.savedmodel import TextServer
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Network
from seqmagic.texts.vocabulary import Vocabulary

CHARACTERS = [chr(code) for code in range(ord(" ") + 1, ord(" ") + 66)]
EMBEDDING = 64
LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
LENGTHS = {1: 1_000, 64: 300}  # streams: characters timed per stream and round
TUTORIAL_SHARE = 4  # the tutorial writes a quarter of that: a rate needs no more, and rounds stay short


class Tutorial:
    """The tutorial's model and its one-step function, for any of the three cells."""

    def __init__(self, cell: str, units: int) -> None:
        self.to_ids = keras.layers.StringLookup(vocabulary=CHARACTERS, mask_token=None)
        self.to_characters = keras.layers.StringLookup(
            vocabulary=self.to_ids.get_vocabulary(), invert=True, mask_token=None
        )
        self.embedding = keras.layers.Embedding(len(CHARACTERS) + 1, EMBEDDING)
        self.recurrent = LAYERS[cell](units, return_sequences=True, return_state=True)
        self.dense = keras.layers.Dense(len(CHARACTERS) + 1)
        self.mask = tf.constant([-np.inf] + [0.0] * len(CHARACTERS), tf.float32)  # the unknown character
        self.step(tf.constant(["A"]), None)

    @tf.function
    def step(self, characters: tf.Tensor, states: Any) -> tuple[tf.Tensor, Any]:
        ids = self.to_ids(tf.strings.unicode_split(characters, "UTF-8")).to_tensor()
        x, *states = self.recurrent(self.embedding(ids), initial_state=states)
        logits = self.dense(x)[:, -1, :] / 1.0 + self.mask
        drawn = tf.squeeze(tf.random.categorical(logits, num_samples=1), axis=-1)
        return self.to_characters(drawn), states

    def write(self, streams: int, length: int) -> None:
        characters, states = tf.constant(["A"] * streams), None
        written = [characters]
        for _ in range(length):
            characters, states = self.step(characters, states)
            written.append(characters)
        tf.strings.join(written).numpy()

    def weights(self) -> list[np.ndarray]:
        layers = (self.embedding, self.recurrent, self.dense)
        return [variable.numpy() for layer in layers for variable in layer.trainable_weights]


class Export:
    """A SavedModel of the same weights, loaded again from disk."""

    def __init__(self, network: Network, folder: Path) -> None:
        server = TextServer(network, Vocabulary(CHARACTERS))
        tf.saved_model.save(server, str(folder), signatures=server.signatures())
        started = time.perf_counter()
        self.generate = tf.saved_model.load(str(folder)).signatures["generate"]
        self.seconds_to_load = time.perf_counter() - started

    def write(self, streams: int, length: int, *, top_k: int = 0, top_p: float = 1.0) -> None:
        self.generate(
            prompts=tf.constant(["A"] * streams),
            length=tf.constant(length),
            temperature=tf.constant(1.0),
            top_k=tf.constant(top_k),
            top_p=tf.constant(top_p),
            seed=tf.constant(1),
        )["texts"].numpy()


def measure(ways: dict[str, Callable[[int, int], None]], streams: int, rounds: int) -> list[dict[str, Any]]:
    """Characters per second of each way, and its ratio to the first."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for write in ways.values():  # tracing and first allocations
        write(streams, 20)
    for _ in range(rounds):
        for name, write in ways.items():
            length = LENGTHS[streams] // (TUTORIAL_SHARE if name == "tutorial" else 1)
            started = time.perf_counter()
            write(streams, length)
            rates[name].append(streams * length / (time.perf_counter() - started))
    first = next(iter(rates.values()))
    return [
        {
            "way": name,
            "streams": streams,
            "characters_per_second": statistics.median(measured),
            "ratio": statistics.median(mine / other for mine, other in zip(measured, first, strict=True)),
            "rounds": measured,
        }
        for name, measured in rates.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="SavedModel against one tf.function call per character.")
    parser.add_argument("--cell", choices=list(CELLS), default="lstm")
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()

    tutorial = Tutorial(given.cell, given.units)
    with tempfile.TemporaryDirectory() as name:
        export = Export(Network.from_weights(given.cell, tutorial.weights()), Path(name))
        ways: dict[str, Callable[[int, int], None]] = {
            "tutorial": tutorial.write,
            "savedmodel": export.write,
            "savedmodel, top-k 20, top-p 0.9": lambda b, n: export.write(b, n, top_k=20, top_p=0.9),
        }
        rows = [row for streams in LENGTHS for row in measure(ways, streams, given.rounds)]

    print(f"{given.cell} 1x{given.units}, random weights, loaded in {export.seconds_to_load:.2f} s")
    print(f"{'way':<34}{'streams':>8}{'characters/s':>14}{'ratio':>8}")
    for row in rows:
        print(f"{row['way']:<34}{row['streams']:>8}{row['characters_per_second']:>14,.0f}{row['ratio']:>8.1f}")
    if given.json:
        machine = {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        }
        document = {
            "cell": given.cell,
            "units": given.units,
            "seconds_to_load": export.seconds_to_load,
            "machine": machine,
            "rows": rows,
        }
        given.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
