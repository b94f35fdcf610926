"""Comparisons as streams of events: a series that is trained on one text, or runs that are there already.

    for event in compare(corpus, cells=["lstm", "gru"], model=model, training=training, models=models):
        ...  # Planned, Waiting, BaselinesMeasured; RowStarted, the events of a training, RowFinished; Compared

Whatever is decided is decided here, and kept; who asks for the events draws them, or doesn't.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmagic.comparison.budgets import plan_of
from seqmagic.comparison.comparable import incomparable, machine_of, trained_alike, unequal_settings
from seqmagic.comparison.cores import cores_each
from seqmagic.comparison.costs import EncodedText, with_chance
from seqmagic.comparison.curves import Curve, curve_of
from seqmagic.comparison.entries import Entry
from seqmagic.comparison.jobs import rounds_of, train_rows_at_once, wait_for_dying, with_cores_of
from seqmagic.comparison.record import (
    FILE_NAME,
    ComparedText,
    Comparison,
    HeldEqual,
    Plan,
    new_comparison,
    resumed_comparison,
    write_comparison,
)
from seqmagic.comparison.rows import Row, row_of
from seqmagic.comparison.samples import with_samples
from seqmagic.comparison.series import EARLY, OfRow, RowFinished, RowStarted, in_one_line, seconds_of_rows, train_rows
from seqmagic.config import DEFAULT_MINUTES, DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import CorpusError, RunError, SeqmagicError, TrainingError
from seqmagic.evaluation.baselines import Baseline, best_possible, measure_baselines
from seqmagic.evaluation.units import worse_than_uniform
from seqmagic.runs import locks
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import OwnText, read_own_text
from seqmagic.runs.record import RunRecord, TextRecord, now
from seqmagic.texts.cache import IdCache
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.texts.sources import STANDARD_INPUT
from seqmagic.training import train as door

if TYPE_CHECKING:
    from seqmagic.training.events import Event


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Something that takes seconds is about to begin."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A series is about to begin.

    Attributes:
        rows: How many are to be trained.
        done: How many are there already, from before it was taken up again.
        jobs: How many are trained at a time; with more than one, what happens to each comes as `OfRow`.
        seconds: What these rows will take by their budget, without what compiling takes; None where the first of
            them must tell.
    """

    rows: int
    done: int
    seconds: float | None
    jobs: int = 1


