"""What one NVIDIA GPU makes of it, in one command of at most nine minutes, for a machine that nothing is known of.

    python bench/gpu.py --text tinyshakespeare.txt [--torch-python PATH] [--minutes 9] [--json gpu.json]
    python bench/gpu.py --device cpu --quick        # a dry run without a GPU: whether the script works, no figures

1. The tests marked gpu (where pytest and hypothesis are installed).
2. Whole training steps side by side: our fused one, stock Keras layers, cuDNN, and PyTorch's cuDNN where PyTorch is
   installed, in float32 and mixed precision; every cell, 1x512 and 2x1024, batch 32 to 512, T 64. Milliseconds per step
   and the share of the card's peak: the products that the equations ask for, against the card's own large product in
   the same precision, both measured here. An engine whose loss or gradients are not those of the stock layers is said
   to be wrong instead. Batch 128 comes first, then 512, 32, 256 and 64; what there is no time for is named.
3. The batch and the peak learning rate with the lowest validation loss of a training of one minute: batches at the
   recipe's rate, then other rates for the best batch, a quarter of a minute each; the best two for the whole minute.
   All have the width that the recipe chooses for the minute.

Everything goes to standard output as it is found, and as JSON to --json at the end, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from train_speed import EMBEDDING, STEPS, VOCABULARY, matrix_flops, torch_step

ROOT = Path(__file__).resolve().parents[1]
CELLS = ("lstm", "gru", "rnn")
BATCHES = (128, 512, 32, 256, 64)  # the most telling first
TESTS_UNTIL, TABLE_UNTIL = 0.2, 0.5  # of the time; the trainings have the rest
HOPELESS = 5.0  # times the fastest engine of a size: not tried at other batches
CALL_SECONDS, CALLS = 0.2, 3
MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
TUNED_CELL, TUNED_BATCHES, RATE_FACTORS = "lstm", (64, 128, 256, 512), (0.5, 2.0, 1.4)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large everything is: on a GPU, and in a dry run."""

    sizes: tuple[tuple[int, int], ...] = ((1, 512), (2, 1024))  # layers, units
    batches: tuple[int, ...] = BATCHES
    product: int = 8192  # side of the matrices that tell the peak
    tuned_units: int | None = None  # None: the recipe's choice
    tuned_batches: tuple[int, ...] = TUNED_BATCHES
    training_seconds: float = 60.0
    spare_seconds: float = 40.0  # of a training: trying engines, compiling, its last evaluation; measured then


QUICK = Scale(
    sizes=((1, 16), (2, 24)),
    batches=(4, 8),
    product=256,
    tuned_units=16,
    tuned_batches=(8, 16),
    training_seconds=4.0,
    spare_seconds=5.0,
)


# --- the tests -----------------------------------------------------------------------------------------------


