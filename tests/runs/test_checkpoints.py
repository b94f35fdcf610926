"""Checkpoints on disk: two in turn, whole or not there, and one line for what lies."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic import files
from seqmagic.errors import RunError
from seqmagic.runs import checkpoints
from seqmagic.runs.checkpoints import Facts
from seqmagic.runs.folder import Run, is_resumable
from seqmagic.runs.making import reopen_run, sweep

CREATED = "2026-01-02T03:04:05.678+00:00"
ARRAYS = {"weights/0": np.arange(12, dtype=np.float32).reshape(3, 4), "step": np.asarray(np.int64(7))}


def facts(step: int = 7, created: str = CREATED) -> Facts:
    return Facts(created=created, step=step, seconds=1.5, minutes=None, epochs=2.0, samples_bytes=0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def steps(run: Run) -> list[int]:
    return [one.facts.step for one in checkpoints.newest_first(run, created=CREATED)[0]]


def entries(run: Run) -> list[str]:
    return sorted(path.name for path in run.checkpoint_path.iterdir())


def test_two_are_kept_and_come_back_as_they_were(run: Run) -> None:
    assert steps(run) == [] and not run.has_checkpoint
    for step in (1, 2, 3):
        checkpoints.write(run, {**ARRAYS, "step": np.asarray(np.int64(step))}, facts(step))
    assert steps(run) == [3, 2] and run.has_checkpoint
    assert entries(run) == ["a.json", "a.npz", "b.json", "b.npz"]
    for sealed in checkpoints.newest_first(run, created=CREATED)[0]:
        arrays = checkpoints.read(run, sealed)
        assert int(arrays["step"]) == sealed.facts.step and arrays["weights/0"].dtype == np.float32
        np.testing.assert_array_equal(arrays["weights/0"], ARRAYS["weights/0"])
    checkpoints.remove(run)
    assert not run.checkpoint_path.exists()


@pytest.mark.parametrize("at", ["savez", "fsync", "seal"])
def test_a_write_that_fails_or_is_killed_leaves_the_one_before(
    at: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints.write(run, ARRAYS, facts(1))
    checkpoints.write(run, ARRAYS, facts(2))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    owner, name = {"savez": (np, "savez"), "fsync": (files, "flush_folder"), "seal": (files, "write_json")}[at]
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(owner, name, full)
        checkpoints.write(run, ARRAYS, facts(3))
    assert steps(run) == [2]
    (run.checkpoint_path / ".a-0123abcd.npz").write_text("half")
    checkpoints.write(run, ARRAYS, facts(3))
    assert steps(run) == [3, 2] and entries(run) == ["a.json", "a.npz", "b.json", "b.npz"]


def test_the_arrays_are_on_the_disk_before_the_seal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for owner, name in ((files, "flush_folder"), (files, "write_json"), (np, "savez"), (os, "fsync")):
        plain = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, plain=plain, name=name, **k: (done.append(name), plain(*a, **k))[1])
    checkpoints.write(run, ARRAYS, facts())
    assert done == ["savez", "fsync", "flush_folder", "fsync", "write_json", "fsync", "flush_folder", "fsync"]


def test_a_disk_that_returns_something_else_is_noticed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.write(run, ARRAYS, facts(1))
    savez = np.savez

    def broken(path: Path, **arrays: Any) -> None:
        savez(path, **arrays)
        content = bytearray(path.read_bytes())
        place = content.find(np.float32(11.0).tobytes())
        content[place] ^= 1
        path.write_bytes(content)

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(RunError, match=r"b\.npz does not read as it was written"):
        checkpoints.write(run, ARRAYS, facts(2))
    assert steps(run) == [1]


def test_what_is_of_another_training_is_none(run: Run) -> None:
    checkpoints.write(run, ARRAYS, facts(1, created="2020"))
    found, (trouble,) = checkpoints.newest_first(run, created=CREATED)
    assert found == [] and trouble.endswith("a.json is of another training, begun 2020")


def test_what_is_not_ours_in_the_folder_stays(run: Run) -> None:
    checkpoints.write(run, ARRAYS, facts())
    (run.checkpoint_path / "notes.txt").write_text("mine")
    checkpoints.write(run, ARRAYS, facts())
    checkpoints.remove(run)
    assert entries(run) == ["notes.txt"]


def test_only_a_run_that_is_not_over_can_go_on(tiny_run: Run) -> None:
    record = tiny_run.read_record()
    checkpoints.write(tiny_run, ARRAYS, facts())
    assert not is_resumable(record, tiny_run)  # complete
    new = reopen_run(tiny_run)
    sweep(tiny_run)
    assert tiny_run.has_checkpoint  # it is being made longer
    with pytest.raises(RunError, match="run tiny is being trained"):
        reopen_run(tiny_run)
    new.end("failed")
    (tiny_run.checkpoint_path / "a.json").unlink()  # a kill while they were removed, after the end
    sweep(tiny_run)
    assert not tiny_run.checkpoint_path.exists() and tiny_run.has_model


# ---------------------------------------------------------------- files that lie


def resealed(run: Run, change: Callable[[dict[str, bytes]], object], compression: int) -> None:
    """Change members of the arrays, with a seal that fits: what someone forges, no accident."""
    path = run.checkpoint_path / "a.npz"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    seal_path = run.checkpoint_path / "a.json"
    seal = json.loads(seal_path.read_text())
    path.write_bytes(content.getvalue())
    seal.update(bytes=path.stat().st_size, sha256=hashlib.sha256(content.getvalue()).hexdigest())
    seal_path.write_text(json.dumps(seal))


def pickled() -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray([{"a": 1}], dtype=object), allow_pickle=True)
    return content.getvalue()


def header(shape: str) -> bytes:
    words = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00\x76\x00" + words.encode()


@pytest.mark.parametrize(
    ("member", "compression"),
    [
        (pickled(), zipfile.ZIP_STORED),
        (header("(1000000000000,)"), zipfile.ZIP_STORED),
        (header("(-5,)"), zipfile.ZIP_STORED),
        (header("(4611686018427387904, 4)"), zipfile.ZIP_STORED),
        (b"", zipfile.ZIP_STORED),
        (bytes(10**6), zipfile.ZIP_DEFLATED),
    ],
)
def test_forged_arrays_are_one_line(member: bytes, compression: int, run: Run) -> None:
    checkpoints.write(run, ARRAYS, facts())
    resealed(run, lambda members: members.update({"weights/0.npy": member}), compression)
    (sealed,), _ = checkpoints.newest_first(run, created=CREATED)
    with pytest.raises(RunError, match=r"a\.npz (is corrupt|can't be read)") as caught:
        checkpoints.read(run, sealed)
    assert "\n" not in str(caught.value)


def test_whatever_is_damaged_is_one_line(run: Run) -> None:
    """Bytes flipped, cut, doubled or put in, in either file, many times."""
    checkpoints.write(run, ARRAYS, facts())
    good = {path: path.read_bytes() for path in run.checkpoint_path.iterdir()}
    chance = random.Random(1)
    refused = 0
    for _ in range(1500):
        for path, content in good.items():
            path.write_bytes(content)
        path = chance.choice(sorted(good))
        content = bytearray(good[path])
        place = chance.randrange(len(content))
        match chance.randrange(4):
            case 0:
                del content[place:]
            case 1:
                content[place:place] = chance.randbytes(chance.randrange(1, 9))
            case 2:
                content += content[place:]
            case 3:
                content[place] = chance.randrange(256)
        path.write_bytes(content)
        found, troubles = checkpoints.newest_first(run, created=CREATED)
        try:
            for sealed in found:
                checkpoints.read(run, sealed)
        except RunError as problem:
            troubles.append(str(problem))
        assert all("\n" not in line and len(line) < 800 for line in troubles)
        refused += bool(troubles)
    assert refused > 1300
