"""A comparison as a record: its rows, baselines and samples, kept as models/<name>/comparison.json."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

from msgspec import Meta

from seqmagic import files
from seqmagic.comparison.chance import Chance
from seqmagic.comparison.cores import LARGEST_JOBS
from seqmagic.comparison.curves import Curve
from seqmagic.comparison.entries import Entry, plan_entries
from seqmagic.comparison.rows import Row, Summary, separately, summarise
from seqmagic.comparison.table import TableRow, plain_cells, table_rows
from seqmagic.comparison.verdict import legend, verdict
from seqmagic.config import DataConfig, ModelConfig, TrainConfig, budget_words
from seqmagic.drawing.words import listed
from seqmagic.errors import RunError
from seqmagic.evaluation.baselines import Baseline
from seqmagic.notebook import html_picture, html_table
from seqmagic.runs import locks
from seqmagic.runs.folder import Run, check_name, is_name, text_stem
from seqmagic.runs.record import Count, Figure, Results, Seed, check_format

FORMAT = 1
FILE_NAME = "comparison.json"
STATUSES = ("running", "complete", "interrupted", "failed", "died")
LARGEST_LOSS = 1e15  # nats: sums and squares of them stay finite


class ComparedText(TypedDict, total=False):
    """The text of all rows; empty where it is not the same for all."""

    source: str
    sha256: str
    bytes: Count
    characters: Count
    train: tuple[Count, Count]
    validation: tuple[Count, Count]
    test: tuple[Count, Count]


class HeldEqual(TypedDict, total=False):
    """What was the same for all rows of a series, minutes or epochs being None; empty where nothing was held.

    `cores` of each row is there where several rows were trained at a time.
    """

    match: str
    minutes: Figure | None
    epochs: Figure | None
    seeds: tuple[Seed, ...]
    cores: Count


_ALWAYS_HELD = {"match", "minutes", "epochs", "seeds"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a series was asked to be, so that it can be taken up again; sizes that the recipe decides are None.

    Attributes:
        sizes: Layers and units of each combination; empty for all of `layers` with all of `units`.
        jobs: How many rows are trained at a time.
    """

    cells: tuple[str, ...]
    units: tuple[Count | None, ...]
    layers: tuple[Count | None, ...]
    seeds: tuple[Seed, ...]
    match: str
    data: DataConfig
    model: ModelConfig
    training: TrainConfig
    jobs: Annotated[int, Meta(ge=1, le=LARGEST_JOBS)] = 1
    sizes: tuple[tuple[Count | None, Count | None], ...] = ()

    @property
    def combinations(self) -> tuple[tuple[int | None, int | None], ...]:
        """Layers and units, in the order of the table."""
        return self.sizes or tuple(itertools.product(self.layers, self.units))

    @property
    def entries(self) -> list[Entry]:
        """Its trainings, in the order of the table."""
        sizes = self.combinations
        return [one for depth, width in sizes for one in plan_entries(self.cells, [width], [depth], self.seeds)]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several rows on one text.

    Attributes:
        status: running, complete, interrupted, failed, or died: its process ended without a word.
        held_equal: What was the same for all rows.
        rows: Of a series all that were planned, from its start.
        notes: What a reader should know: why losses can't be compared, what was not held equal.
        comparable: Whether the losses may be ranked at all.
        is_series: Whether the rows were trained as one series, so that those that differ in the seed
            alone are taken together.
        chance: How sure the differences are; None where it was not measured.
        machine: What the rows were trained on; None where that is not known, or differs.
        curves: The course of each training, by the name of the run, as far as it is known.
        plan: What the series was asked to be; None for runs that were there, and in records of older releases.
        samples: What each run writes after `prompt` (None: the default one), by the name of the run.
        beside: The name of the comparison that gives the rows of this one equal data, where there is to be one.
        beside_of: The name of the comparison that this one is the block of equal data of.
    """

    name: str | None = None
    created: str = ""
    argv: tuple[str, ...] = ()
    status: str = "complete"
    text: ComparedText = field(default_factory=ComparedText)
    held_equal: HeldEqual = field(default_factory=HeldEqual)
    rows: tuple[Row, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    notes: tuple[str, ...] = ()
    comparable: bool = True
    is_series: bool = True
    chance: Chance | None = None
    machine: str | None = None
    plan: Plan | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    prompt: str | None = None
    samples: Mapping[str, str] = field(default_factory=dict)
    beside: str | None = None
    beside_of: str | None = None

    def __post_init__(self) -> None:
        for link in _LINKS:
            if (name := getattr(self, link)) is not None and not is_name(name):
                raise ValueError(f"{link} is {name!r}, no name")
            if name is not None and not (self.text and self.held_equal):
                raise ValueError(f"it has a {link} and does not say on what text, or what was held equal")
        if self.status not in STATUSES:
            raise ValueError(f"the status is {self.status!r}, none of {', '.join(STATUSES)}")
        if missing := {"source", "sha256", "train", "validation"} - self.text.keys():
            _refuse_unless_empty(self.text, "text", missing)
        if missing := _ALWAYS_HELD - self.held_equal.keys():
            _refuse_unless_empty(self.held_equal, "held_equal", missing)
        losses = [loss for row in self.rows for loss in (row.loss, row.test_loss)]
        losses += [loss for one in self.baselines for loss in (one.loss, one.test_loss)]
        for loss in losses:
            if loss is not None and not abs(loss) <= LARGEST_LOSS:
                raise ValueError(f"it has a loss of {loss:g} nats")

    @classmethod
    def from_json(cls, values: Any, path: Path) -> Comparison:
        """The comparison in `values`, read from `path`: the `to_json` of a series.

        Raises:
            RunError: a newer format, or something missing or of the wrong kind.
        """
        check_format(values, FORMAT, path)
        if missing := [key for key in _WRITTEN if key not in values]:
            raise RunError(f"{path} is corrupt: it has no {missing[0]}; {files.MEND}")
        return files.as_type(values, cls, path, error=RunError)

    def __repr__(self) -> str:
        losses = [f"{one.label} {one.loss:.4f}" for one in self.summaries if one.loss is not None]
        return f"Comparison({', '.join([self.name or 'of runs', self.status, *losses])})"

    def _repr_html_(self) -> str:
        """The table, the sentence above it, and the curves where they are known."""
        from seqmagic.comparison.charts import comparison_chart
        from seqmagic.drawing.svg import chart_svg

        head = ["", "parameters", "train loss", "validation loss", "bits per character", "against the n-gram"]
        tested = self.part == "test"
        table = html_table(
            [plain_cells(row, tested=tested) for row in self.table],
            head=[*head, "test loss"] if tested else head,
            caption=self.sentence,
        )
        chart = comparison_chart(self, None)
        return table if chart is None else table + html_picture(chart_svg(chart), words=chart.finding)

    @property
    def summaries(self) -> list[Summary]:
        """The rows of the table."""
        return summarise(self.rows) if self.is_series else separately(self.rows)

    @property
    def table(self) -> list[TableRow]:
        """The rows with their figures as they are drawn and written, and the baselines below them."""
        return table_rows(self.summaries, self.baselines, rank=self.comparable, part=self.part, chance=self.chance)

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end, and each of its rows: then there is nothing to take up."""
        return self.status == "complete" and all(row.status == "complete" for row in self.rows)

    @property
    def budget(self) -> str:
        """What each row of a series got: "1 minute", "2.5 epochs"."""
        return budget_words(self.held_equal.get("minutes"), self.held_equal.get("epochs"))

    @property
    def part(self) -> str:
        """On which part of the text the rows are held against each other: test, where all were read on it."""
        with_loss = [one for one in self.summaries if one.loss is not None]
        return "test" if with_loss and all(one.test_loss is not None for one in with_loss) else "validation"

    @property
    def sentence(self) -> str:
        if self.comparable:
            return verdict(self.summaries, self.baselines, part=self.part, chance=self.chance)
        return "These losses can't be ranked against each other."

    @property
    def legend(self) -> str | None:
        """What ± means; None where there is none."""
        return legend(self.summaries, self.chance) if self.comparable else None

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in _HEAD},
            "comparable": self.comparable,
            # The figures stand beside `results` too: a row of the document is a row of a table.
            "rows": [_row_to_json(row) for row in self.rows],
            "baselines": [_baseline_to_json(one) for one in self.baselines],
            "sentence": self.sentence,
            **({} if self.chance is None else {"chance": dataclasses.asdict(self.chance)}),
            "machine": self.machine,
            **({} if self.plan is None else {"plan": dataclasses.asdict(self.plan)}),
            **(
                {"curves": {run: dataclasses.asdict(curve) for run, curve in self.curves.items()}}
                if self.curves
                else {}
            ),
            "notes": list(self.notes),
            "prompt": self.prompt,
            "samples": dict(self.samples),
            **{link: name for link in _LINKS if (name := getattr(self, link)) is not None},
        }
        if len(self.summaries) < len(self.rows):
            document["summaries"] = [
                {
                    "cell": one.rows[0].cell, "layers": one.rows[0].layers, "units": one.rows[0].units,
                    "seeds": [row.seed for row in one.rows], "results": _without_none(one.results),
                    "deviation": one.deviation, "error": one.error,
                }
                for one in self.summaries
            ]  # fmt: skip
        return document


