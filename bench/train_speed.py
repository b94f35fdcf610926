"""Training speed: ours beside stock Keras and PyTorch, the same step of the same network, in alternation.

    python bench/train_speed.py [--cells lstm gru rnn] [--sizes 1x256 2x256 1x512] [--torch-python PATH]

One step: embedding 64, recurrent layers, softmax over 65 characters, backward, Adam; B 32 streams of T 64
characters. Each framework runs in a process of its own, with the same number of threads, and they take turns for
a few steps each, so that whatever else the machine does falls on all of them alike. Medians, and ratios of
medians. The share of the peak counts the products that the network's equations ask for (three times the forward
ones, the embedding's included, although ours folds it), against the machine's own 2048³ float32 product.

PyTorch takes part where it can be imported by this interpreter, or by the one named with --torch-python.
Prints a table and writes JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VOCABULARY, EMBEDDING, BATCH, STEPS = 65, 64, 32, 64
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
Step = Callable[[], float]  # runs one training step and returns the loss, so that nothing is left in flight


def matrix_flops(cell: str, layers: int, units: int, *, batch: int = BATCH) -> float:
    """Multiplications and additions of one step's matrix products: forward once, backward twice."""
    width = GATES[cell] * units
    inputs = sum((units if layer else EMBEDDING) * width for layer in range(layers))
    return 6.0 * batch * STEPS * (inputs + layers * units * width + units * VOCABULARY)


# --- the frameworks, each in its own process -----------------------------------------------------------------


