"""TensorFlow takes seconds to import, so nothing but training may.

Each case runs in a fresh interpreter. If one fails, some module below `seqmagic` imports TensorFlow or
Keras at its top, directly or through another: move that import into the function that needs it, or the
code to a room that may (tests/test_levels.py has the list).
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from seqmagic.runs.folder import Run

HEAVY = ("tensorflow", "keras", "onnx", "onnxruntime", "ai_edge_litert", "matplotlib", "pandas")
PROBE = f"""
import sys
sys.argv[0] = "seqmagic"
from seqmagic.cli.main import main
try:
    main()
finally:
    loaded = {{name.partition(".")[0] for name in sys.modules}}
    print("loaded:", *sorted(loaded & {{*{HEAVY!r}, "numpy", "rich", "h5py"}}), file=sys.stderr)
"""


def loaded_by(run: Run, *arguments: str) -> set[str]:
    """The heavy packages that a command has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "--models", str(run.path.parent), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["runs", "--help"],
        ["train", "--help"],
        ["compare", "--help"],
        ["data", "--help"],
        ["data", "stats", "--help"],
        ["inspect", "trace", "--help"],
        [],
    ],
)
def test_help_imports_click_alone(arguments: list[str], tiny_run: Run) -> None:
    assert loaded_by(tiny_run, *arguments) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "list"],
        ["runs", "list", "--json"],
        ["runs", "show", "tiny"],
        ["runs", "diff", "tiny", "latest"],
        ["evaluate", "tiny"],
        ["evaluate", "tiny", "markov", "--json"],
        ["sample", "tiny", "--length", "5"],
        ["compare", "tiny"],
        ["data", "list"],
        ["data", "show", "tinyshakespeare"],
        ["data", "stats", "markov", "--json"],
        ["inspect", "trace", "tiny"],
    ],
)
def test_commands_that_do_not_train_import_no_tensorflow(arguments: list[str], tiny_run: Run) -> None:
    assert not loaded_by(tiny_run, *arguments) & set(HEAVY)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, seqmagic; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    names = set(done.stdout.split())
    assert "seqmagic" in names
    assert not names & {*HEAVY, "numpy", "click", "rich", "h5py"}


def test_every_public_name_can_be_had_without_tensorflow() -> None:
    code = "import sys, seqmagic\nfor name in seqmagic.__all__:\n    getattr(seqmagic, name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & set(HEAVY)
