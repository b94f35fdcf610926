"""The study behind the recipe: many short trainings, one change each, counted in characters and not in seconds.

Every experiment reads a fixed number of characters, so its result does not depend on what else the machine
does. It runs in slices: finished experiments are kept in a file of JSON lines and not run again, so the
script can be stopped and started at will.

    python bench/recipe_knobs.py list
    python bench/recipe_knobs.py run --text my.txt --slice 20     # go on for about 20 minutes
    python bench/recipe_knobs.py run --text my.txt --only 'lstm *'
    python bench/recipe_knobs.py table

It knows more than the product: what did not help is here and not there.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "recipe_knobs.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """One training. The defaults are the recipe's starting point; a series changes one thing at a time."""

    series: str
    cell: str = "lstm"
    units: int = 256
    layers: int = 1
    embedding: int = 64
    epochs: float = 3.3
    batch_size: int = 16
    sequence_length: int = 64
    rate: float = 0.010
    final: float = 0.02  # rate at the end, share of the peak
    shape: str = "cosine"  # of the decay: cosine | linear
    warm_up: float = 0.03  # share of the training
    beta_1: float = 0.9
    beta_2: float = 0.99
    clip: float = 1.0
    dropout: float = 0.0
    weight_drop: float = 0.0  # share of the recurrent kernel's entries silenced per window
    character_drop: float = 0.0  # share of the embedding's rows silenced per window
    weight_decay: float = 0.0
    embedding_scale: float = 0.05  # the embedding starts uniform in +- this
    recurrent_gain: float = 1.0  # of the orthogonal start
    kernel_gain: float = 1.0  # of the Glorot-uniform start of the layers' input kernels
    dense_gain: float = 1.0  # of that of the dense kernel
    forget_bias: float = 1.0
    cautious: bool = False  # silence the parts of Adam's step that oppose the gradient (Liang et al. 2024)
    muon: float = 0.0  # rate of Muon for the recurrent layers' kernels; 0 for Adam
    average: float = 0.0  # decay of an average of the weights; 0 for none
    reset: float = 0.02
    seed: int = 1

    @property
    def key(self) -> str:
        """What differs from the defaults, as words."""
        changed = [
            f"{field.name}={getattr(self, field.name)}"
            for field in dataclasses.fields(self)
            if field.name != "series" and getattr(self, field.name) != field.default
        ]
        return f"{self.series}: {', '.join(changed) or 'as the defaults'}"


def experiments() -> Iterator[Experiment]:
    """All of the study, cheapest questions first."""
    minute = Experiment(series="lstm 1 minute")
    line: dict[str, Any] = {"shape": "linear", "final": 0.0, "dropout": 0.1}
    wide: dict[str, Any] = {**line, "embedding_scale": 1.0}
    for change in (
        {}, {"beta_2": 0.95}, {"beta_2": 0.999}, {"dropout": 0.1}, {"shape": "linear", "final": 0.0},
        {**line, "weight_decay": 0.1}, {**line, "embedding_scale": 0.3}, wide, {**wide, "rate": 0.014},
        {**wide, "rate": 0.008, "dropout": 0.15}, {**wide, "rate": 0.009, "dropout": 0.25},
        {**wide, "rate": 0.009, "dropout": 0.35}, {**line, "dropout": 0.15, "weight_drop": 0.2},
        {**wide, "character_drop": 0.05}, {**wide, "embedding": 128}, {**wide, "average": 0.99},
        {**wide, "reset": 0.1}, {"muon": 0.02, "batch_size": 32, "epochs": 3.0},
    ):  # fmt: skip
        yield dataclasses.replace(minute, **change)
    yield from beginnings({**wide, "rate": 0.009, "dropout": 0.25})
    for cell, rates in (("gru", (0.004, 0.006, 0.009)), ("rnn", (0.0025, 0.004, 0.006))):
        for rate in rates:
            epochs, dropout = (3.1, 0.1) if cell == "gru" else (6.2, 0.05)
            settings = {**wide, "dropout": dropout, "rate": rate, "epochs": epochs}
            yield Experiment(series=f"{cell} 1 minute", cell=cell, **settings)
    begun = {"beta_1": 0.8, "clip": 5.0, "warm_up": 0.01, "dense_gain": 4.0, "recurrent_gain": 0.25}
    for change in (
        {"cell": "gru", "epochs": 3.1, "rate": 0.006, "dropout": 0.1},
        {"cell": "gru", "epochs": 3.1, "rate": 0.009, "dropout": 0.1},
        {"cell": "rnn", "epochs": 6.2, "rate": 0.004, "dropout": 0.03, "recurrent_gain": 0.5},
        {"cell": "rnn", "epochs": 6.2, "rate": 0.004, "dropout": 0.03},
        {"cell": "gru", "epochs": 3.1, "rate": 0.006, "dropout": 0.12, "weight_decay": 0.1},
        {"cell": "rnn", "epochs": 6.2, "rate": 0.004, "dropout": 0.05, "recurrent_gain": 0.5, "weight_decay": 0.1},
    ):  # fmt: skip
        yield Experiment(series="other cells, 1 minute", **{**wide, **begun, **change})
    best = Experiment(
        series="lstm 3 minutes, other start", units=512, epochs=3.3, rate=0.00706, **{**wide, **begun, "dropout": 0.37}
    )
    for change in (
        {}, {"dropout": 0.47}, {"weight_decay": 0.1}, {"weight_decay": 0.2}, {"dropout": 0.25, "weight_decay": 0.1},
    ):  # fmt: skip
        yield dataclasses.replace(best, **change)
    short = dataclasses.replace(best, series="lstm 1 minute, regularised", units=256, rate=0.009)
    for dropout, decay in (
        (0.25, 0.1), (0.25, 0.2), (0.12, 0.05), (0.12, 0.1), (0.08, 0.03), (0.04, 0.05), (0.0, 0.05), (0.0, 0.1),
    ):  # fmt: skip
        yield dataclasses.replace(short, dropout=dropout, weight_decay=decay)
    longer = Experiment(series="lstm 3 minutes", units=512, epochs=3.2, rate=0.008, **{**wide, "dropout": 0.35})
    for change in (
        {}, {"dropout": 0.45}, {"rate": 0.006}, {"weight_decay": 0.1}, {"weight_drop": 0.2},
        {"units": 384, "epochs": 4.5, "rate": 0.010, "dropout": 0.2}, {"units": 384, "epochs": 4.5, "dropout": 0.35},
    ):  # fmt: skip
        yield dataclasses.replace(longer, **change)
    longest = Experiment(series="lstm 10 minutes", units=768, epochs=4.7, rate=0.006, **{**wide, "dropout": 0.5})
    for change in ({}, {"dropout": 0.4}, {"weight_drop": 0.2}, {"units": 640, "epochs": 6.4}):
        yield dataclasses.replace(longest, **change)


