"""The cache of ids: found again without reading the text, never after a change, never damaged, never too large."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic import files
from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts import cache as cache_module
from seqmagic.texts import corpus as corpus_module
from seqmagic.texts import spool
from seqmagic.texts.cache import Description, IdCache, identify, large_size
from seqmagic.texts.corpus import Corpus, read_corpus
from tests.helpers import TEXT, make_text


@pytest.fixture(autouse=True)
def _every_text_is_large_and_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 100)
    monkeypatch.setattr(cache_module, "SETTLED_SECONDS", -1e9)


@pytest.fixture
def cache(models: Path) -> IdCache:
    return IdCache(models)


def assert_same(one: Corpus, other: Corpus) -> None:
    for name in ("source", "config", "sha256", "bytes", "vocabulary", "train", "validation", "test", "notices"):
        assert getattr(one, name) == getattr(other, name)
    assert one.ids.dtype == other.ids.dtype and np.array_equal(one.ids, other.ids)


def a_file(folder: Path) -> Path:
    return make_text(folder)


def a_packed_file(folder: Path) -> Path:
    path = folder / "bottles.gz"
    path.write_bytes(gzip.compress(TEXT.encode()))
    return path


def a_folder(folder: Path) -> Path:
    make_text(folder / "texts", TEXT + "a rare é\n", "one.txt")
    make_text(folder / "texts", TEXT, "two.md")
    make_text(folder / "texts", "\0", "three.bin")
    return folder / "texts"


@pytest.mark.parametrize("make", [a_file, a_packed_file, a_folder])
@pytest.mark.parametrize("settings", [{}, {"min_count": 30, "validation": 0.2, "test": 0.1}])
def test_the_second_time_nothing_is_read(
    make: Callable[[Path], Path],
    settings: dict[str, Any],
    tmp_path: Path,
    cache: IdCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, config = str(make(tmp_path)), DataConfig(**settings)
    plain = read_corpus(source, config)
    first = read_corpus(source, config, cache=cache)
    assert isinstance(first.ids, np.memmap)
    monkeypatch.setattr(corpus_module, "text_pieces", None)  # who calls it fails
    second = read_corpus(source, config, cache=cache)
    again = read_corpus(source, config, cache=cache, vocabulary=plain.vocabulary, again=True)
    for corpus in (first, second, again):
        assert_same(corpus, plain)
    with pytest.raises(TypeError):
        read_corpus(source, DataConfig(min_count=7, **{"validation": 0.3}), cache=cache)


def in_place(path: Path) -> None:
    """Other characters of the same length, and the old time put back: only the time of the change tells."""
    state = path.stat()
    with open(path, "r+b") as file:
        file.write(b"ZZZZ")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def by_rename(path: Path) -> None:
    state = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b"0", b"Z", 1))
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    os.replace(other, path)


def appended(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"Z")


@pytest.mark.parametrize("change", [in_place, by_rename, appended])
@pytest.mark.parametrize("make", [a_file, a_folder])
def test_a_changed_text_is_read_anew(
    make: Callable[[Path], Path], change: Callable[[Path], None], tmp_path: Path, cache: IdCache
) -> None:
    source = make(tmp_path)
    before = read_corpus(str(source), DataConfig(), cache=cache)
    change(source / "one.txt" if source.is_dir() else source)
    found = read_corpus(str(source), DataConfig(), cache=cache)
    assert found.sha256 != before.sha256
    assert_same(found, read_corpus(str(source), DataConfig()))


def test_a_folder_with_another_file_is_another_text(tmp_path: Path, cache: IdCache) -> None:
    source = a_folder(tmp_path)
    read_corpus(str(source), DataConfig(), cache=cache)
    make_text(source, "ZZZ", "four.txt")
    assert_same(read_corpus(str(source), DataConfig(), cache=cache), read_corpus(str(source), DataConfig()))


def test_a_text_that_changes_while_it_is_read_is_not_noted(
    text: Path, cache: IdCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = IdCache.keep

    def changed(*arguments: Any, **named: Any) -> Any:
        appended(text)
        return keep(*arguments, **named)

    monkeypatch.setattr(IdCache, "keep", changed)
    read_corpus(str(text), DataConfig(), cache=cache)
    assert cache.find(str(text), DataConfig()) is None


def test_a_text_that_was_just_written_is_not_noted(text: Path, cache: IdCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may change once more within the tick of the clock that its times have."""
    monkeypatch.setattr(cache_module, "SETTLED_SECONDS", 60.0)
    read_corpus(str(text), DataConfig(), cache=cache)
    assert cache.find(str(text), DataConfig()) is None
    (entry,) = cache.entries()
    monkeypatch.setattr(cache_module, "SETTLED_SECONDS", -1e9)
    read_corpus(str(text), DataConfig(), cache=cache)
    assert cache.find(str(text), DataConfig()) is not None and cache.entries()[0].path == entry.path


