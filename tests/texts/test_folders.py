"""Folders: which files are read, in which order, and what is said about the others."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts.decoding import Tally
from seqmagic.texts.folders import folder_pieces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six texts, a binary and two hidden files; written in an order that is not that of their names."""
    files = {
        "b.txt": b"B",
        "a/z.txt": b"Z\n",
        "a/y.py": b"Y\r",
        "a-b.txt": b"AB\r\n",
        "empty.txt": b"",
        "c.txt.gz": gzip.compress("Ç".encode()),
        "picture.png": b"\x89PNG\r\n\x1a\n\0\0",
        ".hidden": b"H",
        ".git/config": b"G",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def read(folder: Path, pattern: str | None = None, encoding: str | None = None) -> tuple[str, Tally]:
    tally = Tally()
    return "".join(folder_pieces(folder, pattern, encoding, tally)), tally


def test_texts_in_the_order_of_their_paths_each_on_a_new_line(folder: Path) -> None:
    text, tally = read(folder)
    assert text == "Y\nZ\nAB\nB\nÇ"
    assert tally.bytes == 2 + 2 + 4 + 1 + 0 + (folder / "c.txt.gz").stat().st_size
    assert tally.notices == ["6 text files read, 1 binary and 2 hidden left out"]


def test_an_empty_file_adds_no_line(tmp_path: Path) -> None:
    for name, content in {"1": "one", "2": "", "3": "three\n", "4": "", "5": "five"}.items():
        (tmp_path / name).write_text(content)
    assert read(tmp_path)[0] == "one\nthree\nfive"


@pytest.mark.parametrize(
    ("pattern", "text", "notice"),
    [
        ("*.txt", "AB\nB", "3 text files read"),
        ("**/*.py", "Y\n", "1 text file read"),
        ("a/*", "Y\nZ\n", "2 text files read"),
        ("*", "AB\nB\nÇ", "4 text files read, 1 binary and 1 hidden left out"),
        (".git/*", "G", "1 text file read"),
    ],
)
def test_glob(folder: Path, pattern: str, text: str, notice: str) -> None:
    found, tally = read(folder, pattern)
    assert found == text
    assert tally.notices == [notice]


def test_folders_without_text(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no file that matches --glob '\*\.c'"):
        read(folder, "*.c")
    with pytest.raises(CorpusError, match="has no text, 1 binary left out"):
        read(folder, "*.png")
    (tmp_path / "none").mkdir()
    with pytest.raises(CorpusError, match="has no file; give one with texts"):
        read(tmp_path / "none")
    (tmp_path / "none" / ".hidden").write_text("text")
    with pytest.raises(CorpusError, match="has no file, 1 hidden left out"):
        read(tmp_path / "none")


@pytest.mark.parametrize("pattern", ["", "/tmp/*"])
def test_what_is_no_pattern(folder: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match="--glob must be a pattern"):
        read(folder, pattern)


def test_a_file_that_does_not_fit_is_named(folder: Path) -> None:
    (folder / "a" / "x.txt").write_bytes(b"caf\xe9")
    with pytest.raises(CorpusError, match=r"a/x\.txt is not UTF-8: byte 0xe9 at offset 3 "):
        read(folder)
    assert read(folder, "a/*.txt", "latin-1")[0] == "café\nZ\n"


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "a" / "round").symlink_to(folder, target_is_directory=True)
    assert read(folder)[0] == "Y\nZ\nAB\nB\nÇ"
