"""A series of trainings on one text, fairly: same text, split, budget and seed; one row each."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqmagic.comparison.entries import Entry
from seqmagic.comparison.rows import Row, row_of
from seqmagic.config import DEFAULT_MINUTES, ModelConfig, TrainConfig
from seqmagic.errors import SeqmagicError
from seqmagic.network.sizes import count_parameters, match_units
from seqmagic.texts.corpus import Corpus
from seqmagic.training.pauses import working_seconds

if TYPE_CHECKING:
    from seqmagic.training.events import Event

REFERENCE = "lstm"  # the cell whose size the others follow, where it takes part
EARLY = "interrupted before its first evaluation"
LONGEST_REASON = 300  # characters of what an unexpected error says


@dataclass(frozen=True, kw_only=True)
class RowStarted:
    """Training number `number` of `total` begins; numbers count from 1 in the order of training.

    `position` is its place in the table, from 0. `seconds_left` is what the rest of the series will take, this one
    included: by its budget, else by the trainings that are over; None before there is any.
    """

    number: int
    total: int
    position: int
    entry: Entry
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True)
class RowFinished:
    """It ended, well or not; `position` is its place in the table, from 0."""

    position: int
    row: Row


@dataclass(frozen=True, kw_only=True)
class OfRow:
    """What happened in the training of one row, where several are trained at once; `position` as in `RowStarted`."""

    position: int
    event: Event


def reference_cell(cells: Sequence[str]) -> str:
    """The cell whose size the others follow: the LSTM where it takes part, else the first."""
    return REFERENCE if REFERENCE in cells else cells[0]


class Sizes:
    """The sizes of the entries: the reference cell's are given, or found by its first training.

    Args:
        reference: The cell that the others follow.
        match: "units" gives every cell the reference's units, "parameters" as many parameters as it has.
    """

    def __init__(self, reference: str, *, match: str, embedding: int, vocabulary_size: int) -> None:
        self._reference, self._match = reference, match
        self._embedding, self._vocabulary_size = embedding, vocabulary_size
        self._found: dict[tuple[int | None, int | None], tuple[int, int]] = {}

    def resolve(self, entry: Entry) -> Entry:
        """`entry` with the size that it shall have, as far as that is known yet."""
        asked = (entry.layers, entry.units)
        layers, units = self._found.get(asked, asked)
        if self._match == "parameters" and entry.cell != self._reference and layers and units:
            shape = {"layers": layers, "embedding": self._embedding, "vocabulary_size": self._vocabulary_size}
            units = match_units(count_parameters(self._reference, units=units, **shape), entry.cell, **shape)
        return dataclasses.replace(entry, layers=layers, units=units)

    def learn(self, asked: Entry, layers: int | None, units: int | None) -> None:
        """The training of `asked` got this size; the others of its combination follow it."""
        follows = asked.cell == self._reference or self._match == "units"
        if follows and layers and units:
            self._found.setdefault((asked.layers, asked.units), (layers, units))


def train_rows(
    corpus: Corpus,
    entries: Sequence[Entry],
    *,
    model: ModelConfig,
    training: TrainConfig,
    models: Path,
    argv: Sequence[str],
    match: str = "units",
    done: Mapping[int, Row] | None = None,
    names: Mapping[int, str] | None = None,
    train: Callable[..., Iterator[Event]],
) -> Iterator[RowStarted | RowFinished | Event]:
    """Train one run per entry.

    A training that fails becomes a row that says so, and the others go on; one that is interrupted is
    the last. Where sizes are left open, the reference cell goes first and the others follow it.

    Args:
        done: Rows by position that are there already and are not trained again.
        names: Runs by position that a training is to replace: what is left of an earlier one.
        train: What trains: `seqmagic.training.train.train`, or what stands for it.

    Yields:
        A `RowStarted` and a `RowFinished` around the events of each training.

    Raises:
        OSError, RunError: the system can't keep a run (a full disk): the next training would fail as well.
    """
    reference = reference_cell([entry.cell for entry in entries])
    sizes = Sizes(reference, match=match, embedding=model.embedding, vocabulary_size=corpus.vocabulary.size)
    done, names = done or {}, names or {}
    for position, row in done.items():
        sizes.learn(entries[position], row.layers, row.units)
    seconds: list[float] = []
    for number, position in enumerate(training_order(entries, reference, done), start=1 + len(done)):
        asked = entries[position]
        entry = sizes.resolve(asked)
        left = seconds_of_rows(1 + len(entries) - number, training, seconds)
        yield RowStarted(number=number, total=len(entries), position=position, entry=entry, seconds_left=left)
        started = working_seconds()
        row = yield from train_row(
            corpus,
            entry,
            model=model,
            training=training,
            models=models,
            name=names.get(position),
            argv=argv,
            train=train,
        )
        if row.run is not None:
            sizes.learn(asked, row.layers, row.units)
        seconds.append(working_seconds() - started)
        yield RowFinished(position=position, row=row)
        if row.status == "interrupted":
            return


def seconds_of_rows(rows: int, training: TrainConfig, taken: Sequence[float] = ()) -> float | None:
    """What so many rows will take, from what others have taken, else from the budget; None where neither tells."""
    if taken:
        return rows * sum(taken) / len(taken)
    minutes = training.minutes or (DEFAULT_MINUTES if training.epochs is None else None)
    return None if minutes is None else rows * 60 * minutes


def interrupted_row(entry: Entry) -> Row:
    """The row of a training that was interrupted before it had a loss."""
    return Row(**dataclasses.asdict(entry), status="interrupted", error=EARLY)


def train_row(
    corpus: Corpus,
    entry: Entry,
    *,
    model: ModelConfig,
    training: TrainConfig,
    models: Path,
    name: str | None,
    argv: Sequence[str],
    train: Callable[..., Iterator[Event]],
) -> Generator[Event, None, Row]:
    """Pass the events of one training on; the row it ends in is the value of the `yield from`.

    Args:
        entry: What is trained: it decides cell, sizes and seed.
        name: The run that it replaces; None for a new one.
        model, training, models, argv, train: As for `train_rows`.

    Raises:
        OSError, RunError: the system can't keep the run.
    """
    from seqmagic.training.events import Finished

    row = interrupted_row(entry)
    events = train(
        corpus,
        model=dataclasses.replace(model, cell=entry.cell, units=entry.units, layers=entry.layers),
        training=dataclasses.replace(training, seed=entry.seed),
        models=models,
        name=name,
        overwrite=name is not None,
        argv=argv,
    )
    try:
        for event in events:
            yield event
            if isinstance(event, Finished):
                row = row_of(event.run.name, event.run.read_record())
    except KeyboardInterrupt:
        pass
    except Exception as problem:  # whatever else it was: the other rows are worth having
        if _is_of_the_system(problem):
            raise
        row = dataclasses.replace(row, status="failed", error=in_one_line(problem))
    return row


def _is_of_the_system(problem: BaseException | None) -> bool:
    """Whether what failed is the disk or the like, said as it was or in words of our own."""
    while problem is not None:
        if isinstance(problem, OSError):
            return True
        problem = problem.__cause__
    return False


def in_one_line(problem: BaseException) -> str:
    """What an error says, for the row that it ended."""
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror
    words = " ".join(str(problem).split())
    if isinstance(problem, SeqmagicError):
        return words
    return textwrap.shorten(f"unexpected {type(problem).__name__}: {words}", LONGEST_REASON, placeholder=" …")


def training_order(entries: Sequence[Entry], reference: str, done: Container[int]) -> list[int]:
    """Positions in the order of training: where a size is open, the reference cell leads its combination.

    Those of `done` are left out.
    """
    combinations = list(dict.fromkeys((entry.layers, entry.units) for entry in entries))

    def order(position: int) -> tuple[int, bool, int]:
        entry = entries[position]
        is_open = entry.units is None or entry.layers is None
        return combinations.index((entry.layers, entry.units)), is_open and entry.cell != reference, position

    return sorted((position for position in range(len(entries)) if position not in done), key=order)
