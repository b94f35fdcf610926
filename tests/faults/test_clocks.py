"""A clock that is set while a training runs: budgets and cadences go by one that nobody can set."""

from __future__ import annotations

import ast
import inspect
import time
from pathlib import Path

import pytest

import seqmagic
from seqmagic.training.budget import Budget
from seqmagic.training.checkpoint import Checkpoints
from seqmagic.training.pauses import working_seconds
from tests.faults.processes import Training, is_orderly

PACKAGE = Path(seqmagic.__file__).parent
OF_FILES = {
    "texts/cache.py",  # compares the times of files, which the settable clock gave them
    "serve/app.py",  # says when an answer was given
    "training/tensorboard.py",  # says when a training began
}


def test_durations_come_from_the_monotonic_clock() -> None:
    """`time.time` is asked nowhere, nor is a date subtracted: a training must not end, or never, at a change of it."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_clock = isinstance(node, ast.Attribute) and node.attr in ("time", "time_ns", "localtime", "gmtime")
            if is_clock and isinstance(node.value, ast.Name) and node.value.id == "time" and name not in OF_FILES:
                wrong.append(f"{name}:{node.lineno}")
    assert wrong == []
    for owner, clock in ((Budget, working_seconds), (Checkpoints, time.monotonic)):
        assert inspect.signature(owner).parameters["clock"].default is clock


def test_the_clock_of_a_budget_is_the_monotonic_one_but_for_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = [working_seconds()]
    monkeypatch.setattr(time, "time", lambda: -1e8)
    for ahead in (1.0, 5.0):
        now = time.monotonic() + ahead
        with monkeypatch.context() as later:
            later.setattr(time, "monotonic", lambda now=now: now)
            readings.append(working_seconds())
    assert readings[0] + 1.0 <= readings[1] < readings[2]


@pytest.mark.tf
@pytest.mark.slow
@pytest.mark.parametrize("jump", [-1e8, 1e8])
def test_a_training_of_some_minutes_under_a_clock_that_jumps(jump: float, models: Path, text: Path) -> None:
    """Each look at the clock finds it years away from the last one."""
    before = (
        "import itertools, time\n"
        f"real, jumps = time.time, itertools.count()\ntime.time = lambda: real() + {jump} * next(jumps)"
    )
    with Training(models, text, "--minutes", "0.05", before=before) as training:
        assert training.end() == 0
    assert is_orderly(training) is None
    results = training.run.read_record().results
    assert results is not None and 0.0 < results.seconds < 60.0
