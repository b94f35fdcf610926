"""How long a command takes to answer: whole processes from start to first output, medians of several.

    python bench/startup.py [--models DIR] [--runs 9]

`sample` writes with the latest run below --models, so train one first. Its time is that of the first character.
Of `train python-docs` on a terminal: its first output, when TensorFlow has started, when the step is compiled (the
first step follows at once), and what of that time is neither TensorFlow's start nor compilation.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import signal
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = {
    "python alone": ["-c", "print(1)"],
    "seqmagic --help": ["-m", "seqmagic", "--help"],
    "seqmagic train --help": ["-m", "seqmagic", "train", "--help"],
    "seqmagic runs list": ["-m", "seqmagic", "runs", "list"],
    "seqmagic sample, first character": ["-m", "seqmagic", "sample", "--length", "200", "--seed", "1"],
}


def seconds_to_first_output(arguments: list[str], models: str) -> float:
    """Start a process, wait for its first byte on standard output, let it end."""
    extra = ["--models", models] if "sample" in arguments or "runs" in arguments else []
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments, *extra], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    if process.stdout is None or not process.stdout.read(1):
        raise SystemExit(f"{' '.join(arguments)} wrote nothing; is there a run below {models}?")
    seconds = time.perf_counter() - started
    process.stdout.read()
    process.wait()
    return seconds


TRAIN = ["-m", "seqmagic", "train", "python-docs", "--cell", "lstm", "--units", "256", "--epochs", "1"]
SIGNS = {
    "TensorFlow is being started": b"starting TensorFlow",
    "compiling": b"building and compiling",
    "steps": b"batch size",
}


def seconds_to_signs() -> dict[str, float]:
    """When a training says what on a terminal, in seconds from the start of its process."""
    mine, theirs = pty.openpty()
    with tempfile.TemporaryDirectory() as models:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *TRAIN, "--models", models],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(theirs)
        seen, found = b"", {}
        with contextlib.suppress(OSError):  # the other end is closed
            while len(found) <= len(SIGNS):
                seen += os.read(mine, 65536)
                now = time.perf_counter() - started
                found.setdefault("first output", now)
                found |= {name: now for name, sign in SIGNS.items() if sign in seen and name not in found}
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(mine)
    return found


def print_training(runs: int) -> None:
    """The medians of `runs` trainings, up to the first step."""
    every = [seconds_to_signs() for _ in range(runs)]
    rows = {
        "seqmagic train, first output": [one["first output"] for one in every],
        "  TensorFlow's start": [one["compiling"] - one["TensorFlow is being started"] for one in every],
        "  building and compiling": [one["steps"] - one["compiling"] for one in every],
        "  first step": [one["steps"] for one in every],
        "  neither start nor compilation": [one["TensorFlow is being started"] for one in every],
    }
    for name, values in rows.items():
        print(f"{name:34} median {statistics.median(values):.3f} s   least {min(values):.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="models")
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.runs):
        for name, command in COMMANDS.items():
            times[name].append(seconds_to_first_output(command, arguments.models))
    for name, values in times.items():
        print(f"{name:34} median {statistics.median(values):.3f} s   least {min(values):.3f} s")
    print_training(max(1, arguments.runs // 3))


if __name__ == "__main__":
    main()
