"""How long a command takes to answer: whole processes from start to first output, medians of several.

    python bench/startup.py [--models DIR] [--runs 9]

`sample` writes with the latest run below --models, so train one first. Its time is that of the first character.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
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


if __name__ == "__main__":
    main()
