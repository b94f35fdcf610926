"""Trainings in processes of their own: whose reader goes away, whose terminal hangs up, that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.locks import hold
from tests.helpers import TEXT, FakeTraining, make_text, on_terminal

pytestmark = pytest.mark.tf

Call = Callable[..., Result]
ROOT = Path(__file__).parents[2]
TINY = ("--units", "8", "--batch-size", "4", "--sequence-length", "16")


def start(models: Path, text: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "seqmagic", "train", str(text), "--name", "mine", *TINY, *arguments]
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models)}
    return subprocess.Popen(command, env=environment, text=True, **more)


def test_a_training_whose_reader_goes_away_comes_to_its_end(models: Path, text: Path) -> None:
    """As in `seqmagic train ... 2>&1 | head -1`: the display and the results have nowhere to go."""
    process = start(models, text, "--epochs", "3", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(200) == 0
    run = open_run(models, "mine")
    assert run.read_record().status == "complete" and run.has_model
    assert [path.name for path in models.iterdir()] == ["mine"]


def test_a_terminal_that_hangs_up_ends_a_training_as_ctrl_c_does(tiny_run: Run, models: Path, text: Path) -> None:
    tiny_run.path.rename(models / "mine")
    process = start(models, text, "--overwrite", "--minutes", "30", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("parameters" in line for line in lines)  # the last of the introduction: its steps begin
        time.sleep(2)  # before the first of them there is nothing that could be kept
        assert open_run(models, "mine").read_record().model.units == 6  # the old one still
        process.send_signal(signal.SIGHUP)
        assert any("stopping: what was reached is kept; again to stop now" in line for line in lines)
        assert process.wait(200) == 130
    finally:
        process.kill()
        process.communicate()
    run = open_run(models, "mine")
    assert run.read_record().status == "interrupted" and run.read_record().model.units == 8
    assert [path.name for path in models.iterdir()] == ["mine"]


def test_results_that_nobody_reads_are_no_failure(
    models: Path, text: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqmagic.cli.commands import train as command
    from seqmagic.training import train as door

    def nobody(line: str = "") -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(door, "train", FakeTraining({"lstm": 2.0}))
    monkeypatch.setattr(command, "result", nobody)
    done = seqmagic("train", text, "--name", "mine")
    assert (done.exit_code, done.stdout) == (0, "")
    assert open_run(models, "mine").read_record().status == "complete"


def test_notices_are_told_once_and_the_loss_is_held_against_counting(
    models: Path, tmp_path: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqmagic.training import train as door

    text = make_text(tmp_path, TEXT + "ω" * 200)  # in the validation part alone
    for loss, words in (
        (9.0, "it has not learnt more than counting finds"),
        (0.001, " below the best model that"),
    ):
        monkeypatch.setattr(door, "train", FakeTraining({"lstm": loss}))
        done = seqmagic("train", text, "--name", f"mine{loss}")
        assert done.exit_code == 0
        assert done.stderr.count("are not in its vocabulary") == 1
        assert done.stderr.index("to validate") < done.stderr.index("starting TensorFlow")
        assert words in done.stdout
        assert "-gram (" in done.stdout


@pytest.mark.parametrize("status", ["complete", "interrupted"])
def test_the_document_has_the_status_and_the_baselines(
    status: str, text: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqmagic.training import train as door

    monkeypatch.setattr(door, "train", FakeTraining({"lstm": 2.0 if status == "complete" else status}))
    document = json.loads(seqmagic("train", text, "--json", "--quiet").stdout)
    assert document["status"] == status
    assert not document["baselines"] or document["baselines"][0]["name"] == "uniform"
    if status == "interrupted":
        assert "(interrupted): validation loss" in seqmagic("train", text, "--quiet").stdout


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("command", "wait"), [("train", 0.6), ("train", 1.4), ("compare", 1.0)])
def test_ctrl_c_while_tensorflow_starts_ends_in_one_line(command: str, wait: float, models: Path, text: Path) -> None:
    shown, code = on_terminal(
        [command, str(text), "--name", "mine", "--units", "8"], models=models, interrupt_at="starting Ten", wait=wait
    )
    assert code == 130 and shown.endswith("seqmagic: interrupted\n") and "Traceback" not in shown
    assert shown.index("reading") < shown.index("to validate") < shown.index("starting TensorFlow")
    assert list(models.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("command", ["train", "compare"])
def test_ctrl_c_while_tensorflow_starts_is_one_line_in_a_pipe(command: str, models: Path, text: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", command, str(text), "--units", "8"],
        env={**os.environ, "SEQMAGIC_MODELS": str(models)}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert any("starting TensorFlow" in line for line in iter(process.stdout.readline, ""))
        time.sleep(0.8)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=200)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, rest) == (130, "seqmagic: interrupted\n")
    assert list(models.iterdir()) == []


def test_a_name_that_is_being_trained_is_refused_before_anything_is_read(models: Path, seqmagic: Call) -> None:
    lock = hold(models, "mine")
    assert lock is not None
    for more in ([], ["--overwrite"]):
        done = seqmagic("train", "no-such-text", "--name", "mine", *more)
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert "run mine is being trained; choose another --name" in done.stderr
    lock.release()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument 'TEXT'"),
        (["--more-minutes", "1"], "--more-minutes and --more-epochs make a run longer; name it with --resume"),
        (["--resume", "tiny", "--name", "x"], "--name and --overwrite are for new ones"),
        (["--resume", "tiny", "--more-minutes", "0"], "--more-minutes must be above 0"),
        (["--resume", "tiny", "--more-minutes", "1", "--more-epochs", "1"], "are two budgets; give one of them"),
        (["--resume", "tiny", "--units", "7"], "run tiny was begun with --units 6, received 7; leave it out"),
        (["other.txt", "--resume", "tiny"], "run tiny was begun with the text "),
        (["--resume", "tiny"], "run tiny is complete; train it for longer with --more-minutes or --more-epochs"),
        (["--resume", "none"], "there is no run 'none'"),
    ],
)
def test_what_can_not_be_gone_on_with_is_one_line(
    arguments: list[str], words: str, tiny_run: Run, seqmagic: Call
) -> None:
    before = {path: path.read_bytes() for path in tiny_run.path.iterdir()}
    done = seqmagic("train", *arguments)
    assert done.exit_code in (1, 2) and words in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert {path: path.read_bytes() for path in tiny_run.path.iterdir()} == before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_any_moment_cost_nothing_but_time() -> None:
    command = [sys.executable, "bench/resume.py", "--kills", "5", "--seed", "2", "--minutes", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=850)
    assert done.stdout.endswith("5 of 5\n"), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_lose_no_run_and_block_no_name() -> None:
    command = [sys.executable, "bench/kills.py", "--kills", "6", "--seed", "3", "--commands", "train,overwrite"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=850)
    assert done.stdout.endswith("6 of 6\n"), done.stdout + done.stderr
