"""`seqmagic export`: what a person sees, and one line for each thing that can go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.runs.folder import Run

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
        (("tiny", "out", "--format", "pdf"), 2, "'pdf' is not one of"),
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


@pytest.mark.tf
def test_the_default_is_a_savedmodel(seqmagic: Seqmagic, tiny_run: Run, tmp_path: Path) -> None:
    done = seqmagic("export", "latest", tmp_path / "served" / "1")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("tiny as savedmodel, float32: ")
    assert "checked in a fresh process of tensorflow" in done.stdout
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()
