"""What a part of the text costs the rows of a comparison, character by character: test losses, and what is chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqmagic.comparison.chance import Contestant, measure_chance
from seqmagic.comparison.record import Comparison
from seqmagic.comparison.rows import Row, best_baseline
from seqmagic.evaluation.baselines import ngram_probabilities, possible_characters
from seqmagic.evaluation.evaluation import costs, record_costs
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.trained import read_trained
from seqmagic.runs.find import open_run
from seqmagic.texts.records import first_records

MOST_RESAMPLED = 500_000  # characters of a validation part that are read again: beyond that intervals are narrow anyway
SAME_LOSS = 0.01  # nats: weights that give another loss than their record are not those of the row


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedText:
    """The text of all rows as they read it.

    Attributes:
        part: The ids (n,) of train, validation or test.
        vocabulary_size: The unknown character included.
        boundary: Id of the end of a record, where the parts are records.
    """

    part: Callable[[str], np.ndarray]
    vocabulary_size: int
    boundary: int | None = None


def with_chance(
    comparison: Comparison, models: Path, text: EncodedText, *, kinds: Mapping[str, Hashable], part: str
) -> Comparison:
    """`comparison` with the intervals of its differences on `part`; with the test losses, where that is "test".

    The weights of every row read the part once more. A note says which can't, or aren't those of the row any more.

    Args:
        kinds: By the name of a run what is the same for those that differ in the seed alone.
        part: validation or test.
    """
    ids = text.part(part)
    whole = part == "test" or len(ids) <= MOST_RESAMPLED
    if not whole:
        ids = ids[: MOST_RESAMPLED + 1] if text.boundary is None else first_records(ids, text.boundary, MOST_RESAMPLED)
    found: dict[str, np.ndarray] = {}
    notes = list(comparison.notes)
    for row in comparison.rows:
        if row.run is None or row.loss is None:
            continue
        try:
            found[row.run] = _costs(NetworkScorer(read_trained(open_run(models, row.run)).network), ids, text.boundary)
            if part == "validation" and whole:
                _refuse_other_weights(row, found[row.run])
        except Exception as problem:  # a table without an interval is still the table
            notes.append(f"No interval for {row.run}: {problem}.")
            found.pop(row.run, None)
    best = best_baseline(comparison.baselines)
    of_ngrams = list(_ngram_costs(text, ids, best.order)) if best and best.order else []
    if part == "test":
        comparison = dataclasses.replace(
            comparison,
            rows=tuple(
                dataclasses.replace(row, test_loss=_mean(found[row.run])) if row.run in found else row
                for row in comparison.rows
            ),
            baselines=tuple(
                dataclasses.replace(one, test_loss=_mean(of_ngrams[one.order]))
                if one.order is not None and one.order < len(of_ngrams)
                else one
                for one in comparison.baselines
            ),
        )
    contestants: dict[int | None, Contestant] = {}
    for place, summary in enumerate(comparison.summaries):
        rows = [row for row in summary.rows if row.loss is not None]
        if rows and all(row.run in found for row in rows):
            each = [found[row.run or ""] for row in rows]
            losses = [_mean(one) if part == "test" else row.loss or 0.0 for one, row in zip(each, rows, strict=True)]
            kind = kinds.get(rows[0].run or "", place)
            mean = np.asarray(np.mean(each, axis=0, dtype=np.float64))
            contestants[place] = Contestant(losses=losses, costs=mean, kind=kind)
    if best and of_ngrams:
        loss = _mean(of_ngrams[-1]) if part == "test" else best.loss
        contestants[None] = Contestant(losses=[loss], costs=of_ngrams[-1], kind=None)
    whole_table = sum(summary.loss is not None for summary in comparison.summaries) == len(contestants.keys() - {None})
    chance = measure_chance(contestants, part=part) if whole_table else None
    return dataclasses.replace(comparison, chance=chance, notes=tuple(notes))


def _refuse_other_weights(row: Row, found: np.ndarray) -> None:
    if row.loss is not None and not abs(_mean(found) - row.loss) <= SAME_LOSS:
        raise ValueError(f"its weights have a validation loss of {_mean(found):.3f}, its record {row.loss:.3f}")


def _costs(scorer: NetworkScorer, ids: np.ndarray, boundary: int | None) -> np.ndarray:
    """The nats of all of `ids` but the first, (n - 1,), those of records each from an empty state."""
    return costs(scorer, ids) if boundary is None else record_costs(scorer, ids, boundary)


def _ngram_costs(text: EncodedText, ids: np.ndarray, order: int) -> Iterator[np.ndarray]:
    """The nats of all of `ids` but the first under the orders 0 (uniform), 1 ... `order`, (n - 1,) each."""
    train = text.part("train")
    possible = possible_characters(text.vocabulary_size, train, ids)
    yield np.full(len(ids) - 1, np.log(possible))
    for probabilities in ngram_probabilities(train, ids, possible, max_order=order, boundary=text.boundary):
        yield -np.log(probabilities[1:])


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values, dtype=np.float64))
