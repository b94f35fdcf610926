"""Where the rows of a comparison differ: what each class of characters costs them, and the passages farthest apart.

The best training of each cell stands for it, and the best n-gram beside them. All read the same characters: those on
which the table holds its rows against each other. A passage is as many neighbouring characters as a line holds.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic.comparison.costs import MOST_RESAMPLED
from seqmagic.comparison.record import Comparison
from seqmagic.comparison.rows import Row, best_baseline
from seqmagic.drawing.words import listed
from seqmagic.errors import RunError
from seqmagic.evaluation.baselines import ngram_guesses, probabilities_of_orders
from seqmagic.evaluation.classes import CLASSES, classify
from seqmagic.evaluation.evaluation import costs
from seqmagic.evaluation.scorer import JudgingScorer
from seqmagic.evaluation.units import bits
from seqmagic.network.trained import read_trained
from seqmagic.runs.find import open_run
from seqmagic.runs.own_text import OwnText, read_own_text
from seqmagic.runs.record import comparable
from seqmagic.texts.vocabulary import code_points

ALL = "all"  # what all classes together are called
NGRAM = "n-gram"  # what the best n-gram is called among the rows
PASSAGES = 10
PASSAGE = 60  # characters
MOST_CHARACTERS = MOST_RESAMPLED
SMALLEST = 0.0005  # bits per character: less is no difference to speak of


@dataclass(frozen=True, kw_only=True)
class OfClass:
    """What the characters of one class cost a row.

    Attributes:
        name: One of `evaluation.classes.CLASSES`, or `ALL`.
        characters: How many there are.
        share: Of all characters.
        bits: Mean of a character of the class; None where there is none.
        share_of_bits: The class's share of all bits that the row paid.
        accuracy: How often the first guess was right; None where there is none.
    """

    name: str
    characters: int
    share: float
    bits: float | None
    share_of_bits: float
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A row of the comparison, or its best n-gram, and what it paid.

    Attributes:
        label: As in the table.
        run: The name of the run; None for the n-gram.
        classes: All of `CLASSES`, whether they occur or not, and `ALL`.
    """

    label: str
    run: str | None
    classes: tuple[OfClass, ...]

    @property
    def mean_bits(self) -> float:
        """Of all characters."""
        return self.classes[-1].bits or 0.0


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Neighbouring characters, and what two rows paid for each.

    Attributes:
        at: Place of the first in the part that was read, from 0.
        text: The characters.
        bits: Of each character, for the one row and for the other.
        difference: Bits that the first row paid more for all of them.
    """

    at: int
    text: str
    bits: tuple[tuple[float, ...], tuple[float, ...]]
    difference: float


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where the rows of a comparison differ.

    Attributes:
        comparison: Its name.
        part: Of the text, validation or test.
        characters: How many were predicted.
        readers: The rows and the best n-gram.
        pair: The labels of the two whose passages these are; empty where there are no two.
        passages: Those that differ most, the largest difference first.
        notes: What a reader should know.
    """

    comparison: str
    part: str
    characters: int
    readers: tuple[Reader, ...]
    pair: tuple[str, ...]
    passages: tuple[Passage, ...]
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What the difference of the pair is made of most of all, and least; "" where there is no pair of rows."""
        pair = [next((one for one in self.readers if one.label == label), None) for label in self.pair]
        if len(pair) != 2 or pair[0] is None or pair[1] is None:
            return ""
        less, more = sorted((pair[0], pair[1]), key=lambda one: one.mean_bits)
        difference = more.mean_bits - less.mean_bits
        if difference < SMALLEST:
            return f"{less.label} and {more.label} pay the same, to a thousandth of a bit."
        parts = [
            (other.share * ((other.bits or 0.0) - (one.bits or 0.0)), one.name, one.share)
            for one, other in zip(less.classes[:-1], more.classes[:-1], strict=True)
        ]
        part, name, share = max(parts)
        words = (
            f"{less.label} pays {difference:.3f} bits per character less than {more.label}: {part:.3f} less "
            f"for {name}, {100 * share:.0f} % of the characters"
        )
        part, name, _ = min(parts)
        return f"{words}, but {-part:.3f} more for {name}." if -part >= SMALLEST else f"{words}."

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "sentence": self.sentence}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Judged:
    """What somebody paid for each of n characters, (n,) float64 bits, and whether it guessed it, (n,) bool.

    `names` are those that `--rows` knows it by.
    """

    label: str
    run: str | None
    names: tuple[str, ...]
    bits: np.ndarray
    hits: np.ndarray


def where_rows_differ(comparison: Comparison, models: Path, *, pair: Sequence[str] = ()) -> Where:
    """Have the rows read the text again and say where they differ.

    Args:
        comparison: A series, or runs that are comparable.
        pair: The two whose passages are wanted: labels, cells, or names of runs of the comparison, or `NGRAM`; the two
            with the lowest losses where none are named.

    Raises:
        RunError: the losses can't be compared, no row can be read, the text is gone, or the pair is not there.
    """
    if not comparison.comparable:
        raise RunError("these losses can't be compared, so nothing can be said of where they differ")
    rows = chosen_rows(comparison)
    if not rows:
        raise RunError(f"no row of {comparison.name} has a loss yet; go on with: seqmagic compare --resume "
                       f"{comparison.name}")  # fmt: skip
    part = comparison.part
    own, ids = _read_text(rows, models, part, sha256=comparison.text["sha256"])
    notes = []
    if len(ids) > MOST_CHARACTERS + 1:
        ids = ids[: MOST_CHARACTERS + 1]
        notes.append(f"Of the {part} part the first {MOST_CHARACTERS:,} characters were read.")
    judged: list[_Judged] = []
    for row in rows:
        try:
            judged.append(_judged(row, models, own, ids, names=(row.cell, *_names(row))))
        except RunError as problem:
            notes.append(f"{row.run} can't be read: {problem}.")
    if not judged:
        raise RunError(notes[-1].rstrip("."))
    judged += _of_ngram(comparison, own, ids)
    two = _pair([*judged, *_others(comparison, judged, models, own, ids, pair)], pair)
    text = own.corpus.vocabulary.decode(ids)
    classes = classify(code_points(text))[1:]
    return Where(
        comparison=comparison.name or "",
        part=part,
        characters=len(classes),
        readers=tuple(_reader(one, classes) for one in judged),
        pair=tuple(one.label for one in two),
        passages=tuple(_passages(two[0], two[1], text[1:])) if two else (),
        notes=tuple(notes),
    )


def chosen_rows(comparison: Comparison) -> list[Row]:
    """The training of each cell that has the lowest loss, in the order of the table."""
    rows = [row for row in comparison.rows if row.run is not None and row.loss is not None]
    best: dict[str, Row] = {}
    for row in rows:
        if row.cell not in best or (row.loss or 0.0) < (best[row.cell].loss or 0.0):
            best[row.cell] = row
    return list(best.values())


def _read_text(rows: Sequence[Row], models: Path, part: str, *, sha256: str) -> tuple[OwnText, np.ndarray]:
    """The text of this sum from the first row that can say what it was, and the ids (n,) of the part."""
    problem = RunError(f"the {part} part of the text can't be read: no row was trained on it")
    for row in rows:
        try:
            run = open_run(models, row.run or "")
            if run.read_record().text.sha256 == sha256:  # else it was trained anew since
                own = read_own_text(run, part)
                return own, own.ids
        except RunError as found:
            problem = found
    raise problem


def _names(row: Row) -> tuple[str, ...]:
    return (row.run or "", row.label, row.label.replace("×", "x"))


def _judged(row: Row, models: Path, own: OwnText, ids: np.ndarray, *, names: tuple[str, ...]) -> _Judged:
    """What the weights of a row pay for `ids`; RunError where they can't be read, or are not those of the row."""
    model = read_trained(open_run(models, row.run or ""))
    if not comparable(own.record, model.record) or model.record.loss != row.loss:
        raise RunError("it was trained anew since, or on another text")
    found = costs(JudgingScorer(model.network), ids)
    if not np.isfinite(found).all():
        raise RunError("what it pays is no number")
    nats = found[:, 0].astype(np.float64)
    return _Judged(label=row.label, run=row.run, names=names, bits=bits(nats), hits=found[:, 1] > 0)


