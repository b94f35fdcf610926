"""Runs side by side: their rows, what was not held equal, and one sentence that reads the table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqmagic.baselines import Baseline
from seqmagic.runs import RunRecord

LEVEL = 0.005  # losses closer than this many nats are called level
FIGURES = (
    "train_loss", "validation_loss", "bits_per_character", "perplexity", "parameters", "epochs",
    "characters", "characters_per_second", "seconds",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one training. `results` has the keys of `FIGURES`; None where there are none."""

    cell: str
    layers: int | None
    units: int | None
    seed: int
    run: str | None = None
    status: str = "complete"
    results: Mapping[str, Any] | None = None
    error: str | None = None

    @property
    def label(self) -> str:
        return label_of(self.cell, self.layers, self.units)

    @property
    def loss(self) -> float | None:
        return (self.results or {}).get("validation_loss")


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The rows of one combination over its seeds.

    Attributes:
        results: The mean of each figure over the rows that have it; empty where none has a loss.
        deviation: Standard deviation of the validation loss over seeds (n - 1); None for one seed.
        error: Why there is no loss, or how many of the rows failed.
    """

    label: str
    rows: tuple[Row, ...]
    results: Mapping[str, float]
    deviation: float | None
    error: str | None

    @property
    def loss(self) -> float | None:
        return self.results.get("validation_loss")


def label_of(cell: str, layers: int | None, units: int | None) -> str:
    """`lstm 1×256`; the cell alone while its size is not decided."""
    return cell if layers is None or units is None else f"{cell} {layers}×{units}"


def row_of(name: str, record: RunRecord) -> Row:
    """The row of a run from its record."""
    results = dict(record.results or {})
    loss = results.get("validation_loss")
    usable = isinstance(loss, float) and math.isfinite(loss)
    return Row(
        cell=record.model.cell,
        layers=record.model.layers,
        units=record.model.units,
        seed=record.seed,
        run=name,
        status=record.status,
        results={key: results.get(key) for key in FIGURES} if usable else None,
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
    results = {
        key: statistics.fmean(values)
        for key in FIGURES
        if (values := [row.results[key] for row in rows if row.results and row.results.get(key) is not None])
    }
    losses = [row.loss for row in rows if row.loss is not None]
    failed = [row for row in rows if row.loss is None]
    error = next((row.error for row in (*failed, *rows) if row.error), None)
    if failed and losses:
        error = f"{len(failed)} of {len(rows)} failed: {error}"
    return Summary(
        label=rows[0].label,
        rows=rows,
        results=results if losses else {},
        deviation=statistics.stdev(losses) if len(losses) > 1 else None,
        error=error,
    )


def best_baseline(baselines: Sequence[Baseline]) -> Baseline | None:
    """The n-gram with the lowest loss; None where no n-gram was measured."""
    return min((one for one in baselines if one.order >= 2), key=lambda one: one.loss, default=None)


def shown_baselines(baselines: Sequence[Baseline]) -> list[Baseline]:
    """Uniform, unigram and the best n-gram: what stands below the table."""
    best = best_baseline(baselines)
    return [one for one in baselines if one.order < 2 or one is best]


# ---------------------------------------------------------------- can the losses be compared?


def incomparable(records: Sequence[tuple[str, RunRecord]]) -> list[str]:
    """Why losses of these named runs can't be compared, a phrase each; empty where they can.

    Two losses are comparable where the text, its split and the vocabulary are the same; the vocabulary
    follows from the training part and the rarest count that it keeps.
    """
    reasons = []
    texts = [(name, record.text.sha256) for name, record in records]
    splits = [(name, (record.text.train, record.text.validation)) for name, record in records]
    counts = [(name, record.data.min_count) for name, record in records]
    if _distinct(texts) > 1:
        reasons.append(f"their texts differ ({_groups(texts)})")
    elif _distinct(splits) > 1:
        reasons.append(f"the text was split differently ({_groups(splits)})")
    if _distinct(counts) > 1:
        reasons.append(f"their vocabularies differ, by --min-count ({_groups(counts)})")
    return reasons


def _distinct(values: Sequence[tuple[str, Any]]) -> int:
    return len({value for _, value in values})


def _groups(values: Sequence[tuple[str, Any]]) -> str:
    """`a, b | c`: names with the same value together."""
    groups: dict[Any, list[str]] = {}
    for name, value in values:
        groups.setdefault(value, []).append(name)
    return " | ".join(", ".join(names) for names in groups.values())


def unequal_settings(records: Sequence[RunRecord]) -> list[str]:
    """What else was not held equal, as `minutes: 1, 3`: the losses are comparable, the contest was not even.

    Learning rate, dropout and weight decay follow the cell in the recipe, and are no part of the contest.
    """
    found = []
    for part, name in (("training", "minutes"), ("training", "epochs"), ("model", "embedding")):
        values = list(dict.fromkeys(getattr(getattr(record, part), name) for record in records))
        if len(values) > 1:
            words = ", ".join("none" if value is None else f"{value:g}" for value in values)
            found.append(f"{name}: {words}")
    devices = list(dict.fromkeys(str(record.environment.get("device")) for record in records))
    if len(devices) > 1:
        found.append(f"device: {', '.join(devices)}")
    return found


# ---------------------------------------------------------------- one sentence


def reading(summaries: Sequence[Summary], baselines: Sequence[Baseline]) -> str:
    """One sentence that says what the table says: which is best, by how much, and whether it is any good."""
    with_loss = [one for one in summaries if one.loss is not None]
    ranked = sorted(with_loss, key=lambda one: one.results["validation_loss"])
    failed = [one.label for one in summaries if one.loss is None]
    if not ranked:
        return "No row has a loss, so there is nothing to compare."
    clauses = [_order_clause(ranked), _baseline_clause(ranked, best_baseline(baselines))]
    if failed:
        clauses.append(f"{_listed(failed)} gave no loss")
    return "; ".join(clause for clause in clauses if clause) + "."


def _order_clause(ranked: Sequence[Summary]) -> str:
    best = ranked[0]
    loss = f"{best.results['validation_loss']:.3f} nats per character"
    if len(ranked) == 1:
        return f"{best.label} reaches {loss}"
    level = [one for one in ranked[1:] if _gap(best, one) < _margin(best, one)]
    seeds = min(len(one.rows) for one in ranked)
    scope = f"Over {seeds} seeds" if seeds > 1 else "In these runs"
    if level:
        return f"{scope} {_listed([best.label, *(one.label for one in level)])} are level at {loss}"
    return f"{scope} {best.label} is best at {loss}, {_gap(best, ranked[1]):.3f} below {ranked[1].label}"


def _baseline_clause(ranked: Sequence[Summary], ngram: Baseline | None) -> str:
    if ngram is None:
        return ""
    name = f"the best n-gram ({ngram.name}, {ngram.loss:.3f})"
    difference = ngram.loss - ranked[0].results["validation_loss"]
    if abs(difference) < LEVEL:
        return f"that is level with {name}"
    if difference < 0:
        return f"{name} is still {-difference:.3f} better, so give more time (--minutes) or a longer text"
    worse = [one.label for one in ranked if one.results["validation_loss"] > ngram.loss]
    verb = "does" if len(worse) == 1 else "do"
    but = f", which {_listed(worse)} {verb} not beat" if worse else ""
    return f"that is {difference:.3f} below {name}{but}"


def _gap(better: Summary, other: Summary) -> float:
    return other.results["validation_loss"] - better.results["validation_loss"]


def _margin(one: Summary, other: Summary) -> float:
    """Two that differ by less are level: twice the standard error where there are seeds, else LEVEL."""
    variances = [s.deviation**2 / len(s.rows) for s in (one, other) if s.deviation is not None]
    return max(LEVEL, 2 * math.sqrt(sum(variances)))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
