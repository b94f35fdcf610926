"""A power cut, as far as one process can tell: nothing says that something is there before it is on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic import files
from seqmagic.config import DataConfig
from seqmagic.runs import checkpoints
from seqmagic.runs.folder import Run
from seqmagic.texts import cache as cache_module
from seqmagic.texts import spool
from seqmagic.texts.cache import IdCache
from seqmagic.texts.corpus import read_corpus

Deed = tuple[str, str]


@pytest.fixture
def deeds(monkeypatch: pytest.MonkeyPatch) -> list[Deed]:
    """What is done to the disk, in order: ("sync", suffix or folder) and ("replace", name)."""
    done: list[Deed] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append(("sync", path.suffix or path.name))
        sync(descriptor)

    def noted_replace(source: Any, target: Any) -> None:
        done.append(("replace", Path(target).suffix))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    return done


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks Linux what a descriptor is")


def test_any_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, deeds: list[Deed]) -> None:
    files.write_text(tmp_path / "a.txt", "x")
    assert deeds == [("sync", ".txt"), ("replace", ".txt")]


def test_a_checkpoint_is_on_the_disk_before_its_seal(tiny_run: Run, deeds: list[Deed]) -> None:
    facts = checkpoints.Facts(
        created=tiny_run.read_record().created, step=1, seconds=1.0, minutes=1.0, epochs=None, samples_bytes=0
    )
    checkpoints.write(tiny_run, {"a": np.zeros(3)}, facts)
    folder = ("sync", tiny_run.checkpoint_path.name)
    arrays, seal = [[("sync", kind), ("replace", kind), folder] for kind in (".npz", ".json")]
    assert deeds == [*arrays, *seal]


def test_ids_are_on_the_disk_before_they_are_noted(
    text: Path, models: Path, deeds: list[Deed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 100)
    monkeypatch.setattr(cache_module, "SETTLED_SECONDS", -1e9)
    cache = IdCache(models)
    read_corpus(str(text), DataConfig(), cache=cache)
    ids = [("sync", ".ids"), ("replace", ".ids"), ("sync", cache.folder.name)]
    assert deeds == [*ids, ("sync", ".json"), ("replace", ".json")]