@dataclass(frozen=True, kw_only=True)
class BaselinesMeasured:
    """What plain counting reaches on the same text."""

    baselines: tuple[Baseline, ...]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The comparison is done; a series of which any run was kept is on disk."""

    comparison: Comparison


CompareEvent = Planned | Waiting | BaselinesMeasured | RowStarted | OfRow | RowFinished | Compared


def compare(
    corpus: Corpus,
    *,
    cells: Sequence[str],
    units: Sequence[int | None] | None = None,
    layers: Sequence[int | None] | None = None,
    seeds: int = 1,
    match: str = "units",
    jobs: int = 1,
    model: ModelConfig,
    training: TrainConfig,
    models: Path,
    name: str | None = None,
    overwrite: bool = False,
    argv: Sequence[str] = (),
    train: Callable[..., Iterator[Event]] | None = None,
) -> Generator[CompareEvent | Event, None, None]:
    """Train every combination on `corpus`, a run each, and put their losses side by side.

    The record is on disk from the start, with every row that is planned, and again after each row. One that
    is overwritten stays until the new one has a run. Ctrl-C ends the series: what there is is compared.

    Args:
        cells, units, layers, seeds: What is combined; None leaves a size to the recipe. The seeds are
            `training.seed` and the next ones.
        match: What is held equal, "units" or "parameters"; see `series.Sizes`.
        jobs: How many rows are trained at a time; more than one in processes of their own, see `jobs`.
        model, training: As for `seqmagic.training.train.train`, for all rows alike.
        models, name, overwrite: Where it goes; see `record.new_comparison`.
        argv: The command line, for the record.
        train: What trains a row at a time; `seqmagic.training.train.train` unless given.

    Yields:
        `Planned`, `Waiting` and `BaselinesMeasured`; `RowStarted`, the events of its training and `RowFinished` for
        each row, those of several at a time as `OfRow`; `Compared` at the end.

    Raises:
        RunError, ConfigError: bad names, settings, more jobs than cores.
        TrainingError: every row failed for one and the same reason.
        OSError: the system can't keep what is trained.
    """
    plan = plan_of(
        corpus.config,
        cells=cells,
        units=units,
        layers=layers,
        seeds=seeds,
        match=match,
        model=model,
        training=training,
        jobs=jobs,
    )
    with new_comparison(models, name=name, text=corpus.source, overwrite=overwrite) as folder:
        yield from begin(folder, corpus, plan, models=models, argv=argv, train=train)


def begin(
    folder: Path,
    corpus: Corpus,
    plan: Plan,
    *,
    models: Path,
    argv: Sequence[str],
    train: Callable[..., Iterator[Event]] | None,
    baselines: tuple[Baseline, ...] = (),
    beside: str | None = None,
    beside_of: str | None = None,
) -> Generator[CompareEvent | Event, None, None]:
    """Train a series from its plan into `folder`, whose name is locked; events and errors as for `compare`.

    Args:
        baselines: Those of the text, where they were measured already.
        beside, beside_of: Its other block; see `record.Comparison`.
    """
    planned = Comparison(
        name=folder.name,
        created=now(),
        argv=tuple(argv),
        status="running",
        text=_text_of_series(corpus),
        held_equal=_held_equal(plan),
        rows=tuple(_planned(number, entry) for number, entry in enumerate(plan.entries)),
        baselines=baselines,
        plan=plan,
        beside=beside,
        beside_of=beside_of,
    )
    series = _Series(folder, planned, is_new=True)
    yield from _train_series(series, corpus, plan, models=models, train=train)


def resume(
    name: str, *, models: Path, train: Callable[..., Iterator[Event]] | None = None
) -> Generator[CompareEvent | Event, None, None]:
    """Take up the series `name` where it ended: rows that are complete stay, the others are trained (again).

    With all rows complete, what is left is done: measuring what is chance, writing samples.

    Args:
        models: The models folder.
        train: As for `compare`.

    Yields:
        As `compare`.

    Raises:
        RunError: there is no such series, it is being made, its text can't be read again, or its rows at a time need
            more cores.
        TrainingError, OSError: as for `compare`.
    """
    with resumed_comparison(models, name) as (folder, before, plan):
        yield from go_on(folder, before, plan, same_text(before, plan.data, models), models=models, train=train)


def go_on(
    folder: Path,
    before: Comparison,
    plan: Plan,
    corpus: Corpus,
    *,
    models: Path,
    train: Callable[..., Iterator[Event]] | None,
) -> Generator[CompareEvent | Event, None, None]:
    """Train what the series in `folder`, whose name is locked, lacks; events and errors as for `resume`."""
    if plan.jobs > 1:
        plan = with_cores_of(before, plan)
        wait_for_dying(models, [row.unfinished for row in before.rows if row.unfinished])
    kept = {row.entry: row for row in before.rows}
    done: dict[int, Row] = {}
    names: dict[int, str] = {}
    for number, entry in enumerate(plan.entries):
        row = kept.get(number)
        if row is not None and row.status == "complete":
            done[number] = row
        elif row is not None and (made := row.run or row.unfinished) is not None:
            record = _left_behind(models, made, before)
            if record is not None and record.status == "complete" and record.seed == entry.seed:
                done[number] = dataclasses.replace(row_of(made, record), entry=number)  # killed just after it
            elif record is not None:
                names[number] = made
    rows = tuple(done.get(number) or _planned(number, entry, names.get(number)) for number, entry in
                 enumerate(plan.entries))  # fmt: skip
    again = dataclasses.replace(
        before, status="running", rows=rows, notes=(), samples={}, curves={}, prompt=None, chance=None
    )
    series = _Series(folder, again, is_new=False)
    yield from _train_series(series, corpus, plan, models=models, train=train, done=done, names=names)


def _train_series(
    series: _Series,
    corpus: Corpus,
    plan: Plan,
    *,
    models: Path,
    train: Callable[..., Iterator[Event]] | None,
    done: Mapping[int, Row] | None = None,
    names: Mapping[int, str] | None = None,
) -> Generator[CompareEvent | Event, None, None]:
    """Train what is not `done`, into the runs of `names` where one is left from before, and compare."""
    training = plan.training
    rows = len(plan.entries) - len(done or {})
    try:
        rounds = rounds_of(rows, plan.jobs)
        yield Planned(rows=rows, done=len(done or {}), seconds=seconds_of_rows(rounds, training), jobs=plan.jobs)
        if not series.comparison.baselines:
            yield Waiting(what="measuring the n-gram baselines")
            yield series.measure(corpus)
        if rows:
            yield Waiting(what="starting TensorFlow")
            train_all: Callable[..., Iterator[CompareEvent | Event]]
            if plan.jobs > 1:
                train_all = partial(train_rows_at_once, jobs=plan.jobs)
            else:
                if train is None:
                    door.start(training)
                train_all = partial(train_rows, train=train or door.train)
            for event in train_all(
                corpus,
                plan.entries,
                model=plan.model,
                training=training,
                models=models,
                argv=series.comparison.argv,
                match=plan.match,
                done=done,
                names=names,
            ):
                series.heed(event)
                yield event
        yield Waiting(what="holding the rows against each other")
        comparison = series.finish(corpus, models, prompt=training.prompt, seed=training.seed)
    except BaseException as problem:
        series.give_up(problem)
        raise
    yield Compared(comparison=comparison)


def _planned(number: int, entry: Entry, unfinished: str | None = None) -> Row:
    return Row(
        **dataclasses.asdict(entry), status="planned", error="not trained yet", entry=number, unfinished=unfinished
    )


def same_text(comparison: Comparison, data: DataConfig, models: Path) -> Corpus:
    """The text of a series, read again; RunError where it is gone or not the same any more."""
    source = comparison.text["source"]
    if source == STANDARD_INPUT:
        raise RunError(f"{comparison.name} read its text from standard input, where it can't be read again")
    try:
        corpus = read_corpus(source, data, again=True, cache=IdCache(models))
    except CorpusError as problem:
        raise RunError(f"the text of {comparison.name} can't be read again: {problem}") from problem
    if corpus.sha256 != comparison.text["sha256"]:
        raise RunError(
            f"the text of {comparison.name}, {source}, has changed since it began (sha256 "
            f"{comparison.text['sha256'][:12]} then, {corpus.sha256[:12]} now); compare anew with another --name"
        )
    return corpus


def _left_behind(models: Path, name: str, comparison: Comparison) -> RunRecord | None:
    """The record of what a row of `comparison` left below `models` as `name`; None where that is none of its runs."""
    try:
        record = Run(models / name).read_record()
    except RunError:
        return None
    same_text = record.text.sha256 == comparison.text["sha256"]
    return record if same_text and record.created >= comparison.created and not locks.is_held(models, name) else None


class _Series:
    """A comparison that is being trained: what it is so far, and its record on disk."""

    def __init__(self, folder: Path, comparison: Comparison, *, is_new: bool) -> None:
        self._folder = folder
        self._is_new = is_new
        self._replaces = is_new and (folder / FILE_NAME).is_file()
        self.comparison = comparison
        self._keep()

    def measure(self, corpus: Corpus) -> BaselinesMeasured:
        measured = measure_baselines(
            corpus.part("train"), corpus.part("validation"), corpus.vocabulary.size, boundary=corpus.boundary
        )
        best = _known_best(corpus.sha256, corpus.validation) if corpus.boundary is None else []
        self._note(baselines=(*measured, *best))
        self._keep()
        return BaselinesMeasured(baselines=self.comparison.baselines)

    def heed(self, event: Any) -> None:
        """Take in what happened to a row."""
        from seqmagic.training.events import Started

        match event:
            case RowStarted(position=position, entry=entry):
                row = Row(**dataclasses.asdict(entry), status="running", error="being trained", entry=position)
                self._put(position, row)
            case Started(run=run):
                running = next(number for number, row in enumerate(self._rows) if row.status == "running")
                self._put(running, dataclasses.replace(self._rows[running], unfinished=run.name))
            case OfRow(position=position, event=Started(run=run)):
                self._put(position, dataclasses.replace(self._rows[position], unfinished=run.name))
            case RowFinished(position=position, row=row):
                self._put(position, dataclasses.replace(row, entry=position))

    def finish(self, corpus: Corpus, models: Path, *, prompt: str | None, seed: int) -> Comparison:
        """Nothing more is trained: write samples, and keep what there is.

        Raises:
            TrainingError: every row failed for one and the same reason: then that is the message.
        """
        interrupted = self._leave_out_what_never_began()
        self._note(machine=machine_of(list(_records_of(self._rows, models))), curves=_curves_of(self._rows, models))
        if not interrupted:
            self._raise_if_hopeless()
            try:
                notes = _worse_than_uniform(self.comparison)
                self._note(notes=(*self.comparison.notes, *notes))
                text = EncodedText(part=corpus.part, vocabulary_size=corpus.vocabulary.size, boundary=corpus.boundary)
                kinds = {row.run: (row.cell, row.layers, row.units) for row in self._rows if row.run}
                part = "test" if len(corpus.part("test")) > 1 else "validation"
                if part == "test":
                    self._note(baselines=tuple(_with_known_test(one, corpus) for one in self.comparison.baselines))
                self.comparison = with_chance(self.comparison, models, text, kinds=kinds, part=part)
                self.comparison = with_samples(self.comparison, models, prompt=prompt, seed=seed)
            except KeyboardInterrupt:
                interrupted = True
        self._note(status="interrupted" if interrupted else "complete")
        self._keep_or_remove()
        return self.comparison

    def give_up(self, problem: BaseException) -> None:
        """It ends before its time. What can't be written any more is told from the lock, which goes now."""
        stopped = isinstance(problem, GeneratorExit | KeyboardInterrupt)
        status, error = ("interrupted", EARLY) if stopped else ("failed", in_one_line(problem))
        self._note(
            status=status,
            rows=tuple(
                dataclasses.replace(row, status=status, error=error) if row.status == "running" else row
                for row in self._rows
            ),
        )
        with contextlib.suppress(OSError):
            self._leave_out_what_never_began()
            self._keep_or_remove()

    @property
    def _rows(self) -> tuple[Row, ...]:
        return self.comparison.rows

    def _note(self, **changes: Any) -> None:
        self.comparison = dataclasses.replace(self.comparison, **changes)

    def _put(self, position: int, row: Row) -> None:
        self._note(rows=(*self._rows[:position], row, *self._rows[position + 1 :]))
        self._keep()

    @property
    def _has_runs(self) -> bool:
        return any(row.run for row in self._rows)

    def _keep(self) -> None:
        if self._has_runs or not self._replaces:
            write_comparison(self._folder, self.comparison)

    def _keep_or_remove(self) -> None:
        """At the end a record without a run is no use; one that it would have replaced stays."""
        if self._has_runs or not self._is_new:
            self._keep()
        elif not self._replaces:
            (self._folder / FILE_NAME).unlink(missing_ok=True)

    def _leave_out_what_never_began(self) -> bool:
        """Whether there was such a row: then the series was interrupted."""
        over = tuple(row for row in self._rows if row.status != "planned" or row.unfinished)
        interrupted = len(over) < len(self._rows) or any(row.status in ("interrupted", "planned") for row in over)
        self._note(rows=over)
        return interrupted

    def _raise_if_hopeless(self) -> None:
        reasons = {row.error for row in self._rows}
        if len(reasons) == 1 and not self._has_runs:
            raise TrainingError(f"nothing could be trained: {reasons.pop()}")