_LINKS = ("beside", "beside_of")
_HEAD = ("name", "created", "argv", "status", "text", "held_equal")
_WRITTEN = (*_HEAD, "comparable", "rows", "baselines", "notes", "prompt", "samples")  # in every file since the first


def _refuse_unless_empty(values: Mapping[str, Any], name: str, missing: set[str]) -> None:
    if values:
        raise ValueError(f"{name} has no {min(missing)}")


def _without_none(results: Results) -> dict[str, Any]:
    return {name: figure for name, figure in results.items() if figure is not None}


def _row_to_json(row: Row) -> dict[str, Any]:
    results = None if row.results is None else dict(row.results)
    document = {**dataclasses.asdict(row), "results": results, **(results or {})}
    return {key: value for key, value in document.items() if value is not None or key not in _WHERE_KNOWN}


_WHERE_KNOWN = ("test_loss", "entry", "unfinished")  # of a row: they stand in its document only where there are any


def _baseline_to_json(one: Baseline) -> dict[str, Any]:
    document = {**dataclasses.asdict(one), "bits_per_character": one.bits_per_character}
    if one.test_loss is None:
        del document["test_loss"]
    return document


def comparison_folder(models: Path, *, name: str | None, text: str, overwrite: bool) -> Path:
    """The folder for a new comparison below `models`: made, and holding no comparison.

    Without a name it is `<text>-comparison`, with -2, -3 ... when taken.

    Raises:
        ConfigError: the name can't be that of a folder.
        RunError: the name is taken, or the folder can't be made.
    """
    try:
        if name is None:
            models.mkdir(parents=True, exist_ok=True)
            return files.first_free(f"{text_stem(text)}-comparison", lambda free: files.make_folder(models / free))
        check_name(name)
        folder = models / name
        if folder.exists() and not _may_take(folder, overwrite=overwrite):
            advice = "add --overwrite" if (folder / FILE_NAME).is_file() else "it is no comparison"
            raise RunError(f"{folder} exists already; choose another --name ({advice})")
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except OSError as problem:
        raise RunError(
            f"no comparison can be kept in {models}: {problem.strerror or problem}; choose another folder with --models"
        ) from problem


