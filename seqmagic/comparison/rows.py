"""Runs side by side: one row for each training, and what the rows of one combination say over its seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.evaluation.baselines import Baseline
from seqmagic.runs.record import Count, Figure, Results, RunRecord, Seed, size_of

STATUSES = ("planned", "running", "complete", "interrupted", "failed", "died")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one training.

    Attributes:
        status: planned, running, complete, interrupted, failed, or died: its process ended without a word.
        results: None where there is no loss.
        test_loss: Nats per character of the test part, where it was read.
        error: What a reader should know; None for a training that came to its end with a loss.
        entry: Which entry of the plan of its series it is, from 0; None in those that have no plan.
        unfinished: The name of the run that its training is making, as long as there is no result.
    """

    cell: str
    layers: Count | None
    units: Count | None
    seed: Seed
    run: str | None = None
    status: str = "complete"
    results: Results | None = None
    test_loss: Figure | None = None
    error: str | None = None
    entry: Count | None = None
    unfinished: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"the status of a row is {self.status!r}, none of {', '.join(STATUSES)}")

    @property
    def label(self) -> str:
        return label_of(self.cell, self.layers, self.units)

    @property
    def loss(self) -> float | None:
        return None if self.results is None else self.results.validation_loss


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The rows of one combination over its seeds.

    Attributes:
        results: The mean of each figure over the rows that have it; none at all where no row has a loss.
        deviation: Standard deviation of the validation loss over seeds (n - 1); None for one seed.
        test_loss, test_deviation: The same of the test part; None unless all rows that have a loss have this one.
        error: Why there is no loss, or how many of the rows failed.
    """

    label: str
    rows: tuple[Row, ...]
    results: Results
    deviation: float | None
    error: str | None
    test_loss: float | None = None
    test_deviation: float | None = None

    @property
    def loss(self) -> float | None:
        return self.results.validation_loss

    def loss_on(self, part: str) -> float | None:
        """Of the validation or the test part."""
        return self.test_loss if part == "test" else self.loss


def label_of(cell: str, layers: int | None, units: int | None) -> str:
    """`lstm 1×256`; the cell alone while its size is not decided."""
    size = size_of(layers, units)
    return f"{cell} {size}" if size else cell


def row_of(name: str, record: RunRecord) -> Row:
    """The row of a run from its record."""
    results = record.results or Results()
    usable = isinstance(record.loss, float) and math.isfinite(record.loss)
    return Row(
        cell=record.model.cell,
        layers=record.model.layers,
        units=record.model.units,
        seed=record.seed,
        run=name,
        status=record.status,
        results=Results(**{name: results.get(name) for name in Results.names()}) if usable else None,
        error=_trouble(record, usable=usable),
    )


def _trouble(record: RunRecord, *, usable: bool) -> str | None:
    """What a reader of the row should know; None for a run that came to its end with a loss."""
    if record.status == "interrupted" and usable:
        return "interrupted before its budget was spent"
    if record.status == "complete" and usable:
        return None
    return record.notes[-1] if record.notes else f"{record.status} without a loss"


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """One summary per cell and size, in the order of the rows."""
    groups: dict[tuple[str, int | None, int | None], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.cell, row.layers, row.units), []).append(row)
    return [_summary(tuple(group)) for group in groups.values()]


def separately(rows: Sequence[Row]) -> list[Summary]:
    """One summary per row: for runs that were not made as one series."""
    return [_summary((row,)) for row in rows]


def _summary(rows: tuple[Row, ...]) -> Summary:
    found = [row.results for row in rows if row.results is not None]
    means = {name: _mean([value for one in found if (value := one.get(name)) is not None]) for name in Results.names()}
    losses = [row.loss for row in rows if row.loss is not None]
    tests = [row.test_loss for row in rows if row.test_loss is not None]
    tests = tests if len(tests) == len(losses) else []
    failed = [row for row in rows if row.loss is None]
    error = next((row.error for row in (*failed, *rows) if row.error), None)
    if failed and losses:
        error = f"{len(failed)} of {len(rows)} failed: {error}"
    return Summary(
        label=rows[0].label,
        rows=rows,
        results=Results(**means) if losses else Results(),
        deviation=statistics.stdev(losses) if len(losses) > 1 else None,
        error=error,
        test_loss=_mean(tests) if tests else None,
        test_deviation=statistics.stdev(tests) if len(tests) > 1 else None,
    )


def _mean(values: Sequence[float]) -> float | None:
    """None where there are none, and where the sum is no number any more, as that of perplexities can be."""
    try:
        return statistics.fmean(values) if values else None
    except OverflowError:
        return None


def best_baseline(baselines: Sequence[Baseline]) -> Baseline | None:
    """The n-gram with the lowest loss; None where no n-gram was measured."""
    return min(
        (one for one in baselines if one.order is not None and one.order >= 2), key=lambda one: one.loss, default=None
    )


def shown_baselines(baselines: Sequence[Baseline]) -> list[Baseline]:
    """Uniform, unigram, the best n-gram and, where it is known, the best possible: what stands below the table."""
    best = best_baseline(baselines)
    return [one for one in baselines if one.order is None or one.order < 2 or one is best]
