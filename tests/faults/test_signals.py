"""Signals to a training, at the moments that hurt: what was reached is kept, and it can be gone on with."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.processes import Training, is_orderly, left_behind

pytestmark = [pytest.mark.tf, pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")]
BENCH = Path(__file__).parents[2] / "bench"


def test_a_kill_soon_after_the_first_steps_leaves_what_they_reached(models: Path, text: Path) -> None:
    """Well before the five seconds that lie between two checkpoints, and before the first evaluation."""
    with Training(models, text, "--minutes", "60") as training:
        training.until_it_steps()
        while not training.run.has_checkpoint:
            assert training.process.poll() is None
            time.sleep(0.01)
        training.process.send_signal(signal.SIGKILL)
        training.process.wait()
    assert left_behind(models) == []
    assert training.run.read_record().status == "running"  # nobody holds its lock: it is listed as died
    with Training(models, text) as again:
        assert again.end() == 1
    assert "go on with it by --resume mine" in again.words


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_request_to_end_keeps_what_was_reached(number: signal.Signals, models: Path, text: Path) -> None:
    with Training(models, text, "--minutes", "60") as training:
        training.until_it_steps()
        time.sleep(random.Random(int(number)).uniform(0.5, 2.0))
        training.process.send_signal(number)
        assert training.end() == 130
    assert is_orderly(training) is None and "go on with it: seqmagic train --resume mine" in training.words
    assert training.run.read_record().status == "interrupted" and training.run.has_model
    assert left_behind(models) == []


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("bench", "kills"), [("kills.py", 15), ("resume.py", 7)])
def test_kills_in_every_phase(bench: str, kills: int) -> None:
    """During the compile, the steps, a checkpoint, the best-weights write, an evaluation, the end."""
    arguments = [sys.executable, bench, "--kills", str(kills), *(["--minutes", "0"] if bench == "resume.py" else [])]
    done = subprocess.run(arguments, cwd=BENCH, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == f"{kills} of {kills}", done.stdout + done.stderr
