"""Ctrl-Z in the middle of a training, through real processes: it stands still, and its minutes with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqmagic.machine import available_cores
from seqmagic.runs.find import list_runs
from tests.helpers import make_text

BUDGET, PAUSE = 3.0, 8.0  # seconds
pytestmark = [
    pytest.mark.tf,
    pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="there is no Ctrl-Z there"),
]
TINY = ("--units", "6", "--layers", "1", "--embedding", "4", "--batch-size", "4", "--sequence-length", "16")


def evaluations(models: Path) -> dict[str, int]:
    """How many each run has had."""
    return {run.name: len(run.read_history()) for run in list_runs(models)}


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        pytest.param(
            ("compare", "--cells", "rnn,gru", "--jobs", "2"),
            marks=pytest.mark.skipif(available_cores() < 2, reason="two rows need two cores"),
        ),
    ],
)
def test_a_pause_is_no_part_of_the_budget(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    models = tmp_path / "models"
    command, *options = arguments
    minutes = ("--minutes", str(BUDGET / 60))
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", "--models", models, command, make_text(tmp_path), *options, *TINY, *minutes],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # of this session, as a shell does it: the system stops no group that nobody looks after
    )
    with process:
        try:
            wanted = options.count("--jobs") + 1
            while process.poll() is None and len(evaluations(models)) < wanted:
                time.sleep(0.01)
            process.send_signal(signal.SIGTSTP)
            assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
            time.sleep(PAUSE / 4)  # rows of their own processes stand still after another moment
            before = evaluations(models)
            time.sleep(PAUSE)
            assert evaluations(models) == before
            process.send_signal(signal.SIGCONT)
            shown, said = process.communicate()
        finally:
            process.kill()
    assert process.returncode == 0, said
    after = evaluations(models)
    assert after.keys() == before.keys() and len(after) == wanted
    for run in list_runs(models):
        results = run.read_record().results
        assert results is not None and results.seconds < PAUSE, "it has the pause in it"
    assert any(after[name] > before[name] for name in after), shown  # there was something left to do
