"""Folders: which files are read, in which order, and what is said about the others."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from seqmagic import files
from seqmagic.comparison import record as comparison_record
from seqmagic.errors import ConfigError, CorpusError
from seqmagic.export import publish
from seqmagic.runs.folder import Run
from seqmagic.texts import folders
from seqmagic.texts.decoding import Tallied, Tally
from seqmagic.texts.folders import OWN_FILES, folder_pieces
from tests.helpers import make_run, make_text


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
    pieces = Tallied(folder_pieces(folder, pattern, encoding))
    return "".join(pieces), pieces.tally


def test_texts_in_the_order_of_their_paths_each_on_a_new_line(folder: Path) -> None:
    text, tally = read(folder)
    assert text == "Y\nZ\nAB\nB\nÇ"
    assert tally.bytes == 2 + 2 + 4 + 1 + 0 + (folder / "c.txt.gz").stat().st_size
    assert tally.notices == [
        "5 text files read, 2 hidden, 1 empty and 1 binary left out: .git, empty.txt, picture.png and 1 more"
    ]


def test_an_empty_file_adds_no_line(tmp_path: Path) -> None:
    for name, content in {"1": "one", "2": "", "3": "three\n", "4": "", "5": "five"}.items():
        (tmp_path / name).write_text(content)
    assert read(tmp_path)[0] == "one\nthree\nfive"


@pytest.mark.parametrize(
    ("pattern", "text", "notice"),
    [
        ("*.txt", "AB\nB", "2 text files read, 1 empty left out: empty.txt"),
        ("**/*.py", "Y\n", "1 text file read"),
        ("a/*", "Y\nZ\n", "2 text files read"),
        (
            "*",
            "AB\nB\nÇ",
            "3 text files read, 1 hidden, 1 empty and 1 binary left out: .hidden, empty.txt, picture.png",
        ),
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
    text, tally = read(folder)
    assert text == "Y\nZ\nAB\nB\nÇ"
    assert ("1 linked" in tally.notices[0]) == (folder / "a" / "round").exists()


def test_one_file_in_another_encoding_gets_advice_for_itself_alone(tmp_path: Path) -> None:
    texts = {"a.txt": "schöne Grüße\n", "c.txt": "aus Köln\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    bad = tmp_path / "b old.txt"
    bad.write_bytes("It’s “no”\n".encode("cp1252"))
    with pytest.raises(CorpusError) as caught:
        read(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{bad} is not UTF-8: byte 0x92 at offset 2 ")
    assert "the first of 3 bytes" in message and "--encoding" not in message and "\n" not in message
    # both ways work
    pattern = message.rpartition("--glob '")[2].removesuffix("'")
    assert read(tmp_path, pattern)[0] == "schöne Grüße\naus Köln\n"
    if shutil.which("iconv"):
        command = message.partition("convert this one file: ")[2].partition(", or leave")[0]
        subprocess.run(["bash", "-c", command], check=True)
        assert read(tmp_path)[0] == "schöne Grüße\nIt’s “no”\naus Köln\n"


def test_where_no_pattern_leaves_the_one_file_out_none_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("one")
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    with pytest.raises(CorpusError, match=r"leave it out: move it elsewhere, or name the others with --glob$"):
        read(tmp_path)


def test_what_is_said_of_a_file_names_it_and_many_are_counted(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}").write_bytes("né".encode() + b"\xc3")
    text, tally = read(tmp_path)
    assert text == "\n".join(["né"] * 5)
    assert tally.notices[1].startswith(f"{tmp_path / '0'} ends in the middle of a character: ")
    assert len(tally.notices) == 5 and tally.notices[-1] == "the same of 2 more files"


def test_utf_16_without_a_mark_is_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "b").write_bytes(("Corfield is near Mardalewick\n" * 2).encode("utf-16-be"))
    assert read(tmp_path)[1].notices == ["1 text file read, 1 UTF-16 without a byte-order mark left out: b"]


def test_our_files_are_called_as_the_rooms_above_call_them() -> None:
    """A text folder knows runs, comparisons and exports by their files, whose names other rooms decide."""
    run = Run(Path())
    assert (run.record_path.name, comparison_record.FILE_NAME, publish.MARK) == folders.OWN_FILES
    assert (run.model_path.name, run.vocabulary_path.name) == folders._RUN_FILES


@pytest.mark.parametrize("pattern", [None, "**/*.txt"])
def test_runs_of_ours_below_a_text_folder_are_no_text(tmp_path: Path, pattern: str | None) -> None:
    make_text(tmp_path, name="book.txt")
    run = make_run(tmp_path / "models", "one", source=tmp_path / "book.txt")
    (run.path / "samples.txt").write_text("written")
    comparison = tmp_path / "both"
    comparison.mkdir()
    files.write_json(comparison / "comparison.json", {"format": 1})
    (comparison / "notes.txt").write_text("written")
    export = tmp_path / "exported"
    export.mkdir()
    files.write_json(export / "export.json", {"seqmagic": "1"})
    (export / "sample.txt").write_text("written")
    halved = make_run(tmp_path / "models", "two", source=tmp_path / "book.txt")
    halved.record_path.write_text("")  # by a full disk
    (halved.path / "samples.txt").write_text("written")
    text, tally = read(tmp_path, pattern)
    assert text == (tmp_path / "book.txt").read_text()
    assert "4 of seqmagic's own left out: both, exported, models/one, models/two" in tally.notices[0]
    # a run that is named is a text like any other
    assert "written" in read(run.path, "samples.txt")[0]


def test_a_record_of_somebody_else_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "run.json").write_text('{"speed": 7}')
    (tmp_path / "lab" / "log.txt").write_text("text")
    assert read(tmp_path)[0] == 'text\n{"speed": 7}'


def test_the_marks_of_our_folders_are_those_that_we_write() -> None:
    assert (Run(Path()).record_path.name, comparison_record.FILE_NAME, publish.MARK) == OWN_FILES


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
@pytest.mark.parametrize("pattern", [None, "*"])
def test_pipes_in_a_folder_are_left_out(tmp_path: Path, pattern: str | None) -> None:
    (tmp_path / "a").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    text, tally = read(tmp_path, pattern)
    assert text == "text"
    assert tally.notices == ["1 text file read, 2 no files left out: pipe, zero"]


@pytest.mark.parametrize("place", ["/", "/proc", "/sys/kernel"])
def test_folders_of_the_system_are_refused(place: str) -> None:
    with pytest.raises(CorpusError, match="belongs to the system and holds no text; give "):
        read(Path(place))


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
    for pattern in (None, "*"):
        with pytest.raises(CorpusError, match="has more than 2 files; give one below it, or --glob"):
            read(tmp_path, pattern)
    assert read(tmp_path, "[ab]")[0] == "a\nb"
