"""`inspect gates`: how far gates are open, how long units keep what they have, what the model relies on.

For each unit u and gate γ, over the characters t: the share of γ_t below `low` and above `high`; the gate
timescale τ = -1 / mean ln keep_t in characters (the recurrent path carries too: τ alone underrates a cell);
for an LSTM the coupling of its input gate i to its forget gate f, corr(i, 1 - f) and mean |i + f - 1|: both
gates of a GRU are one by construction.

Axes: B streams, T time, U units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqmagic.errors import ConfigError, CorpusError
from seqmagic.evaluation import units
from seqmagic.evaluation.bootstrap import BLOCK, resampled_means
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.insight.excerpts import Excerpt, excerpt_document
from seqmagic.insight.lesion import with_frozen_gate
from seqmagic.insight.parallel import side_by_side
from seqmagic.insight.replay import replay
from seqmagic.insight.roles import BLOCKS, gates_by_role, roles_of
from seqmagic.insight.settings import WARM_UP, GatesConfig
from seqmagic.insight.statistics import draw_blocks, interval, plain
from seqmagic.insight.subjects import Subject
from seqmagic.insight.timescales import log_keep
from seqmagic.network.fresh import fresh_network
from seqmagic.network.network import Network

LENGTH = 20_000
_SHARE = 1000  # characters of a stream, at least
_MOST_STREAMS = 32
_PIECE = 64  # steps at a time
_SHARE_OF_FRESH = 4  # what a lesion does to an untrained model is nearly nothing: every fourth stream is plenty
_QUANTILES = {"10": 0.1, "50": 0.5, "90": 0.9, "100": 1.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Stretches of one text side by side: ids (B, W + T), the first W = `warm_up` of each not counted."""

    ids: np.ndarray
    warm_up: int

    @property
    def counted(self) -> int:
        return self.ids[:, self.warm_up :].size


