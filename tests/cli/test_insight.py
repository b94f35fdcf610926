"""What the commands of `seqmagic measure` share."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text


@pytest.fixture
def run(models: Path, tmp_path: Path) -> Run:
    """A run on a text that is long enough to measure."""
    text = "".join(f"{number} bottles, hanging on the wall; and {number} more.\n" for number in range(400))
    return make_run(models, source=make_text(tmp_path, text), cell="rnn")


def test_a_terminal_gets_a_chart_in_colours(run: Run) -> None:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", "--models", str(run.path.parent), "measure", "gradient", "tiny",
         "--max-lag", "20", "--targets", "16"],
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(mine, 65536):
                shown += part
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(mine)
    text = shown.decode()
    assert "\\u001b" not in text
    assert re.search("\x1b\\[36mo", text)
