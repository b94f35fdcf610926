"""`seqmagic export`: what a person sees, and one line for each thing that can go wrong."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.export.formats import FORMATS
from seqmagic.runs.folder import Run
from tests.helpers import random_weights, write_archive

Seqmagic = Callable[..., Result]


def test_an_export_is_checked_and_told(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path) -> None:
    done = seqmagic("export", "tiny", tmp_path / "out", "--format", "numpy")
    assert done.exit_code == 0, done.output
    first, second, third, last = done.stdout.splitlines()
    assert first.startswith("tiny as numpy, float32: ") and first.endswith(f" bytes in {tmp_path / 'out'}")
    assert second.startswith("checked in a fresh process of numpy ")
    assert "on 200 characters probabilities differ by at most" in second
    assert third.startswith("loss before ")
    assert last == f"how to use it: {tmp_path / 'out' / 'README.md'}"
    assert (tmp_path / "out" / "README.md").is_file()
    assert "the text of the check: " in done.stderr


def test_json_is_one_document(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path) -> None:
    done = seqmagic("export", "tiny", tmp_path / "out", "--format", "numpy", "--json")
    document = json.loads(done.stdout)
    assert (document["run"], document["format"], document["quantize"]) == ("tiny", "numpy", "none")
    assert document["check"]["max_difference"] <= document["check"]["tolerance"] == 1e-4
    assert document["folder"] == str(tmp_path / "out")


def test_no_check_is_said(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path) -> None:
    done = seqmagic("export", "tiny", tmp_path / "out", "--format", "numpy", "--no-check")
    assert done.exit_code == 0
    assert "checked in" not in done.stdout
    assert done.stderr.splitlines() == [
        "writing tiny as numpy; this takes some seconds",
        "not checked: left out on request",
    ]
    quiet = seqmagic("export", "tiny", tmp_path / "two", "--format", "numpy", "--no-check", "--quiet")
    assert quiet.stderr == ""


def test_overwrite_replaces_an_export(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path) -> None:
    arguments = ("export", "tiny", tmp_path / "out", "--format", "numpy", "--no-check")
    assert seqmagic(*arguments).exit_code == 0
    refused = seqmagic(*arguments)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == (
        f"seqmagic: {tmp_path / 'out'} is not empty; name another folder or add --overwrite"
    )
    assert seqmagic(*arguments, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nobody", "out"), 1, "there is no run 'nobody'"),
        (("tiny", "out", "--format", "pdf"), 2, "--format must be one of "),
        (("tiny", "out", "--quantize", "int8"), 2, "--quantize int8 is not there for --format savedmodel"),
        (("tiny",), 2, "Missing argument 'DIR'"),
    ],
)
def test_bad_input_is_one_line(
    seqmagic: Seqmagic,
    tiny_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = seqmagic("export", *arguments)
    assert done.exit_code == code
    assert done.stdout == ""
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_has_every_format_and_an_example(seqmagic: Seqmagic) -> None:
    shown = " ".join(seqmagic("export", "--help").stdout.split())
    for words in ("savedmodel: ", "tflite: ", "onnx: ", "keras: ", "numpy: ", "web: ", "--no-check", "--quantize"):
        assert words in shown
    assert "Example: seqmagic export latest served/1" in shown


def test_a_link_is_followed(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    for options in ((), ("--overwrite",)):
        done = seqmagic("export", "tiny", tmp_path / "out", "--format", "numpy", "--no-check", *options)
        assert done.exit_code == 0, done.output
        assert (tmp_path / "out").is_symlink() and (tmp_path / "disk" / "model.npz").is_file()
    (tmp_path / "disk").rename(tmp_path / "elsewhere")
    done = seqmagic("export", "tiny", tmp_path / "out", "--format", "numpy", "--no-check")
    assert (done.exit_code, done.stderr.count("is a link to")) == (1, 1)
    assert done.stderr.splitlines()[-1].startswith(f"seqmagic: {tmp_path / 'out'} is a link to ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "/", "a folder with a fifo"])
def test_a_text_that_can_not_be_read_again_does_not_hang(kind: str, tiny_run: Run, tmp_path: Path) -> None:
    source = tmp_path / "queue" if "fifo" in kind else Path(kind)
    if kind == "a folder with a fifo":
        source.mkdir()
        os.mkfifo(source / "queue.txt")
    elif kind == "fifo":
        os.mkfifo(source)
    values = json.loads(tiny_run.record_path.read_text("utf-8"))
    # a part of its own that is long enough, so that the text is looked for
    values["text"] |= {"source": str(source), "characters": 900, "train": [0, 500], "validation": [500, 900]}
    values["text"]["test"] = [900, 900]
    tiny_run.record_path.write_text(json.dumps(values), "utf-8")
    command = [sys.executable, "-m", "seqmagic", "export", str(tiny_run.path), str(tmp_path / "out")]
    done = subprocess.run([*command, "--format", "numpy"], capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    assert "the text of the check: a text made of the run's samples, as the text " in done.stderr
    assert "is not here any more" in done.stderr


@pytest.mark.parametrize("place", ["source", "name", "prompt", "vocabulary"])
def test_a_lone_surrogate_is_one_line(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path, place: str) -> None:
    path = tiny_run.vocabulary_path if place == "vocabulary" else tiny_run.record_path
    values = json.loads(path.read_text("utf-8"))
    if place == "vocabulary":
        values["characters"][3] = "\ud800"
    else:
        {"source": values["text"], "name": values, "prompt": values["training"]}[place][place] = "a\udfffb"
    path.write_text(json.dumps(values), "utf-8")
    for name in FORMATS:
        done = seqmagic("export", tiny_run.path, tmp_path / "out", "--format", name, "--no-check", "--quiet")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"seqmagic: {path} is corrupt: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_refused(
    seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path, number: float
) -> None:
    weights = random_weights("lstm", vocabulary_size=tiny_run.read_vocabulary().size, units=6)
    weights[2][1, 1] = number
    write_archive(tiny_run.model_path, "lstm", weights)
    for name in FORMATS:
        done = seqmagic("export", "tiny", tmp_path / "out", "--format", name, "--no-check", "--quiet")
        assert (done.exit_code, done.stdout) == (1, "")
        assert "not finite" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.tf
def test_the_default_is_a_savedmodel(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path) -> None:
    done = seqmagic("export", "latest", tmp_path / "served" / "1")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("tiny as savedmodel, float32: ")
    assert "checked in a fresh process of tensorflow" in done.stdout
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()
