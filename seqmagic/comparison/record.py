"""A comparison as a record: its rows, baselines and samples, kept as models/<name>/comparison.json."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqmagic import files
from seqmagic.comparison.rows import Row, Summary, separately, summarise
from seqmagic.comparison.verdict import reading
from seqmagic.errors import RunError
from seqmagic.evaluation.baselines import Baseline
from seqmagic.runs.folder import check_name, text_stem

FORMAT = 1
FILE_NAME = "comparison.json"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several rows on one text.

    Attributes:
        held_equal: What was the same for all rows, as a reader would say it.
        notes: What a reader should know: why losses can't be compared, what was not held equal.
        comparable: Whether the losses may be ranked at all.
        is_series: Whether the rows were trained as one series, so that those that differ in the seed
            alone are taken together.
        samples: What each run writes after `prompt` (None: the default one), by the name of the run.
    """

    name: str | None = None
    created: str = ""
    argv: Sequence[str] = ()
    status: str = "complete"
    text: Mapping[str, Any] = field(default_factory=dict)
    held_equal: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    notes: tuple[str, ...] = ()
    comparable: bool = True
    is_series: bool = True
    prompt: str | None = None
    samples: Mapping[str, str] = field(default_factory=dict)

    @property
    def summaries(self) -> list[Summary]:
        """The rows of the table."""
        return summarise(self.rows) if self.is_series else separately(self.rows)

    @property
    def sentence(self) -> str:
        if self.comparable:
            return reading(self.summaries, self.baselines)
        return "These losses can't be ranked against each other."

    def to_json(self) -> dict[str, Any]:
        head = ("name", "created", "argv", "status", "text", "held_equal")
        document = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in head},
            "comparable": self.comparable,
            # The figures stand beside `results` too: a row of the document is a row of a table.
            "rows": [{**dataclasses.asdict(row), **(row.results or {})} for row in self.rows],
            "baselines": [_baseline_to_json(one) for one in self.baselines],
            "sentence": self.sentence,
            "notes": list(self.notes),
            "prompt": self.prompt,
            "samples": dict(self.samples),
        }
        if len(self.summaries) < len(self.rows):
            document["summaries"] = [
                {
                    "cell": one.rows[0].cell, "layers": one.rows[0].layers, "units": one.rows[0].units,
                    "seeds": [row.seed for row in one.rows], "results": dict(one.results),
                    "deviation": one.deviation, "error": one.error,
                }
                for one in self.summaries
            ]  # fmt: skip
        return document


def _baseline_to_json(one: Baseline) -> dict[str, Any]:
    return {**dataclasses.asdict(one), "bits_per_character": one.bits_per_character}


def comparison_folder(models: Path, *, name: str | None, text: str, overwrite: bool) -> Path:
    """The folder for a new comparison below `models`: made, and holding no comparison.

    Without a name it is `<text>-comparison`, with -2, -3 ... when taken.

    Raises:
        ConfigError: the name can't be that of a folder.
        RunError: the name is taken, or the folder can't be made.
    """
    try:
        if name is None:
            return _first_free(models, f"{text_stem(text)}-comparison")
        check_name(name)
        folder = models / name
        if folder.exists() and not (overwrite and (folder / FILE_NAME).is_file()):
            advice = "add --overwrite" if (folder / FILE_NAME).is_file() else "it is no comparison"
            raise RunError(f"{folder} exists already; choose another --name ({advice})")
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except OSError as problem:
        raise RunError(
            f"no comparison can be kept in {models}: {problem.strerror or problem}; choose another folder with --models"
        ) from problem


def _first_free(models: Path, default: str) -> Path:
    models.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = models / (default if number == 1 else f"{default}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Keep `comparison` in `folder`, whole or not at all."""
    files.write_json(folder / FILE_NAME, comparison.to_json())


def discard_comparison(folder: Path) -> None:
    """Remove a folder in which no comparison was kept."""
    if not (folder / FILE_NAME).exists():
        with contextlib.suppress(OSError):
            folder.rmdir()


def is_comparison(folder: Path) -> bool:
    return (folder / FILE_NAME).is_file() and not (folder / "run.json").exists()


def runs_of(folder: Path) -> list[str]:
    """The names of the runs that the comparison in `folder` has rows of.

    Raises:
        RunError: it is corrupt, or of a newer format.
    """
    path = folder / FILE_NAME
    document = files.read_json(path, error=RunError)
    try:
        version = int(document["format"])
        names = [str(row["run"]) for row in document["rows"] if row["run"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(f"{path} is corrupt: {problem!r}; remove {folder} or restore the file") from problem
    if version > FORMAT:
        raise RunError(
            f"{path} has format {version}, newer than the {FORMAT} that this seqmagic reads; update seqmagic"
        )
    return names


def remove_comparison(folder: Path) -> None:
    """Remove the record of a comparison, and its folder where nothing else is in it; its runs stay.

    Raises:
        RunError: it can't be removed.
    """
    try:
        (folder / FILE_NAME).unlink()
        with contextlib.suppress(OSError):  # other files are not ours
            folder.rmdir()
    except OSError as problem:
        raise RunError(f"{folder} can't be removed: {problem.strerror or problem}") from problem
