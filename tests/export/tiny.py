"""Small networks to export, with weights that make them write varied text; no TensorFlow."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.export.bundle import Bundle
from seqmagic.export.weights import cells_of, named_arrays, to_float16
from seqmagic.network.cells import CELLS, Weights
from seqmagic.network.layout import split_arrays
from seqmagic.network.network import Layer, Network
from seqmagic.runs.folder import Run
from seqmagic.runs.record import Results, RunRecord, TextRecord
from seqmagic.texts.vocabulary import Vocabulary

# ASCII with what HTML, JSON and shells care about, Latin, Chinese, emoji (beyond the basic plane)
CHARACTERS = "\n !\"$&'-.</>ABCTabcdefghilnorstuw{}éß人之初性本善你好😀🎉\u2028"
VOCABULARY = Vocabulary(sorted(CHARACTERS))
PROMPTS = ("the ", "你好人之初 😀🎉", "")
SHAPES = [(cell, layers) for cell in CELLS for layers in (1, 2)]


def rounded_to_float16(network: Network) -> Network:
    """`network` with every weight rounded to float16 and held as float32: what a float16 export computes."""
    arrays = {name: array.astype(np.float32) for name, array in to_float16(named_arrays(network)).items()}
    embedding, recurrent, *dense = split_arrays(list(arrays.values()))
    layers = tuple(Layer(cell, Weights(*layer)) for cell, layer in zip(cells_of(network), recurrent, strict=True))
    return Network(embedding, layers, *dense)


def random_network(cell: str, layers: int, *, units: int = 24, seed: int = 0) -> Network:
    """Normal weights, large enough that the state goes on changing."""
    random = np.random.default_rng(seed)
    gates, width, size = len(CELLS[cell].gates), 12, VOCABULARY.size
    arrays = [random.normal(size=(size, width))]
    for _ in range(layers):
        arrays += [
            random.normal(size=(width, gates * units)) * 1.5 / np.sqrt(width),
            random.normal(size=(units, gates * units)) * 1.5 / np.sqrt(units),
            random.normal(size=(2, gates * units) if cell == "gru" else gates * units) * 0.3,
        ]
        width = units
    arrays += [random.normal(size=(width, size)) * 2, random.normal(size=size) * 0.3]
    return Network.from_weights(cell, arrays)


@functools.cache
def lively_network(cell: str, layers: int) -> Network:
    """A random network whose greedy texts are varied, and the same with weights rounded to float16.

    Without the first, the same text would prove little. Without the second, the text could hang on the
    last bits of a sum, which every runtime orders in its own way: a near tie, or a chaotic network, which
    doubles a small difference at every step.
    """
    return next(
        network
        for network in (random_network(cell, layers, seed=seed) for seed in itertools.count())
        if all(
            len(set(text[100:])) >= 8 and text == greedy(rounded_to_float16(network), prompt, 200)
            for prompt, text in ((prompt, greedy(network, prompt, 200)) for prompt in PROMPTS)
        )
    )


def readme_blocks(folder: Path, language: str) -> list[str]:
    """The blocks of code in the README.md of an export."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (folder / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def make_bundle(network: Network, folder: Path, *, name: str = "tiny") -> Bundle:
    """A bundle of `network`; only its record, not its run folder, is there."""
    text = TextRecord(
        source="tiny.txt",
        sha256="0" * 64,
        bytes=9,
        characters=9,
        train=(0, 8),
        validation=(8, 9),
        test=(9, 9),
    )
    layer = network.layers[0]
    record = RunRecord(
        name=name,
        created="2026-01-01T00:00:00+00:00",
        argv=(),
        seed=1,
        text=text,
        data=DataConfig(),
        model=ModelConfig(cell=layer.cell, units=network.units, layers=len(network.layers), dropout=0.0),
        training=TrainConfig(),
        environment={},
        status="complete",
        results=Results(validation_loss=1.25),
    )
    random = np.random.default_rng(7)
    loss_text = VOCABULARY.decode(random.integers(1, VOCABULARY.size, size=400))
    return Bundle(Run(folder / name), record, network, VOCABULARY, loss_text, "random characters")


def hostile_bundle(folder: Path) -> Bundle:
    """A bundle whose every word tries to break out of the page."""
    bundle = make_bundle(lively_network("gru", 1), folder)
    attack = "</script><script>alert(1)</script><!--{{model}}&\"'"
    text = replace(bundle.record.text, source=attack)
    training = replace(bundle.record.training, prompt=attack)
    return replace(bundle, record=replace(bundle.record, name=attack, text=text, training=training))


def greedy(network: Network, prompt: str, length: int) -> str:
    """What `network` writes at temperature 0 after `prompt`: the likeliest known one, again and again."""
    ids = VOCABULARY.encode(prompt or "\n")[np.newaxis]
    states, written = network.initial_states(1), []
    for _ in range(length):
        logits, states = network.forward(ids, states)
        written.append(1 + int(np.argmax(logits[0, -1, 1:])))
        ids = np.array([[written[-1]]])
    return VOCABULARY.decode(written)
