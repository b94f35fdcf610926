"""The peers, the way their users run them: the same text, split, seconds and cores, and the exact loss of each.

    python bench/peers.py tinyshakespeare.txt --minutes 1 [--torch-python PATH] [--nanogpt DIR] [--json FILE]

One after another, each alone on the machine:

- seqmagic: `seqmagic train TEXT --cell lstm`, everything else chosen by its recipe;
- stock Keras: the same network and settings with stock Keras layers (`--engine keras`);
- PyTorch: nn.LSTM with the same settings, start of the weights and schedule (`time_to_quality.py`);
- nanoGPT: the CPU configuration of its README from a checkout (--nanogpt DIR), iterations and decay made to fit the
  seconds after some were timed;
- TensorFlow tutorial: the model of "Text generation with an RNN" (GRU 1024, embedding 256, batch 64, windows of 100,
  shuffled, Adam as it comes).

All train on the first nine tenths and are scored on the last, every character of it but the first: the recurrent ones
read it in 64 streams, nanoGPT's windows are moved by 8 characters, so that each prediction sees 56 to 63 before it.
Seconds are those of training, evaluations on the way included, importing and compiling not.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from time_to_quality import Result, in_python, train_with_seqmagic

NANOGPT_FILES = ("train.py", "model.py", "configurator.py", "config/train_shakespeare_char.py")
NANOGPT = {  # of its README: "I only have a macbook (or other cheap computer)"
    "device": "cpu",
    "compile": False,
    "eval_iters": 20,
    "log_interval": 1,
    "block_size": 64,
    "batch_size": 12,
    "n_layer": 4,
    "n_head": 4,
    "n_embd": 128,
    "dropout": 0.0,
}
NANOGPT_EVALUATIONS = 4
STRIDE = 8  # of the windows that score nanoGPT
Found = Result | str  # or why it took no part


def split(path: str) -> tuple[str, str]:
    """The first nine tenths and the last, as `seqmagic train` cuts a text."""
    text = Path(path).read_text(encoding="utf-8")
    cut = max(int(len(text) * 0.9), len(text) - 1_000_000)
    return text[:cut], text[cut:]


# --- nanoGPT -------------------------------------------------------------------------------------------------


def prepare_nanogpt(folder: Path, checkout: Path, text: str) -> None:
    """What its data/shakespeare_char/prepare.py writes, in a folder of our own; nothing is written in the checkout."""
    import numpy as np

    train, validation = split(text)
    characters = sorted(set(train + validation))
    ids = {character: number for number, character in enumerate(characters)}
    data = folder / "data" / "shakespeare_char"
    data.mkdir(parents=True)
    for name, part in (("train", train), ("val", validation)):
        np.array([ids[character] for character in part], np.uint16).tofile(data / f"{name}.bin")
    meta = {"vocab_size": len(characters), "itos": dict(enumerate(characters)), "stoi": ids}
    (data / "meta.pkl").write_bytes(pickle.dumps(meta))
    (folder / "configurator.py").symlink_to(checkout / "configurator.py")  # it is read from the working folder


def run_nanogpt(folder: Path, arguments: argparse.Namespace, iterations: int) -> tuple[float, list[float]]:
    """Seconds from its first line about an iteration to the end, and those of each iteration."""
    checkout = arguments.nanogpt
    options = {
        **NANOGPT,
        "max_iters": iterations,
        "lr_decay_iters": iterations,
        "eval_interval": max(1, iterations // NANOGPT_EVALUATIONS),
        "always_save_checkpoint": True,
    }
    command = [arguments.torch_python, "-u", str(checkout / "train.py"), str(checkout / NANOGPT_FILES[-1])]
    command += [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": str(arguments.threads)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    started, seconds, last = None, [], ""
    for line in process.stdout:
        last = line.strip() or last
        if found := re.match(r"iter \d+: .* time ([\d.]+)ms", line):
            started = started or time.monotonic()
            seconds.append(float(found[1]) / 1e3)
    if process.wait() or started is None:
        raise RuntimeError(f"its train.py ended with: {last[:120]}")
    return time.monotonic() - started, seconds


def train_nanogpt(arguments: argparse.Namespace) -> Found:
    if arguments.nanogpt is None:
        return "give a checkout of it with --nanogpt DIR"
    arguments.nanogpt = arguments.nanogpt.resolve()
    if missing := [name for name in NANOGPT_FILES if not (arguments.nanogpt / name).is_file()]:
        return f"there is no {missing[0]} in {arguments.nanogpt}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare_nanogpt(folder, arguments.nanogpt, arguments.text)
        try:
            _, seconds = run_nanogpt(folder, arguments, 4 * NANOGPT_EVALUATIONS)
            # An evaluation makes 2·20 forward passes, each about a third of an iteration.
            evaluating = 2 * NANOGPT["eval_iters"] / 3 * NANOGPT_EVALUATIONS
            fitting = 60.0 * arguments.minutes / statistics.median(seconds) - evaluating
            iterations = max(1, int(fitting) // NANOGPT_EVALUATIONS) * NANOGPT_EVALUATIONS
            trained, _ = run_nanogpt(folder, arguments, iterations)
        except RuntimeError as problem:
            return str(problem)
        settings = {"checkout": str(arguments.nanogpt), "folder": name}
        found = worker("nanogpt", settings, interpreter=arguments.torch_python, threads=arguments.threads)
    if isinstance(found, str):
        return found
    characters = iterations * NANOGPT["batch_size"] * NANOGPT["block_size"]
    return {"history": [(trained, found["loss"])], "characters": characters, "parameters": found["parameters"]}


def score_nanogpt(settings: dict[str, Any]) -> Result:
    """The exact loss of its last checkpoint; runs in an interpreter that has PyTorch."""
    import numpy as np
    import torch

    folder = Path(settings["folder"])
    sys.path.insert(0, settings["checkout"])
    from model import GPT, GPTConfig

    saved = torch.load(folder / "out-shakespeare-char" / "ckpt.pt", map_location="cpu")
    model = GPT(GPTConfig(**saved["model_args"]))
    model.load_state_dict({name.removeprefix("_orig_mod."): value for name, value in saved["model"].items()})
    model.eval()
    ids = torch.from_numpy(np.fromfile(folder / "data" / "shakespeare_char" / "val.bin", np.uint16).astype(np.int64))
    length, positions = min(saved["model_args"]["block_size"], len(ids) - 1), len(ids) - 1
    starts = [*range(0, positions - length, STRIDE), positions - length]
    nats = np.full(positions, np.nan)
    with torch.no_grad():
        for first in range(0, len(starts), 128):
            rows = torch.tensor(starts[first : first + 128])[:, None] + torch.arange(length)[None]
            logits, _ = model(ids[rows], ids[rows + 1])
            found = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), ids[rows + 1].flatten(), reduction="none"
            ).reshape(rows.shape)
            for row, costs in zip(rows.numpy(), found.numpy(), strict=True):
                fresh = np.isnan(nats[row])  # the first window's all, then those that no window before it had
                nats[row[fresh]] = costs[fresh]
    parameters = sum(weight.numel() for weight in model.parameters())
    return {"loss": float(nats.mean()), "parameters": parameters}


# --- the tutorial of TensorFlow ------------------------------------------------------------------------------


def train_tutorial(settings: dict[str, Any]) -> Result:
    """Text generation with an RNN, trained by `fit` until its seconds are over."""
    from seqmagic.training.device import start_tensorflow

    start_tensorflow(settings["threads"])
    import keras
    import numpy as np
    import tensorflow as tf

    from seqmagic.evaluation.evaluation import evaluate

    train, validation = split(settings["text"])
    characters = sorted(set(train))
    numbers = {character: number for number, character in enumerate(characters, 1)}  # 0: the unknown one
    ids, last = (np.array([numbers.get(one, 0) for one in part], np.int32) for part in (train, validation))
    length, batch, units = 100, 64, 1024
    windows = tf.data.Dataset.from_tensor_slices(ids).batch(length + 1, drop_remainder=True)
    pairs = windows.map(lambda window: (window[:-1], window[1:])).shuffle(10_000).batch(batch, drop_remainder=True)
    size = len(characters) + 1
    embedding, gru, dense = (
        keras.layers.Embedding(size, 256),
        keras.layers.GRU(units, return_sequences=True, return_state=True),
        keras.layers.Dense(size),
    )
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, dense(gru(embedding(inputs))[0]))
    model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    class Stop(keras.callbacks.Callback):
        """Ends the training with its seconds; those of the first step, which compiles, are not counted."""

        steps, began, seconds = 0, 0.0, 0.0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            self.began = self.began or time.monotonic()
            self.seconds = time.monotonic() - self.began
            self.model.stop_training = self.seconds >= 60.0 * settings["minutes"]

    stop = Stop()
    model.fit(pairs.prefetch(tf.data.AUTOTUNE), epochs=10_000, callbacks=[stop], verbose=0)

    class Scorer:
        def initial_states(self, streams: int) -> Any:
            return tf.zeros((streams, units))

        @tf.function(reduce_retracing=True)
        def score(self, inputs: Any, targets: Any, state: Any) -> Any:
            outputs, state = gru(embedding(inputs), initial_state=state)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=dense(outputs)), state

        def __call__(self, inputs: Any, targets: Any, states: Any) -> Any:
            nats, states = self.score(tf.constant(inputs), tf.constant(targets), states)
            return nats.numpy(), states

    loss = evaluate(Scorer(), last).loss
    counts = {"characters": stop.steps * batch * length, "parameters": model.count_params()}
    return {"history": [(stop.seconds, loss)], **counts}


# --- all of them ---------------------------------------------------------------------------------------------

WORKERS: dict[str, Callable[[dict[str, Any]], Result]] = {"nanogpt": score_nanogpt, "tutorial": train_tutorial}


def worker(name: str, settings: dict[str, Any], *, interpreter: str, threads: int) -> Found:
    """One of `WORKERS` in a process of its own, or what went wrong in one line."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [interpreter, __file__, "--worker", name, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return json.loads(done.stdout.strip().splitlines()[-1])
    return (done.stderr.strip().splitlines() or ["it ended without a word"])[-1][:160]


