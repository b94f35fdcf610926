"""One file that holds a run, to hand on: its model, vocabulary, record and history, with their checksums.

A pack is a zip archive. Its files are those of a run folder, stored as they are, and last `pack.json`:

    {"format": 1, "name": "...", "files": {"run.json": {"bytes": 123, "sha256": "..."}, ...}}

The text that the run was trained on is not in it, nor where it lay on the machine. What comes from a pack may have
been made by anyone: nothing but the files of a run is read from it, each under its plain name, as long as it says
and with the checksum that it says. As all of it is stored without compression, it can't grow on the way out.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Annotated, Literal

import msgspec
from msgspec import Meta

from seqmagic import files
from seqmagic.errors import RunError
from seqmagic.runs.folder import Run, is_name, state_of
from seqmagic.runs.making import create_run
from seqmagic.runs.record import RunRecord

MANIFEST = "pack.json"
_NEEDED = ("run.json", "vocabulary.json", "model.keras")
_OPTIONAL = ("history.jsonl", "samples.txt")
_PIECE = 2**20  # bytes copied at a time
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same run gives the same bytes
_WRONG = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, OSError)


@dataclass(frozen=True, kw_only=True)
class FileSum:
    """What a file of a pack must be: so long, with these hexadecimal digits."""

    bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What pack.json says: the name of the run and what its files must be."""

    format: Literal[1]
    name: str
    files: dict[str, FileSum]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What `pack_run` made: the file, its length in bytes, and its SHA-256, by which a receiver can know it."""

    file: Path
    bytes: int
    sha256: str


def pack_run(run: Run, file: Path, *, overwrite: bool) -> Packed:
    """Write `run` to `file`, whole or not at all.

    Raises:
        RunError: the run is being trained, has no model or is corrupt, or `file` is there and `overwrite` is false.
        OSError: `file` can't be written.
    """
    record = run.read_record()
    run.require_model()
    run.read_vocabulary()
    if state_of(record, run) == "running":
        raise RunError(f"run {run.name} is being trained; wait for its end, or stop that training first")
    if not is_name(run.name):
        raise RunError(f"{run.name!r} is no name that a run can have on every system; rename the folder of the run")
    if file.is_file() and not overwrite:
        raise RunError(f"{file} exists already; name another file or add --overwrite")
    with files.atomic_path(file) as temporary:
        _write(temporary, run, _without_places(record))
        with open(temporary, "rb") as content:
            digest = hashlib.file_digest(content, "sha256")
        packed = Packed(file=file, bytes=temporary.stat().st_size, sha256=digest.hexdigest())
    return packed


def _without_places(record: RunRecord) -> RunRecord:
    """The record without the folders of this machine: a text and a path on the command line become a bare name."""
    source, began = record.text.source, record.fine_tuned
    places = {source} if began is None else {source, began.run}

    def bare(word: str) -> str:
        option, sign, value = word.partition("=") if word.startswith("--") else ("", "", word)
        is_place = value in places or PurePath(value).is_absolute()
        return f"{option}{sign}{PurePath(value).name if is_place else value}"

    text = dataclasses.replace(record.text, source=bare(source))
    began = None if began is None else dataclasses.replace(began, run=bare(began.run))
    return dataclasses.replace(record, text=text, argv=tuple(map(bare, record.argv)), fine_tuned=began)


def _write(target: Path, run: Run, record: RunRecord) -> None:
    sums: dict[str, FileSum] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in (*_NEEDED, *_OPTIONAL):
            path = run.path / name
            if name in _OPTIONAL and not path.is_file():
                continue
            if path == run.record_path:
                content = files.to_json(record.to_json()).encode("utf-8")
                sums[name] = FileSum(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
                archive.writestr(_entry(name), content)
            else:
                with open(path, "rb") as source, archive.open(_entry(name), "w", force_zip64=True) as goal:
                    sums[name] = _copy(source, goal)
        manifest = Manifest(format=1, name=run.name, files=sums)
        archive.writestr(_entry(MANIFEST), files.to_json(dataclasses.asdict(manifest)))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _copy(source: IO[bytes], goal: IO[bytes]) -> FileSum:
    """Copy to the end, and say what was copied."""
    length, digest = 0, hashlib.sha256()
    while piece := source.read(_PIECE):
        goal.write(piece)
        digest.update(piece)
        length += len(piece)
    return FileSum(bytes=length, sha256=digest.hexdigest())


# ---------------------------------------------------------------- reading


def unpack_run(file: Path, models: Path, *, name: str | None, overwrite: bool) -> Run:
    """The run in `file` as one below `models`, called `name` or as it was; it is there whole or not at all.

    Raises:
        RunError: `file` is no pack, or not as it was made; or the name is taken and `overwrite` is false.
        ConfigError: no run can be called `name`.
    """
    with _opened(file) as (archive, manifest):
        name = name or manifest.name
        new = create_run(models, name=name, default=name, overwrite=overwrite)
        try:
            _extract(archive, manifest, new.run.path)
            new.run.write_record(dataclasses.replace(_checked_record(new.run, file), name=name))
            new.publish()
        except BaseException:
            new.end("failed")
            raise
    new.release()
    return new.final


def open_pack(file: Path) -> Run:
    """The run in `file`, to be read where it stands: unpacked into a temporary folder until this process ends.

    Raises:
        RunError: `file` is no pack, or not as it was made.
    """
    try:
        state = os.stat(file)
        return _unpacked(os.path.realpath(file), state.st_mtime_ns, state.st_size)
    except OSError as problem:
        raise RunError(f"{file} can't be read: {problem.strerror or problem}") from problem


@functools.cache  # a command opens the same run more than once
def _unpacked(file: str, modified: int, size: int) -> Run:
    with _opened(Path(file)) as (archive, manifest):
        folder = Path(tempfile.mkdtemp(prefix="seqmagic-run-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        run = Run(folder / manifest.name)
        run.path.mkdir()
        _extract(archive, manifest, run.path)
        _checked_record(run, Path(file))
        return run


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """The archive and what it says of itself, known to fit each other but for the checksums."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise RunError(f"{file} is no ordinary file; name one that seqmagic runs pack made")
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as problem:
        raise RunError(f"{file} is no packed run; name a run, or a file that seqmagic runs pack made") from problem
    except (NotImplementedError, ValueError, OverflowError) as problem:
        raise _damaged(file, problem) from problem
    except OSError as problem:
        raise RunError(f"{file} can't be read: {problem.strerror or problem}") from problem
    with archive:
        try:
            manifest = _read_manifest(archive)
            _check_entries(archive, manifest)
        except _WRONG as problem:
            if MANIFEST not in archive.namelist():
                raise RunError(
                    f"{file} is no packed run: it has no {MANIFEST}; name a file that seqmagic runs pack made"
                ) from problem
            raise _damaged(file, problem) from problem
        try:
            yield archive, manifest
        except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, OverflowError) as problem:
            raise _damaged(file, problem) from problem


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        entry = archive.getinfo(MANIFEST)
    except KeyError as problem:
        raise ValueError(str(problem)) from problem
    _check_entry(entry)
    if entry.file_size > files.JSON_LIMIT:
        raise ValueError(f"{MANIFEST} has {entry.file_size:,} bytes")
    manifest = msgspec.json.decode(archive.read(entry), type=Manifest)
    if not is_name(manifest.name):
        raise ValueError(f"no run can be called {files.shortened(repr(manifest.name))}")
    return manifest


