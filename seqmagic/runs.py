"""A run: one folder that holds everything about one training. Every path inside it is known here only."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqmagic import files
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError, RunError
from seqmagic.vocabulary import Vocabulary

FORMAT = 1
DEFAULT_MODELS = "models"
PRETRAINED = "pretrained"
PRETRAINED_FIRST = "lstm"  # of the pretrained runs, the one that writes when none is named
STATUSES = ("running", "complete", "interrupted", "failed")
_REFERENCES = ("latest", "best")
_NAME = re.compile(r"[^\W_][\w.+-]*")


@dataclass(frozen=True, kw_only=True)
class TextRecord:
    """The text of a run: where it came from, what exactly it was, how it was cut.

    `sha256` is that of the characters as UTF-8 after line breaks became newlines, so a file, its
    compressed copy and its Windows edition are the same text. The spans count characters.
    """

    source: str
    sha256: str
    bytes: int
    characters: int
    train: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What run.json holds."""

    name: str
    created: str
    argv: Sequence[str]
    seed: int
    text: TextRecord
    data: DataConfig
    model: ModelConfig
    training: TrainConfig
    environment: Mapping[str, Any]
    status: str = "running"
    results: Mapping[str, Any] | None = None
    notes: Sequence[str] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, values: Any, path: Path) -> RunRecord:
        """The record in `values`, read from `path`.

        Raises:
            RunError: a newer format, or something missing or of the wrong kind.
        """
        if not isinstance(values, dict) or not isinstance(values.get("format"), int):
            raise RunError(f"{path} is corrupt: it names no format; remove the run or restore the file")
        if values["format"] > FORMAT:
            raise RunError(
                f"{path} has format {values['format']}, newer than the {FORMAT} that this seqmagic reads; "
                "update seqmagic to use this run"
            )
        try:
            text = values["text"]
            spans = {part: tuple(int(edge) for edge in text[part]) for part in ("train", "validation", "test")}
            return cls(
                name=str(values["name"]),
                created=str(values["created"]),
                argv=tuple(values["argv"]),
                seed=int(values["seed"]),
                text=TextRecord(**{**text, **spans}),
                data=DataConfig.from_json(values["data"]),
                model=ModelConfig.from_json(values["model"]),
                training=TrainConfig.from_json(values["training"]),
                environment=dict(values["environment"]),
                status=str(values["status"]),
                results=values["results"],
                notes=tuple(values.get("notes", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as problem:
            raise RunError(f"{path} is corrupt: {problem!r}; remove the run or restore the file") from problem


@dataclass(frozen=True)
class Run:
    """A run folder. Cheap to make; nothing is read until asked for."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def record_path(self) -> Path:
        return self.path / "run.json"

    @property
    def vocabulary_path(self) -> Path:
        return self.path / "vocabulary.json"

    @property
    def model_path(self) -> Path:
        return self.path / "model.keras"

    @property
    def history_path(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def samples_path(self) -> Path:
        return self.path / "samples.txt"

    @property
    def checkpoint_path(self) -> Path:
        return self.path / "checkpoint"

    @property
    def insight_path(self) -> Path:
        return self.path / "insight"

    def read_record(self) -> RunRecord:
        return RunRecord.from_json(files.read_json(self.record_path, error=RunError), self.record_path)

    def write_record(self, record: RunRecord) -> None:
        files.write_json(self.record_path, record.to_json())

    def read_vocabulary(self) -> Vocabulary:
        """The characters of this run in order of id.

        Raises:
            RunError: the file is missing or corrupt.
        """
        values = files.read_json(self.vocabulary_path, error=RunError)
        characters = values.get("characters") if isinstance(values, dict) else None
        if (
            not isinstance(characters, list)
            or len(set(map(str, characters))) != len(characters)
            or not all(isinstance(character, str) and len(character) == 1 for character in characters)
        ):
            raise RunError(f"{self.vocabulary_path} is corrupt: no list of distinct characters; restore it")
        return Vocabulary(characters)

    def write_vocabulary(self, vocabulary: Vocabulary) -> None:
        files.write_json(self.vocabulary_path, {"unknown": 0, "characters": list(vocabulary.characters)})

    def read_history(self) -> list[dict[str, Any]]:
        return files.read_json_lines(self.history_path) if self.history_path.exists() else []

    def append_history(self, row: Mapping[str, Any]) -> None:
        files.append_json_line(self.history_path, dict(row))

    def append_sample(self, heading: str, text: str) -> None:
        with open(self.samples_path, "a", encoding="utf-8", newline="") as file:
            file.write(f"--- {heading}\n{text}\n\n")

    @property
    def has_model(self) -> bool:
        return self.model_path.is_file()

    def require_model(self) -> Path:
        """The path of model.keras, known to be there and to be a zip archive.

        Raises:
            RunError: no weights were saved yet, or the file is damaged.
        """
        if not self.has_model:
            raise RunError(
                f"run {self.name} has no model.keras: its training ended before the first evaluation; train it again"
            )
        if not zipfile.is_zipfile(self.model_path):
            raise RunError(f"{self.model_path} is corrupt: not a Keras archive; train the run again or restore it")
        return self.model_path


def state_of(record: RunRecord, run: Run) -> str:
    """The status for a reader: "running" becomes "unfinished" when its process is gone."""
    if record.status != "running":
        return record.status
    process = record.environment.get("process")
    return "running" if isinstance(process, int) and _is_alive(process) else "unfinished"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError, OSError):
        return True
    return True


def models_folder(given: str | os.PathLike[str] | None) -> Path:
    """The folder of the runs: what was given, else SEQMAGIC_MODELS, else models/."""
    return Path(given or os.environ.get("SEQMAGIC_MODELS") or DEFAULT_MODELS)


def list_runs(models: Path) -> list[Run]:
    """The run folders below `models`, oldest first; a folder without run.json is none."""
    if not models.is_dir():
        return []
    folders = [entry for entry in models.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    found = [Run(folder) for folder in folders if (folder / "run.json").is_file()]
    return sorted(found, key=lambda run: (_created(run), run.name))


def _created(run: Run) -> str:
    try:
        return run.read_record().created
    except RunError:
        return ""


def check_name(name: str) -> None:
    """Raise ConfigError unless `name` can be the folder of a run on every system."""
    if not _NAME.fullmatch(name) or name in _REFERENCES or len(name) > 100:
        raise ConfigError(
            f"--name must start with a letter or digit and hold letters, digits, '.', '_', '+' and '-' alone, "
            f"at most 100, and not be 'latest' or 'best'; received {name!r}"
        )


def default_name(text: str, cell: str, layers: int, units: int) -> str:
    """`<text>-<cell>-<layers>x<units>`."""
    return f"{text_stem(text)}-{cell}-{layers}x{units}"


def text_stem(text: str) -> str:
    """The name of a text, reduced to what a folder name can hold."""
    stem = Path(text).stem if text != "-" else "stdin"
    return re.sub(r"[^\w.+-]+", "-", stem).strip("-._")[:60] or "text"


def create_run(models: Path, *, name: str | None, default: str, overwrite: bool) -> Run:
    """A new, empty run folder below `models`.

    Without a name the default is used, with -2, -3 ... when taken. With `overwrite` the run that was
    there is kept aside until `settle` is called on the new one, so that a training that fails at once
    loses nothing.

    Raises:
        RunError: the name is taken, or the folder can't be made.
    """
    if name is not None:
        check_name(name)
        refuse_taken(models, name, overwrite=overwrite)
    try:
        models.mkdir(parents=True, exist_ok=True)
        if name is None:
            return Run(_first_free(models, default))
        path = models / name
        if path.exists():
            os.replace(path, _retired(path))
        path.mkdir()
        return Run(path)
    except OSError as problem:
        raise RunError(
            f"no run can be made in {models}: {problem.strerror or problem}; choose another folder with --models"
        ) from problem


def refuse_taken(models: Path, name: str, *, overwrite: bool) -> None:
    """Raise RunError if `name` is in use and may not be replaced."""
    path = models / name
    if not (path.exists() or path.is_symlink()):
        return
    if not overwrite:
        raise RunError(f"run {name} exists already; choose another --name or add --overwrite")
    if not (path / "run.json").is_file():
        raise RunError(f"{path} is not a run, so --overwrite leaves it alone; choose another --name")


def _first_free(models: Path, default: str) -> Path:
    number = 1
    while True:
        path = models / (default if number == 1 else f"{default}-{number}")
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def _retired(path: Path) -> Path:
    """Where an overwritten run waits until the new one has weights of its own."""
    return path.with_name(f".{path.name}.replaced-{os.getpid()}")


def settle(run: Run) -> None:
    """The new run stands: what it replaced is removed."""
    shutil.rmtree(_retired(run.path), ignore_errors=True)


def discard(run: Run) -> None:
    """The new run came to nothing: remove it and put back what it replaced."""
    shutil.rmtree(run.path, ignore_errors=True)
    retired = _retired(run.path)
    if retired.exists():
        os.replace(retired, run.path)


def pretrained_folder() -> Path:
    """The folder of the runs that come with seqmagic: in the installed package, or in the repository."""
    package = Path(__file__).parent
    packed = package / "_pretrained"
    return packed if packed.is_dir() else package.parent / DEFAULT_MODELS / PRETRAINED


def latest_or_pretrained(models: Path) -> Run:
    """The latest run with a model; where nothing was trained yet, the pretrained one of the preferred cell.

    Raises:
        RunError: there is neither.
    """
    try:
        return _latest(models)
    except RunError:
        shipped = {run.name: run for run in list_runs(pretrained_folder()) if run.has_model}
        if not shipped:
            raise
        return shipped.get(PRETRAINED_FIRST) or next(iter(shipped.values()))


def open_run(models: Path, reference: str) -> Run:
    """The run that `reference` means: a name below `models`, a path, `latest`, `best`, or a pretrained run.

    `best` has the lowest validation loss among the runs whose losses are comparable with the latest's.

    Raises:
        RunError: there is none; the nearest names are suggested.
    """
    if reference == "latest":
        return _latest(models)
    if reference == "best":
        return _best(models)
    for path in (models / reference, Path(reference), pretrained_folder() / reference):
        if (path / "run.json").is_file():
            return Run(path)
        if path.is_dir() and (path / "model.keras").exists():
            raise RunError(f"{path} is half a run: model.keras without run.json; restore run.json or train again")
    for path in (models / reference, Path(reference)):
        if path.is_dir() and reference not in ("", ".", ".."):
            raise RunError(f"{path} is a folder, but not a run: it has no run.json")
    raise RunError(_not_found(models, reference))


def _latest(models: Path) -> Run:
    usable = [run for run in list_runs(models) if run.has_model]
    if not usable:
        raise RunError(f"there is no run with a model in {models} yet; train one with: seqmagic train python-docs")
    return usable[-1]


def comparable(one: RunRecord, other: RunRecord) -> bool:
    """Whether two losses mean the same: same text, same split, same vocabulary rule."""
    return (
        one.text.sha256 == other.text.sha256
        and (one.text.train, one.text.validation) == (other.text.train, other.text.validation)
        and one.data.min_count == other.data.min_count
    )


def _best(models: Path) -> Run:
    latest = _latest(models)
    record = latest.read_record()
    rivals = [(run, run.read_record()) for run in list_runs(models) if run.has_model and _created(run)]
    losses = {
        run: rival.results["validation_loss"]
        for run, rival in rivals
        if rival.results is not None and comparable(record, rival)
    }
    return min(losses, key=lambda run: losses[run]) if losses else latest


def _not_found(models: Path, reference: str) -> str:
    names = [run.name for run in list_runs(models)]
    near = difflib.get_close_matches(reference, names, n=3, cutoff=0.4)
    if near:
        return f"there is no run {reference!r} in {models}; did you mean {' or '.join(near)}?"
    if names:
        return f"there is no run {reference!r} in {models}; see: seqmagic runs list"
    return f"there is no run {reference!r} in {models}, nor any other; train one with: seqmagic train python-docs"


def remove_run(run: Run) -> None:
    """Remove the folder; it vanishes from lists in one rename, so a kill leaves no half run.

    Raises:
        RunError: it can't be removed.
    """
    hidden = run.path.with_name(f".{run.name}.removed-{secrets.token_hex(4)}")
    try:
        os.replace(run.path, hidden)
        shutil.rmtree(hidden)
    except OSError as problem:
        raise RunError(f"run {run.name} can't be removed: {problem.strerror or problem}") from problem
