"""Sampling side by side with PyTorch: cold start, characters per second, memory, and what the machine allows.

    python bench/sample_speed.py [--torch-python PYTHON] [--rounds 3] [--only WORD] [--json FILE]

All models have random weights, 65 characters and an embedding of 64. Ours and PyTorch's
(`bench/torch_sampling.py`, run by --torch-python) take turns, so that what else the machine does falls on
both; a ratio is that of the medians. The limit is what the bare matrix-vector products of the same weights
reach in NumPy, with one thread or all, whichever is faster: nothing that reads its weights from memory for
every character can write faster in NumPy.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
TORCH = str(ROOT / "bench" / "torch_sampling.py")

STEADY = (  # cell, layers, units, streams
    ("lstm", 1, 256, 1), ("lstm", 1, 512, 1), ("lstm", 2, 256, 1), ("lstm", 2, 512, 1),
    ("gru", 1, 512, 1), ("rnn", 1, 512, 1), ("lstm", 2, 256, 64),
)  # fmt: skip
TARGETS = {  # times PyTorch, share of the limit
    "lstm 1×512": (7, 0.55), "lstm 2×256": (12, 0.50), "lstm 2×512": (12, 0.60),
    "gru 1×512": (7, None), "rnn 1×512": (7, None), "lstm 2×256, 64 streams": (2.5, None),
}  # fmt: skip
CHARACTERS = "".join(chr(code) for code in range(32, 97))


def main() -> None:
    arguments = parse()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker[0]](*arguments.worker[1:])))
        return
    torch = arguments.torch_python if has_torch(arguments.torch_python) else None
    if torch is None:
        print(f"{arguments.torch_python} has no torch: ours alone (give --torch-python)", file=sys.stderr)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.processor() or platform.machine()}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for measure in (measure_command, measure_prompt, *map(steady_measure, STEADY)):
            if arguments.only in measure.__name__:
                row = measure(Path(folder), torch, arguments.rounds)
                rows.append(row)
                print(line(row), flush=True)
    document = {"load": os.getloadavg(), "cores": os.cpu_count(), "python": platform.python_version(), "rows": rows}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"written to {arguments.json}", file=sys.stderr)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="measurements whose name has this word")
    parser.add_argument("--json", type=Path, default=ROOT / "bench" / "results" / "sample_speed.json")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def has_torch(python: str) -> bool:
    found = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
    return found.returncode == 0


# ---------------------------------------------------------------- whole commands


def run_command(command: Sequence[str], environment: dict[str, str] | None = None) -> dict[str, float]:
    """Seconds to the first byte of output and to the end, and the peak of memory in MB, of one command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    )
    stream = process.stdout
    assert stream is not None
    stream.read(1)
    first = time.perf_counter() - started
    stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    stream.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return {"first": first, "seconds": seconds, "megabytes": usage.ru_maxrss / 1024}


def make_models(folder: Path) -> dict[str, str]:
    """A run `lstm` of 1×512 with random weights below `folder`; the environment that finds it."""
    from tests.helpers import make_run, make_text

    if not (folder / "models").exists():
        text = make_text(folder, CHARACTERS * 20, "characters.txt")
        make_run(folder / "models", "lstm", source=text, units=512, embedding=64)
    return {"SEQMAGIC_MODELS": str(folder / "models")}


def medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def measure_command(folder: Path, torch: str | None, rounds: int) -> dict[str, Any]:
    """The whole command, 1,000 characters, LSTM 1×512, each time in a fresh process."""
    environment = make_models(folder)
    mine = [sys.executable, "-m", "seqmagic", "sample", "lstm", "--length", "1000", "--seed", "1"]
    theirs = [torch or "", TORCH, "write", str(folder / "model.pt"), "1000"]
    if torch:
        subprocess.run([torch, TORCH, "make", str(folder / "model.pt"), "lstm", "1", "512"], check=True)
    ours, others = [], []
    for _ in range(2 * rounds):
        ours.append(run_command(mine, environment))
        if torch:
            others.append(run_command(theirs))
    row = {
        "what": "whole command, 1,000 characters, lstm 1×512",
        "ours": medians(ours),
        "target": "≤ 0.7 s, ≥ 3×, ≤ 120 MB",
    }
    if others:
        row["torch"] = medians(others)
        row["ratio"] = row["torch"]["seconds"] / row["ours"]["seconds"]
    return row


def measure_prompt(folder: Path, torch: str | None, rounds: int) -> dict[str, Any]:
    """The whole command that writes one character after a prompt of 10,000."""
    environment = make_models(folder)
    file = folder / "prompt.txt"
    file.write_text((CHARACTERS * 160)[:10_000], encoding="utf-8")
    command = [sys.executable, "-m", "seqmagic", "sample", "lstm", "--length", "1", "--prompt-file", str(file)]
    ours = medians([run_command(command, environment) for _ in range(2 * rounds)])
    return {"what": "first character after a prompt of 10,000, lstm 1×512", "ours": ours, "target": "≤ 1.0 s"}