def _check_entries(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Raise ValueError unless the archive holds the files of a run and nothing else, each of them once and plain."""
    entries = [entry for entry in archive.infolist() if entry.filename != MANIFEST]
    names = [entry.filename for entry in entries]
    if stray := [name for name in names if name not in _NEEDED + _OPTIONAL]:
        raise ValueError(f"it holds {files.shortened(repr(stray[0]))}, which is no file of a run")
    if missing := [name for name in _NEEDED if name not in names]:
        raise ValueError(f"it has no {missing[0]}")
    if len(archive.infolist()) != len(names) + 1 or sorted(names) != sorted(manifest.files):
        raise ValueError(f"its files are not those that {MANIFEST} lists")
    for entry in entries:
        _check_entry(entry)
        if entry.file_size != manifest.files[entry.filename].bytes:
            raise ValueError(f"{entry.filename} is not as long as {MANIFEST} says")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        raise ValueError(f"{entry.filename} is a link or a folder, no plain file")
    is_stored = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
    if not is_stored or entry.flag_bits & 0x1:
        raise ValueError(f"{entry.filename} is compressed or encrypted, which a pack never is")


def _extract(archive: zipfile.ZipFile, manifest: Manifest, folder: Path) -> None:
    """Write the files of the archive into `folder`; ValueError where one is not what the manifest says."""
    for name, wanted in manifest.files.items():
        with archive.open(name) as source, open(folder / name, "xb") as goal:
            found = _copy(source, goal)
            goal.flush()
            os.fsync(goal.fileno())
        if found != wanted:
            raise ValueError(f"the checksum of {name} is not the one in {MANIFEST}")


def _checked_record(run: Run, file: Path) -> RunRecord:
    """The record of a run just unpacked from `file`, which errors name instead of a folder that nobody knows."""
    try:
        run.require_model()
        run.read_vocabulary()
        return run.read_record()
    except RunError as problem:
        raise _damaged(file, ValueError(str(problem).replace(f"{run.path}{os.sep}", ""))) from problem


def _damaged(file: Path, problem: BaseException) -> RunError:
    return RunError(f"{file} was changed or damaged: {files.in_brief(problem)}; get the file again")