def _records_of(rows: Sequence[Row], models: Path) -> Iterator[RunRecord]:
    """Those of the runs that can still be read."""
    for row in rows:
        with contextlib.suppress(RunError):
            if row.run is not None:
                yield open_run(models, row.run).read_record()


def _curves_of(rows: Sequence[Row], models: Path) -> dict[str, Curve]:
    """By the name of the run, as far as its history can be read."""
    found = {}
    for row in rows:
        with contextlib.suppress(RunError):
            if row.run is not None and (curve := curve_of(open_run(models, row.run).read_history())) is not None:
                found[row.run] = curve
    return found


def _held_equal(plan: Plan) -> HeldEqual:
    training = plan.training
    minutes = training.minutes or (DEFAULT_MINUTES if training.epochs is None else None)
    equal = HeldEqual(match=plan.match, minutes=minutes, epochs=training.epochs, seeds=tuple(sorted(plan.seeds)))
    if plan.jobs != 1:
        equal["cores"] = cores_each(plan.jobs, threads=training.threads)
    return equal


def _text_of_series(corpus: Corpus) -> ComparedText:
    text = _text_of(TextRecord.of(corpus))
    del text["bytes"]  # the record of a series never had them
    return text


def _text_of(text: TextRecord) -> ComparedText:
    return {
        "source": text.source,
        "sha256": text.sha256,
        "bytes": text.bytes,
        "characters": text.characters,
        "train": text.train,
        "validation": text.validation,
        "test": text.test,
    }


