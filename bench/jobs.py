"""Rows at once: seconds of a whole `seqmagic compare --jobs N`, from its start to its table, for each number of jobs.

    python bench/jobs.py [--jobs 1,2] [--units 64,256] [--epochs 4] [--rounds 5] [--text FILE] [--quick] [--json FILE]

Each comparison is a command of its own on the same text (by default 1 MB of the built-in python-source, else FILE), of
rnn, lstm and gru of one size and an epochs budget: the same work, start of TensorFlow, compilation and table included.
The numbers of jobs take turns, so that whatever else the machine does falls on all of them alike; medians, and how much
faster each is than the first. --jobs 1 uses all cores for its row, as it does by default. --quick only shows that it
works: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

CHARACTERS = 1_000_000


def make_text(folder: Path, characters: int) -> Path:
    """The beginning of a built-in text, as a file."""
    from seqmagic.config import DataConfig
    from seqmagic.texts.corpus import read_corpus

    corpus = read_corpus("python-source", DataConfig())
    path = folder / "text.txt"
    path.write_text(corpus.vocabulary.decode(corpus.ids[:characters]), encoding="utf-8")
    return path


def seconds_of(text: Path, *, jobs: int, units: int, epochs: float) -> float:
    """A whole comparison in a models folder of its own; it must end well and have all rows."""
    with tempfile.TemporaryDirectory() as models:
        command = [sys.executable, "-m", "seqmagic", "--models", models, "--json", "--quiet", "compare", str(text)]
        command += ["--units", str(units), "--layers", "1", "--epochs", str(epochs), "--jobs", str(jobs)]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        seconds = time.perf_counter() - started
    if done.returncode or any(row["status"] != "complete" for row in json.loads(done.stdout)["rows"]):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return seconds


def measure(text: Path, jobs: Sequence[int], *, units: int, epochs: float, rounds: int) -> dict[str, Any]:
    """Medians by the number of jobs, of `rounds` in alternation."""
    times: dict[int, list[float]] = {number: [] for number in jobs}
    for _ in range(rounds):
        for number in jobs:
            times[number].append(seconds_of(text, jobs=number, units=units, epochs=epochs))
    medians = {number: statistics.median(seconds) for number, seconds in times.items()}
    return {"units": units, "epochs": epochs, "seconds": times, "medians": medians}


def show(found: dict[str, Any], jobs: Sequence[int]) -> None:
    """A line of the table."""
    medians = found["medians"]
    shown = [f"{medians[number]:.1f} ({medians[jobs[0]] / medians[number]:.2f})" for number in jobs]
    print(f"| {found['units']} |", " | ".join(shown), "|", flush=True)


def numbers(words: str) -> list[int]:
    """`1,2` as numbers, all above 0."""
    found = [int(word) for word in words.split(",")]
    if min(found) < 1:
        raise ValueError
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=numbers, default=[1, 2], metavar="1,2")
    parser.add_argument("--units", type=numbers, default=[64, 256], metavar="64,256")
    parser.add_argument("--epochs", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--text", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one round of one tiny size: does it work?")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    characters, rounds, sizes = CHARACTERS, arguments.rounds, arguments.units
    if arguments.quick:
        characters, rounds, sizes = 20_000, 1, [16]
    heads = " | ".join(f"--jobs {number}: s (× --jobs {arguments.jobs[0]})" for number in arguments.jobs)
    print(f"| units | {heads} |\n|{' --- |' * (1 + len(arguments.jobs))}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        text = arguments.text or make_text(Path(folder), characters)
        rows = []
        for units in sizes:
            rows.append(measure(text, arguments.jobs, units=units, epochs=arguments.epochs, rounds=rounds))
            show(rows[-1], arguments.jobs)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
