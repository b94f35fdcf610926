"""`seqmagic data cache`: what is kept, how much may be, and a training that fills it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.config import DataConfig
from seqmagic.texts import cache as cache_module
from seqmagic.texts import spool
from seqmagic.texts.cache import IdCache
from seqmagic.texts.corpus import read_corpus
from tests.helpers import TEXT

Call = Callable[..., Result]


@pytest.fixture
def filled(models: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> IdCache:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 100)
    monkeypatch.setattr(cache_module, "SETTLED_SECONDS", -1e9)
    cache = IdCache(models)
    read_corpus(str(text), DataConfig(), cache=cache)
    return cache


def test_nothing_is_kept(seqmagic: Call, models: Path) -> None:
    for arguments in ([], ["--clear"]):
        done = seqmagic("data", "cache", *arguments)
        assert done.exit_code == 0
        assert done.stdout == f"nothing is kept in {models / '.cache'}; at most 10,000 MB may be\n"
    assert not (models / ".cache").exists()
    assert json.loads(seqmagic("data", "cache", "--json").stdout) == {
        "folder": str(models / ".cache"),
        "limit_bytes": 10**10,
        "bytes": 0,
        "kept": [],
    }


def test_what_is_kept(seqmagic: Call, filled: IdCache, text: Path) -> None:
    shown = " ".join(seqmagic("data", "cache").stdout.split())
    assert "2,060 characters, last used 2" in shown and "of at most 10,000 MB in" in shown
    (row,) = json.loads(seqmagic("data", "cache", "--json").stdout)["kept"]
    assert (row["text"], row["characters"]) == (str(text), len(TEXT))
    assert Path(row["file"]).stat().st_size == row["bytes"]
    Path(row["file"]).write_bytes(b"x")
    assert "damaged; read again when it is needed" in " ".join(seqmagic("data", "cache").stdout.split())
    done = seqmagic("data", "cache", "--clear")
    assert done.stderr == "removed 0 kB\n" and done.stdout.startswith("nothing is kept in")
    assert seqmagic("runs", "list").exit_code == 0


@pytest.mark.parametrize(
    ("words", "size"),
    [("0", 0), ("500MB", 5 * 10**8), ("2 gb", 2 * 10**9), ("1.5k", 1500), ("7", 7), ("3T", 3 * 10**12)],
)
def test_a_limit(words: str, size: int, seqmagic: Call, filled: IdCache) -> None:
    assert seqmagic("data", "cache", "--limit", words).exit_code == 0
    assert filled.limit == size
    assert len(filled.entries()) == (size > 2200)


@pytest.mark.parametrize("words", ["", "-1", "many", "1.2.3GB", "nan", "9" * 20, "٣", "1PB"])
def test_what_is_no_size(words: str, seqmagic: Call, models: Path) -> None:
    done = seqmagic("data", "cache", "--limit", words)
    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr.splitlines()[-1].count("must be a size such as 500MB or 2GB; received") == 1
    assert not (models / ".cache").exists()


def test_the_commands_that_train_use_it(
    seqmagic: Call, filled: IdCache, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to where the training begins."""
    from seqmagic.training import train

    def begun(corpus: Any, **_: Any) -> Any:
        raise KeyError(str(type(corpus.ids).__name__))

    monkeypatch.setattr(train, "train", begun)
    monkeypatch.setattr("seqmagic.texts.corpus.text_pieces", None)
    assert "memmap" in seqmagic("train", str(text)).stderr
