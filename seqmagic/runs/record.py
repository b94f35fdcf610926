"""What run.json holds: text, settings, environment, status and results of one training."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from seqmagic import files
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import RunError
from seqmagic.notebook import html_table
from seqmagic.texts.vocabulary import Vocabulary

if TYPE_CHECKING:
    from seqmagic.texts.corpus import Corpus

FORMAT = 1
STATUSES = ("running", "complete", "interrupted", "failed")

# What a file may declare. The bounds keep every figure of ours finite through a division or a sum.
Count = Annotated[int, Meta(ge=0, le=2**62)]
Whole = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Real = Annotated[float, Meta(ge=-1e300, le=1e300)]
Figure = Whole | Real
Scalar = str | bool | Whole | Real | None
_SURROGATES = re.compile("[\ud800-\udfff]")
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]


def size_of(layers: int | None, units: int | None) -> str | None:
    """`1×256`, as every line has it; None while that is not decided. A name has an x instead of the sign."""
    return f"{layers}×{units}" if layers and units else None


@dataclass(frozen=True, kw_only=True)
class TextRecord:
    """The text of a run: where it came from, what exactly it was, how it was cut.

    `sha256` is that of the characters as UTF-8 after line breaks became newlines, so a file, its
    compressed copy and its Windows edition are the same text. The spans count characters: those of
    training, validation and test, one after the other.
    """

    source: str
    sha256: str
    bytes: Count
    characters: Count
    train: tuple[Count, Count]
    validation: tuple[Count, Count]
    test: tuple[Count, Count]

    @classmethod
    def of(cls, corpus: Corpus) -> TextRecord:
        """What is kept of the text that `corpus` was read from."""
        return cls(
            source=corpus.source,
            sha256=corpus.sha256,
            bytes=corpus.bytes,
            characters=len(corpus.ids),
            train=corpus.train,
            validation=corpus.validation,
            test=corpus.test,
        )

    def __post_init__(self) -> None:
        edges = [0, *self.train, *self.validation, *self.test, self.characters]
        if edges != sorted(edges):
            raise ValueError(
                f"the parts {list(self.train)}, {list(self.validation)}, {list(self.test)} "
                f"don't follow each other within {self.characters} characters"
            )
        if "\0" in self.source:
            raise ValueError("the source of the text has a NUL in it")


_LEFT_OUT: Any = object()  # the default of a figure


@dataclass(frozen=True, eq=False, repr=False)
class _Figures(Mapping[str, Figure | None]):
    """Figures as attributes and, as their file has them, by name.

    One that the file does not have is None as an attribute, and by name it is not there: so a file that is read and
    written again, or shown, is as it was.
    """

    def __post_init__(self) -> None:
        given = tuple(name for name in self.names() if getattr(self, name) is not _LEFT_OUT)
        for name in set(self.names()) - set(given):
            object.__setattr__(self, name, None)
        object.__setattr__(self, "_given", given)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.items())})"

    def _repr_html_(self) -> str:
        return html_table(self.items(), caption=type(self).__name__)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Those of all figures, in the order of the file."""
        return tuple(field.name for field in dataclasses.fields(cls))

    def __getitem__(self, name: str) -> Figure | None:
        if name not in self:
            raise KeyError(name)
        figure: Figure | None = getattr(self, name)
        return figure

    def __contains__(self, name: object) -> bool:
        return name in vars(self)["_given"]

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self)["_given"])

    def __len__(self) -> int:
        return len(vars(self)["_given"])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class HistoryRow(_Figures):
    """A line of history.jsonl: what one evaluation found."""

    step: Figure | None = _LEFT_OUT
    epoch: Figure | None = _LEFT_OUT
    seconds: Figure | None = _LEFT_OUT
    train_loss: Figure | None = _LEFT_OUT
    validation_loss: Figure | None = _LEFT_OUT
    bits_per_character: Figure | None = _LEFT_OUT
    learning_rate: Figure | None = _LEFT_OUT
    characters: Figure | None = _LEFT_OUT
    characters_per_second: Figure | None = _LEFT_OUT


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Results(_Figures):
    """What came of a training; losses in nats per character, at the weights that are kept.

    Runs of other releases may lack some. `perplexity` is None where it is beyond what a float holds.
    """

    train_loss: Figure | None = _LEFT_OUT
    validation_loss: Figure | None = _LEFT_OUT
    bits_per_character: Figure | None = _LEFT_OUT
    perplexity: Figure | None = _LEFT_OUT
    parameters: Figure | None = _LEFT_OUT
    epochs: Figure | None = _LEFT_OUT
    characters: Figure | None = _LEFT_OUT
    characters_per_second: Figure | None = _LEFT_OUT
    seconds: Figure | None = _LEFT_OUT


