"""How much of the gradient is left k characters back: the vanishing gradient of one's own models.

For a prediction at place t with the loss ℓ_t, G_t(k) is the length of ∂ℓ_t/∂s_{t-k}, where s is all that
the model carries from step to step (h of every layer, and c of an LSTM), or of ∂ℓ_t/∂x_{t-k} for the
characters read. Measured is log10 of G_t(k) / G_t(0), its median over many predictions: a mean would be
that of a few surprising characters.

Products are taken in float32, and the gradient is brought to length 1 at every step, its length being kept
apart as a logarithm: nothing underflows, however far back, and one step adds some 1e-7 of error. Against
float64 the figures below agree to four digits, in half the time.

Axes: M targets, K lags.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.evaluation.bootstrap import BLOCK, RESAMPLES
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.replay import bits_gradient, replay, step_back
from seqmagic.insight.settings import WARM_UP
from seqmagic.insight.statistics import draw_blocks, interval, plain, r_squared, theil_sen
from seqmagic.network.network import Network, States

FLOOR = -12.0  # log10: what is smaller is nothing, and no line is fitted to it
FIRST_FITTED = 5  # characters: nearer by, the loss at hand rules
WINDOWS = ((1, 10), (10, 50), (50, 200))
_GONE = -1e9  # stands for log10(0), so that medians stay numbers
_MOST_POINTS = 40  # lags that a slope is fitted to
_BATCH = 48  # targets followed side by side


def choose_targets(characters: int, *, targets: int, max_lag: int) -> np.ndarray:
    """Places of the last character read before each prediction, spread evenly, (M,).

    Raises:
        CorpusError: the text is too short for the lag.
    """
    first, last = WARM_UP + max_lag, characters - 2
    if last < first:
        raise CorpusError(
            f"the text has {characters:,} characters, and a lag of {max_lag:,} needs {first + 2:,} "
            f"({WARM_UP} to warm up, the lag and the prediction); choose a smaller --max-lag or a run with a longer "
            "validation part"
        )
    count = min(targets, last - first + 1)
    return np.unique(np.linspace(first, last, count).astype(np.int64))


def log_retention(
    jobs: Sequence[tuple[Network, np.ndarray]], ids: np.ndarray, *, max_lag: int, wrt: str
) -> list[np.ndarray]:
    """log10 of G(k) / G(0) for every target of each job, (M, K + 1) float64; where nothing is left, -1e9.

    Args:
        jobs: Networks, in the precision of the measurement, and the targets of each, from `choose_targets`.
        ids: (N,) of the text.
        max_lag: K.
        wrt: "state" or "input".
    """
    pieces = [
        (number, targets[start : start + _BATCH])
        for number, (_, targets) in enumerate(jobs)
        for start in range(0, len(targets), _BATCH)
    ]

    def follow(piece: tuple[int, np.ndarray]) -> np.ndarray:
        number, chosen = piece
        return _follow(jobs[number][0], ids, chosen, max_lag=max_lag, of_inputs=wrt == "input")

    parts = side_by_side(follow, pieces)
    found = []
    for number in range(len(jobs)):
        logs = np.concatenate([part for part, (of_job, _) in zip(parts, pieces, strict=True) if of_job == number])
        # a prediction that nothing can move (probability 1 in float32) has no gradient to lose
        logs = logs[np.isfinite(logs[:, 0])]
        found.append(np.maximum(logs - logs[:, :1], _GONE))
    return found


def _follow(network: Network, ids: np.ndarray, targets: np.ndarray, *, max_lag: int, of_inputs: bool) -> np.ndarray:
    """log10 of G(k), (M, K + 1); -inf for zero."""
    steps = max_lag + of_inputs  # the input of lag K was read one step before the state of lag K was left
    windows = ids[targets[:, np.newaxis] + np.arange(-steps - WARM_UP + 1, 1)]
    _, states = network.read(windows[:, :WARM_UP], network.initial_states(len(targets)))
    trace = replay(network, windows[:, WARM_UP:], states)
    states = network.initial_states(len(targets))
    at_end = bits_gradient(network, trace.outputs[-1], ids[targets + 1])
    d_states: States = (*states[:-1], states[-1]._replace(h=at_end))
    logs = np.full((len(targets), max_lag + 1), -np.inf)
    scale = np.zeros(len(targets))
    for lag in range(max_lag + 1):
        d_states, length = _to_length_one(d_states)
        scale = scale + _log10(length)
        if not of_inputs:
            logs[:, lag] = scale
        if lag == steps:
            break
        d_input, d_states = step_back(trace, trace.steps - 1 - lag, d_states)
        if of_inputs:
            logs[:, lag] = scale + _log10(np.linalg.norm(d_input, axis=-1))
    return logs


def _to_length_one(d_states: States) -> tuple[States, np.ndarray]:
    """The joint gradient of each target divided by its length, and that length, (M,)."""
    squares = sum(np.einsum("bu,bu->b", array, array) for state in d_states for array in state)
    length = np.sqrt(squares)
    factor = 1 / np.where(length > 0, length, 1)
    scaled = tuple(type(state)(*(array * factor[:, np.newaxis] for array in state)) for state in d_states)
    return scaled, length


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(values.astype(np.float64))


def summary(logs: np.ndarray, targets: np.ndarray, *, seed: int) -> dict[str, Any]:
    """What is said of `logs` (M, K + 1), as JSON; `reasons` says why a figure is null."""
    return summary_and_draws(logs, targets, seed=seed)[0]


def summary_and_draws(logs: np.ndarray, targets: np.ndarray, *, seed: int) -> tuple[dict[str, Any], np.ndarray]:
    """`summary`, and rho of each resample, (R,), for differences between models.

    rho is 10 to the Theil-Sen slope of the median over the lags from 5 to the last one above `FLOOR`: the
    share of the gradient that one more character back leaves. Its interval resamples targets, neighbours in
    the text together, with the same draws for every model of the same targets.
    """
    median = np.median(logs, axis=0)
    low, high = np.quantile(logs, (0.1, 0.9), axis=0, method="nearest")
    document: dict[str, Any] = {
        "targets": len(logs),
        "lag": list(range(logs.shape[1])),
        "median_log10": [_shown(value) for value in median],
        "p10": [_shown(value) for value in low],
        "p90": [_shown(value) for value in high],
        "exploding_share": plain((logs > 1).any(axis=1).mean()),
        "rho": None,
        "rho_interval": None,
        "half_life": None,
        "rho_by_window": {f"{a}-{b}": _rho_between(median, a, min(b, len(median) - 1)) for a, b in WINDOWS},
        "r2_exponential": None,
        "r2_power": None,
        "reasons": {},
    }
    found, drawn = _fit(logs, median, targets, seed=seed, reasons=document["reasons"])
    return {**document, **found}, drawn


def _fit(
    logs: np.ndarray, median: np.ndarray, targets: np.ndarray, *, seed: int, reasons: dict[str, str]
) -> tuple[dict[str, Any], np.ndarray]:
    lags = fitted_lags(median)
    if lags is None:
        reasons["rho_interval"] = reasons["r2_exponential"] = reasons["r2_power"] = (
            "the gradient is exactly 0 one character back"
        )
        return {"rho": 0.0, "half_life": 0.0}, np.zeros(RESAMPLES)
    rho = float(10 ** theil_sen(lags, median[lags]))
    spacing = float(np.mean(np.diff(targets))) if len(targets) > 1 else BLOCK
    starts, block = draw_blocks([len(logs)], spacing=spacing, seed=seed)
    chosen = (starts[..., np.newaxis] + np.arange(block)).reshape(len(starts), -1)
    drawn = 10 ** theil_sen(lags, np.stack([np.median(logs[rows][:, lags], axis=0) for rows in chosen]))
    found = {
        "rho": plain(rho),
        "rho_interval": interval(drawn),
        "r2_exponential": _plain_or_none(r_squared(lags, median[lags])),
        "r2_power": _plain_or_none(r_squared(np.log(lags), median[lags])),
    }
    if rho < 1 - 1e-9:
        found["half_life"] = plain(math.log(0.5) / math.log(rho))
    else:
        reasons["half_life"] = "the gradient does not shrink with distance"
    for name in ("r2_exponential", "r2_power"):
        if found[name] is None:
            reasons[name] = "the median does not change over the lags"
    return found, drawn


def fitted_lags(median: np.ndarray) -> np.ndarray | None:
    """The lags that the slope is fitted to, at most `_MOST_POINTS`; `None` where nothing is left at lag 1."""
    gone = np.flatnonzero(median <= _GONE / 2)
    last = int(gone[0]) - 1 if len(gone) else len(median) - 1
    if last < 1:
        return None
    below = np.flatnonzero(median[: last + 1] < FLOOR)
    above_floor = int(below[0]) - 1 if len(below) else last
    first, last = (FIRST_FITTED, above_floor) if above_floor >= FIRST_FITTED + 3 else (0, min(last, FIRST_FITTED + 3))
    return np.unique(np.linspace(max(first, 1) if last > 1 else 0, last, _MOST_POINTS).round().astype(int))


def _rho_between(median: np.ndarray, first: int, last: int) -> float | None:
    if last <= first or median[last] <= _GONE / 2:
        return None
    lags = np.unique(np.linspace(first, last, _MOST_POINTS).round().astype(int))
    return plain(10 ** theil_sen(lags, median[lags]))


def _shown(value: float) -> float | None:
    return None if value <= _GONE / 2 else plain(value, 5)


def _plain_or_none(value: float | None) -> float | None:
    return None if value is None else plain(value)
