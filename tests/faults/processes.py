"""A training in a process of its own, to be hurt from outside, and what must be true of its models folder then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqmagic.runs.find import list_runs
from seqmagic.runs.folder import Run

TINY = ("--units", "8", "--batch-size", "4", "--sequence-length", "16")
SECONDS = 280  # to wait for a process on a machine that does other things too


class Training:
    """`seqmagic train TEXT --name mine ...`.

    Attributes:
        said: The lines that it wrote so far, results and notices.
    """

    def __init__(self, models: Path, text: Path, *arguments: str, before: str = "", **more: Any) -> None:
        """Start it; `before` is Python that runs in the process first."""
        program = f"{before}\nimport sys\nfrom seqmagic.cli.main import main\nsys.exit(main())"
        command = [sys.executable, "-c", program, "train", str(text), "--name", "mine", *TINY, *arguments]
        environment = {**os.environ, "SEQMAGIC_MODELS": str(models), "PYTHONPATH": os.getcwd()}
        self.run = Run(models / "mine")
        self.said: list[str] = []
        self.process = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more
        )

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *problem: object) -> None:
        self.process.kill()
        self.process.communicate()

    def until(self, is_time: Callable[[str], bool]) -> None:
        """Read what it says up to a line for which `is_time` is true.

        Raises:
            AssertionError: it ended before that.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if is_time(line):
                return
        raise AssertionError(f"it ended with {self.process.wait()}: {self.said}")

    def until_it_steps(self) -> None:
        self.until(lambda line: "parameters" in line)  # the last line of the introduction

    def end(self) -> int:
        """Wait for its end; the exit code."""
        output, _ = self.process.communicate(timeout=SECONDS)
        self.said += output.splitlines()
        return self.process.returncode

    @property
    def words(self) -> str:
        return "\n".join(self.said)


def is_orderly(training: Training) -> str | None:
    """What is wrong with how a training that was not killed ended; None where nothing is."""
    if "Traceback" in training.words or "unexpected" in training.words:
        return f"not expected: {training.words[-500:]}"
    errors = [line for line in training.said if line.startswith("seqmagic: ")]
    if (training.process.returncode not in (0, 130)) != (len(errors) == 1):
        return f"exit {training.process.returncode} with {errors}"
    return None


def left_behind(models: Path) -> list[str]:
    """What lies below `models` that belongs to no run, after a command has looked at it."""
    runs = {run.path for run in list_runs(models)}
    return [str(path.relative_to(models)) for path in models.iterdir() if path not in runs]
