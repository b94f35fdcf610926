"""Writes are whole or not there at all; reads say what is wrong."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic import files
from seqmagic.errors import ExportError, RunError


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == target.suffix
        temporary.write_text("half")
        raise RuntimeError("power cut")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["run.json"]


def test_the_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_line_breaks_and_characters_stay_as_they_are(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", "a\r\nb\n字")
    assert (tmp_path / "a").read_bytes() == "a\r\nb\n字".encode()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=("Cs",))),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_there_and_back(value: Any) -> None:
    assert json.loads(files.to_json(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"loss": float("-inf")}])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.to_json(value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"{]"])
def test_a_corrupt_document_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json is corrupt"):
        files.read_json(path, error=RunError)


def test_a_missing_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone\.json can't be read: No such file"):
        files.read_json(tmp_path / "gone.json", error=RunError)


def test_lines_are_appended_and_one_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for step in range(3):
        files.append_json_line(path, {"step": step, "sample": "a\nb"})
    with open(path, "ab") as file:
        file.write(b'{"step": 3, "samp')
    rows, trouble = files.read_json_lines(path, dict, error=RunError)
    assert ([row["step"] for row in rows], trouble) == ([0, 1, 2], None)


def test_a_folder_is_published_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with files.published_folder(target, overwrite=False, error=ExportError) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert names(tmp_path) == ["out"]
    assert names(target) == ["a"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_fails_leaves_the_old_one(overwrite: bool, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("1")
    with (
        pytest.raises((RuntimeError, ExportError)),
        files.published_folder(target, overwrite=overwrite, error=ExportError) as folder,
    ):
        (folder / "new").write_text("2")
        raise RuntimeError("power cut")
    assert names(tmp_path) == ["out"]
    assert names(target) == ["old"]


def test_a_folder_is_published_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "real").mkdir(parents=True)
    link = tmp_path / "out"
    link.symlink_to(Path("disk", "real"))
    with files.published_folder(link, overwrite=False, error=ExportError) as folder:
        assert folder.parent == tmp_path / "disk"  # on the same disk, so that one rename makes it visible
        (folder / "a").write_text("1")
    assert link.is_symlink() and names(tmp_path / "disk") == ["real"]
    with (
        pytest.raises(ExportError, match=r"out is not empty; name another folder or add --overwrite"),
        files.published_folder(link, overwrite=False, error=ExportError),
    ):
        pass
    with files.published_folder(link, overwrite=True, error=ExportError) as folder:
        (folder / "b").write_text("2")
    assert link.is_symlink() and names(tmp_path) == ["disk", "out"]
    assert names(tmp_path / "disk" / "real") == ["b"]


@pytest.mark.parametrize("goal", ["nowhere", "out"])
def test_a_link_to_nothing_is_refused_and_stays(goal: str, tmp_path: Path) -> None:
    link = tmp_path / "out"
    link.symlink_to(goal)
    with (
        pytest.raises(ExportError, match=f"out is a link to {goal}, which is not there; make that folder or remove"),
        files.published_folder(link, overwrite=True, error=ExportError),
    ):
        pass
    assert link.is_symlink() and names(tmp_path) == ["out"]


def test_a_folder_in_use_is_refused_unless_overwritten_and_a_file_always(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("1")
    with (
        pytest.raises(ExportError, match="--overwrite"),
        files.published_folder(target, overwrite=False, error=ExportError),
    ):
        pass
    with files.published_folder(target, overwrite=True, error=ExportError) as folder:
        (folder / "new").write_text("2")
    assert names(target) == ["new"]
    with (
        pytest.raises(ExportError, match="is a file"),
        files.published_folder(target / "new", overwrite=True, error=ExportError),
    ):
        pass


@pytest.mark.parametrize("name", ["run.json", "model.keras", "comparison.json", "a.b.json"])
def test_a_write_at_work_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    with files.atomic_path(tmp_path / name) as temporary:
        temporary.write_bytes(b"half")
        assert files.is_temporary_of(temporary.name, "other.json", name)
        assert not files.is_temporary_of(temporary.name, "other.json")
    assert not files.is_temporary_of(name, name)


@pytest.mark.parametrize(
    "entry",
    [
        ".run-1234567.json", ".run-123456789.json", ".run-1234567G.json", "run-12345678.json",
        ".run-12345678.keras", ".run2-12345678.json", ".run-x-12345678.json",
    ],
)  # fmt: skip
def test_nothing_else_is_taken_for_one(entry: str) -> None:
    assert not files.is_temporary_of(entry, "run.json")


def test_the_first_free_name_is_taken(tmp_path: Path) -> None:
    tried: list[str] = []

    def take(name: str) -> Path | None:
        tried.append(name)
        return files.make_folder(tmp_path / name)

    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").write_text("no folder, and taken all the same")
    assert files.first_free("a", take) == tmp_path / "a-3"
    assert tried == ["a", "a-2", "a-3"] and (tmp_path / "a-3").is_dir()