def _may_take(folder: Path, *, overwrite: bool) -> bool:
    """Whether a new comparison may go there: in the place of one, or of what a kill left of one."""
    if (folder / FILE_NAME).is_file():
        return overwrite
    return folder.is_dir() and all(files.is_temporary_of(entry, FILE_NAME) for entry in os.listdir(folder))


@contextlib.contextmanager
def new_comparison(models: Path, *, name: str | None, text: str, overwrite: bool) -> Iterator[Path]:
    """The folder for a new comparison, as of `comparison_folder`, its name locked for as long as the block runs.

    The lock says that the comparison is being made; the system takes it back however the process ends. Where
    nothing was kept, the folder is gone at the end.

    Raises:
        ConfigError, RunError: as in `comparison_folder`, or somebody is making it.
    """
    folder = comparison_folder(models, name=name, text=text, overwrite=overwrite)
    with _locked(models, folder):
        yield folder


@contextlib.contextmanager
def resumed_comparison(models: Path, name: str) -> Iterator[tuple[Path, Comparison, Plan]]:
    """The folder of a series that is there, what it is so far, and its plan; its name locked as in `new_comparison`.

    Raises:
        RunError: there is none of that name, somebody is making it, or its record has no plan.
    """
    folder = models / name
    if not is_comparison(folder):
        raise RunError(not_a_comparison(models, name))
    with _locked(models, folder):
        comparison = read_comparison(folder)
        if comparison.plan is None:
            raise RunError(f"{folder / FILE_NAME} does not say what was planned; make it again with --overwrite")
        yield folder, comparison, comparison.plan


