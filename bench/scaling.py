"""How a training scales over workers: what a step's parts cost here, two workers measured, 2 to 64 simulated.

    python bench/scaling.py [--cell lstm] [--size 1x512] [--batch-size 32] [--seconds 8]

Every worker is a process with one thread; more of them than cores can only be simulated. Measured are:

- compute: a step of one process, with all the streams and with the halves, quarters ... of them;
- all-reduce: the sum of arrays of some sizes over two processes on the loopback address;
- two: a step of two workers with half of the streams each.

The simulation draws the compute time of each worker from the steps that were measured with its number of streams. A
step waits for the slowest, then for a ring: 2 (n - 1) messages one after the other, each of an n-th of the weights.
Its time per message and per byte is fitted to the all-reduces measured; for networks they are assumed, as printed. The
simulation of two workers over the loopback address stands beside the two that were measured.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from seqmagic.config import CELLS, DataConfig, DecidedModel, DecidedTraining
from seqmagic.network.sizes import count_parameters
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.cluster import Cluster, Placement
from seqmagic.training.device import start_tensorflow
from seqmagic.training.recipe import SEQUENCE_LENGTH, Plan

VOCABULARY, EMBEDDING = 65, 64
REDUCED = (1_000, 300_000, 1_000_000, 3_000_000)  # floats
WORKERS = (2, 4, 8, 16, 32, 64)
NETWORKS = {"10 Gbit/s, 50 µs": (50e-6, 8 / 10e9), "1 Gbit/s, 200 µs": (200e-6, 8 / 1e9)}  # s per message, s per byte
DRAWS = 400


def measure(arguments: argparse.Namespace) -> None:
    """One worker: print what its steps took, and the all-reduces where there are two."""
    addresses = tuple(arguments.worker.split(","))
    cluster = Cluster(addresses=addresses, index=arguments.index) if len(addresses) > 1 else None
    placement = Placement(cluster=cluster)

    def make() -> Any:
        from seqmagic.training.distribution import make_strategy

        return make_strategy(placement)

    strategy = start_tensorflow(1, make_strategy=make).strategy
    from seqmagic.training.distribution import Distribution

    distribution = Distribution(placement, strategy)
    batches = [arguments.batch_size]
    while cluster is None and batches[-1] % 2 == 0:
        batches.append(batches[-1] // 2)
    found: dict[str, Any] = {"steps": {}, "reduce": {}}
    for batch_size in batches:
        found["steps"][batch_size] = step_seconds(arguments, batch_size, distribution)
    if cluster is not None:
        found["reduce"] = {size: reduce_seconds(strategy, size) for size in REDUCED}
    if arguments.index == 0:
        print(json.dumps(found))


def step_seconds(arguments: argparse.Namespace, batch_size: int, distribution: Any) -> list[float]:
    """What single steps take, each waited for. All workers take as many."""
    from seqmagic.training.session import Session

    ids = np.random.default_rng(1).integers(0, VOCABULARY, 300_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.txt"
        path.write_text("".join(chr(0x30 + number) for number in ids))
        corpus = read_corpus(str(path), DataConfig())
    layers, units = map(int, arguments.size.split("x"))
    plan = Plan(
        model=DecidedModel(cell=arguments.cell, units=units, layers=layers, embedding=EMBEDDING, dropout=0.1),
        training=DecidedTraining(
            epochs=1, batch_size=batch_size, sequence_length=SEQUENCE_LENGTH, learning_rate=1e-3, weight_decay=0.05
        ),
        notes=(),
    )
    session = Session(corpus, plan, threads=1, distribution=distribution)
    session.compile_steps()
    seconds = []
    for _ in range(arguments.steps):
        started = time.perf_counter()
        session.take_steps([1e-3])
        seconds.append(time.perf_counter() - started)
    return seconds


def reduce_seconds(strategy: Any, size: int, times: int = 15) -> list[float]:
    """What the sum over all workers of `size` floats takes."""
    import tensorflow as tf

    array = tf.ones((size,))

    @tf.function
    def reduce() -> Any:
        context = tf.distribute.get_replica_context
        return strategy.run(lambda: context().all_reduce(tf.distribute.ReduceOp.SUM, array)[0])

    float(reduce())
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        float(reduce())
        seconds.append(time.perf_counter() - started)
    return seconds


def workers_of(count: int, arguments: argparse.Namespace) -> Any:
    """What the first of `count` processes prints."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    given = [
        f"--{name}={getattr(arguments, name.replace('-', '_'))}" for name in ("cell", "size", "batch-size", "steps")
    ]
    command = [sys.executable, __file__, "--worker", addresses, *given]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    processes = [
        subprocess.Popen([*command, f"--index={index}"], env=environment, stdout=subprocess.PIPE, text=True)
        for index in range(count)
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("a worker failed")
    return json.loads(outputs[0])


def ring(workers: int, size: int, *, message: float, byte: float) -> float:
    """Seconds of an all-reduce of `size` bytes over a ring."""
    return 2 * (workers - 1) * (message + byte * size / workers)


def fitted(reduced: dict[str, list[float]]) -> tuple[float, float]:
    """Seconds per message and per byte of a ring of two, by least relative squares over the medians."""
    sizes = np.array([4.0 * int(size) for size in reduced])
    medians = np.array([np.median(seconds) for seconds in reduced.values()])
    columns = np.stack([np.full(len(sizes), 2.0), sizes], axis=1) / medians[:, None]  # two messages of half the bytes
    message, byte = np.linalg.lstsq(columns, np.ones(len(sizes)), rcond=None)[0]
    return max(0.0, float(message)), max(0.0, float(byte))


def simulated(workers: int, seconds: list[float], size: int, *, message: float, byte: float) -> float:
    """The median step of `workers` that compute as long as one of `seconds` each, then add up `size` bytes."""
    draws = np.random.default_rng(workers).choice(seconds, size=(DRAWS, workers))
    return float(np.median(draws.max(axis=1))) + ring(workers, size, message=message, byte=byte)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", choices=CELLS, default="lstm")
    parser.add_argument("--size", default="1x512")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--index", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        measure(arguments)
        return
    one, two = workers_of(1, arguments), workers_of(2, arguments)
    layers, units = map(int, arguments.size.split("x"))
    weights = count_parameters(
        arguments.cell, vocabulary_size=VOCABULARY + 1, embedding=EMBEDDING, units=units, layers=layers
    )
    steps = {int(batch): seconds for batch, seconds in one["steps"].items()}
    alone, together = (float(np.median(found["steps"][str(arguments.batch_size)])) for found in (one, two))
    print(
        f"{arguments.cell} {arguments.size}, {weights:,} weights, {arguments.batch_size} streams, one thread a worker"
    )
    for batch, seconds in steps.items():
        print(f"compute, {batch:3} streams: {1e3 * np.median(seconds):8.1f} ms (best {1e3 * min(seconds):.1f})")
    message, byte = fitted(two["reduce"])
    for size, seconds in two["reduce"].items():
        print(f"all-reduce, {4e-6 * int(size):6.2f} MB: {1e3 * np.median(seconds):6.2f} ms")
    print(f"loopback: {1e6 * message:.0f} µs a message, {1e-6 / byte:,.0f} MB/s" if byte else "loopback: no slope")
    print(f"two workers measured: {1e3 * together:.1f} ms, {alone / together:.2f} times one worker")
    size = 4 * weights
    print("workers  streams each  " + "  ".join(f"{name:>18}" for name in ("loopback", *NETWORKS)))
    for workers in WORKERS:
        rows = arguments.batch_size // workers
        if rows not in steps:
            break
        networks = {"loopback": (message, byte), **NETWORKS}
        times = [simulated(workers, steps[rows], size, message=m, byte=b) for m, b in networks.values()]
        cells = "  ".join(f"{1e3 * seconds:8.1f} ms {alone / seconds:5.2f}x" for seconds in times)
        print(f"{workers:7}  {rows:12}  {cells}")
    print("the same with the batch grown with the workers (streams each as for one):")
    for workers in WORKERS:
        times = [
            simulated(workers, steps[arguments.batch_size], size, message=m, byte=b)
            for m, b in ((message, byte), *NETWORKS.values())
        ]
        cells = "  ".join(f"{1e3 * seconds:8.1f} ms {workers * alone / seconds:5.2f}x" for seconds in times)
        print(f"{workers:7}  {arguments.batch_size:12}  {cells}")


if __name__ == "__main__":
    main()
