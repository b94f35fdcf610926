"""`seqmagic measure recall`: refusals before anything is trained, its document, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.probes import settings
from tests.cli.test_imports import HEAVY, loaded_by

Call = Callable[..., Result]
SMALL = ("--params", "2000", "--updates", "20", "--seeds", "1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--params", "100"], "--params must be from 2,000 to 1,000,000; received 100; see:"),
        (["--updates", "3"], "--updates must be from 20 to 1,000,000; received 3; see:"),
        (["--task", "adding"], "--task must be one of recall, copy, dyck2; received 'adding'; see:"),
        (["--cells", "rnn,transformer"], "--cell must be one of rnn, lstm, gru; received 'transformer'; see:"),
        (["--plot", "chart.jpg"], "--plot writes SVG"),
        (["--seeds", "0"], "--seeds must be from 1 to 20; received 0; see:"),
        (["rnn"], "Got unexpected extra argument (rnn); see:"),
    ],
)
def test_bad_input_is_one_line_before_anything_starts(arguments: list[str], words: str, seqmagic: Call) -> None:
    result = seqmagic("measure", "recall", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"seqmagic: {words}"), result.stderr
    assert result.stderr.count("\n") == 1


def test_help_imports_no_tensorflow(tiny_run) -> None:  # type: ignore[no-untyped-def]
    assert not loaded_by(tiny_run, "measure", "recall", "--help") & {*HEAVY, "numpy", "rich"}


@pytest.mark.tf
def test_it_trains_and_shows_what_it_found(seqmagic: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "FARTHEST_TRAINED", 4)
    monkeypatch.setattr(settings, "TEST_DISTANCES", (1, 2, 4))
    path = tmp_path / "recall.svg"
    options = ("--cells", "simple_rnn", "--with-attention", *SMALL)
    result = seqmagic("measure", "recall", *options, "--plot", path)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("starting TensorFlow …\nrnn, seed 0: ")
    assert "give --seeds 3 or more" in result.stderr
    for words in ("which of 8 symbols", "guessing is right in 12.5 %", "attention", "In this one seed, "):
        assert words in result.stdout, words
    texts = [element.text for element in ET.fromstring(path.read_text(encoding="utf-8")).iter()]
    assert {"rnn", "attention, the next step"} <= set(texts)


@pytest.mark.tf
def test_ctrl_c_shows_the_models_that_are_done(models: Path) -> None:
    process = start(models, "--cells", "gru", "--params", "2000", "--updates", "20", "--seeds", "20", "--json")
    assert process.stderr is not None
    try:
        assert process.stderr.readline() == "starting TensorFlow …\n"
        assert process.stderr.readline().startswith("gru, seed 0: ")
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 130, said
    document = json.loads(shown)
    assert document["status"] == "interrupted"
    assert 0 in {row["seed"] for row in document["rows"]}
    assert "stopping" in said and "Traceback" not in said


@pytest.mark.tf
def test_ctrl_c_before_a_model_is_done_is_one_line(models: Path) -> None:
    process = start(models, "--updates", "1000000")
    assert process.stderr is not None
    try:
        assert process.stderr.readline() == "starting TensorFlow …\n"
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=200)
    finally:
        process.kill()
    assert (process.returncode, shown) == (130, "")
    assert said.splitlines()[-1] == "seqmagic: interrupted" and "Traceback" not in said


def start(models: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "seqmagic", "--models", str(models), "measure", "recall", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
