"""The catalogue of texts, and what is done with a text of it on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts import catalog, download
from seqmagic.texts.builtin import builtin_names
from seqmagic.texts.catalog import CatalogText, data_folder, find, obtain
from seqmagic.texts.corpus import read_corpus

CONTENT = b"a text that is long enough to be read\n" * 20
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TEXT = CatalogText(
    name="book", description="a book", address="http://127.0.0.1:9/book", bytes=len(CONTENT), licence="free"
)
KNOWN = dataclasses.replace(TEXT, sha256=SHA256)


def test_every_entry_is_whole_and_its_sums_are_sums() -> None:
    assert {"tinyshakespeare", "war-and-peace", "linux", "text8", "enwik8"} <= catalog.catalog().keys()
    for text in catalog.catalog().values():
        assert text.address.startswith("https://"), text
        assert text.name == text.name.lower() and text.name.replace("-", "").isalnum(), text
        assert text.bytes > 0 and text.description and text.licence, text
        assert all(value is None or len(bytes.fromhex(value)) == 32 for value in (text.sha256, text.member_sha256)), (
            text
        )
        assert (text.member is not None) == text.address.endswith(".zip"), text
        assert len(text.description) <= 70, text
    assert not catalog.catalog().keys() & set(builtin_names())


def test_tinyshakespeare_is_the_one_that_everybody_has() -> None:
    text = catalog.catalog()["tinyshakespeare"]
    assert text.bytes == 1_115_394
    assert text.sha256 == "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def test_the_folder_is_the_given_one_or_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder() == Path("data")
    monkeypatch.setenv("SEQMAGIC_DATA", "elsewhere")
    assert data_folder() == Path("elsewhere")
    assert data_folder("here") == Path("here")


def test_a_text_put_there_by_hand_is_found(tmp_path: Path) -> None:
    assert find(KNOWN, tmp_path) is None
    KNOWN.path(tmp_path).write_bytes(CONTENT)
    kept = obtain(KNOWN, tmp_path)
    assert (kept.sha256, kept.trusted, kept.fresh) == (SHA256, False, False)
    assert not KNOWN.sum_path(tmp_path).exists()


@pytest.mark.parametrize("text", [TEXT, KNOWN])
def test_a_text_that_was_changed_is_not_taken_for_it(tmp_path: Path, text: CatalogText) -> None:
    text.path(tmp_path).write_bytes(CONTENT)
    find(text, tmp_path)
    text.path(tmp_path).write_bytes(CONTENT + b"more")
    for get in (find, obtain):
        with pytest.raises(CorpusError, match=r"book.txt is not the text book: its sha256 begins .*; remove the file"):
            get(text, tmp_path)


def test_a_sum_that_nobody_could_confirm_is_kept_as_sha256sum_reads_it(tmp_path: Path) -> None:
    TEXT.path(tmp_path).write_bytes(CONTENT)
    kept = find(TEXT, tmp_path)
    assert kept is not None and kept.trusted
    assert TEXT.sum_path(tmp_path).read_text() == f"{SHA256}  book.txt\n"
    TEXT.sum_path(tmp_path).write_text("nonsense")
    with pytest.raises(CorpusError, match=r"\.book\.txt\.sha256 is corrupt: "):
        find(TEXT, tmp_path)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    TEXT.path(tmp_path).mkdir()
    with pytest.raises(CorpusError, match=r"book.txt is no ordinary file"):
        find(TEXT, tmp_path)


def test_a_download_is_told_what_the_catalogue_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[download.Download] = []

    def pretend(job: download.Download, **settings: object) -> str:
        jobs.append(job)
        job.target.write_bytes(CONTENT)
        return SHA256

    monkeypatch.setattr(download, "downloaded", pretend)
    folder = tmp_path / "new"
    assert obtain(TEXT, folder).fresh
    assert (jobs[0].sha256, jobs[0].text_sha256, jobs[0].bytes) == (None, None, None)
    TEXT.path(folder).unlink()
    assert obtain(TEXT, folder).fresh  # now the first download's sum is what counts
    assert (jobs[1].sha256, jobs[1].text_sha256) == (None, SHA256)
    assert not obtain(TEXT, folder).fresh
    KNOWN.path(folder).unlink()
    obtain(KNOWN, folder)
    assert (jobs[2].sha256, jobs[2].bytes, jobs[2].most_bytes) == (SHA256, len(CONTENT), len(CONTENT))


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match=r"file can't be made a folder for texts: .*--data or SEQMAGIC_DATA"):
        obtain(TEXT, tmp_path / "file")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A catalogue that has one text; its folder of data, which is empty."""
    monkeypatch.setattr(catalog, "catalog", lambda: {"book": TEXT})
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def test_the_name_is_a_text(listed: Path) -> None:
    listed.mkdir()
    TEXT.path(listed).write_bytes(CONTENT)
    corpus = read_corpus("book", DataConfig())
    assert (corpus.source, corpus.bytes, corpus.notices) == ("book", len(CONTENT), ())
    Path("book").write_bytes(CONTENT * 2)
    assert read_corpus("book", DataConfig()).notices == (
        "book here is a path; the text of the catalogue of that name was not read",
    )


def test_a_text_that_is_to_be_read_again_is_not_downloaded(listed: Path) -> None:
    vocabulary = read_corpus("markov", DataConfig()).vocabulary
    with pytest.raises(CorpusError, match="book is not in data; download it with: seqmagic data get book"):
        read_corpus("book", DataConfig(), vocabulary=vocabulary, again=True)
    with pytest.raises(CorpusError, match="can't be reached"):
        read_corpus("book", DataConfig())
