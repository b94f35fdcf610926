"""Texts, runs and places that nobody should hand in: each is one clear line and exit code 1 or 2."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.runs.folder import Run

Call = Callable[..., Result]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes, links and devices of POSIX")


def refused(done: Result, words: str) -> None:
    """One line of reasonable length that says `words`, and nothing on standard output."""
    assert done.exit_code in (1, 2) and done.stdout == "", done.output
    assert done.stderr.startswith("seqmagic: ") and done.stderr.count("\n") == 1 and len(done.stderr) < 700, done.stderr
    assert words in done.stderr and "unexpected" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\0\0\0\1" * 99, "is a binary file, not a text: byte 0x00 at offset 1"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xff\xfe", "is empty"),
        (b"\xef\xbb\xbfabc \xff" * 99, "is not UTF-8: byte 0xff at offset 7"),
        (b"a" * 10_000_000, "is one character, 'a', repeated"),
        (b"\r\n\r\r\n" * 400, "is one character, '\\n', repeated"),
        (b"", "is empty"),
    ],
)
def test_odd_texts(content: bytes, words: str, tmp_path: Path, seqmagic: Call) -> None:
    text = tmp_path / "odd.txt"
    text.write_bytes(content)
    refused(seqmagic("train", text), words)


@pytest.mark.parametrize(
    "name", ["trunc.gz", "empty-folder", "round", "nowhere", "x" * 5000, "", "/dev/zero", "a\x1b[31mb"]
)
def test_odd_names_of_texts(name: str, tmp_path: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trunc.gz").write_bytes(b"\x1f\x8b\x08\x00")
    Path("empty-folder").mkdir()
    Path("round").symlink_to("round")
    Path("nowhere").symlink_to("gone.txt")
    words = {
        "trunc.gz": "can't be read to its end",
        "empty-folder": "has no file",
        "round": "is a link that leads to no text ('round')",
        "nowhere": "is a link that leads to no text ('gone.txt')",
        "/dev/zero": "is a device, not a text",
        "a\x1b[31mb": "there is no text 'a\\x1b[31mb'",
    }
    refused(seqmagic("train", name), words.get(name, "there is no text '"))


def test_a_pipe_that_is_closed_at_once(tmp_path: Path, seqmagic: Call) -> None:
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.open("w").close())
    writer.start()
    refused(seqmagic("train", pipe), "is empty")
    writer.join()


def break_record(run: Run) -> None:
    run.record_path.write_text("{")


def record_becomes_folder(run: Run) -> None:
    run.record_path.unlink()
    run.record_path.mkdir()


def empty_model(run: Run) -> None:
    run.model_path.write_bytes(b"")


def other_units(run: Run) -> None:
    run.record_path.write_text(run.record_path.read_text().replace('"units": 6', '"units": 7'))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (break_record, "run.json is corrupt: not JSON"),
        (record_becomes_folder, "run.json is corrupt: it is a folder"),
        (empty_model, "model.keras is corrupt: not a Keras archive"),
        (other_units, "run.json says 7: they are not of one training"),
    ],
)
@pytest.mark.parametrize("command", [["sample"], ["evaluate"], ["inspect", "cell"], ["export"], ["runs", "pack"]])
def test_broken_runs(
    damage: Callable[[Run], None], words: str, command: list[str], tiny_run: Run, tmp_path: Path, seqmagic: Call
) -> None:
    if damage is other_units and command == ["runs", "pack"]:
        pytest.skip("a pack holds what the files say, and reads no weights")
    damage(tiny_run)
    target = [tmp_path / "out"] if command[-1] in ("export", "pack") else []
    done = seqmagic(*command, "tiny", *target, "--quiet")
    refused(done, words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sample", "tiny", "--length", "9" * 20], "1 text of 99,999"),
        (["sample", "tiny", "--temperature", "nan"], "--temperature must be from 0 to 100"),
        (["sample", "tiny", "--prompt-file", "/dev/zero"], "has more than 16 MB"),
        (["sample", "/etc/passwd"], "/etc/passwd is no packed run"),
        (["train", "markov", "--learning-rate", "1e400"], "--learning-rate must be above 0 and at most 10"),
        (["train", "markov", "--name", "../x"], "--name must start with a letter or digit"),
        (["train", "markov", "--config", "/dev/null/x"], "/dev/null/x"),
        (["runs", "list", "--models", "/dev/null"], "/dev/null is no folder"),
        (["runs", "unpack", "/dev/null"], "/dev/null"),
        (["runs", "pack", "tiny", "/proc/x"], "/proc/x: No such file or directory"),
    ],
)
def test_odd_options(arguments: list[str], words: str, tiny_run: Run, seqmagic: Call) -> None:
    refused(seqmagic(*arguments), words)


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("runs list > /dev/full", 1, "seqmagic: No space left on device"),
        ("--help > /dev/full", 1, "seqmagic: No space left on device"),
        ("sample tiny --output /dev/full", 1, "seqmagic: /dev/full: No space left on device"),
        ("train - <&-", 1, "seqmagic: there is no standard input to read a text from"),
        ("train - </dev/null", 1, "seqmagic: standard input is empty"),
        ("sample tiny --length 5 >&-", 0, "tiny: 5 characters"),
        ("runs list 2>&-", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(command: str, code: int, words: str, tiny_run: Run, models: Path) -> None:
    shell = ["sh", "-c", f"{sys.executable} -m seqmagic {command}"]
    done = subprocess.run(
        shell, env={**os.environ, "SEQMAGIC_MODELS": str(models)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code and done.stderr.startswith(words) and done.stderr.count("\n") == bool(words)


def test_what_can_not_be_written_leaves_nothing(tiny_run: Run, tmp_path: Path, models: Path, seqmagic: Call) -> None:
    place = tmp_path / "file"
    place.write_text("mine")
    refused(seqmagic("export", "tiny", place / "deeper", "--format", "numpy", "--quiet"), "file")
    assert place.read_text() == "mine"
    shutil.rmtree(models)
    models.write_text("no folder")
    refused(seqmagic("train", "markov", "--name", "x"), str(models))
