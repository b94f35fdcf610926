"""What a TEXT means: path before built-in, and a helpful line where there is none."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqmagic import files
from seqmagic.config import DataConfig
from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts.decoding import Tallied
from seqmagic.texts.sources import text_pieces


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(source: str, **settings: str) -> tuple[str, list[str]]:
    pieces = Tallied(text_pieces(source, DataConfig(**settings)))  # type: ignore[arg-type]
    return "".join(pieces), pieces.tally.notices


def test_files_folders_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("book.txt").write_text("file")
    Path("books").mkdir()
    Path("books/one").write_text("folder")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"input")))
    assert read("book.txt") == ("file", [])
    assert read(str(tmp_path / "book.txt"))[0] == "file"
    assert read("books") == ("folder", ["1 text file read"])
    assert read("-") == ("input", [])


def test_a_file_called_like_standard_input_needs_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("-").write_text("file")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"input")))
    assert read("-")[0] == "input"
    assert read("./-")[0] == "file"


def test_a_path_goes_before_a_built_in_text() -> None:
    built_in, notices = read("recall")
    assert built_in.startswith("G")
    assert notices == []
    Path("recall").write_text("mine")
    assert read("recall") == ("mine", ["recall here is a path; the built-in text of that name was not read"])
    Path("recall").unlink()
    Path("recall").mkdir()
    Path("recall/a").write_text("mine too")
    text, notices = read("recall")
    assert text == "mine too"
    assert len(notices) == 2


def test_settings_without_effect_are_said() -> None:
    Path("a.txt").write_text("é", encoding="latin-1")
    assert read("a.txt", glob="*", encoding="latin-1") == (
        "é",
        ["--glob has no effect: a.txt is not a folder"],
    )
    assert read("recall", encoding="latin-1")[1] == ["--encoding has no effect on a built-in text"]


def test_an_unknown_encoding_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="--encoding must be one that Python knows; received 'klingon'"):
        text_pieces("nothing there", DataConfig(encoding="klingon"))


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("shakespear.txt", "did you mean shakespeare.txt?"),
        ("texts/bok.txt", "did you mean texts/book.txt?"),
        ("python_docs", "did you mean python-docs?"),
        ("markow", "did you mean markov or markow.txt?"),
        ("zzz", "give a file, a folder, - for standard input, or a built-in text: python-docs, "),
        ("no/such/folder.txt", "give a file"),
        ("", "give a file"),
        ("a\0b", "give a file"),
        ("x" * 5000, "give a file"),
    ],
)
def test_a_missing_text_with_the_nearest_names(source: str, advice: str) -> None:
    Path("texts").mkdir()
    for name in ("shakespeare.txt", "texts/book.txt", "markow.txt"):
        Path(name).write_text("text")
    with pytest.raises(CorpusError) as caught:
        read(source)
    assert str(caught.value).startswith(f"there is no text {files.shortened(repr(source))}; ")
    assert advice in str(caught.value)


def test_a_name_that_no_record_can_hold() -> None:
    with pytest.raises(CorpusError, match=r"the name of the text caf\\udce9 is no Unicode"):
        read("caf\udce9")


def test_devices_and_sockets_are_refused_unread() -> None:
    with pytest.raises(CorpusError, match=r"^/dev/zero is a device, not a text; give a file, "):
        read("/dev/zero")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s")
        with pytest.raises(CorpusError, match=r"^s is a socket, not a text; give a file, "):
            read("s")
        with pytest.raises(CorpusError, match=r"^s is a socket"):
            text_pieces("s", DataConfig(), again=True)
    with pytest.raises(CorpusError, match=r"^/dev/zero is a device"):
        text_pieces("/dev/zero", DataConfig(), again=True)


@pytest.mark.skipif(not os.path.exists("/proc/version"), reason="there is no /proc")
def test_files_of_the_kernel_are_refused() -> None:
    with pytest.raises(CorpusError, match="/proc/version belongs to the system"):
        read("/proc/version")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_a_pipe_is_read_once_and_never_again() -> None:
    os.mkfifo("pipe")
    with subprocess.Popen(["sh", "-c", "printf text > pipe"]) as writer:
        assert read("pipe")[0] == "text"
    assert writer.returncode == 0
    # nobody writes into it, so opening it would wait for ever
    with pytest.raises(CorpusError, match=r"^pipe is a pipe, which can be read only once; "):
        text_pieces("pipe", DataConfig(), again=True)
    with pytest.raises(CorpusError, match="standard input can be read only once"):
        text_pieces("-", DataConfig(), again=True)


def test_what_can_be_read_again() -> None:
    Path("book.txt").write_text("file")
    for source in ("book.txt", ".", "recall"):
        assert any(text_pieces(source, DataConfig(), again=True))