def _of_ngram(comparison: Comparison, own: OwnText, ids: np.ndarray) -> Iterator[_Judged]:
    """The best n-gram, where there is one."""
    best = best_baseline(comparison.baselines)
    if best is None or best.order is None:
        return
    train, order = own.part("train"), best.order
    probabilities = probabilities_of_orders(train, ids, own.corpus.vocabulary.size, {order})[order][1:]
    guesses = ngram_guesses(train, ids, order=order)[1:]
    yield _Judged(
        label=best.name,
        run=None,
        names=(NGRAM, best.name),
        bits=-np.log2(probabilities),
        hits=guesses == ids[1:],
    )


def _others(
    comparison: Comparison,
    judged: Sequence[_Judged],
    models: Path,
    own: OwnText,
    ids: np.ndarray,
    pair: Sequence[str],
) -> Iterator[_Judged]:
    """The runs that `pair` names and that stand for no cell."""
    for name in pair:
        rows = [row for row in comparison.rows if row.run and row.loss is not None and name in _names(row)]
        if rows and not any(name in one.names for one in judged):
            other = _judged(rows[0], models, own, ids, names=(name,))
            yield dataclasses.replace(other, label=f"{other.label} ({other.run})")


def _pair(known: Sequence[_Judged], names: Sequence[str]) -> list[_Judged]:
    """Those of these names; without names the two with the lowest losses, the n-gram only where it is needed."""
    if not names:
        ranked = sorted(known, key=lambda one: (one.run is None, one.bits.mean()))
        return ranked[:2] if len(ranked) > 1 else []
    found = [next((one for one in known if name in one.names), None) for name in names]
    if None in found:
        there = listed([one.names[0] for one in known])
        raise RunError(
            f"--rows: there is no row {names[found.index(None)]!r} with a loss; give two of {there}, or names of runs"
        )
    return [one for one in found if one is not None]