def train_all(arguments: argparse.Namespace) -> dict[str, Found]:
    """Every peer that takes part, one after another."""
    common = {"minutes": arguments.minutes, "threads": arguments.threads, "cell": "lstm"}
    ours = train_with_seqmagic(arguments.text, "auto", **common)
    found: dict[str, Found] = {"seqmagic": ours}
    model, training = ours["record"]["model"], ours["record"]["training"]
    chosen = {name: model[name] for name in ("units", "layers", "dropout")}
    chosen |= {name: training[name] for name in ("batch_size", "sequence_length", "learning_rate", "weight_decay")}
    say("seqmagic", ours)
    found["stock Keras"] = train_with_seqmagic(arguments.text, "keras", **common, **chosen)
    say("stock Keras", found["stock Keras"])
    recipe = {
        **chosen,
        "text": arguments.text,
        "minutes": arguments.minutes,
        "rate": chosen["learning_rate"],
        "same_start": True,
    }
    found["PyTorch, our recipe"] = in_python(arguments.torch_python, recipe, threads=arguments.threads)
    say("PyTorch, our recipe", found["PyTorch, our recipe"])
    found["nanoGPT, its CPU configuration"] = train_nanogpt(arguments)
    say("nanoGPT, its CPU configuration", found["nanoGPT, its CPU configuration"])
    settings = {"text": arguments.text, "minutes": arguments.minutes, "threads": arguments.threads}
    name = "TensorFlow tutorial"
    found[name] = worker("tutorial", settings, interpreter=sys.executable, threads=arguments.threads)
    say(name, found[name])
    return found