def beginnings(base: dict[str, Any]) -> Iterator[Experiment]:
    """How the first steps go: the start of the weights, warm-up, momentum and clipping, two seeds of each."""
    together: dict[str, Any] = {"forget_bias": 0.5, "beta_1": 0.8, "recurrent_gain": 0.5}
    eased: dict[str, Any] = {"beta_1": 0.8, "clip": 5.0, "warm_up": 0.01, "recurrent_gain": 0.25, "dense_gain": 2.0}
    for change in (
        {}, {"cautious": True}, {"kernel_gain": 3.0}, {"beta_1": 0.95}, {"beta_1": 0.8}, {"beta_2": 0.999},
        {"average": 0.99}, {"sequence_length": 32, "rate": 0.007}, {"batch_size": 8, "rate": 0.0065},
        {"forget_bias": 2.0}, {"forget_bias": 0.0}, {"recurrent_gain": 2.0}, {"recurrent_gain": 0.5}, {"clip": 0.25},
        {"warm_up": 0.1}, {"dropout": 0.35}, {"dense_gain": 0.0}, {"reset": 0.005}, {"embedding": 128},
        together, {**together, "clip": 5.0, "warm_up": 0.01}, {**together, "recurrent_gain": 0.25},
        {**together, "dropout": 0.35}, {**together, "dense_gain": 2.0}, eased, {**eased, "forget_bias": 0.5},
        {**eased, "forget_bias": 0.5, "dense_gain": 4.0}, {**eased, "forget_bias": 0.5, "rate": 0.012},
        {**eased, "forget_bias": 0.5, "kernel_gain": 3.0}, {**eased, "dense_gain": 4.0},
    ):  # fmt: skip
        for seed in (1, 2):
            yield Experiment(series="lstm 1 minute, start", seed=seed, **{**base, **change})