# ---------------------------------------------------------------- runs that are there


def compare_runs(
    names: Sequence[str], *, models: Path, argv: Sequence[str] = ()
) -> Generator[CompareEvent, None, None]:
    """Put existing runs side by side, training nothing, and say what keeps their losses from being compared.

    Args:
        names: As for `seqmagic.runs.find.open_run`, one or more.

    Yields:
        `Waiting` and `BaselinesMeasured` where the losses are comparable and the text is still there;
        `Compared` at the end.

    Raises:
        RunError: one can't be found or read.
    """
    opened = [open_run(models, name) for name in names]
    records = [run.read_record() for run in opened]
    reasons = incomparable([(run.name, record) for run, record in zip(opened, records, strict=True)])
    notes = [f"These losses are not comparable: {reason}." for reason in reasons]
    unequal = unequal_settings(records)
    if unequal:
        notes.append(f"Not held equal: {'; '.join(unequal)}.")
    baselines: tuple[Baseline, ...] = ()
    own = None
    if not reasons:
        try:
            own = read_own_text(opened[0], "validation")
            yield Waiting(what="measuring the n-gram baselines")
            baselines = _baselines_of(own)
            yield BaselinesMeasured(baselines=baselines)
        except SeqmagicError as problem:
            notes.append(f"No baselines: {problem}.")
    rows = tuple(row_of(run.name, record) for run, record in zip(opened, records, strict=True))
    comparison = Comparison(
        created=now(),
        argv=tuple(argv),
        text=ComparedText() if reasons else _text_of(records[0].text),
        rows=rows,
        curves={} if reasons else _curves_of(rows, models),
        baselines=baselines,
        notes=tuple(notes),
        comparable=not reasons,
        is_series=False,
        machine=machine_of(records),
    )
    comparison = dataclasses.replace(comparison, notes=(*comparison.notes, *_worse_than_uniform(comparison)))
    if own is not None and len(names) > 1:
        yield Waiting(what="holding the rows against each other")
        text = EncodedText(part=own.part, vocabulary_size=own.corpus.vocabulary.size, boundary=own.corpus.boundary)
        kinds = {run.name: trained_alike(record) for run, record in zip(opened, records, strict=True)}
        comparison = with_chance(comparison, models, text, kinds=kinds, part="validation")
    yield Compared(comparison=with_samples(comparison, models, seed=records[0].seed))


def _baselines_of(own: OwnText) -> tuple[Baseline, ...]:
    measured = measure_baselines(own.part("train"), own.ids, own.corpus.vocabulary.size, boundary=own.corpus.boundary)
    best = _known_best(own.record.text.sha256, own.record.text.validation) if own.corpus.boundary is None else []
    return (*measured, *best)


def _with_known_test(one: Baseline, corpus: Corpus) -> Baseline:
    """The best possible loss with that of the test part; what is measured gets its own with the rows."""
    best = best_possible(corpus.sha256, corpus.test) if one.order is None else None
    return one if best is None else dataclasses.replace(one, test_loss=best.loss)


def _known_best(sha256: str, span: tuple[int, int]) -> list[Baseline]:
    best = best_possible(sha256, span)
    return [] if best is None else [best]


def _worse_than_uniform(comparison: Comparison) -> list[str]:
    """A note for each row of the table that a model without any training would beat."""
    uniform = [one.loss for one in comparison.baselines if one.order == 0]
    found = [(one.label, one.loss) for one in comparison.summaries if one.loss is not None and uniform]
    return [f"{label}: its {clause}." for label, loss in found if (clause := worse_than_uniform(loss, uniform[0]))]
