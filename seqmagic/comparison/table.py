"""The table of a comparison as plain values, one row model for every way in which it is drawn or written."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.comparison.chance import Chance, Distance
from seqmagic.comparison.rows import Summary, best_baseline, shown_baselines
from seqmagic.evaluation.baselines import Baseline
from seqmagic.evaluation.units import bits, perplexity
from seqmagic.runs.record import size_of


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A row of the table: a combination of cell and size, or a baseline. None where there is no such figure.

    Attributes:
        cell: The cell, or the name of the baseline.
        seeds: How many trainings are in it; 0 in a baseline.
        status: Of its first training; "baseline" in one.
        plus_minus: What stands behind ±; see `comparison.verdict.legend`.
        difference_to_ngram: Validation loss minus that of the best n-gram.
        best: Whether its loss is the lowest of those that are ranked.
    """

    cell: str
    layers: int | None = None
    units: int | None = None
    seeds: int = 0
    status: str = "baseline"
    parameters: float | None = None
    train_loss: float | None = None
    validation_loss: float | None = None
    plus_minus: float | None = None
    bits_per_character: float | None = None
    perplexity: float | None = None
    difference_to_ngram: float | None = None
    characters_per_second: float | None = None
    seconds: float | None = None
    test_loss: float | None = None
    test_plus_minus: float | None = None
    best: bool = False

    @property
    def is_baseline(self) -> bool:
        return self.seeds == 0


def table_rows(
    summaries: Sequence[Summary],
    baselines: Sequence[Baseline],
    *,
    rank: bool = True,
    part: str = "validation",
    chance: Chance | None = None,
) -> list[TableRow]:
    """The rows of a table in their order, and the baselines below them.

    Args:
        rank: Whether one of them is the best: losses that mean different things aren't ranked.
        part: The part of the text whose losses count, validation or test.
        chance: The intervals of the distances to the best row, where they are known.
    """
    ngram = best_baseline(baselines)
    losses = [loss for one in summaries if (loss := one.loss_on(part)) is not None]
    rows = []
    for place, one in enumerate(summaries):
        loss = one.loss_on(part)
        best = rank and loss is not None and loss == min(losses)
        rows.append(_row_of(one, ngram, chance.of(place) if chance else None, part=part, best=best))
    return rows + [_row_of_baseline(one, ngram) for one in shown_baselines(baselines)]


def _row_of(one: Summary, ngram: Baseline | None, distance: Distance | None, *, part: str, best: bool) -> TableRow:
    first, results, loss = one.rows[0], one.results, one.loss
    known = TableRow(cell=first.cell, layers=first.layers, units=first.units, seeds=len(one.rows), status=first.status)
    if loss is None:
        return known
    margin = None if distance is None else distance.margin
    return dataclasses.replace(
        known,
        parameters=results.parameters,
        train_loss=results.train_loss,
        validation_loss=loss,
        plus_minus=margin if one.deviation is None and part != "test" else one.deviation,
        bits_per_character=bits(loss),
        perplexity=results.perplexity,
        difference_to_ngram=None if ngram is None else loss - ngram.loss,
        characters_per_second=results.characters_per_second,
        seconds=results.seconds,
        test_loss=one.test_loss,
        test_plus_minus=margin if one.test_deviation is None and part == "test" else one.test_deviation,
        best=best,
    )


def _row_of_baseline(one: Baseline, ngram: Baseline | None) -> TableRow:
    return TableRow(
        cell=one.name,
        validation_loss=one.loss,
        bits_per_character=one.bits_per_character,
        perplexity=perplexity(one.loss),
        difference_to_ngram=None if ngram is None or one is ngram else one.loss - ngram.loss,
        test_loss=one.test_loss,
    )


def plain_cells(row: TableRow, *, tested: bool) -> list[str | None]:
    """The row for a page: label, parameters, train and validation loss, bits, distance to the n-gram, test loss."""
    size = size_of(row.layers, row.units)
    difference = row.difference_to_ngram
    cells = [
        f"{row.cell} {size}" if size else row.cell,
        None if row.parameters is None else f"{row.parameters:,.0f}",
        with_spread(row.train_loss, None),
        with_spread(row.validation_loss, row.plus_minus) or row.status,
        None if row.bits_per_character is None else f"{row.bits_per_character:.3f}",
        None if difference is None else f"{difference:+z.3f}".replace("-", "−"),
    ]
    return [*cells, with_spread(row.test_loss, row.test_plus_minus)] if tested else cells


def with_spread(loss: float | None, spread: float | None) -> str | None:
    """A loss as it is read, and what stands behind ±; None where there is none."""
    if loss is None:
        return None
    return f"{loss:.4f}" if spread is None else f"{loss:.4f} ±{spread:.4f}"