class Trainer:
    """The product's engine and streams under a step that has the study's extra knobs."""

    def __init__(self, experiment: Experiment, text: str) -> None:
        import tensorflow as tf

        from seqmagic.config import DataConfig, DecidedModel
        from seqmagic.texts.corpus import read_corpus
        from seqmagic.texts.streams import Streams
        from seqmagic.training.engines.choose import make_engine
        from seqmagic.training.model import build_model

        self.experiment = x = experiment
        self.corpus = read_corpus(text, DataConfig())
        config = DecidedModel(cell=x.cell, units=x.units, layers=x.layers, embedding=x.embedding, dropout=x.dropout)
        size = self.corpus.vocabulary.size
        self.model = build_model(config, vocabulary_size=size, seed=x.seed)
        self.engine = make_engine(
            "auto", model=self.model, config=config, vocabulary_size=size, batch_size=x.batch_size,
            threads=tf.config.threading.get_inter_op_parallelism_threads() or 1, precision="auto",
        )  # fmt: skip
        self.streams = Streams(self.corpus.part("train"), x.batch_size, x.sequence_length)
        self.weights = [tf.Variable(variable.value) for variable in self.model.trainable_weights]
        self.paths = [variable.path for variable in self.model.trainable_weights]
        for path, weight in zip(self.paths, self.weights, strict=True):
            weight.assign(weight * self._gain(path))
        self.first, self.second, self.averages = (
            [tf.Variable(value * 0.0 if zero else value) for value in self.weights] for zero in (True, True, False)
        )
        self.count = tf.Variable(0.0)
        self.step = tf.function(self._step)

    def _gain(self, path: str) -> float:
        """What a weight is multiplied with at the start, beside the product's own start."""
        from seqmagic.training.model import DENSE_GAIN, RECURRENT_GAIN

        x = self.experiment
        if "embedding" in path:
            return x.embedding_scale
        if path == "dense/kernel":
            return x.dense_gain / DENSE_GAIN
        if "recurrent_kernel" in path:
            return x.recurrent_gain / RECURRENT_GAIN[x.cell]
        if "kernel" in path:
            return x.kernel_gain
        return x.forget_bias  # every other bias is zero

    def _step(self, ids: Any, targets: Any, keep: Any, states: Any, seed: Any, rate: Any) -> Any:
        import tensorflow as tf

        x = self.experiment
        states = tf.nest.map_structure(lambda state: state * keep, states)
        values = [weight.read_value() for weight in self.weights]
        masks = self._masks(values, seed)
        loss, gradients, states = self.engine.loss_and_gradients(
            [value * mask for value, mask in zip(values, masks, strict=True)], ids, targets, states, seed
        )
        gradients = [gradient * mask for gradient, mask in zip(gradients, masks, strict=True)]
        characters = tf.cast(tf.size(ids), tf.float32)
        norm = tf.linalg.global_norm(gradients) / characters
        scale = tf.minimum(1.0, x.clip / tf.maximum(norm, 1e-12)) / characters
        steps = self.count.assign_add(1.0)
        for index, gradient in enumerate(gradients):
            self._update(index, gradient * scale, steps, rate)
        if x.average:
            for average, weight in zip(self.averages, self.weights, strict=True):
                average.assign(average * x.average + weight * (1.0 - x.average))
        return loss / characters, states

    def _masks(self, values: list[Any], seed: Any) -> list[Any]:
        """Factors of the weights in this window; 1.0 where nothing is dropped."""
        import tensorflow as tf

        def mask(shape: Any, share: float, index: int) -> Any:
            numbers = tf.random.stateless_uniform(shape, seed=[seed, index], alg="philox")
            return tf.cast(numbers >= share, tf.float32) / (1.0 - share)

        x = self.experiment
        masks: list[Any] = [1.0] * len(values)
        for index, path in enumerate(self.paths):
            if x.weight_drop and "recurrent_kernel" in path:
                masks[index] = mask(values[index].shape, x.weight_drop, index)
        if x.character_drop:
            masks[0] = mask((values[0].shape[0], 1), x.character_drop, 0)
        return masks

    def _update(self, index: int, gradient: Any, steps: Any, rate: Any) -> None:
        import tensorflow as tf

        x, weight, first = self.experiment, self.weights[index], self.first[index]
        is_kernel = "kernel" in self.paths[index]
        if x.weight_decay and is_kernel:
            weight.assign_sub(weight * (rate * x.weight_decay))
        if x.muon and is_kernel and "dense" not in self.paths[index]:
            first.assign(0.95 * first + 0.05 * gradient)
            direction = orthogonalised(0.95 * first + 0.05 * gradient)
            stretch = math.sqrt(max(1.0, weight.shape[0] / weight.shape[1]))
            weight.assign_sub(direction * (rate / x.rate * x.muon * stretch))
            return
        if x.cautious:
            second = self.second[index]
            first.assign(x.beta_1 * first + (1 - x.beta_1) * gradient)
            second.assign(x.beta_2 * second + (1 - x.beta_2) * gradient * gradient)
            direction = first / (1 - tf.pow(x.beta_1, steps)) / (tf.sqrt(second / (1 - tf.pow(x.beta_2, steps))) + 1e-8)
            agrees = tf.cast(direction * gradient > 0, tf.float32)
            weight.assign_sub(rate * direction * agrees / tf.maximum(tf.reduce_mean(agrees), 0.1))
            return
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle, m=first.handle, v=self.second[index].handle, beta1_power=tf.pow(x.beta_1, steps),
            beta2_power=tf.pow(x.beta_2, steps), lr=rate, beta1=x.beta_1, beta2=x.beta_2, epsilon=1e-8, grad=gradient,
        )  # fmt: skip

    def run(self) -> dict[str, Any]:
        """Train and evaluate."""
        import tensorflow as tf

        from seqmagic.evaluation.evaluation import evaluate
        from seqmagic.training.session import EngineScorer

        x = self.experiment
        train = self.corpus.part("train")
        total = math.ceil(x.epochs * len(train) / (x.batch_size * x.sequence_length))
        states = self.engine.initial_states(x.batch_size)
        losses = []
        for step in range(total):
            ids, targets, restarts = self.streams.window(step)
            resets = np.random.default_rng((x.seed, step)).random(x.batch_size) < x.reset
            keep = np.where(restarts | resets, 0.0, 1.0).astype(np.float32)[:, None]
            rate = x.rate * self._share(step / total)
            loss, states = self.step(
                tf.constant(ids), tf.constant(targets), tf.constant(keep), states,
                tf.constant(x.seed * 1_000_003 + step), tf.constant(rate, tf.float32),
            )  # fmt: skip
            losses.append(float(loss))
            if not math.isfinite(losses[-1]):
                break

        def loss_of(weights: list[Any], part: np.ndarray) -> float:
            return evaluate(EngineScorer(self.engine, [_Holder(weight) for weight in weights]), part).loss

        validation = self.corpus.part("validation")
        return {
            "validation_loss": loss_of(self.averages if x.average else self.weights, validation),
            "train_loss": loss_of(self.weights, train[-min(len(train), len(validation), 100_000) :]),
            "steps": total,
        }

    def _share(self, fraction: float) -> float:
        """The rate as a share of its peak."""
        x = self.experiment
        warm_up = x.warm_up
        if fraction < warm_up:
            return max(fraction, 1e-4) / warm_up
        rest = (fraction - warm_up) / (1.0 - warm_up)
        decay = 1.0 - rest if x.shape == "linear" else 0.5 * (1.0 + math.cos(math.pi * rest))
        return x.final + (1.0 - x.final) * decay