def say(name: str, found: Found) -> None:
    """One row of the table; losses on the way after it, or why there is none on standard error."""
    if isinstance(found, str):
        print(f"{name}: left out: {found}", file=sys.stderr, flush=True)
        return
    history = found["history"]
    seconds, loss = history[-1][0], min(loss for _, loss in history)
    on_the_way = " · ".join(f"{loss:.3f} ({second:.0f})" for second, loss in history[:-1]) or "–"
    cells = (name, f"{found['parameters']:,}", f"{seconds:.0f}", f"{found['characters']:,}", on_the_way, f"{loss:.4f}")
    print("|", " | ".join(cells), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--torch-python", default=sys.executable, metavar="PATH", help="an interpreter with PyTorch")
    parser.add_argument("--nanogpt", type=Path, metavar="DIR", help="a checkout of nanoGPT")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        name, settings = arguments.worker
        print(json.dumps(WORKERS[name](json.loads(settings))))
        return
    if arguments.text is None or not Path(arguments.text).is_file():
        parser.error(f"give a text file; received {arguments.text}")
    print(f"{arguments.minutes:g} minutes on {arguments.threads} cores each; exact loss of the last tenth, nats\n")
    print("| who | parameters | seconds | characters read | on the way (second) | loss |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    found = train_all(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
