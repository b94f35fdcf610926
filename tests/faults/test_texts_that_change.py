"""A text that changes under a training: the run is of what was read, and what reads it again says that it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.faults.processes import Training, is_orderly

pytestmark = pytest.mark.tf


@pytest.mark.slow
@pytest.mark.parametrize("change", [lambda path: path.write_text("other " * 900), lambda path: path.unlink()])
def test_a_text_that_changes(
    change: Callable[[Path], object], models: Path, text: Path, seqmagic: Callable[..., Result]
) -> None:
    sha256 = hashlib.sha256(text.read_bytes()).hexdigest()
    with Training(models, text, "--epochs", "30") as training:
        training.until_it_steps()
        change(text)
        assert training.end() == 0
    assert is_orderly(training) is None
    assert training.run.read_record().text.sha256 == sha256
    done = seqmagic("evaluate", "mine")
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    assert "has changed since the training" in done.stderr or "can't be read again" in done.stderr
