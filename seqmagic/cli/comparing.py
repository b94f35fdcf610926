"""What `seqmagic compare` does: trains a series or opens runs, and shows the comparison."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from seqmagic.cli.console import draw, json_document, notice, printable, result
from seqmagic.cli.options import Settings
from seqmagic.comparison.comparable import incomparable, unequal_settings
from seqmagic.comparison.record import Comparison, comparison_folder, discard_comparison, write_comparison
from seqmagic.comparison.rows import Row, row_of
from seqmagic.comparison.series import Entry, RowFinished, RowStarted, plan_entries, train_rows
from seqmagic.config import DEFAULT_MINUTES, DataConfig, ModelConfig, SampleConfig, TrainConfig
from seqmagic.errors import SeqmagicError, TrainingError
from seqmagic.evaluation.baselines import Baseline, measure_baselines
from seqmagic.network.keras_file import load_network
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import read_own_text
from seqmagic.texts.corpus import Corpus, check_trainable, read_corpus

SAMPLE_LENGTH = 240  # characters that each run writes ...
SAMPLE_LINES = 4  # ... of which so many lines are shown
INTERRUPTED = 130


def compare_runs(settings: Settings, names: Sequence[str], *, argv: Sequence[str]) -> Comparison:
    """Existing runs side by side, and what keeps their losses from being compared."""
    opened = [open_run(settings.models, name) for name in names]
    records = [run.read_record() for run in opened]
    reasons = incomparable([(run.name, record) for run, record in zip(opened, records, strict=True)])
    notes = [f"These losses are not comparable: {reason}." for reason in reasons]
    unequal = unequal_settings(records)
    if unequal:
        notes.append(f"Not held equal: {'; '.join(unequal)}.")
    baselines: tuple[Baseline, ...] = ()
    if not reasons:
        try:
            baselines = _baselines_of_run(settings, opened[0])
        except SeqmagicError as problem:
            notes.append(f"No baselines: {problem}.")
    comparison = Comparison(
        created=_now(),
        argv=tuple(argv),
        text={} if reasons else dataclasses.asdict(records[0].text),
        rows=tuple(row_of(run.name, record) for run, record in zip(opened, records, strict=True)),
        baselines=baselines,
        notes=tuple(notes),
        comparable=not reasons,
        is_series=False,
    )
    return with_samples(settings, comparison, seed=records[0].seed)


def _baselines_of_run(settings: Settings, run: Run) -> tuple[Baseline, ...]:
    own = read_own_text(run, "validation")
    return _measure(settings, own.corpus, own.part("train"), own.ids)


def _measure(settings: Settings, corpus: Corpus, train: Any, validation: Any) -> tuple[Baseline, ...]:
    notice("measuring the n-gram baselines …", quiet=settings.quiet)
    return tuple(measure_baselines(train, validation, corpus.vocabulary.size))


class Series:
    """A comparison that is trained here: what was asked for, and the rows as they come in."""

    def __init__(
        self,
        settings: Settings,
        *,
        text: str,
        data: DataConfig,
        model: ModelConfig,
        training: TrainConfig,
        argv: Sequence[str],
    ) -> None:
        self.settings, self.text, self.argv = settings, text, tuple(argv)
        self.data, self.model, self.training = data, model, training
        self.entries: list[Entry] = []
        self.comparison = Comparison(created=_now(), argv=self.argv, status="running")

    def plan(
        self,
        *,
        cells: Sequence[str],
        units: Sequence[int | None] | None,
        layers: Sequence[int | None] | None,
        seeds: int,
    ) -> None:
        """Every combination is a row; `None` leaves a size to the recipe."""
        numbers = range(self.training.seed, self.training.seed + seeds)
        self.entries = plan_entries(cells, units or [None], layers or [None], numbers)

    def run(self, *, match: str, name: str | None, overwrite: bool) -> int:
        """Train all rows and show what came of it; the exit code.

        Raises:
            SeqmagicError: the text or the name can't be used, or no row could be trained at all.
        """
        corpus = read_corpus(self.text, self.data)
        check_trainable(corpus)
        for line in corpus.notices:
            notice(line, quiet=self.settings.quiet)
        folder = comparison_folder(self.settings.models, name=name, text=self.text, overwrite=overwrite)
        try:
            baselines = _measure(self.settings, corpus, corpus.part("train"), corpus.part("validation"))
            self._note(name=folder.name, text=_text(corpus), held_equal=self._held_equal(match), baselines=baselines)
            interrupted = False
            try:
                for row in self._train(corpus, match):
                    interrupted = row.status == "interrupted"
                    if row.run:
                        write_comparison(folder, self.comparison)
                if not interrupted:
                    self._raise_if_hopeless()
                    prompt, seed = self.training.prompt, self.training.seed
                    self.comparison = with_samples(self.settings, self.comparison, prompt=prompt, seed=seed)
            except KeyboardInterrupt:
                interrupted = True
            self._note(status="interrupted" if interrupted else "complete")
            if any(row.run for row in self.comparison.rows):
                write_comparison(folder, self.comparison)
        finally:
            discard_comparison(folder)
        show_comparison(self.settings, self.comparison)
        has_loss = any(row.loss is not None for row in self.comparison.rows)
        return INTERRUPTED if interrupted else 0 if has_loss else 1

    def _note(self, **changes: Any) -> None:
        self.comparison = dataclasses.replace(self.comparison, **changes)

    def _held_equal(self, match: str) -> dict[str, Any]:
        training = self.training
        minutes = training.minutes or (DEFAULT_MINUTES if training.epochs is None else None)
        seeds = sorted({entry.seed for entry in self.entries})
        return {"match": match, "minutes": minutes, "epochs": training.epochs, "seeds": seeds}

    def _train(self, corpus: Corpus, match: str) -> Iterator[Row]:
        """Train row after row with the display on; each is in `self.comparison` when it is yielded."""
        from seqmagic.cli.show.progress import TrainingDisplay
        from seqmagic.training.device import start_tensorflow

        notice("starting TensorFlow …", quiet=self.settings.quiet)
        start_tensorflow(self.training.threads)  # quietly, before anything else imports it
        finished: dict[int, Row] = {}
        with TrainingDisplay(quiet=self.settings.quiet) as display:
            for event in train_rows(
                corpus,
                self.entries,
                data=self.data,
                model=self.model,
                training=self.training,
                models=self.settings.models,
                argv=self.argv,
                match=match,
            ):
                if isinstance(event, RowStarted):
                    display.announce(event.entry.label, number=event.number, total=event.total)
                elif isinstance(event, RowFinished):
                    finished[event.position] = event.row
                    self._note(rows=tuple(finished[position] for position in sorted(finished)))
                    if event.row.error:
                        display.line(f"{event.row.label}: {event.row.error}", style="bold")
                    yield event.row
                else:
                    display.show(event)

    def _raise_if_hopeless(self) -> None:
        """Raise where every row failed for one and the same reason: then that is the message."""
        rows = self.comparison.rows
        reasons = {row.error for row in rows}
        if len(reasons) == 1 and not any(row.run for row in rows):
            raise TrainingError(f"nothing could be trained: {reasons.pop()}")


def _text(corpus: Corpus) -> dict[str, Any]:
    spans = {part: list(getattr(corpus, part)) for part in ("train", "validation", "test")}
    return {"source": corpus.source, "sha256": corpus.sha256, "characters": len(corpus.ids), **spans}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


# ---------------------------------------------------------------- what is shown


def show_comparison(settings: Settings, comparison: Comparison) -> None:
    """The table, the sentence, the notes and what each run writes; or the JSON document."""
    if settings.json:
        json_document(comparison.to_json())
        return
    from seqmagic.cli.show.tables import comparison_table

    summaries, baselines, mark = comparison.summaries, comparison.baselines, comparison.comparable
    if comparison.text:
        draw(lambda width: f"{heading(comparison)}\n")
    draw(lambda width: comparison_table(summaries, baselines, width=width, mark_best=mark))
    draw(lambda width: f"\n{comparison.sentence}")
    for summary in summaries:
        if summary.error:
            result(f"{summary.label}: {summary.error}")
    for note in comparison.notes:
        result(note)
    for run, text in comparison.samples.items():
        result(f"\n--- {run}")
        lines = [line for line in text.split("\n") if line.strip()]
        result(printable("\n".join(lines[:SAMPLE_LINES])))
    if comparison.name and any(row.run for row in comparison.rows):
        kept = settings.models / comparison.name
        notice(f"\nkept in {kept}; again: seqmagic compare {comparison.name}", quiet=settings.quiet)


def heading(comparison: Comparison) -> str:
    """The text, its split and what was held equal, in one line."""
    text, equal = comparison.text, comparison.held_equal
    lengths = {part: text[part][1] - text[part][0] for part in ("train", "validation")}
    words = (
        f"{text['source']}: {lengths['train']:,} characters to train on, {lengths['validation']:,} "
        f"to validate (sha256 {text['sha256'][:12]})"
    )
    if not equal:
        return words
    unit = "minutes" if equal["minutes"] else "epochs"
    budget = f"{equal[unit]:g} {unit if equal[unit] != 1 else unit[:-1]}"
    seeds = ", ".join(map(str, equal["seeds"]))
    return f"{words}; each row {budget}, seed {seeds}; same {equal['match']}"


def with_samples(settings: Settings, comparison: Comparison, *, seed: int, prompt: str | None = None) -> Comparison:
    """What the best run of each row writes after the same prompt, with the same random numbers."""
    samples, notes = {}, list(comparison.notes)
    for summary in comparison.summaries:
        rows = [row for row in summary.rows if row.run and row.loss is not None]
        if not rows:
            continue
        name = min(rows, key=lambda row: row.loss or 0.0).run or ""
        try:
            samples[name] = write_sample(open_run(settings.models, name), prompt=prompt, seed=seed)
        except Exception as problem:  # a table without a sample is still the table
            notes.append(f"No sample of {name}: {problem}")
    return dataclasses.replace(comparison, samples=samples, notes=tuple(notes), prompt=prompt)


def write_sample(run: Run, *, prompt: str | None, seed: int) -> str:
    """What `run` writes after `prompt` (the default one where there is none), the prompt included."""
    from seqmagic.sampling.engine import FoldedNetwork
    from seqmagic.sampling.writer import write

    pieces = write(
        FoldedNetwork.of(load_network(run)),
        run.read_vocabulary(),
        SampleConfig(length=SAMPLE_LENGTH, seed=seed),
        [] if prompt is None else [prompt],
    )
    return (prompt or "") + "".join(piece.characters for piece in pieces)