def run_tests(seconds: float) -> str:
    """The last line of what pytest says of the tests marked gpu."""
    if missing := [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]:
        return f"left out: {missing[0]} is not installed here"
    # Without the project's settings: their plugins need not be installed here.
    options = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-W", "ignore"]
    command = [sys.executable, "-m", "pytest", *options, "-m", "gpu", "-q", "tests/training"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"ended after {seconds:.0f} seconds, before they were through"
    if done.returncode not in (0, 5):
        print(done.stdout[-3000:], done.stderr[-1000:], sep="\n")
    return (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["nothing"])[-1].strip("= ")


# --- engines side by side ------------------------------------------------------------------------------------


def peak_flops(precision: str, side: int) -> float:
    """The best of some products of two (side, side) matrices, in operations per second."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_normal((side, side), (1, 1)), MIXED.get(precision, precision))
    product = tf.function(lambda a: tf.reduce_sum(tf.cast(tf.matmul(tf.matmul(a, a), a), tf.float32)))
    float(product(matrix))
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        float(product(matrix))
        seconds.append(time.perf_counter() - started)
    return 2 * 2.0 * side**3 / min(seconds)


def engines_of(config: Any, *, on_gpu: bool) -> dict[str, Any]:
    """What is compared, by name; the stock layers in float32, which the others must agree with, first."""
    from seqmagic.training.engines.choose import FusedEngine, KerasEngine, cudnn_engine

    engines: dict[str, Any] = {"stock float32": KerasEngine(config), "fused float32": FusedEngine(config, shards=1)}
    if on_gpu:
        engines["cudnn float32"] = cudnn_engine(config)
        for precision, short in MIXED.items():
            engines[f"cudnn {short}"] = cudnn_engine(config, precision=precision)
    engines["stock bfloat16"] = KerasEngine(config, precision="mixed_bfloat16")
    return engines


def make_call(engine: Any, config: Any, batch: int) -> Callable[[int], tuple[float, float, float]]:
    """Training steps of `engine` on noise, as many in one call as it is told, as a training takes them.

    Returns:
        A function from the number of steps to their seconds, and the loss and the length of the gradient in the first.
    """
    import numpy as np
    import tensorflow as tf

    from seqmagic.training.model import build_model
    from seqmagic.training.step import Adam, make_steps

    model = build_model(config, vocabulary_size=VOCABULARY, seed=1)
    states = engine.initial_states(batch)
    adam = Adam(model.trainable_weights, weight_decay=0.0)
    steps = make_steps(engine.loss_and_gradients, adam, clip_norm=5.0, states=states, sequence_length=STEPS)
    rng = np.random.default_rng(1)
    windows = [tf.constant(rng.integers(0, VOCABULARY, (1, batch, STEPS)), tf.int32) for _ in range(2)]

    def call(count: int) -> tuple[float, float, float]:
        stacked = [tf.repeat(window, count, axis=0) for window in windows]
        rest = tf.ones((count, batch, 1)), states, tf.range(count), tf.fill((count,), 1e-3)
        started = time.perf_counter()
        losses, norms, _ = steps(*stacked, *rest)
        found = losses.numpy(), norms.numpy()
        return time.perf_counter() - started, float(found[0][0]), float(found[1][0])

    return call


def time_engine(engine: Any, config: Any, batch: int) -> dict[str, float]:
    """Milliseconds of a training step, the best of some calls; its first loss and gradient."""
    call = make_call(engine, config, batch)
    compiling, loss, norm = call(1)
    seconds = max(call(2)[0] / 2, 1e-6)
    count = max(1, min(256, int(CALL_SECONDS / seconds)))
    best = min(call(count)[0] / count for _ in range(CALLS))
    return {"milliseconds": 1e3 * best, "first_call_seconds": compiling, "loss": loss, "norm": norm}


@functools.cache
def disagrees(engine: str, cell: str) -> str | None:
    """What the check of every training finds wrong with a small network of that engine, in a phrase."""
    from seqmagic.config import DecidedModel
    from seqmagic.training.engines.trial import disagreement

    config = DecidedModel(cell=cell, units=64, layers=2, embedding=EMBEDDING, dropout=0.0)
    engines = engines_of(config, on_gpu=True)
    return disagreement(engines[engine], engines["stock float32"], config, VOCABULARY)


def wrong(name: str, cell: str, found: dict[str, float], stock: dict[str, float] | None, precision: str) -> str | None:
    """What differs from the stock layers, in their very first step or in a small network, in a phrase."""
    from seqmagic.training.engines.trial import TOLERANCE

    if stock is None:
        return None
    for what in ("loss", "norm"):
        difference = abs(found[what] / stock[what] - 1.0)
        if not difference <= TOLERANCE[precision]:
            return f"wrong: its {what} differs by {difference:.2g}"
    problem = disagrees(name, cell) if precision != "float32" else None
    return f"wrong: {problem}" if problem else None


class Torch:
    """PyTorch in a process of its own, which answers one request at a time."""

    def __init__(self, interpreter: str, device: str) -> None:
        self._process = subprocess.Popen(
            [interpreter, __file__, "--torch-worker", device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def time(self, case: tuple[str, int, int], batch: int, *, mixed: bool, seconds: float) -> dict[str, Any]:
        """What `torch_worker` finds for one case within `seconds`; a worker that takes longer is ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if self._process.poll() is not None:
            return {"problem": "its process ended"}
        print(json.dumps([*case, batch, mixed]), file=self._process.stdin, flush=True)
        if not select.select([self._process.stdout], [], [], max(1.0, seconds))[0]:
            self.close()
            return {"problem": "no time"}
        answer = self._process.stdout.readline()
        return json.loads(answer) if answer else {"problem": "its process ended"}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def torch_worker(device: str) -> None:
    """Answer each request, a line, with a timing as JSON; runs in an interpreter that has PyTorch."""
    import torch

    device = "cuda" if device == "gpu" else "cpu"
    for request in sys.stdin:
        try:
            answer: dict[str, Any] = time_torch(*json.loads(request), device=device)
        except RuntimeError as problem:
            answer = {"problem": str(problem).strip().splitlines()[0][:120]}
        if device == "cuda":
            torch.cuda.empty_cache()
        print(json.dumps(answer), flush=True)


def time_torch(cell: str, layers: int, units: int, batch: int, mixed: bool, *, device: str) -> dict[str, float]:
    """Milliseconds of a step of PyTorch's, several before each is waited for."""
    started = time.perf_counter()
    run = torch_step(cell, layers, units, os.cpu_count() or 1, batch=batch, device=device, mixed=mixed)
    run()
    first = time.perf_counter() - started

    def seconds(count: int) -> float:
        started = time.perf_counter()
        run(count)
        return (time.perf_counter() - started) / count

    seconds(2)
    count = max(1, min(256, int(CALL_SECONDS / seconds(2))))
    return {"milliseconds": 1e3 * min(seconds(count) for _ in range(CALLS)), "first_call_seconds": first}


def compare_engines(scale: Scale, *, device: str, torch: Torch | None, until: float) -> Iterator[dict[str, Any]]:
    """One row for each engine, cell, size and batch; prints a line for each case."""
    from seqmagic.config import DecidedModel
    from seqmagic.training.engines.trial import BROKEN

    peaks = {name: peak_flops(name, scale.product) for name in ("float32", "mixed_float16", "mixed_bfloat16")}
    said = ", ".join(f"{MIXED.get(name, name)} {peak / 1e12:.3g}" for name, peak in peaks.items())
    print(f"\npeak of {scale.product}³ products, TFLOP/s: {said}\n")
    yield {"peaks": peaks}
    cases = [(batch, size, cell) for batch in scale.batches for size in scale.sizes for cell in CELLS]
    fastest: dict[tuple[str, int, int], dict[str, float]] = {}
    columns: list[str] = []
    for number, (batch, (layers, units), cell) in enumerate(cases):
        if time.monotonic() > until:
            left = ", ".join(f"{cell} {layers}x{units} B {batch}" for batch, (layers, units), cell in cases[number:])
            print(f"\nleft out, no time: {left}")
            yield {"left_out": left}
            return
        config = DecidedModel(cell=cell, units=units, layers=layers, embedding=EMBEDDING, dropout=0.0)
        engines = engines_of(config, on_gpu=device == "gpu")
        if torch is not None:
            engines |= {"PyTorch float32": None, "PyTorch bfloat16": None}
        if not columns:
            columns = list(engines)
            print("| milliseconds a step (share of peak) |", " | ".join(columns), "|")
            print("|", " | ".join(["---"] * (len(columns) + 1)), "|")
        known = fastest.setdefault((cell, layers, units), {})
        line, stock = [], None
        for name, engine in engines.items():
            short = name.split()[1]
            precision = short if short == "float32" else f"mixed_{short}"
            row = {"engine": name, "cell": cell, "layers": layers, "units": units, "batch": batch}
            if known and known.get(name, 0.0) > HOPELESS * min(known.values()):
                row["problem"] = "too slow before"
            elif time.monotonic() > until:
                row["problem"] = "no time"
            elif engine is None and torch is not None:
                mixed, left = short != "float32", until - time.monotonic()
                row |= torch.time((cell, layers, units), batch, mixed=mixed, seconds=left + 10.0)
            else:
                try:
                    row |= time_engine(engine, config, batch)
                    problem = wrong(name, cell, row, stock, precision)
                    row |= {"problem": problem} if problem else {}
                    stock = row if name == "stock float32" else stock
                except BROKEN as problem:
                    row["problem"] = str(problem).strip().splitlines()[0][:120]
            if "problem" not in row:
                seconds = row["milliseconds"] / 1e3
                row["share_of_peak"] = matrix_flops(cell, layers, units, batch=batch) / seconds / peaks[precision]
                row["characters_per_second"] = batch * STEPS / seconds
                known[name] = min(known.get(name, seconds), seconds)
            line.append(str(row.get("problem") or f"{row['milliseconds']:.2f} ({row['share_of_peak']:.0%})"))
            yield row
        print(f"| {cell} {layers}x{units} B {batch} |", " | ".join(line), "|", flush=True)


# --- batch and rate ------------------------------------------------------------------------------------------


def train_once(
    text: str, models: str, *, batch: int, seconds: float, units: int, rate: float | None = None
) -> dict[str, Any]:
    """One training; None is left to the recipe."""
    import seqmagic

    done = seqmagic.train(
        text,
        models=models,
        overwrite=True,
        name="tuned",
        cell=TUNED_CELL,
        minutes=seconds / 60.0,
        batch_size=batch,
        units=units,
        learning_rate=rate,
    )
    record = done.run.read_record()
    return {
        "batch": batch,
        "rate": record.training.learning_rate,
        "units": record.model.units,
        "dropout": record.model.dropout,
        "seconds": seconds,
        "readings": done.results.epochs,
        "characters_per_second": done.results.characters_per_second,
        "engine": f"{record.environment['path']} {record.environment['precision']}",
        "loss": done.results.validation_loss,
    }


def chosen_units(text: str, *, minutes: float) -> int:
    """The width that the recipe chooses for so many minutes."""
    from seqmagic.config import DataConfig, ModelConfig, TrainConfig
    from seqmagic.texts.corpus import read_corpus
    from seqmagic.training.train import decide

    corpus = read_corpus(text, DataConfig())
    return decide(corpus, model=ModelConfig(cell=TUNED_CELL), training=TrainConfig(minutes=minutes)).model.units


def find_batch_and_rate(text: str, scale: Scale, *, until: float) -> Iterator[dict[str, Any]]:
    """Short trainings, then the best two for the whole minute; yields and prints each."""
    whole = scale.training_seconds
    units = scale.tuned_units or chosen_units(text, minutes=whole / 60.0)
    print(f"\nbatch and peak rate of an {TUNED_CELL} on {text}, validation loss in nats per character\n")
    print("| seconds | batch | rate | width | dropout | readings | characters/s | engine | loss |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    rows: list[dict[str, Any]] = []
    spare = scale.spare_seconds
    with tempfile.TemporaryDirectory() as models:

        def tried(seconds: float, batch: int, rate: float | None = None, *, another: float = 0.0) -> bool:
            """Whether there was time for it, and for one of `another` seconds after it."""
            nonlocal spare
            started = time.monotonic()
            if started + seconds + spare + (another + spare if another else 0.0) > until:
                return False
            row = train_once(text, models, batch=batch, seconds=seconds, units=units, rate=rate)
            took = time.monotonic() - started - seconds
            spare = max(spare, took) if rows else took
            rows.append(row)
            cells = (
                f"{seconds:g}", row["batch"], f"{row['rate']:.4g}", row["units"], row["dropout"],
                f"{row['readings']:.2f}",
                f"{row['characters_per_second']:,.0f}", row["engine"], f"{row['loss']:.4f}",
            )  # fmt: skip
            print("|", " | ".join(map(str, cells)), "|", flush=True)
            return True

        for batch in scale.tuned_batches:
            if tried(whole / 4, batch, another=whole):
                yield rows[-1]
        short = sorted(rows, key=lambda row: row["loss"])
        for factor in RATE_FACTORS if short else ():
            if tried(whole / 4, short[0]["batch"], short[0]["rate"] * factor, another=whole):
                yield rows[-1]
        for row in sorted(rows, key=lambda row: row["loss"])[:2]:
            if tried(whole, row["batch"], row["rate"]):
                yield rows[-1]
    full = [row for row in rows if row["seconds"] == whole]
    if full:
        best = min(full, key=lambda row: row["loss"])
        print(f"\nbest of {whole:g} seconds: batch {best['batch']}, rate {best['rate']:.4g}, loss {best['loss']:.4f}")
    else:
        print(f"\nno time was left for a training of {whole:g} seconds")


# --- all of it -----------------------------------------------------------------------------------------------


def dry_text(folder: str) -> str:
    """A text for a dry run, the same everywhere."""
    path = Path(folder) / "dry.txt"
    path.write_text("".join(f"{number} times {number} is {number * number}.\n" for number in range(1500)))
    return str(path)


def measure(arguments: argparse.Namespace, device: Any, scale: Scale, found: dict[str, Any]) -> None:
    """Everything, in order, into `found`."""
    began = time.monotonic()
    total = 60.0 * arguments.minutes
    from seqmagic.training.device import versions

    found |= {"device": device.name, "versions": versions(), "engines": [], "trainings": []}
    print(f"{device.name}; TensorFlow {found['versions']['tensorflow']}", flush=True)
    found["tests"] = "left out, as asked" if arguments.without_tests else run_tests(TESTS_UNTIL * total)
    print(f"tests marked gpu: {found['tests']}", flush=True)
    has_torch = arguments.torch_python != sys.executable or importlib.util.find_spec("torch")
    torch = Torch(arguments.torch_python, arguments.device) if has_torch else None
    if torch is None:
        print("PyTorch is not installed here and takes no part (--torch-python names an interpreter that has it)")
    try:
        for row in compare_engines(scale, device=device.kind, torch=torch, until=began + TABLE_UNTIL * total):
            found["engines"].append(row)
    finally:
        if torch is not None:
            torch.close()
    with tempfile.TemporaryDirectory() as folder:
        text = arguments.text or dry_text(folder)
        for row in find_batch_and_rate(text, scale, until=began + total):
            found["trainings"].append(row)
    found["seconds"] = time.monotonic() - began
    print(f"{found['seconds']:.0f} seconds in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", metavar="FILE", help="tinyshakespeare, for 3.; needed but in a dry run")
    parser.add_argument("--minutes", type=float, default=9.0, help="for all of it (default 9)")
    parser.add_argument("--torch-python", default=sys.executable, metavar="PATH", help="an interpreter with PyTorch")
    parser.add_argument("--without-tests", action="store_true", help="leave 1. out")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), metavar="FILE")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--quick", action="store_true", help="a dry run with tiny sizes")
    parser.add_argument("--torch-worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.torch_worker:
        torch_worker(arguments.torch_worker)
        return
    if arguments.device == "cpu" and not arguments.quick:
        parser.error("--device cpu is for a dry run: give --quick too")
    if arguments.text is None and not arguments.quick:
        parser.error("give the text to train on with --text")
    if arguments.text is not None and not Path(arguments.text).is_file():
        parser.error(f"there is no file {arguments.text}")
    if arguments.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from seqmagic.training.device import start_tensorflow

    device = start_tensorflow(None)
    if device.kind != arguments.device:
        parser.error("TensorFlow finds no GPU here; for a dry run: --device cpu --quick")
    found: dict[str, Any] = {"dry_run": arguments.quick}
    if arguments.quick:
        print("DRY RUN with tiny sizes: it shows that the script works; its figures mean nothing")
    try:
        measure(arguments, device, QUICK if arguments.quick else Scale(), found)
    except KeyboardInterrupt:
        print("stopped; what was found so far is kept")
    finally:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
        print(f"written: {arguments.json}")


if __name__ == "__main__":
    main()
