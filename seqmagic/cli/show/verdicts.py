"""What a loss is worth, in a sentence: held against models that only count, and against the best possible."""

from __future__ import annotations

from collections.abc import Sequence

from seqmagic.comparison.rows import best_baseline
from seqmagic.evaluation.baselines import Baseline


def counting(baselines: Sequence[Baseline]) -> str:
    """What models pay that only count, in a line; empty where no n-gram was measured."""
    ngram = best_baseline(baselines)
    if ngram is None:
        return ""
    orders = [one for one in baselines if one.name in ("uniform", "unigram") and one is not ngram]
    losses = [f"{one.name} {one.loss:.3f}" for one in [*orders, ngram]]
    return f"validation loss of models that only count: {', '.join(losses)}"


def verdict(loss: float, baselines: Sequence[Baseline]) -> str:
    """One sentence or two; empty where no n-gram was measured."""
    ngram = best_baseline(baselines)
    if ngram is None:
        return ""
    distance = abs(loss - ngram.loss)
    counted = f"the best model that only counts, a {ngram.name} ({ngram.loss:.4f})"
    if distance < 0.00005:
        said = f"as good as {counted}"
    elif loss < ngram.loss:
        said = f"{distance:.4f} below {counted}"
    else:
        said = f"{distance:.4f} above {counted}: it has not learnt more than counting finds"
    best = next((one for one in baselines if one.order is None), None)
    return said + (f"; best possible {best.loss:.4f}" if best else "")
