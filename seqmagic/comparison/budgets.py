"""What the trainings of a comparison get: its plan, and the plan of the block that gives all rows equal data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from seqmagic.comparison.record import Plan
from seqmagic.comparison.rows import Row
from seqmagic.comparison.series import reference_cell
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError

DIGITS = 3  # of the readings of the text: so many are typed and read without trouble


def plan_of(
    data: DataConfig,
    *,
    cells: Sequence[str],
    units: Sequence[int | None] | None,
    layers: Sequence[int | None] | None,
    seeds: int,
    match: str,
    model: ModelConfig,
    training: TrainConfig,
    jobs: int = 1,
) -> Plan:
    """What `compare.compare` is asked for, as it is kept."""
    return Plan(
        cells=tuple(cells),
        units=tuple(units or [None]),
        layers=tuple(layers or [None]),
        seeds=tuple(range(training.seed, training.seed + seeds)),
        match=match,
        data=data,
        model=model,
        training=training,
        jobs=jobs,
    )


def refuse_epochs(training: TrainConfig) -> None:
    """Raise ConfigError where the first of two blocks would have equal data already."""
    if training.epochs is not None:
        raise ConfigError(
            "--budget both takes --minutes for its block of equal time; the data of the other block is what its "
            f"slowest row reads in them. Received --epochs {training.epochs:g}; leave that out"
        )


def equal_data(plan: Plan, rows: Sequence[Row]) -> Plan | str:
    """The plan that gives the models of `plan` equal data: as much as the row read that read the least in its time.

    So no training of it takes much longer than that of the same row did: only the evaluations may be more. Sizes that
    were found are taken over.

    Args:
        plan: Of a series by time.
        rows: What became of it.

    Returns:
        The plan, or why there is none, in words.
    """
    epochs = least_epochs(rows)
    if epochs is None:
        return "no row was trained by time, so it is not known how much data is equal"
    sizes = tuple(_size_of(plan, number, rows) for number in range(len(plan.combinations)))
    if any(layers is None or units is None for layers, units in sizes):
        return "the row that the sizes follow was not trained by time, so the sizes are not known"
    training = dataclasses.replace(plan.training, minutes=None, epochs=epochs)
    return dataclasses.replace(plan, sizes=sizes, training=training)


def least_epochs(rows: Sequence[Row]) -> float | None:
    """How often every one of the rows with a loss read its text, rounded down; None where that is not known."""
    found = [row.results.epochs for row in rows if row.results is not None and row.results.epochs]
    return rounded_down(min(found)) if found else None


def rounded_down(number: float) -> float:
    """To `DIGITS` significant digits; a positive number stays one."""
    places = DIGITS - 1 - math.floor(math.log10(number))
    step = Decimal(1).scaleb(-places)
    return float(Decimal(repr(number)).quantize(step, rounding=ROUND_FLOOR))


def seconds_at_most(rows: Sequence[Row], epochs: float, *, jobs: int = 1) -> float | None:
    """What trainings of `epochs` readings, `jobs` at a time, will take at the speed that these rows had; None where one
    has none.
    """
    seconds = 0.0
    for row in rows:
        if row.results is None or not row.results.epochs or row.results.seconds is None:
            return None
        seconds += row.results.seconds * epochs / row.results.epochs
    return seconds / min(jobs, max(1, len(rows)))


def _size_of(plan: Plan, number: int, rows: Sequence[Row]) -> tuple[int | None, int | None]:
    """Layers and units of a combination: as asked, else as the row got them that the others follow."""
    layers, units = plan.combinations[number]
    if layers is not None and units is not None:
        return layers, units
    trainings = len(plan.cells) * len(plan.seeds)
    own = range(number * trainings, (number + 1) * trainings)
    reference = reference_cell(plan.cells)
    for row in rows:
        follows = plan.match == "units" or row.cell == reference
        if row.entry in own and follows and row.run is not None and row.layers is not None and row.units is not None:
            return row.layers, row.units
    return None, None