@contextlib.contextmanager
def _locked(models: Path, folder: Path) -> Iterator[None]:
    """The lock of a comparison's name; what a kill left in its folder goes first, an empty folder at the end."""
    try:
        lock = locks.hold(models, folder.name)
        if lock is None:
            raise RunError(f"{folder.name} is being made; choose another --name, or stop that first")
        try:
            for entry in os.listdir(folder):
                if files.is_temporary_of(entry, FILE_NAME):
                    (folder / entry).unlink()
            yield
        finally:
            lock.release()
    finally:
        discard_comparison(folder)


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Keep `comparison` in `folder`, whole or not at all."""
    files.write_json(folder / FILE_NAME, comparison.to_json())


def discard_comparison(folder: Path) -> None:
    """Remove a folder in which no comparison was kept."""
    if not (folder / FILE_NAME).exists():
        with contextlib.suppress(OSError):
            folder.rmdir()


def is_comparison(folder: Path) -> bool:
    return (folder / FILE_NAME).is_file() and not Run(folder).record_path.exists()


def comparison_names(models: Path) -> list[str]:
    """The names of the comparisons below `models`, in the order of the alphabet."""
    return sorted(file.parent.name for file in models.glob(f"[!.]*/{FILE_NAME}"))


def not_a_comparison(models: Path, name: str) -> str:
    """The line for a name that no comparison has: what it is, the nearest ones, or what there is."""
    there = comparison_names(models)
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.4)
    if Run(models / name).has_record:
        return f"{name} is a run and no comparison; see: seqmagic runs show {name}"
    if near:
        return f"there is no comparison {name!r} in {models}; did you mean {' or '.join(near)}?"
    if there:
        return (
            f"there is no comparison {name!r} in {models}; there {'is' if len(there) == 1 else 'are'} {listed(there)}"
        )
    return f"there is no comparison {name!r} in {models}, nor any other; make one with: seqmagic compare python-docs"


def read_comparison(folder: Path) -> Comparison:
    """The comparison in `folder`, under the name of the folder.

    One that says "running" while nobody holds its lock has died, and so has the row that was on.

    Raises:
        RunError: it is corrupt, or of a newer format.
    """
    path = folder / FILE_NAME
    comparison = Comparison.from_json(files.read_json(path, error=RunError), path)
    comparison = dataclasses.replace(comparison, name=folder.name)
    real = folder.resolve()
    if comparison.status != "running" or locks.is_held(real.parent, real.name):
        return comparison
    return dataclasses.replace(comparison, status="died", rows=tuple(map(_after_death, comparison.rows)))


def _after_death(row: Row) -> Row:
    if row.status != "running":
        return row
    return dataclasses.replace(row, status="died", error="its process died before it had a result")


def runs_of(folder: Path) -> list[str]:
    """The names of the runs that the comparison in `folder` has rows of; errors as for `read_comparison`."""
    return [row.run for row in read_comparison(folder).rows if row.run]


def follow_renamed(models: Path, old: str, new: str) -> list[str]:
    """Have the comparisons below `models` call the run or comparison `old` `new`; the names of those that do.

    Raises:
        RunError: one that names it is being made, or can't be written. Then none was changed that comes after it.
    """
    changed = {}
    for name in comparison_names(models):
        path = models / name / FILE_NAME
        with contextlib.suppress(RunError):  # a corrupt one names nothing
            values = files.read_json(path, error=RunError)
            if _renamed(values, old, new):
                changed[name] = values
    if busy := [name for name in changed if locks.is_held(models, name)]:
        raise RunError(f"the comparison {busy[0]} names {old} and is being made; stop that first")
    for name, values in changed.items():
        files.write_json(models / name / FILE_NAME, values)
    return list(changed)


def _renamed(values: Any, old: str, new: str) -> bool:
    """Put `new` in the place of the name `old` in what a file of a comparison holds; whether it was there."""
    if not isinstance(values, dict):
        return False
    found = False
    for key in _LINKS:
        if values.get(key) == old:
            values[key], found = new, True
    rows = values.get("rows")
    for row in rows if isinstance(rows, list) else ():
        for key in ("run", "unfinished"):
            if isinstance(row, dict) and row.get(key) == old:
                row[key], found = new, True
    for key in ("curves", "samples"):
        by_run = values.get(key)
        if isinstance(by_run, dict) and old in by_run:
            values[key] = {new if run == old else run: value for run, value in by_run.items()}
            found = True
    return found


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
