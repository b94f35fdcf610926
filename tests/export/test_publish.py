"""An export is there whole or not at all, and never in place of something else."""

from __future__ import annotations

import errno
import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqmagic import files
from seqmagic.errors import ConfigError, ExportError, RunError
from seqmagic.export import publish
from seqmagic.export.formats import FORMATS, find_format, require_packages
from seqmagic.export.publish import Exported, export_run
from seqmagic.runs.folder import Run


def export(run: Run, folder: Path, **changes: Any) -> Exported:
    """By the format that needs NumPy alone; unchecked, as the check has its own tests."""
    settings = {"quantize": "none", "overwrite": False, "checked": False, **changes}
    return export_run(run, folder, settings.pop("target", FORMATS["numpy"]), **settings)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_an_export_reports(tiny_run: Run, tmp_path: Path) -> None:
    exported = export(tiny_run, tmp_path / "out" / "numpy", checked=True)
    assert exported.check is not None and exported.check.max_difference < 1e-4
    assert exported.unchecked == ""
    mark = json.loads((tmp_path / "out" / "numpy" / "export.json").read_text("utf-8"))
    assert (mark["run"], mark["format"], mark["quantize"]) == ("tiny", "numpy", "none")
    assert mark["check"]["max_difference"] == exported.check.max_difference
    written = contents(tmp_path / "out" / "numpy")
    assert exported.bytes == sum(len(content) for name, content in written.items() if name != "export.json")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["numpy"]


def test_an_occupied_folder_is_refused(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(ExportError, match="is not empty; name another folder or add --overwrite"):
        export(tiny_run, tmp_path / "out")
    with pytest.raises(ExportError, match="no export of seqmagic, so --overwrite leaves it alone"):
        export(tiny_run, tmp_path / "out", overwrite=True)
    assert contents(tmp_path / "out") == {"letter.txt": b"mine"}


def test_an_empty_folder_and_an_earlier_export_are_used(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(tiny_run, tmp_path / "out")
    with pytest.raises(ExportError, match="is not empty"):
        export(tiny_run, tmp_path / "out")
    (tmp_path / "out" / "leftover").write_text("of the earlier one")
    export(tiny_run, tmp_path / "out", overwrite=True)
    assert "leftover" not in contents(tmp_path / "out")


def test_a_link_is_followed_and_stays(tiny_run: Run, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to("real")
    export(tiny_run, real)
    (real / "leftover").write_text("of the earlier one")
    export(tiny_run, link, overwrite=True)
    assert link.is_symlink()
    assert "README.md" in contents(real)
    assert "leftover" not in contents(real)


def test_a_link_that_leads_back_to_itself_is_told(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ExportError, match=r"loop"):
        export(tiny_run, tmp_path / "loop")


def test_a_file_in_the_way_is_refused(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="is a file; name a folder"):
        export(tiny_run, tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("step", ["write", "check"])
def test_a_failure_leaves_everything_as_it_was(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ExportError("it failed")

    export(tiny_run, tmp_path / "out")
    before = contents(tmp_path)
    monkeypatch.setattr(publish, {"write": "_write", "check": "check"}[step], fail)
    with pytest.raises(ExportError, match="it failed"):
        export(tiny_run, tmp_path / "out", overwrite=True, checked=True)
    with pytest.raises(ExportError, match="it failed"):
        export(tiny_run, tmp_path / "new", checked=True)
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
        (errno.ENOSPC, "No space left"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_in_one_line(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: int, words: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(problem, __import__("os").strerror(problem))

    monkeypatch.setattr(files.Path, "mkdir", refuse)
    with pytest.raises(ExportError, match=f"out can't be written: {words}.*; choose another folder") as caught:
        export(tiny_run, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_file_among_the_parents_is_told(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="can't be written: "):
        export(tiny_run, tmp_path / "file" / "out")


def test_a_corrupt_run_is_told_before_anything_is_made(tiny_run: Run, tmp_path: Path) -> None:
    tiny_run.model_path.write_bytes(b"no archive")
    with pytest.raises(RunError, match="corrupt"):
        export(tiny_run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    find: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))


def test_a_missing_package_names_its_extra(tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "onnx")
    with pytest.raises(ExportError, match=r"^--format onnx needs the package onnx; .*'seqmagic\[onnx\]'$"):
        export(tiny_run, tmp_path / "out", target=FORMATS["onnx"])
    hide(monkeypatch, "ai_edge_litert")
    words = r"^the self-check of --format tflite needs the package ai-edge-litert; .*\[tflite\]', or add --no-check$"
    with pytest.raises(ExportError, match=words):
        export(tiny_run, tmp_path / "out", target=FORMATS["tflite"], checked=True)
    require_packages(FORMATS["tflite"], check=False)
    assert not (tmp_path / "out").exists()


def test_without_the_program_an_export_says_that_it_is_unchecked(tiny_run: Run, tmp_path: Path) -> None:
    target = replace(FORMATS["numpy"], programs=("no-such-program",))
    exported = export(tiny_run, tmp_path / "out", target=target, checked=True)
    assert exported.check is None
    assert exported.unchecked == "neither no-such-program, in which it would run, is installed"
    assert export(tiny_run, tmp_path / "two").unchecked == "left out on request"


def test_formats_and_their_quantizations() -> None:
    assert find_format("tflite", None) == (FORMATS["tflite"], "none")
    assert find_format("tflite", "int8") == (FORMATS["tflite"], "int8")
    assert find_format("web", None) == (FORMATS["web"], "float16")
    with pytest.raises(ConfigError, match=r"--format must be one of savedmodel, tflite, .*; received 'pdf'"):
        find_format("pdf", None)
    with pytest.raises(ConfigError, match="--quantize int8 is not there for --format savedmodel, which has none"):
        find_format("savedmodel", "int8")


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_has_a_writer(name: str) -> None:
    target = FORMATS[name]
    for package in target.packages:
        pytest.importorskip(package)
    writer = target.load()
    assert callable(writer.write) and writer.CHECK
