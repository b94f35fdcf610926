"""What the commands of `seqmagic measure` share."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]


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


EVERY_KIND = [
    "measure gradient --max-lag 20 --targets 16 --seeds 1",
    "measure memory --max-context 32 --targets 64 --variant foreign,shuffle-chars",
    "measure ngram --max-order 4",
    "measure closers --max-order 4",
    "measure repeats",
    "inspect surprise --vs ngram",
    "inspect gates --lesion",
    "inspect trace",
    "inspect connectivity",
    "inspect cell",
    "inspect neurons",
    "inspect errors",
]


@pytest.mark.parametrize("command", EVERY_KIND)
def test_the_same_seed_gives_the_same_document(command: str, models: Path, tmp_path: Path, seqmagic: Call) -> None:
    lines = (f'{number} "bottles", hanging (on) the wall; and [{number}] more.\n' for number in range(700))
    make_run(models, "gru", source=make_text(tmp_path, "".join(lines)), cell="gru")
    first, again = (seqmagic(*command.split(), "gru", "--json") for _ in range(2))
    assert first.exit_code == 0, first.stderr
    documents = [json.loads(result.stdout) for result in (first, again)]
    assert documents[0]["kind"] == command.split()[1]
    for document in documents:
        document.pop("created", None)
    assert json.dumps(documents[0]) == json.dumps(documents[1])
