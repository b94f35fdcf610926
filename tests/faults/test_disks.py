"""Disks that are full, too small for a file, or turn read-only while a training writes to them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import Training, is_orderly

pytestmark = [pytest.mark.tf, pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts as Linux does")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte of its own, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", place], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_no_file_may_grow_beyond_a_limit(models: Path, text: Path) -> None:
    """As with a full disk, but everywhere and without rights: not even the first weights can be written."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))"
    with Training(models, text, "--epochs", "1", before=limit) as training:
        assert training.end() == 1
    assert is_orderly(training) is None
    assert "File too large" in training.said[-1] and "model.keras" in training.said[-1]
    assert list(models.iterdir()) == []


@pytest.mark.slow
def test_a_full_disk(small_disk: Path, text: Path) -> None:
    """No room for a checkpoint beside the weights: it trains on and says so, or ends in one line."""
    (small_disk / "filler").write_bytes(bytes(380_000))
    with Training(small_disk / "models", text, "--epochs", "40") as training:
        training.end()
    assert is_orderly(training) is None, training.words
    if training.process.returncode == 1:
        assert "No space left on device" in training.said[-1]


@pytest.mark.slow
def test_a_models_folder_that_turns_read_only(models: Path, text: Path) -> None:
    """Made immutable, which stops root too; a file system with an open file on it can't be mounted read-only."""
    run = models / "mine"
    with Training(models, text, "--minutes", "60") as training:
        training.until_it_steps()
        while not training.run.has_checkpoint:  # which stands long before the first weights
            assert training.process.poll() is None
            time.sleep(0.01)
        folders = [run.joinpath("checkpoint"), run, models]
        try:
            if subprocess.run(["chattr", "+i", *folders], capture_output=True).returncode:
                pytest.skip("needs the right, and a file system, to make folders immutable")
            kept = {path.name for path in training.run.checkpoint_path.iterdir()}
            training.process.terminate()
            assert training.end() in (1, 130)
        finally:
            subprocess.run(["chattr", "-i", *folders], capture_output=True, check=False)
    assert is_orderly(training) is None, training.words
    assert {path.name for path in training.run.checkpoint_path.iterdir()} == kept
    assert json.loads(training.run.record_path.read_text())["status"] == "running"
