"""A run: one folder that holds everything about one training. Every path inside it is known here only."""

from __future__ import annotations

import contextlib
import math
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqmagic import files
from seqmagic.errors import ConfigError, CorpusError, RunError
from seqmagic.runs import locks
from seqmagic.runs.record import HistoryRow, RunRecord, TagsFile, VocabularyFile, now
from seqmagic.texts.vocabulary import Vocabulary

REFERENCES = ("latest", "best")
_NAME = re.compile(r"[^\W_][\w.+-]*")
# through a temporary file beside them
_WRITTEN_WHOLE = ("run.json", "vocabulary.json", "model.keras", "history.jsonl", "tags.json")
_FILES_OF_RUN = (*_WRITTEN_WHOLE, "samples.txt", "train.log", "checkpoint", "insight", "tensorboard")

LONGEST_TAG = 40
SEALS = ("a.json", "b.json")  # in the folder of checkpoints; see `runs.checkpoints`


@dataclass(frozen=True)
class Run:
    """A run folder. Cheap to make; nothing is read until asked for."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name if self.path.name not in ("", "..") else self.path.resolve().name

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
    def log_path(self) -> Path:
        return self.path / "train.log"

    @property
    def tensorboard_path(self) -> Path:
        return self.path / "tensorboard"

    @property
    def tags_path(self) -> Path:
        return self.path / "tags.json"

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
        path = self.vocabulary_path
        document = files.read_json(path, error=RunError, limit=2 * files.JSON_LIMIT)  # room for all of Unicode
        try:
            return Vocabulary(files.as_type(document, VocabularyFile, path, error=RunError).characters)
        except CorpusError as problem:
            raise RunError(f"{path} is corrupt: {problem}; {files.MEND}") from problem

    def write_vocabulary(self, vocabulary: Vocabulary) -> None:
        files.write_json(self.vocabulary_path, {"unknown": 0, "characters": list(vocabulary.characters)})

    def read_tags(self) -> tuple[str, ...]:
        """The words that were given to this run to find it by, in the order of the alphabet.

        Raises:
            RunError: the file is corrupt.
        """
        if not os.path.lexists(self.tags_path):
            return ()
        document = files.read_json(self.tags_path, error=RunError)
        return files.as_type(document, TagsFile, self.tags_path, error=RunError).tags

    def write_tags(self, tags: Iterable[str]) -> None:
        """Give the run these tags in place of those that it has."""
        if chosen := sorted(set(tags)):
            files.write_json(self.tags_path, {"tags": chosen})
        else:
            self.tags_path.unlink(missing_ok=True)

    def read_history(self) -> list[HistoryRow]:
        """The evaluations so far, rows of `HistoryRow`, as far as they can be read."""
        return self.read_history_and_trouble()[0]

    def read_history_and_trouble(self) -> tuple[list[HistoryRow], str | None]:
        """The evaluations so far, and one line where the rest can't be read; None where all could be."""
        if not os.path.lexists(self.history_path):
            return [], None
        return files.read_json_lines(self.history_path, HistoryRow, error=RunError)

    def append_history(self, row: Mapping[str, Any]) -> None:
        files.append_json_line(self.history_path, dict(row))

    def write_history(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Make these the evaluations so far: those that came later are cut off."""
        files.write_json_lines(self.history_path, map(dict, rows))

    @property
    def samples_bytes(self) -> int:
        """Length of samples.txt."""
        try:
            return self.samples_path.stat().st_size
        except OSError:
            return 0

    def cut_samples(self, length: int) -> None:
        """Cut off what was appended to samples.txt after it had `length` bytes."""
        if self.samples_bytes > length:
            with files.naming(self.samples_path):
                os.truncate(self.samples_path, length)

    def read_samples(self, rows: Iterable[HistoryRow]) -> list[str | None]:
        """What was written after each of these evaluations; None for one of which no text is kept.

        Raises:
            RunError: the file can't be read.
        """
        if not os.path.lexists(self.samples_path):
            return [None for _ in rows]
        content = files.read_bounded(self.samples_path, limit=files.JSON_LIMIT, error=RunError)
        text = "\n" + content.decode("utf-8", "replace")
        spans: list[tuple[int, int] | None] = []
        place = 0
        for row in rows:  # a text may have what looks like a heading: they come in the order of the evaluations
            heading = f"\n--- {sample_heading(row)}\n"
            found = text.find(heading, place)
            spans.append((found, found + len(heading)) if found >= 0 else None)
            place = place if found < 0 else found + len(heading)
        ends = [*[span[0] for span in spans if span][1:], len(text) - 1]
        return [None if span is None else text[span[1] : ends.pop(0)].removesuffix("\n") for span in spans]

    def append_sample(self, heading: str, text: str) -> None:
        with open(self.samples_path, "a", encoding="utf-8", newline="") as file:
            file.write(f"--- {heading}\n{text}\n\n")

    def append_log(self, lines: Iterable[str]) -> None:
        """Keep what was said, each line with the moment. A disk that takes no more ends nothing."""
        text = "".join(f"{now()} {' '.join(line.split())}\n" for line in lines)
        with contextlib.suppress(OSError), open(self.log_path, "a", encoding="utf-8", errors="replace") as file:
            file.write(text)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint that was written to its end."""
        return any((self.checkpoint_path / seal).is_file() for seal in SEALS)

    @property
    def has_record(self) -> bool:
        """Whether the folder is a run: one without a record is none."""
        return os.path.lexists(self.record_path)  # what is there and can not be read is shown as that

    @property
    def has_model(self) -> bool:
        return self.model_path.is_file()

    def require_model(self) -> Path:
        """The path of model.keras, known to be there and to be a zip archive.

        Raises:
            RunError: no weights were saved yet, or the file is damaged.
        """
        if not self.has_model:
            if self.model_path.exists():
                raise RunError(f"{self.model_path} is corrupt: no ordinary file; train the run again or restore it")
            mend = f"go on with: seqmagic train --resume {self.name}" if self.has_checkpoint else "train it again"
            raise RunError(
                f"run {self.name} has no model.keras: its training ended before the first evaluation; {mend}"
            )
        if not zipfile.is_zipfile(self.model_path):
            raise RunError(f"{self.model_path} is corrupt: not a Keras archive; train the run again or restore it")
        return self.model_path


def sample_heading(row: HistoryRow) -> str:
    """What stands above the text that was written after an evaluation."""
    loss = math.nan if row.validation_loss is None else row.validation_loss
    return f"step {row.step or 0:,}, validation loss {loss:.4f}"


def state_of(record: RunRecord, run: Run) -> str:
    """The status for a reader: "running" becomes "died" when no process holds the lock of the run any more."""
    if record.status != "running":
        return record.status
    real = run.path.resolve()
    return "running" if locks.is_held(real.parent, real.name) else "died"


def is_resumable(record: RunRecord, run: Run) -> bool:
    """Whether the training of `run` ended before its time and left a checkpoint, from which it can go on."""
    return run.has_checkpoint and state_of(record, run) not in ("running", "complete")


def is_name(name: str) -> bool:
    """Whether `name` can be the folder of a run on every system."""
    return bool(_NAME.fullmatch(name)) and name not in REFERENCES and len(name) <= 100


def check_name(name: str) -> None:
    """Raise ConfigError unless `name` can be the folder of a run on every system."""
    if not is_name(name):
        raise ConfigError(
            f"--name must start with a letter or digit and hold letters, digits, '.', '_', '+' and '-' alone, "
            f"at most 100, and not be 'latest' or 'best'; received {name!r}"
        )


def is_tag(word: str) -> bool:
    """Whether a run can have this tag: letters, digits, '.', '_', '+' and '-', as a name, at most 40."""
    return bool(_NAME.fullmatch(word)) and len(word) <= LONGEST_TAG


def default_name(text: str, cell: str, layers: int, units: int) -> str:
    """`<text>-<cell>-<layers>x<units>`."""
    return f"{text_stem(text)}-{cell}-{layers}x{units}"


def text_stem(text: str) -> str:
    """The name of a text, reduced to what a folder name can hold."""
    stem = Path(text).stem if text != "-" else "stdin"
    return re.sub(r"[^\w.+-]+", "-", stem).strip("-._")[:60] or "text"


def refuse_taken(models: Path, name: str, *, overwrite: bool) -> None:
    """Raise RunError if `name` is in use and may not be replaced."""
    path = models / name
    if not (path.exists() or path.is_symlink()):
        return
    if not overwrite and _is_unfinished(Run(path)):
        raise RunError(
            f"run {name} exists already and is not finished; go on with it by --resume {name}, choose another --name "
            "or add --overwrite"
        )
    if not overwrite:
        raise RunError(f"run {name} exists already; choose another --name or add --overwrite")
    if not is_removable(path):
        raise RunError(f"{path} is not a run, so --overwrite leaves it alone; choose another --name")


def _is_unfinished(run: Run) -> bool:
    try:
        return run.has_checkpoint and run.read_record().status != "complete"
    except RunError:
        return False


def is_removable(path: Path) -> bool:
    """Whether the folder `path` is a run, be it a corrupt one, or what was left of one: nothing but its files."""
    if Run(path).has_record:
        return True
    return path.is_dir() and (found := os.listdir(path)) != [] and all(map(_is_of_run, found))


def is_half_written(entry: str) -> bool:
    """Whether a file called `entry` in a run is what a write was killed in, or is at work in."""
    return files.is_temporary_of(entry, *_WRITTEN_WHOLE)


def _is_of_run(entry: str) -> bool:
    return entry in _FILES_OF_RUN or is_half_written(entry)
