"""`seqmagic serve`: what it refuses before it starts. Servers themselves are in tests/serve."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result

from seqmagic.runs.folder import Run

Call = Callable[..., Result]


def test_without_the_extra_one_line_says_what_to_install(tiny_run: Run) -> None:
    code = (
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class Without:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        missing = name.partition('.')[0] in ('starlette', 'uvicorn')\n"
        "        return None if missing else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[sys.meta_path.index(PathFinder)] = Without\n"
        "from seqmagic.cli.main import main\nmain(prog_name='seqmagic')"
    )
    command = [sys.executable, "-c", code, "serve", "tiny", "--models", str(tiny_run.path.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("seqmagic: serve needs the package starlette, which is not installed; get it with: pip ")
    assert line.endswith("[serve]'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "--port"),
        (["--max-length", "0"], "--max-length"),
        (["--batch", "0"], "--batch"),
        (["--tokn", "x"], "did you mean --token?"),
    ],
)
def test_what_is_mistyped_is_refused_in_a_line(seqmagic: Call, tiny_run: Run, arguments: list[str], words: str) -> None:
    done = seqmagic("serve", "tiny", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("token", ["", "two words", "schlüssel", "a\tb"])
def test_a_token_that_no_client_could_send_is_refused(seqmagic: Call, tiny_run: Run, token: str) -> None:
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    done = seqmagic("serve", "tiny", "--token", token, "--port", 0)
    assert done.exit_code == 2
    assert done.stderr.startswith("seqmagic: --token must be ASCII characters without spaces, one at least; received ")
