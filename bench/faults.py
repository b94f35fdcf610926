"""Malformed inputs of every kind, read by the commands that read such files: how many were tried, what was wrong.

    python bench/faults.py [--share 1.0] [--seed 1]

Texts, run.json, vocabulary.json, history, comparison.json, model.keras, checkpoints and the cache of ids, as
`tests/test_fuzz_files.py` mutates them: no traceback, one line of at most 3,000 characters, nothing written outside of
what is written anyway, at most 1 GB of memory and 10 s. A process for each kind. The last line is a sum, and the exit
code 0 where nothing was wrong.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.test_fuzz_files import MUTATIONS  # noqa: E402


def main() -> int:
    """Fuzz each kind of file and add up; 0 where all was right."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs of the slow tests (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tried, wrong, slowest = 0, 0, 0.0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name, usual in MUTATIONS.items():
        count = max(1, int(usual * options.share))
        program = [sys.executable, "-m", "tests.test_fuzz_files", name, str(options.seed), str(count)]
        done = subprocess.run(program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="", flush=True)
        if (end := re.search(r"the slowest ([\d.]+) s; (\d+) wrong$", done.stdout.strip())) is None:
            print(f"{name}: its process ended with {done.returncode}, at a command of more than 10 s or over memory")
            wrong += 1
            continue
        tried += count
        slowest = max(slowest, float(end[1]))
        wrong += int(end[2])
    print(f"{tried:,} malformed inputs tried, the slowest command {slowest:.2f} s; {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
