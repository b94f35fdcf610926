"""One sentence that says what a table of losses says: which is best, by how much, and whether it is any good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.comparison.chance import Chance
from seqmagic.comparison.rows import Summary, best_baseline
from seqmagic.drawing.words import listed
from seqmagic.evaluation.baselines import Baseline

LEVEL = 0.005  # losses closer than this many nats are called level


@dataclass(frozen=True, kw_only=True)
class _Ranked:
    """A row of the table that has a loss: its place there, and that loss."""

    place: int
    loss: float
    summary: Summary

    @property
    def label(self) -> str:
        return self.summary.label


def verdict(
    summaries: Sequence[Summary],
    baselines: Sequence[Baseline],
    *,
    part: str = "validation",
    chance: Chance | None = None,
) -> str:
    """One sentence that says what the table says: which is best, by how much, and whether it is any good.

    Args:
        part: The part of the text whose losses are ranked, validation or test.
        chance: The intervals of the differences; without them losses closer than `LEVEL`, or than twice the
            standard error over seeds, are level.
    """
    ranked = sorted(
        (
            _Ranked(place=place, loss=loss, summary=one)
            for place, one in enumerate(summaries)
            if (loss := one.loss_on(part)) is not None
        ),
        key=lambda one: one.loss,
    )
    failed = [one.label for one in summaries if one.loss is None]
    if not ranked:
        return "No row has a loss, so there is nothing to compare."
    ngram = best_baseline(baselines)
    clauses = [_order_clause(ranked, part, chance), _baseline_clause(ranked, ngram, part, chance)]
    if failed:
        clauses.append(f"{listed(failed)} gave no loss")
    return "; ".join(clause for clause in clauses if clause) + "."


def legend(summaries: Sequence[Summary], chance: Chance | None) -> str | None:
    """What ± means in the table and the sentence; None where neither has any of it."""
    if chance is None or not chance.distances:
        return None
    over = f"the {chance.characters:,} characters of the {chance.part} part"
    if any(one.deviation is not None for one in summaries):
        return (
            f"±: in the table the standard deviation over seeds, in the sentence a 95 % interval over seeds and {over}."
        )
    where = "a 95 % interval of the distance to the best row"
    if chance.seeds:
        return f"±: {where}, over the seeds of like rows and {over}."
    return f"±: {where}, over {over}; what another seed would change is not in it (--seeds)."


def _order_clause(ranked: Sequence[_Ranked], part: str, chance: Chance | None) -> str:
    best = ranked[0]
    loss = f"{best.loss:.3f} nats per character" + (" of the test part" if part == "test" else "")
    if len(ranked) == 1:
        return f"{best.label} reaches {loss}"
    level = [one for one in ranked[1:] if one.loss - best.loss < _margin(best, one, chance)]
    seeds = min(len(one.summary.rows) for one in ranked)
    scope = f"Over {seeds} seeds" if seeds > 1 else "In these runs"
    if level:
        return f"{scope} {listed([best.label, *(one.label for one in level)])} are level at {loss}"
    second = ranked[1]
    gap = f"{second.loss - best.loss:.3f}{_plus_minus(chance, second.place)}"
    return f"{scope} {best.label} is best at {loss}, {gap} below {second.label}"


def _baseline_clause(ranked: Sequence[_Ranked], ngram: Baseline | None, part: str, chance: Chance | None) -> str:
    reached = None if ngram is None else ngram.loss_on(part)
    if ngram is None or reached is None:
        return ""
    name = f"the best n-gram ({ngram.name}, {reached:.3f})"
    difference = reached - ranked[0].loss
    known = chance and chance.of(None)
    if abs(difference) < max(LEVEL, known.margin if known else 0.0):
        return f"that is level with {name}"
    if difference < 0:
        return f"{name} is still {-difference:.3f} better, so give more time (--minutes) or a longer text"
    worse = [one.label for one in ranked if one.loss > reached]
    verb = "does" if len(worse) == 1 else "do"
    but = f", which {listed(worse)} {verb} not beat" if worse else ""
    return f"that is {difference:.3f}{_plus_minus(chance, None)} below {name}{but}"


def _plus_minus(chance: Chance | None, place: int | None) -> str:
    known = chance and chance.of(place)
    return f" ±{known.margin:.3f}" if known else ""


def _margin(best: _Ranked, other: _Ranked, chance: Chance | None) -> float:
    """Two that differ by less are level: by their interval; without one twice the standard error over seeds."""
    known = chance and chance.of(other.place)
    if known:
        return max(LEVEL, known.margin)
    pair = (best.summary, other.summary)
    variances = [one.deviation**2 / len(one.rows) for one in pair if one.deviation is not None]
    return max(LEVEL, 2 * math.sqrt(sum(variances)))