def cut_windows(ids: np.ndarray, before: int) -> Windows:
    """`ids` (N,), of which the first `before` are no part of what is counted, as streams with a warm-up each.

    A short text stays one stream. A long one without enough before it gives up its first characters; the
    last few that fill no stream are left out.
    """
    counted = len(ids) - before
    if counted < 2 * _SHARE + WARM_UP:
        return Windows(ids=ids[np.newaxis], warm_up=before)
    first = max(before, WARM_UP)
    streams = min(_MOST_STREAMS, (len(ids) - first) // _SHARE)
    share = (len(ids) - first) // streams
    starts = first - WARM_UP + share * np.arange(streams)[:, np.newaxis]
    return Windows(ids=ids[starts + np.arange(WARM_UP + share)], warm_up=WARM_UP)


def inspect_gates(subjects: Sequence[Subject], excerpt: Excerpt, config: GatesConfig) -> dict[str, Any]:
    """The document of kind "gates" (docs/insight.md).

    Raises:
        CorpusError: the text is too short for figures about gates.
    """
    if len(excerpt.text) < BLOCK:
        raise CorpusError(
            f"figures about gates need {BLOCK} characters or more; received {len(excerpt.text)}: "
            "raise --length, or give a longer text"
        )
    windows = [cut_windows(one.passage.ids, len(excerpt.before)) for one in subjects]
    models = [_gates(one, cut, config) for one, cut in zip(subjects, windows, strict=True)]
    document = excerpt_document("gates", subjects, models, excerpt, low=config.low, high=config.high, seed=config.seed)
    document["text"]["characters"] = windows[0].counted
    return document


def _gates(subject: Subject, windows: Windows, config: GatesConfig) -> dict[str, Any]:
    if config.lesion and subject.model and not subject.model.predicts:
        raise ConfigError(
            f"--lesion needs a model that predicts characters; the last layer of {subject.run.path} does not"
        )
    if subject.recorded is None:  # how it was started is not known
        tallies = tally_gates(subject.network, windows, low=config.low, high=config.high)
        return _figures(subject.network, windows, tallies, config)
    fresh = fresh_network(subject.record.model, vocabulary_size=subject.network.vocabulary_size, seed=config.seed)
    networks = [subject.network, fresh]
    both = side_by_side(lambda one: tally_gates(one, windows, low=config.low, high=config.high), networks)
    few = replace(windows, ids=windows.ids[::_SHARE_OF_FRESH])
    trained = _figures(networks[0], windows, both[0], config)
    untrained = _figures(networks[1], few, both[1], config)
    return {**trained, "fresh": {"seed": config.seed, **untrained}}


def _figures(network: Network, windows: Windows, tallies: Sequence[GateTally], config: GatesConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"layers": [tally.document() for tally in tallies]}
    return found | lesions(network, windows, tallies, seed=config.seed) if config.lesion else found


# ---------------------------------------------------------------- figures of each unit


class GateTally:
    """Sums over all steps of one layer, (U,) float64 each."""

    def __init__(self, cell: str, *, low: float, high: float) -> None:
        self.cell, self.low, self.high, self.steps = cell, low, high, 0
        self.sums: dict[str, np.ndarray] = {}

    def add(self, gates: Mapping[str, np.ndarray], h: np.ndarray) -> None:
        """Steps (T, B, U) of gates by role, and of the outputs."""
        self.steps += h.shape[0] * h.shape[1]
        for role, values in gates.items():
            self._sum(f"{role} low", values < self.low)
            self._sum(f"{role} high", values > self.high)
            self._sum(f"{role}", values)
        if "keep" in gates:
            self._sum("log keep", log_keep(gates["keep"]))
        if self.cell == "lstm":
            i, f = gates["write"].astype(np.float64), gates["keep"].astype(np.float64)
            for name, values in (("i i", i * i), ("f f", f * f), ("i f", i * f), ("apart", np.abs(i + f - 1))):
                self._sum(name, values)
        self._sum("h far", np.abs(h) > self.high)
        self._sum("slope", 1 - np.square(h, dtype=np.float64))

    def _sum(self, name: str, values: np.ndarray) -> None:
        self.sums[name] = self.sums.get(name, 0) + values.sum(axis=(0, 1), dtype=np.float64)

    def mean(self, name: str) -> np.ndarray:
        """(U,) over all steps."""
        return self.sums[name] / self.steps

    def timescales(self) -> np.ndarray:
        """τ of each unit in characters, (U,)."""
        return -1 / self.mean("log keep")

    def coupling(self) -> np.ndarray:
        """corr(i, 1 - f) of each unit of an LSTM, (U,); NaN where one of them never moves."""
        i, f = self.mean("write"), self.mean("keep")
        covariance = self.mean("i f") - i * f
        variances = (self.mean("i i") - i * i) * (self.mean("f f") - f * f)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = -covariance / np.sqrt(np.maximum(variances, 0))
        return np.where(variances > 1e-16, np.clip(found, -1, 1), np.nan)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {"units": len(self.sums["slope"])}
        for role in roles_of(self.cell):
            found[role] = {
                "saturated_low": _numbers(self.mean(f"{role} low")),
                "saturated_high": _numbers(self.mean(f"{role} high")),
                "mean": _numbers(self.mean(role)),
            }
        if "keep" in found:
            timescales = self.timescales()
            found["keep"]["timescale"] = _numbers(timescales)
            quantiles = np.quantile(timescales, list(_QUANTILES.values()))
            found["timescale_quantiles"] = dict(zip(_QUANTILES, _numbers(quantiles), strict=True))
            found["integrators"] = int((self.mean("keep high") > self.high).sum())
            found["feed_forward"] = int((self.mean("keep low") > self.high).sum())
        if self.cell == "lstm":
            coupling = self.coupling()
            known = coupling[np.isfinite(coupling)]
            found["coupling"] = {
                "correlation": _numbers(coupling),
                "distance": _numbers(self.mean("apart")),
                "median_correlation": plain(np.median(known)) if len(known) else None,
                "mean_distance": plain(self.mean("apart").mean()),
            }
        found["hidden_state"] = {"saturated": _numbers(self.mean("h far")), "slope": _numbers(self.mean("slope"))}
        return found


def _numbers(values: np.ndarray) -> list[float | None]:
    return [plain(value, 5) for value in values]


def tally_gates(network: Network, windows: Windows, *, low: float, high: float) -> list[GateTally]:
    """The figures of each layer over all that is counted of `windows`."""
    tallies = [GateTally(layer.cell, low=low, high=high) for layer in network.layers]
    states = network.initial_states(len(windows.ids))
    _, states = network.read(windows.ids[:, : windows.warm_up], states) if windows.warm_up else (None, states)
    for start in range(windows.warm_up, windows.ids.shape[1], _PIECE):
        trace = replay(network, windows.ids[:, start : start + _PIECE], states)
        states = trace.last_states
        for tally, layer, kept in zip(tallies, network.layers, trace.layers, strict=True):
            tally.add(gates_by_role(layer.cell, kept.gates), kept.states.h[1:])
    return tallies


# ---------------------------------------------------------------- lesions


def lesions(network: Network, windows: Windows, tallies: Sequence[GateTally], *, seed: int) -> dict[str, Any]:
    """What it costs to hold each gate of each layer at its per-unit mean, and at 1, in bits per character."""
    cases = [
        (number, role, to, np.clip(tally.mean(role), 0, 1) if to == "mean" else np.ones_like(tally.mean(role)))
        for number, tally in enumerate(tallies)
        for role in roles_of(tally.cell)
        if role in BLOCKS[tally.cell]
        for to in ("mean", "one")
    ]
    harmed = [with_frozen_gate(network, layer=n, role=role, value=value) for n, role, _, value in cases]
    own, *others = side_by_side(lambda one: _bits(one, windows), [network, *harmed])
    starts, block = draw_blocks([len(own)], seed=seed)
    return {
        "bits": plain(own.mean()),
        "lesion": [
            {
                "layer": number + 1,
                "gate": role,
                "to": to,
                "difference_bits": plain((bits - own).mean()),
                "interval": interval(resampled_means(bits - own, starts, block)),
            }
            for (number, role, to, _), bits in zip(cases, others, strict=True)
        ],
    }


def _bits(network: Network, windows: Windows) -> np.ndarray:
    """What each counted character costs, in the order of the text, (n,) float64."""
    scorer = NetworkScorer(network)
    ids = windows.ids
    nats, _ = scorer(ids[:, :-1], ids[:, 1:], scorer.initial_states(len(ids)))
    return units.bits(1) * nats[:, max(windows.warm_up - 1, 0) :].ravel().astype(np.float64)