class _Holder:
    """A TensorFlow variable behind the face of a Keras one."""

    def __init__(self, value: Any) -> None:
        self.value = value


def orthogonalised(matrix: Any) -> Any:
    """The nearest orthogonal matrix, roughly: five Newton-Schulz steps (Jordan et al. 2024, Muon)."""
    import tensorflow as tf

    x = matrix / (tf.norm(matrix) + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = tf.transpose(x) if tall else x
    for _ in range(5):
        square = tf.matmul(x, x, transpose_b=True)
        x = 3.4445 * x + tf.matmul(-4.7750 * square + 2.0315 * tf.matmul(square, square), x)
    return tf.transpose(x) if tall else x


def finished() -> dict[tuple[str, str], dict[str, Any]]:
    """Results so far, by text and experiment."""
    if not RESULTS.exists():
        return {}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {(row["text"], row["key"]): row for row in rows}


def run(text: str, pattern: str, minutes: float, threads: int | None) -> None:
    """Run what is not finished yet, until the slice is used up."""
    from seqmagic.training.device import start_tensorflow

    start_tensorflow(threads)
    end = time.monotonic() + 60.0 * minutes
    RESULTS.parent.mkdir(exist_ok=True)
    for experiment in experiments():
        if (Path(text).name, experiment.key) in finished() or not fnmatch.fnmatch(experiment.key, f"{pattern}*"):
            continue
        if time.monotonic() > end:
            print("the slice is used up; run again to go on")
            return
        row = {"text": Path(text).name, "key": experiment.key, **Trainer(experiment, text).run()}
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{row['validation_loss']:.4f}  (train {row['train_loss']:.4f})  {experiment.key}", flush=True)


def table() -> None:
    """What was found, as Markdown."""
    print("| text | experiment | train | validation |\n| --- | --- | --- | --- |")
    for row in finished().values():
        print(f"| {row['text']} | {row['key']} | {row['train_loss']:.4f} | {row['validation_loss']:.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("list", "run", "table"))
    parser.add_argument("--text", default="python-docs")
    parser.add_argument("--only", default="", metavar="PATTERN", help="experiments whose name starts like this")
    parser.add_argument("--slice", type=float, default=1e9, metavar="MINUTES")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.action == "list":
        print("\n".join(experiment.key for experiment in experiments()))
    elif arguments.action == "table":
        table()
    else:
        run(arguments.text, arguments.only, arguments.slice, arguments.threads)


if __name__ == "__main__":
    main()
