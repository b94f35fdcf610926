"""What a shell completes: asked as bash, zsh and fish ask, and in a bash of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqmagic.comparison.record import FILE_NAME
from seqmagic.runs.folder import Run

# a program called seqmagic, as it is installed
PROGRAM = f"#!{sys.executable}\nfrom seqmagic.cli.main import main\nmain(prog_name='seqmagic')\n"
PRETRAINED = {"gru", "lstm", "rnn"}
GENERATED = {"brackets", "markov", "python-docs", "python-source", "recall"}


@pytest.fixture
def environment(tiny_run: Run, tmp_path: Path) -> dict[str, str]:
    """The variables of a shell that has `seqmagic` on its path, and one run and one comparison below models."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "seqmagic").write_text(PROGRAM)
    (folder / "seqmagic").chmod(0o755)
    (tiny_run.path.parent / "cells" / FILE_NAME).parent.mkdir()
    (tiny_run.path.parent / "cells" / FILE_NAME).write_text("{}")
    root = str(Path(__file__).parent.parent.parent)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": root,
        "SEQMAGIC_MODELS": str(tiny_run.path.parent),
    }


def answer(shell: str, line: str, environment: dict[str, str]) -> str:
    """What the program prints for a shell that completes the last word of `line`."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_SEQMAGIC_COMPLETE": f"{shell}_complete"}
    if shell == "fish":
        asked["COMP_CWORD"] = words[-1]
    done = subprocess.run(["seqmagic"], env={**environment, **asked}, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


def completed(line: str, environment: dict[str, str]) -> tuple[set[str], bool]:
    """The words that bash is given for the last word of `line`, and whether it may complete files as well."""
    rows = [row.partition(",") for row in answer("bash", line, environment).splitlines()]
    return {word for kind, _, word in rows if kind == "plain"}, any(kind == "file" for kind, _, _ in rows)


def test_runs_are_completed_with_latest_best_and_the_pretrained_ones(environment: dict[str, str]) -> None:
    every = {"tiny", "latest", "best", *PRETRAINED}
    for command in ("sample", "export", "runs show", "runs pack", "inspect surprise"):
        assert completed(f"seqmagic {command} ", environment) == (every, True), command
    found, files = completed("seqmagic evaluate ", environment)  # runs, then texts
    assert found > {*every, "python-docs", "markov"} and files
    assert completed("seqmagic runs remove ", environment) == ({"tiny", "cells"}, False)
    assert completed("seqmagic sample ti", environment) == ({"tiny"}, True)


def test_texts_are_completed_by_their_names(environment: dict[str, str]) -> None:
    for command in ("train", "data stats", "evaluate tiny"):
        words, files = completed(f"seqmagic {command} ", environment)
        assert words >= {*GENERATED, "tinyshakespeare"} and files, command
    words, files = completed("seqmagic data get tiny", environment)
    assert words == {"tinyshakespeare"} and not files
    words, _ = completed("seqmagic compare ", environment)
    assert words >= {*GENERATED, "tiny", "cells", "best"}


def test_cells_and_other_choices_are_completed(environment: dict[str, str]) -> None:
    assert completed("seqmagic train python-docs --cell ", environment) == (PRETRAINED, False)
    assert completed("seqmagic compare python-docs --cells rnn,l", environment) == ({"rnn,lstm"}, False)
    assert completed("seqmagic export lstm out --format s", environment)[0] == {"savedmodel", "safetensors"}
    assert completed("seqmagic train python-docs --no-such-optio", environment) == (set(), False)
    assert "compare" in completed("seqmagic ", environment)[0]


def test_the_models_folder_on_the_line_counts_and_one_that_is_missing_is_silent(
    environment: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    for name in ("mine", ".mine.training-01234567"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "run.json").write_text("{")  # corrupt ones have a name, too
    assert completed(f"seqmagic --models {elsewhere} sample m", environment) == ({"mine"}, True)
    assert completed(f"seqmagic sample --models {tmp_path / 'nothing'} t", environment) == (set(), True)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_names(shell: str, environment: dict[str, str]) -> None:
    assert "tiny" in answer(shell, "seqmagic sample ti", environment)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_it_can_read(shell: str, environment: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("bash") is None and shell == "bash":
        pytest.skip("bash is not installed")
    asked = {**environment, "_SEQMAGIC_COMPLETE": f"{shell}_source"}
    script = subprocess.run(["seqmagic"], env=asked, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "seqmagic" in script
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        done = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_a_run_with_the_line_of_the_documentation(environment: dict[str, str]) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "install.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if "bash_source" in line]
    asks = 'COMP_WORDS=(seqmagic sample ti); COMP_CWORD=2; _seqmagic_completion seqmagic; echo "${COMPREPLY[@]}"'
    script = f"{line}\ncomplete -p seqmagic\ncompopt() {{ :; }}\n{asks}"
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "tiny", done.stderr
    assert done.stdout.startswith("complete ")