def _reader(one: _Judged, classes: np.ndarray) -> Reader:
    total = float(one.bits.sum())

    def of(name: str, chosen: np.ndarray) -> OfClass:
        count = int(chosen.sum())
        paid = float(one.bits[chosen].sum())
        return OfClass(
            name=name,
            characters=count,
            share=count / len(classes),
            bits=paid / count if count else None,
            share_of_bits=paid / total if total else 0.0,
            accuracy=float(one.hits[chosen].mean()) if count else None,
        )

    found = [of(name, classes == number) for number, name in enumerate(CLASSES)]
    return Reader(label=one.label, run=one.run, classes=(*found, of(ALL, np.ones(len(classes), bool))))


def _passages(one: _Judged, other: _Judged, text: str) -> Iterator[Passage]:
    """The passages that differ most, the largest first; none shares a character with another."""
    difference = one.bits - other.bits
    length = min(PASSAGE, len(difference))
    sums = np.concatenate([[0.0], np.cumsum(difference)])
    over = sums[length:] - sums[:-length]  # entry s is that of the passage from s on
    far = np.abs(over)
    for _ in range(PASSAGES):
        start = int(far.argmax())
        if not far[start] > 0:
            return
        far[max(0, start - length + 1) : start + length] = -math.inf
        span = slice(start, start + length)
        yield Passage(
            at=start + 1,
            text=text[span],
            bits=(tuple(one.bits[span].tolist()), tuple(other.bits[span].tolist())),
            difference=float(over[start]),
        )
