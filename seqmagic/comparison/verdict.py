"""One sentence that says what a table of losses says: which is best, by how much, and whether it is any good."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqmagic.comparison.rows import Summary, best_baseline
from seqmagic.evaluation.baselines import Baseline

LEVEL = 0.005  # losses closer than this many nats are called level


def verdict(summaries: Sequence[Summary], baselines: Sequence[Baseline]) -> str:
    """One sentence that says what the table says: which is best, by how much, and whether it is any good."""
    ranked = sorted((one for one in summaries if one.loss is not None), key=_loss)
    failed = [one.label for one in summaries if one.loss is None]
    if not ranked:
        return "No row has a loss, so there is nothing to compare."
    clauses = [_order_clause(ranked), _baseline_clause(ranked, best_baseline(baselines))]
    if failed:
        clauses.append(f"{_listed(failed)} gave no loss")
    return "; ".join(clause for clause in clauses if clause) + "."


def _order_clause(ranked: Sequence[Summary]) -> str:
    best = ranked[0]
    loss = f"{_loss(best):.3f} nats per character"
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
    difference = ngram.loss - _loss(ranked[0])
    if abs(difference) < LEVEL:
        return f"that is level with {name}"
    if difference < 0:
        return f"{name} is still {-difference:.3f} better, so give more time (--minutes) or a longer text"
    worse = [one.label for one in ranked if _loss(one) > ngram.loss]
    verb = "does" if len(worse) == 1 else "do"
    but = f", which {_listed(worse)} {verb} not beat" if worse else ""
    return f"that is {difference:.3f} below {name}{but}"


def _gap(better: Summary, other: Summary) -> float:
    return _loss(other) - _loss(better)


def _loss(one: Summary) -> float:
    return math.inf if one.loss is None else one.loss  # only those that have one are ranked


def _margin(one: Summary, other: Summary) -> float:
    """Two that differ by less are level: twice the standard error where there are seeds, else LEVEL."""
    variances = [s.deviation**2 / len(s.rows) for s in (one, other) if s.deviation is not None]
    return max(LEVEL, 2 * math.sqrt(sum(variances)))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