def ours_step(cell: str, layers: int, units: int, threads: int) -> Step:
    """seqmagic: the engine that `train` picks here, its step and its optimiser."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import tensorflow as tf

    from seqmagic.config import DecidedModel
    from seqmagic.training.engines.choose import make_engine
    from seqmagic.training.model import build_model
    from seqmagic.training.step import Adam, make_step

    config = DecidedModel(cell=cell, units=units, layers=layers, embedding=EMBEDDING, dropout=0.0)
    model = build_model(config, vocabulary_size=VOCABULARY, seed=1)
    engine = make_engine(
        "auto",
        model=model,
        config=config,
        vocabulary_size=VOCABULARY,
        batch_size=BATCH,
        threads=threads,
        precision="auto",
    )
    step = make_step(engine.loss_and_gradients, Adam(model.trainable_weights, weight_decay=0.0), clip_norm=1.0)
    ids, targets = (
        tf.random.stateless_uniform((BATCH, STEPS), (1, part), 0, VOCABULARY, tf.int32) for part in range(2)
    )
    keep, seed, rate = tf.ones((BATCH, 1)), tf.constant(1), tf.constant(1e-3)
    states = engine.initial_states(BATCH)

    def run() -> float:
        nonlocal states
        loss, _, states = step(ids, targets, keep, states, seed, rate)
        return float(loss)

    return run


def keras_step(cell: str, layers: int, units: int, threads: int) -> Step:
    """Stock Keras layers and optimiser in a `tf.function`."""
    import keras
    import tensorflow as tf

    layer = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    model = keras.Sequential(
        [keras.layers.Embedding(VOCABULARY, EMBEDDING)]
        + [layer(units, return_sequences=True) for _ in range(layers)]
        + [keras.layers.Dense(VOCABULARY)]
    )
    ids, targets = (
        tf.random.stateless_uniform((BATCH, STEPS), (1, part), 0, VOCABULARY, tf.int32) for part in range(2)
    )
    model(ids)
    optimizer = keras.optimizers.Adam(1e-3, beta_2=0.99, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=model(ids, training=True))
            loss = tf.reduce_mean(nats)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return lambda: float(step())


def torch_step(
    cell: str,
    layers: int,
    units: int,
    threads: int,
    *,
    batch: int = BATCH,
    device: str = "cpu",
    mixed: bool = False,
) -> Callable[..., float]:
    """PyTorch's own fused layers and optimiser; on a GPU cuDNN.

    Args:
        mixed: bfloat16 where PyTorch's autocast takes it.

    Returns:
        A function that takes `count` steps, one unless told, waits for the last and returns its loss.
    """
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    torch.backends.cuda.matmul.allow_tf32 = True  # as TensorFlow multiplies on a GPU
    embedding = torch.nn.Embedding(VOCABULARY, EMBEDDING)
    recurrent = layer(EMBEDDING, units, num_layers=layers)  # time first, its faster layout
    dense = torch.nn.Linear(units, VOCABULARY)
    parameters = list(torch.nn.ModuleList([embedding, recurrent, dense]).to(device).parameters())
    optimizer = torch.optim.Adam(parameters, lr=1e-3, betas=(0.9, 0.99), fused=True)
    ids, targets = torch.randint(0, VOCABULARY, (2, STEPS, batch), device=device)

    def take() -> torch.Tensor:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=mixed):
            outputs, _ = recurrent(embedding(ids))
            loss = torch.nn.functional.cross_entropy(dense(outputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss.detach()

    def run(count: int = 1) -> float:
        for _ in range(count):
            loss = take()
        return float(loss)

    return run


FRAMEWORKS: dict[str, Callable[..., Step]] = {
    "ours": ours_step,
    "keras": keras_step,
    "torch": torch_step,
}


def peak_gflops(threads: int) -> float:
    """The best of some 2048³ float32 products."""
    import tensorflow as tf

    a = tf.random.normal((2048, 2048))
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        tf.matmul(a, a).numpy()
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds) / 1e9


def serve(framework: str, threads: int) -> None:
    """Read one request a line (`build CELL LAYERS UNITS`, `run STEPS`, `peak`), answer each with JSON."""
    if framework != "torch":
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    step: Step = float
    for line in sys.stdin:
        request, *arguments = line.split()
        start = time.perf_counter()
        if request == "build":
            cell, layers, units = arguments
            step = FRAMEWORKS[framework](cell, int(layers), int(units), threads)
            prepared = time.perf_counter()
            step()
            answer: Any = {"first_step": time.perf_counter() - prepared}
        elif request == "run":
            answer = []
            for _ in range(int(arguments[0])):
                start = time.perf_counter()
                step()
                answer.append(time.perf_counter() - start)
        else:
            answer = peak_gflops(threads)
        print(json.dumps(answer), flush=True)


# --- the comparison ------------------------------------------------------------------------------------------


class Worker:
    """A framework in its own process, which answers one request at a time."""

    def __init__(self, framework: str, interpreter: str, threads: int) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [interpreter, __file__, "--serve", framework, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, request: str) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(request, file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def compare(workers: dict[str, Worker], case: tuple[str, int, int], *, rounds: int, steps: int) -> dict[str, Any]:
    """One size: build everywhere, then `rounds` turns of `steps` steps each."""
    cell, layers, units = case
    times: dict[str, list[float]] = {name: [] for name in workers}
    first = {name: worker.ask(f"build {cell} {layers} {units}")["first_step"] for name, worker in workers.items()}
    for worker in workers.values():
        worker.ask(f"run {steps}")  # warm
    peaks = []
    for _ in range(rounds):
        for name, worker in workers.items():
            times[name] += worker.ask(f"run {steps}")
        peaks.append(workers["ours"].ask("peak"))
    flops, peak = matrix_flops(*case), statistics.median(peaks)
    row: dict[str, Any] = {"cell": cell, "layers": layers, "units": units, "peak_gflops": peak}
    for name in workers:
        seconds = statistics.median(times[name])
        row[name] = {
            "milliseconds": 1e3 * seconds,
            "best_milliseconds": 1e3 * min(times[name]),
            "characters_per_second": BATCH * STEPS / seconds,
            "share_of_peak": flops / seconds / 1e9 / peak,
            "first_step_seconds": first[name],
        }
    row["ratios"] = {
        name: row[name]["milliseconds"] / row["ours"]["milliseconds"] for name in workers if name != "ours"
    }
    return row


def show(row: dict[str, Any], names: list[str]) -> None:
    cells = [f"{row['cell']:>4} {row['layers']}x{row['units']:<4}"]
    cells += [f"{row[name]['milliseconds']:8.1f}" for name in names]
    cells += [f"{row['ratios'][name]:7.2f}x" for name in names if name != "ours"]
    ours = row["ours"]
    cells += [f"{ours['characters_per_second']:9,.0f}", f"{ours['share_of_peak']:7.0%}"]
    cells.append(f"{ours['first_step_seconds']:6.1f} s")
    print(" ".join(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru", "rnn"], choices=list(GATES))
    parser.add_argument("--sizes", nargs="+", default=["1x256", "2x256", "1x512"], help="layers x units")
    parser.add_argument("--rounds", type=int, default=8, help="turns that each framework takes")
    parser.add_argument("--steps", type=int, default=6, help="steps per turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--torch-python", default=sys.executable, help="interpreter that has PyTorch")
    parser.add_argument("--json", type=Path, default=Path("train_speed.json"))
    parser.add_argument("--serve", choices=list(FRAMEWORKS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.threads)
        return
    interpreters = {"ours": sys.executable, "keras": sys.executable}
    if arguments.torch_python != sys.executable or importlib.util.find_spec("torch"):
        interpreters["torch"] = arguments.torch_python
    else:
        print("PyTorch is not installed here; compared with Keras alone (--torch-python names an interpreter)")
    names = list(interpreters)
    print(f"{platform.processor() or platform.machine()}, {arguments.threads} threads; milliseconds per step,")
    print("ratios of medians, ours: characters per second, share of the matrix-product peak, first step")
    print(" ".join([" " * 10, *(f"{name:>8}" for name in names), *(f"/{name:>7}" for name in names[1:])]))
    rows = []
    for cell in arguments.cells:
        for size in arguments.sizes:
            layers, units = map(int, size.split("x"))
            workers = {name: Worker(name, path, arguments.threads) for name, path in interpreters.items()}
            rows.append(compare(workers, (cell, layers, units), rounds=arguments.rounds, steps=arguments.steps))
            for worker in workers.values():
                worker.close()
            show(rows[-1], names)
    result = {
        "machine": {"processor": platform.processor() or platform.machine(), "threads": arguments.threads},
        "batch": BATCH,
        "sequence_length": STEPS,
        "rows": rows,
    }
    arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {arguments.json}")


if __name__ == "__main__":
    main()
