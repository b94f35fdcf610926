"""Cores: characters per second of whole training steps for every number of threads, cell, batch and cut into shards.

    python bench/threads.py [--threads 1,2] [--cells rnn lstm gru] [--batches 16 32 64] [--size 1x256] [--json FILE]

Each number of threads is a process of its own. There the cuts that are possible, 1 to as many shards as threads, and
stock Keras layers take turns of a tenth of a second, so that whatever else the machine does falls on all of them alike;
medians. T 64, embedding 64, 65 characters, several steps a call, clipping and Adam included. The engine's own choice
is marked with *; "best" is that choice against the fastest cut, 1.00 where it is the fastest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gpu import make_call
from train_speed import EMBEDDING, STEPS, VOCABULARY

TURN_SECONDS = 0.1
CELLS = ("rnn", "lstm", "gru")


def measure(cell: str, batch: int, *, layers: int, units: int, threads: int, rounds: int) -> dict[str, Any]:
    """Characters per second of each cut and of the stock layers."""
    from seqmagic.config import DecidedModel
    from seqmagic.training.engines.choose import FusedEngine, KerasEngine, make_engine
    from seqmagic.training.model import build_model

    config = DecidedModel(cell=cell, units=units, layers=layers, embedding=EMBEDDING, dropout=0.1)
    chosen = make_engine(
        "auto",
        model=build_model(config, vocabulary_size=VOCABULARY, seed=1),
        config=config,
        vocabulary_size=VOCABULARY,
        batch_size=batch,
        threads=threads,
        precision="auto",
    )
    engines: dict[str, Any] = {str(n): FusedEngine(config, shards=n) for n in range(1, min(threads, batch) + 1)}
    calls = {name: make_call(engine, config, batch) for name, engine in engines.items()}
    calls["stock"] = make_call(KerasEngine(config), config, batch)
    counts = {}
    for name, call in calls.items():
        call(1)
        counts[name] = max(1, int(TURN_SECONDS / call(2)[0] * 2))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(call(counts[name])[0] / counts[name])
    rates = {name: batch * STEPS / statistics.median(values) for name, values in times.items()}
    stock = rates.pop("stock")
    return {
        "threads": threads,
        "cell": cell,
        "batch": batch,
        "chosen": chosen.shards,
        "shards": rates,
        "stock": stock,
        "share_of_best": rates[str(chosen.shards)] / max(rates.values()),
    }


def serve(arguments: argparse.Namespace, threads: int) -> None:
    """A line of JSON for each cell and batch."""
    from seqmagic.training.device import start_tensorflow

    start_tensorflow(threads)
    layers, units = map(int, arguments.size.split("x"))
    for cell in arguments.cells:
        for batch in arguments.batches:
            row = measure(cell, batch, layers=layers, units=units, threads=threads, rounds=arguments.rounds)
            print(json.dumps(row), flush=True)


def show(row: dict[str, Any], single: dict[tuple[str, int], float]) -> None:
    """One line of the table; `single` has what one thread did."""
    chosen = row["shards"][str(row["chosen"])]
    cuts = " · ".join(f"{rate:,.0f}" + "*" * (int(n) == row["chosen"]) for n, rate in row["shards"].items())
    key = row["cell"], row["batch"]
    if row["threads"] == 1:
        single[key] = chosen
    gain = f"{chosen / single[key]:.2f}" if key in single else "–"
    cells = (f"{row['cell']} B {row['batch']}", row["threads"], cuts, f"{row['share_of_best']:.2f}")
    print("|", " | ".join(map(str, (*cells, gain, f"{chosen / row['stock']:.2f}"))), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = os.cpu_count() or 1
    parser.add_argument("--threads", default=",".join(str(2**n) for n in range(cores.bit_length())), metavar="1,2")
    parser.add_argument("--cells", nargs="+", default=CELLS, choices=CELLS)
    parser.add_argument("--batches", nargs="+", type=int, default=[16, 32, 64])
    parser.add_argument("--size", default="1x256", help="layers x units")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(arguments, arguments.worker)
        return
    if not all(word.isdigit() and int(word) > 0 for word in arguments.threads.split(",")):
        parser.error(f"--threads takes numbers, as in 1,2; received {arguments.threads}")
    print("| | threads | characters per second by shards, 1 · 2 ... | best | × one thread | × stock Keras |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    rows, single = [], {}
    for threads in map(int, arguments.threads.split(",")):
        command = [sys.executable, __file__, *sys.argv[1:], "--worker", str(threads)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            rows.append(json.loads(line))
            show(rows[-1], single)
        if process.wait():
            raise SystemExit(process.returncode)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