# ---------------------------------------------------------------- steady writing


def steady_measure(case: tuple[str, int, int, int]) -> Callable[[Path, str | None, int], dict[str, Any]]:
    """The measurement of one model, in turns with PyTorch."""
    cell, layers, units, streams = case
    name = f"{cell} {layers}×{units}" + (f", {streams} streams" if streams > 1 else "")

    def measure(folder: Path, torch: str | None, rounds: int) -> dict[str, Any]:
        numbers = [str(number) for number in case[1:]]
        ours, others, limits = [], [], []
        for _ in range(rounds):
            mine = [sys.executable, __file__, "--worker", "steady", cell, *numbers]
            answer = json.loads(subprocess.run(mine, capture_output=True, check=True).stdout)
            ours.append(answer["rate"])
            limits.append(answer["limit"])
            if torch:
                theirs = [torch, TORCH, "steady", cell, *numbers, "2"]
                others.append(float(subprocess.run(theirs, capture_output=True, check=True).stdout.split()[0]))
        row: dict[str, Any] = {"what": name, "ours": {"rate": statistics.median(ours)}, "rates": ours}
        if streams == 1:
            row["limit"] = statistics.median(limits)
            row["share"] = statistics.median(rate / limit for rate, limit in zip(ours, limits, strict=True))
        if others:
            row["torch"] = {"rate": statistics.median(others)}
            row["torch_rates"] = others
            row["ratio"] = row["ours"]["rate"] / row["torch"]["rate"]
        times, share = TARGETS.get(name, (None, None))
        row["target"] = (f"≥ {times}×" if times else "") + (f", ≥ {share:.0%} of the limit" if share else "")
        return row

    measure.__name__ = f"steady {name}"
    return measure


def work_steady(cell: str, layers: str, units: str, streams: str) -> dict[str, float]:
    """Characters per second of `write`, and of the bare products, in this process."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command does
    import numpy as np

    del os.environ["OPENBLAS_NUM_THREADS"]
    from seqmagic.config import SampleConfig
    from seqmagic.network.network import Network
    from seqmagic.sampling.stepper import FoldedNetwork
    from seqmagic.sampling.writer import write
    from seqmagic.texts.vocabulary import Vocabulary
    from tests.helpers import random_weights

    weights = random_weights(cell, vocabulary_size=66, units=int(units), layers=int(layers), embedding=64)
    scale = np.float32(2 / np.sqrt(int(units)))
    network = FoldedNetwork.of(Network.from_weights(cell, [scale * array for array in weights]))
    vocabulary, count = Vocabulary(CHARACTERS), int(streams)

    def rate(length: int) -> float:
        config = SampleConfig(length=length, seed=1, count=count)
        started = time.perf_counter()
        written = sum(len(piece.characters) for piece in write(network, vocabulary, config, ["A"]))
        return written / (time.perf_counter() - started)

    trial = rate(200 if count == 1 else 20)
    length = max(100, int(1.0 * trial / count))
    limit = bare_products(network) if count == 1 else 0.0
    return {"rate": max(rate(length), rate(length)), "limit": max(limit, bare_products(network)) if limit else 0.0}


def bare_products(network: Any) -> float:
    """Characters per second that the matrix-vector products alone would allow, with the best number of threads."""
    import numpy as np

    from seqmagic.sampling.threads import available_threads, blas_threads

    matrices = [matrix for layer in network.layers for matrix in layer.products if matrix.size] + [network.dense]
    products = [(m, np.ones(m.shape[1], np.float32), np.empty(m.shape[0], np.float32)) for m in matrices]
    threads = blas_threads()
    best = 0.0
    for count in {1, available_threads()}:
        if threads:
            threads.set(count)
        for _ in range(3):
            steps, started = 0, time.perf_counter()
            while time.perf_counter() - started < 0.25:
                for matrix, vector, out in products:
                    np.dot(matrix, vector, out)
                steps += 1
            best = max(best, steps / (time.perf_counter() - started))
    if threads:
        threads.set(1)
    return best


WORKERS: dict[str, Callable[..., Any]] = {"steady": work_steady}


# ---------------------------------------------------------------- the table


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    ours, torch = row["ours"], row.get("torch")
    if "rate" in ours:
        figures = f"{ours['rate']:>9,.0f}/s"
        figures += f"   PyTorch {torch['rate']:>7,.0f}/s" if torch else ""
    else:
        figures = f"{ours['seconds']:.2f} s, first byte {ours['first']:.2f} s, {ours['megabytes']:.0f} MB"
        figures += f"   PyTorch {torch['seconds']:.2f} s, {torch['megabytes']:.0f} MB" if torch else ""
    figures += f"   {row['ratio']:.1f}×" if "ratio" in row else ""
    figures += f"   {row['share']:.0%} of {row['limit']:,.0f}/s" if "share" in row else ""
    return f"{row['what']:<52} {figures}   (target {row['target'] or 'none'})"


if __name__ == "__main__":
    main()
