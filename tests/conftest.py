"""What all tests share: quiet TensorFlow, no settings from outside, a small run, the command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from seqmagic.runs.folder import Run
from seqmagic.training.device import xla_flags
from tests.helpers import make_run, make_text

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Whatever test compiles first in this process makes XLA read its flags.
os.environ["XLA_FLAGS"] = xla_flags(os.environ.get("XLA_FLAGS", ""), tensorflow=version("tensorflow"))

# A shell starts its background jobs with Ctrl-C ignored, and programs started from here would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts how long something takes, and a shared machine may be slow.
settings.register_profile("seqmagic", deadline=None)
settings.load_profile("seqmagic")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [name for name in os.environ if name.startswith("SEQMAGIC_")]
    for name in (*ours, "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """An empty folder for runs."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text file of some 2,000 characters."""
    return make_text(tmp_path)


@pytest.fixture
def tiny_run(models: Path, text: Path) -> Run:
    """A whole run with random weights: an lstm of 6 units on `text`, below `models`."""
    return make_run(models, "tiny", source=text)


@pytest.fixture
def seqmagic(models: Path) -> Callable[..., Result]:
    """The command line in this process: `seqmagic("runs", "list").stdout`; runs are below `models`."""
    from seqmagic.cli.main import main

    def call(*arguments: Any, input: str | None = None) -> Result:
        environment = {"SEQMAGIC_MODELS": str(models), "COLUMNS": "100"}
        return CliRunner(env=environment).invoke(main, [str(one) for one in arguments], input=input)

    return call
