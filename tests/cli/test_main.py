"""The group: help without imports, suggestions, and the one boundary that turns errors into a line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result

import seqmagic as package
from seqmagic.cli import main as boundary
from seqmagic.cli.options import Settings, command
from seqmagic.errors import ConfigError, RunError
from seqmagic.runs.folder import Run

Call = Callable[..., Result]


@command(name="boom", example="seqmagic boom")
@click.pass_obj
def boom(settings: Settings) -> int:
    """Raise what the test wants raised."""
    if isinstance(TO_RAISE, int):
        return TO_RAISE
    raise TO_RAISE


TO_RAISE: Any = 0


@pytest.fixture
def fail(seqmagic: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command that raises `problem`."""
    monkeypatch.setitem(boundary.COMMANDS, "boom", (f"{__name__}:boom", "Boom."))

    def call(problem: Any, *options: str) -> Result:
        monkeypatch.setattr(sys.modules[__name__], "TO_RAISE", problem)
        return seqmagic(*options, "boom")

    return call


def caused(problem: Exception, cause: BaseException) -> Exception:
    problem.__cause__ = cause
    return problem


@pytest.mark.parametrize(
    ("problem", "code", "line"),
    [
        (RunError("no run 'x'"), 1, "no run 'x'"),
        (ConfigError("--units must\nbe small"), 2, "--units must be small"),
        (click.UsageError("two budgets"), 2, "two budgets"),
        (click.ClickException("odd"), 1, "odd"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (caused(ImportError("initialization failed"), KeyboardInterrupt()), 130, "interrupted"),
        (caused(RunError("no run 'x'"), KeyboardInterrupt()), 1, "no run 'x'"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, None),
        (
            OSError(errno.ENOSPC, "No space left on device", "/m/run.json"),
            1,
            "/m/run.json: No space left on device;",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/m"),
            1,
            "/m: Read-only file system; choose another folder",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/m"),
            1,
            "/m: Permission denied; choose a folder that",
        ),
        (MemoryError(), 1, "not enough memory; make --units"),
        (ZeroDivisionError("oh\nno"), 1, "unexpected ZeroDivisionError: oh no (--debug shows where)"),
    ],
)
def test_every_error_is_one_line_and_a_code(problem: Any, code: int, line: str | None, fail: Call) -> None:
    result = fail(problem)
    assert result.exit_code == code
    assert result.stdout == ""
    if line is None:
        assert result.stderr == ""
    else:
        assert result.stderr.startswith(f"seqmagic: {line}")
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("code", [0, 1, 130])
def test_a_command_may_return_its_exit_code(code: int, fail: Call) -> None:
    assert fail(code).exit_code == code


def test_debug_shows_where_an_error_came_from(fail: Call) -> None:
    result = fail(RunError("no run"), "--debug")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr and "raise TO_RAISE" in result.stderr
    assert result.stderr.endswith("seqmagic: no run\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["smaple"], "there is no command 'smaple'; did you mean sample? see: seqmagic --help"),
        (["zzzzzz"], "there is no command 'zzzzzz'; there are train, compare, sample,"),
        (["runs", "shwo"], "there is no command 'shwo'; did you mean show? see: seqmagic runs --help"),
        (["runs", "list", "--modles", "x"], "there is no option --modles; did you mean --models? see:"),
        (["--qiet"], "there is no option --qiet; did you mean --quiet? see: seqmagic --help"),
        (["evaluate"], "Missing argument 'RUN... [TEXT...]'; see: seqmagic evaluate --help"),
        (["runs", "list", "--sort", "size"], "--sort must be one of "),
    ],
)
def test_usage_errors_are_one_line_with_the_nearest_word(arguments: list[str], words: str, seqmagic: Call) -> None:
    result = seqmagic(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"seqmagic: {words}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands_and_ends_with_an_example(arguments: list[str], seqmagic: Call) -> None:
    result = seqmagic(*arguments)
    assert result.exit_code == 0
    for name in boundary.COMMANDS:
        assert f"\n  {name} " in result.stdout
    assert result.stdout.rstrip().splitlines()[-1].strip() == "seqmagic compare python-docs --minutes 1"


@pytest.mark.parametrize("name", [*boundary.COMMANDS, "runs list", "runs show", "runs diff", "runs remove"])
def test_every_command_has_a_help_that_ends_with_an_example(name: str, seqmagic: Call) -> None:
    result = seqmagic(*name.split(), "--help")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"Usage: seqmagic {name} ")
    assert result.stdout.rstrip().splitlines()[-1].strip().startswith(f"seqmagic {name.split()[0]}")
    for option in ("--models", "--json", "--quiet", "--debug", "--version"):
        assert option in result.stdout


def test_the_lines_of_the_help_are_those_of_the_commands() -> None:
    context = click.Context(boundary.main)
    for name, (_, line) in boundary.COMMANDS.items():
        found = boundary.main.get_command(context, name)
        assert found is not None and found.short_help == line


@pytest.mark.parametrize("arguments", [["--version"], ["runs", "--version"], ["runs", "list", "--version"]])
def test_version(arguments: list[str], seqmagic: Call) -> None:
    assert seqmagic(*arguments).stdout == f"seqmagic {package.__version__}\n"


def test_common_options_stand_before_or_after_the_command(seqmagic: Call, tiny_run: Run, tmp_path: Path) -> None:
    expected = seqmagic("runs", "list", "--json").stdout
    assert '"name": "tiny"' in expected
    for arguments in (["--json", "runs", "list"], ["runs", "--json", "list"], ["runs", "--json"]):
        assert seqmagic(*arguments).stdout == expected
    elsewhere = tmp_path / "elsewhere"
    for arguments in (["--models", elsewhere, "runs", "list"], ["runs", "list", "--models", elsewhere]):
        assert "there is no run in" in seqmagic(*arguments).stderr


# ---------------------------------------------------------------- a process of its own


def start(models: Path, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models), "PYTHONUNBUFFERED": ""}
    return subprocess.Popen([sys.executable, "-m", "seqmagic", *arguments], env=environment, **more)


@pytest.mark.parametrize("arguments", [["runs", "list"], ["runs", "list", "--json"]])
def test_a_closed_pipe_ends_quietly(arguments: list[str], tiny_run: Run, models: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = start(models, *arguments, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    _, errors = process.communicate(timeout=60)
    assert errors == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tiny_run: Run, models: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = start(models, "runs", "list", stdout=full, stderr=subprocess.PIPE)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith(b"seqmagic: No space left on device")
    assert errors.count(b"\n") == 1


def test_a_terminal_that_lacks_a_character_gets_it_escaped(models: Path) -> None:
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models), "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [sys.executable, "-m", "seqmagic", "runs", "show", "字"],
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert b"\\u5b57" in done.stderr
    assert b"Traceback" not in done.stderr
