"""What run.json holds: text, settings, environment, status and results of one training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError, RunError

FORMAT = 1


STATUSES = ("running", "complete", "interrupted", "failed")


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


def comparable(one: RunRecord, other: RunRecord) -> bool:
    """Whether two losses mean the same: same text, same split, same vocabulary rule."""
    return (
        one.text.sha256 == other.text.sha256
        and (one.text.train, one.text.validation) == (other.text.train, other.text.validation)
        and one.data.min_count == other.data.min_count
    )