@dataclass(frozen=True, kw_only=True)
class VocabularyFile:
    """What vocabulary.json holds: the characters in order of id, from 1 on; 0 is the unknown one."""

    characters: tuple[Annotated[str, Meta(min_length=1, max_length=1)], ...]
    unknown: Literal[0] = 0


@dataclass(frozen=True, kw_only=True)
class FineTuned:
    """What a training began with that went on from the weights of another run.

    Losses in nats per character, each of a validation part; those of the other run's text are None where that could
    not be read again.

    Attributes:
        run: The other run, by name or path, as it was given.
        created: When that was.
        new_characters: How many its vocabulary was extended by.
        before, after: Loss on the new text before the first step, and at the weights that are kept.
        own_before, own_after: The same on the text that the other run was trained on.
    """

    run: str
    created: str
    new_characters: Count
    before: Figure | None = None
    after: Figure | None = None
    own_before: Figure | None = None
    own_after: Figure | None = None


@dataclass(frozen=True, kw_only=True)
class TagsFile:
    """What tags.json holds: words to find a run by."""

    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What run.json holds.

    Attributes:
        fine_tuned: What it began with, where that was another run.
        vocabulary_sha256: From `vocabulary_sum`, so that another run's vocabulary of the same size is
            noticed; None in runs that were trained before it was kept.
    """

    name: str
    created: str
    argv: tuple[str, ...]
    seed: Seed
    text: TextRecord
    data: DataConfig
    model: ModelConfig
    training: TrainConfig
    environment: Mapping[str, Scalar]
    status: str = "running"
    results: Results | None = None
    notes: tuple[str, ...] = ()
    vocabulary_sha256: str | None = None
    fine_tuned: FineTuned | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"the status is {self.status!r}, none of {', '.join(STATUSES)}")

    @property
    def loss(self) -> Figure | None:
        """The validation loss that the run came to, in nats per character."""
        return None if self.results is None else self.results.validation_loss

    def to_json(self) -> dict[str, Any]:
        results = None if self.results is None else dict(self.results)
        return _as_unicode({"format": FORMAT, **dataclasses.asdict(self), "results": results})

    @classmethod
    def from_json(cls, values: Any, path: Path) -> RunRecord:
        """The record in `values`, read from `path`.

        Raises:
            RunError: a newer format, or something missing or of the wrong kind.
        """
        check_format(values, FORMAT, path)
        return files.as_type(values, cls, path, error=RunError)


def _as_unicode(value: Any) -> Any:
    """`value` with U+FFFD for what is no character: the bytes of a file's name that are no UTF-8."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: _as_unicode(inner) for key, inner in value.items()}
    return [_as_unicode(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def check_format(values: Any, known: int, path: Path) -> None:
    """Raise RunError unless `values`, read from `path`, say that they have a format up to `known`."""
    version = values.get("format") if isinstance(values, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RunError(f"{path} is corrupt: it names no format; {files.MEND}")
    if version > known:
        raise RunError(
            f"{path} has format {version:.10g}, newer than the {known} that this seqmagic reads; "
            "update seqmagic to use this run"
        )


def now() -> str:
    """This moment as records keep it: UTC, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def vocabulary_sum(vocabulary: Vocabulary) -> str:
    """The SHA-256 of the characters in order of id, as UTF-8, in hexadecimal digits."""
    return hashlib.sha256("".join(vocabulary.characters).encode("utf-8", "surrogatepass")).hexdigest()


def measured_on(record: RunRecord) -> dict[str, Any]:
    """What the loss of a run was measured on: two losses mean the same where all of this is equal.

    The vocabulary follows from the training part and the rarest count that it keeps.
    """
    drawn = (record.data.split_seed,) if record.data.has_records else ()  # records of the parts, not the spans alone
    return {
        "text": record.text.sha256,
        "split": (record.text.train, record.text.validation, *drawn),
        "min_count": record.data.min_count,
    }


def comparable(one: RunRecord, other: RunRecord) -> bool:
    """Whether two losses mean the same."""
    return measured_on(one) == measured_on(other)