def test_the_same_characters_elsewhere_share_their_ids(tmp_path: Path, cache: IdCache) -> None:
    for name in ("one.txt", "two.txt"):
        read_corpus(str(make_text(tmp_path, name=name)), DataConfig(), cache=cache)
    assert len(cache.entries()) == 1
    assert cache.find(str(tmp_path / "one.txt"), DataConfig()) is not None


def test_what_is_not_kept(text: Path, cache: IdCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small texts, such without a file, and those read with the vocabulary of something else."""
    plain = read_corpus(str(text), DataConfig())
    read_corpus(str(text), DataConfig(), cache=cache, vocabulary=plain.vocabulary)
    assert identify("-", DataConfig()) is identify("python-docs", DataConfig()) is None
    monkeypatch.setattr(spool, "SPOOL_BYTES", 10**6)
    read_corpus(str(text), DataConfig(), cache=cache)
    assert not cache.folder.exists()
    assert large_size(str(text), DataConfig()) is large_size("nothing", DataConfig()) is None


def test_another_vocabulary_does_not_get_these_ids(text: Path, cache: IdCache) -> None:
    read_corpus(str(text), DataConfig(), cache=cache)
    config = DataConfig(min_count=30)
    vocabulary = read_corpus(str(text), config).vocabulary
    found = read_corpus(str(text), DataConfig(), cache=cache, vocabulary=vocabulary, again=True)
    assert found.vocabulary == vocabulary and found.unknown


# ---------------------------------------------------------------- damage


@given(data=st.data())
def test_damaged_files_are_made_anew(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("damage")
    text, cache = make_text(folder), IdCache(folder / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "SPOOL_BYTES", 100)
        patch.setattr(cache_module, "SETTLED_SECONDS", -1e9)
        right = read_corpus(str(text), DataConfig(), cache=cache)
        path = data.draw(st.sampled_from(sorted(path for path in cache.folder.rglob("*[!k]") if path.is_file())))
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "more", "fifo", "folder", "sparse"]))
        path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "sparse":
            path.touch()
            os.truncate(path, 2**40)
        else:
            content[place] ^= 1 << data.draw(st.integers(0, 7))
            path.write_bytes(content[:place] if kind == "cut" else content + b"x" if kind == "more" else content)
        cache.entries()
        for _ in range(2):
            found = read_corpus(str(text), DataConfig(), cache=cache)
            assert found.sha256 == right.sha256 and np.array_equal(found.ids, right.ids)


def test_ids_outside_of_their_vocabulary_are_refused(text: Path, cache: IdCache) -> None:
    """Also where the checksum is right: an id of none would be read beyond the end of the weights."""
    read_corpus(str(text), DataConfig(), cache=cache)
    (entry,) = cache.entries()
    assert isinstance(entry.description, Description)
    with spool.Spool(None) as wrong:
        wrong.append(np.full(entry.description.length, 255, np.uint8))
        cache_module._write(entry.path, entry.description, wrong)
    assert cache.find(str(text), DataConfig()) is None


# ---------------------------------------------------------------- bounds


def kept(cache: IdCache) -> list[str]:
    return [Path(entry.description.source).name for entry in cache.entries() if entry.description]


def several(folder: Path, cache: IdCache, count: int = 3) -> list[str]:
    """The sources of texts in the cache, the one that was used longest ago first."""
    sources = []
    for number in range(count):
        sources.append(str(make_text(folder, TEXT + f"{number}", f"{number}.txt")))
        before = {entry.path for entry in cache.entries()}
        read_corpus(sources[-1], DataConfig(), cache=cache)
        (new,) = (entry.path for entry in cache.entries() if entry.path not in before)
        os.utime(new, (1000.0 + number, 1000.0 + number))
    return sources


def test_the_oldest_go_first(tmp_path: Path, cache: IdCache) -> None:
    sources = several(tmp_path, cache)
    assert kept(cache) == ["2.txt", "1.txt", "0.txt"]
    assert cache.find(sources[0], DataConfig()) is not None  # now it is the youngest
    size = max(entry.bytes for entry in cache.entries())
    cache.set_limit(2 * size)
    assert kept(cache) == ["0.txt", "2.txt"]
    assert len(list((cache.folder / "sources").iterdir())) == 2
    read_corpus(str(make_text(tmp_path, TEXT + "3", "3.txt")), DataConfig(), cache=cache)
    assert kept(cache) == ["3.txt", "0.txt"]
    cache.set_limit(0)
    assert kept(cache) == []
    assert read_corpus(sources[0], DataConfig(), cache=cache).notices == ()
    cache.set_limit(100)
    corpus = read_corpus(sources[0], DataConfig(), cache=cache)
    assert "are more than the limit of 100 (seqmagic data cache --limit)" in corpus.notices[-1]


def test_what_is_mapped_can_be_removed(text: Path, cache: IdCache) -> None:
    corpus = read_corpus(str(text), DataConfig(), cache=cache)
    cache.clear()
    assert cache.entries() == [] and corpus.vocabulary.decode(corpus.ids) == TEXT
    assert cache.limit == cache_module.LIMIT_BYTES


def test_a_limit_that_is_none_is_the_usual_one(cache: IdCache) -> None:
    cache.set_limit(5)
    for content in ("x", "-1", "true", "1.5", "[]"):
        (cache.folder / "limit.json").write_text(content)
        assert cache.limit == cache_module.LIMIT_BYTES


def test_a_folder_that_can_not_be_written_is_said(text: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (models / ".cache").write_text("in the way")
    corpus = read_corpus(str(text), DataConfig(), cache=IdCache(models))
    assert (
        corpus.notices
        == (f"its ids are not cached in {models / '.cache'}, so the next start reads it again: Not a directory",)
        or "File exists" in corpus.notices[0]
    )
    with pytest.raises(CorpusError, match="can't be changed: "):
        IdCache(models).set_limit(1)


# ---------------------------------------------------------------- processes

READ = """
import sys
from pathlib import Path
from seqmagic.config import DataConfig
from seqmagic.texts import cache, spool
from seqmagic.texts.corpus import read_corpus
spool.SPOOL_BYTES, cache.SETTLED_SECONDS = 100, -1e9
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    ids = cache.IdCache(Path(sys.argv[1]))
    corpus = read_corpus(sys.argv[2], DataConfig(min_count=1 + number), cache=ids)
    assert corpus.vocabulary.decode(corpus.ids[:9]) == "0 green b", corpus.ids[:9]
    print(*corpus.notices)
"""


def start(models: Path, text: Path, times: int, before: str = "") -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", before + READ, str(models), str(text), str(times)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_kill_at_any_moment_leaves_nothing_half(tmp_path: Path, cache: IdCache, models: Path) -> None:
    text, chance = make_text(tmp_path, TEXT * 200), random.Random(1)
    for _ in range(4):
        process = start(models, text, 12)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.05, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    for number in range(12):
        found = cache.find(str(text), DataConfig(min_count=1 + number))
        if found is not None:
            assert np.array_equal(found.ids, read_corpus(str(text), DataConfig(min_count=1 + number)).ids)
    half = cache.folder / f".{'0' * 32}-01234567.ids"
    half.write_bytes(b"half")
    read_corpus(str(text), DataConfig(min_count=40), cache=cache)
    assert not [path for path in cache.folder.rglob(".*") if path.name != ".lock"]


def test_two_processes_at_once(tmp_path: Path, cache: IdCache, models: Path) -> None:
    text = make_text(tmp_path, TEXT * 200)
    for process in [start(models, text, 6) for _ in range(2)]:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0 and output.split() == ["ready"], errors
    assert len(cache.entries()) == len(list((cache.folder / "sources").iterdir())) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_full_disk_costs_the_cache_and_not_the_training(tmp_path: Path, models: Path) -> None:
    text = make_text(tmp_path, TEXT * 200)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n"
    process = start(models, make_text(tmp_path, TEXT * 200), 1, limit)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "not cached" not in output  # it fits
    process = start(models, text, 2, limit.replace("600_000", "450_000"))
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0 or "do not fit" in errors, errors


def test_the_head_says_what_the_ids_are(text: Path, cache: IdCache) -> None:
    read_corpus(str(text), DataConfig(), cache=cache)
    (entry,) = cache.entries()
    content = entry.path.read_bytes()
    length = int.from_bytes(content[20:24], "little")
    head = json.loads(content[24 : 24 + length])
    assert content.startswith(b"seqmagic ids 1\n") and (24 + length) % 64 == 0
    assert head["characters"][content[24 + length] - 1] == TEXT[0] and head["length"] == len(TEXT)
    assert entry.bytes == 24 + length + len(TEXT) and files.sha256_of(entry.path)
