"""Checkpoints of a run: arrays and a few facts on disk, two of them in turn, each known to be whole.

A checkpoint is two files, `a.npz` with the arrays and `a.json`, the seal: it says that they are complete and has
their checksum. The seal is written last, after the arrays were read back; a checkpoint without it is half of one. The
next one takes the other place, `b`, so that a kill, a full disk or a power cut at any moment leaves one that is whole,
and where the newest turns out to be damaged there is the one before it.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from seqmagic import files
from seqmagic.errors import RunError
from seqmagic.runs.folder import SEALS, Run
from seqmagic.runs.record import Count, check_format

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1
_PLACES = tuple(seal.removesuffix(".json") for seal in SEALS)
_FILES = tuple(f"{place}.{kind}" for place in _PLACES for kind in ("json", "npz"))
_SEAL_LIMIT = 2**16  # bytes

Budget = Annotated[float, Meta(gt=0.0, le=1e9)] | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a training at the moment of a checkpoint without reading its arrays.

    Attributes:
        created: When the run was begun, as its record says: whose checkpoint it is.
        step, seconds: Steps taken, time spent.
        minutes, epochs: The whole budget, with what was trained before it was extended; one of them is None.
        samples_bytes: Length of samples.txt: what was appended later belongs to what came later.
    """

    created: str
    step: Count
    seconds: Annotated[float, Meta(ge=0.0, le=1e12)]
    minutes: Budget
    epochs: Budget
    samples_bytes: Count


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What stands in the second file: the `number` counts the checkpoints of a run, the rest is of its arrays."""

    number: Count
    facts: Facts
    bytes: Count
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A checkpoint that was written to its end; whether it is still whole, `read` finds out."""

    place: str
    seal: Seal

    @property
    def facts(self) -> Facts:
        return self.seal.facts


def newest_first(run: Run, *, created: str) -> tuple[list[Sealed], list[str]]:
    """The checkpoints of the run that was begun at `created`, and a line for each that can't be one."""
    found, troubles = [], []
    for place in _PLACES:
        path = _path(run, place, "json")
        if not os.path.lexists(path):
            continue
        try:
            document = files.read_json(path, error=RunError, limit=_SEAL_LIMIT)
            check_format(document, FORMAT, path)
            seal = files.as_type(document, Seal, path, error=RunError)
            if seal.facts.created != created:
                raise RunError(f"{path} is of another training, begun {files.shortened(seal.facts.created)}")
            found.append(Sealed(place=place, seal=seal))
        except RunError as problem:
            troubles.append(str(problem))
    return sorted(found, key=lambda one: one.seal.number, reverse=True), troubles


def write(run: Run, arrays: Mapping[str, np.ndarray], facts: Facts) -> None:
    """Keep a checkpoint of `run`, which is trained by this process; the one before stays.

    Raises:
        OSError: it can't be written; the one before is as it was.
        RunError: what was written reads as something else: a disk that is broken.
    """
    import numpy as np  # 60 ms, which looking whether there is a checkpoint shall not cost

    run.checkpoint_path.mkdir(exist_ok=True)
    newest = next(iter(newest_first(run, created=facts.created)[0]), None)
    place = next(place for place in _PLACES if newest is None or place != newest.place)
    path, seal_path = _path(run, place, "npz"), _path(run, place, "json")
    _remove(run, but=None if newest is None else newest.place)  # what is there would not fit what comes
    try:
        with files.atomic_path(path) as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)
        with zipfile.ZipFile(path) as archive:  # its sums were taken in memory
            if (wrong := archive.testzip()) is not None:
                raise RunError(f"{path} does not read as it was written, from {wrong} on; look after this disk")
        files.flush_folder(run.checkpoint_path)  # the arrays are there before anything says so
        number = 1 if newest is None else newest.seal.number + 1
        seal = Seal(number=number, facts=facts, bytes=path.stat().st_size, sha256=files.sha256_of(path))
        files.write_json(seal_path, {"format": FORMAT, **asdict(seal)})
        files.flush_folder(run.checkpoint_path)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def read(run: Run, sealed: Sealed) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint.

    The files may come from anyone. No number is read before size and checksum are right, and what an array declares
    is held against what lies on the disk.

    Raises:
        RunError: they are not there or damaged.
    """
    path, seal = _path(run, sealed.place, "npz"), sealed.seal
    files.require_ordinary(path, error=RunError)
    try:
        size = path.stat().st_size
        if size != seal.bytes:
            raise RunError(f"{path} is corrupt: it has {size:,} bytes, {seal.bytes:,} were written")
        if files.sha256_of(path) != seal.sha256:
            raise RunError(f"{path} is corrupt: its checksum is not the one that was written")
        return _read_arrays(path, size)
    except RunError:
        raise
    except MemoryError as problem:
        raise RunError(f"{path} can't be read: it does not fit into the memory that is free") from problem
    except Exception as problem:  # zipfile and numpy raise nearly anything over a damaged archive
        raise RunError(f"{path} is corrupt: {files.in_brief(problem)}") from problem


def remove(run: Run) -> None:
    """Remove the checkpoints of `run`, its training being over; what isn't ours in their folder stays."""
    with contextlib.suppress(OSError):
        _remove(run, but=None)
        run.checkpoint_path.rmdir()


def discard(run: Run, sealed: Sealed) -> None:
    """Remove a checkpoint that proved useless, so that the next one takes its place and not that of a good one."""
    for kind in ("json", "npz"):
        with contextlib.suppress(OSError):
            _path(run, sealed.place, kind).unlink(missing_ok=True)


def _remove(run: Run, *, but: str | None) -> None:
    """Remove the checkpoints, all or all but the one at a place, and the halves that a kill left; seals first."""
    spared = () if but is None else (f"{but}.json", f"{but}.npz")
    for entry in sorted(os.listdir(run.checkpoint_path), key=lambda entry: not entry.endswith(".json")):
        if (entry in _FILES and entry not in spared) or files.is_temporary_of(entry, *_FILES):
            (run.checkpoint_path / entry).unlink(missing_ok=True)


def _path(run: Run, place: str, kind: str) -> Path:
    return run.checkpoint_path / f"{place}.{kind}"


def _read_arrays(path: Path, size: int) -> dict[str, np.ndarray]:
    """The arrays in `path`, stored as they are, so that they take no more memory than the file has bytes."""
    import numpy as np

    arrays = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(one.compress_type != zipfile.ZIP_STORED for one in members):
            raise ValueError("an array is compressed")
        if sum(one.file_size for one in members) > size:
            raise ValueError("its arrays are longer than the file")
        for one in members:
            with archive.open(one) as member:
                arrays[one.filename.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays
