"""`inspect trace`: what gates and memory of one layer did at each character, as means and unit by unit.

Axes: T characters looked at, U units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.errors import ConfigError
from seqmagic.insight.excerpts import Excerpt, excerpt_document
from seqmagic.insight.replay import in_precision, replay
from seqmagic.insight.roles import gates_by_role
from seqmagic.insight.settings import TraceConfig
from seqmagic.insight.statistics import plain
from seqmagic.insight.subjects import Subject
from seqmagic.insight.timescales import timescale

_DIGITS = 4


def inspect_trace(subjects: Sequence[Subject], excerpt: Excerpt, config: TraceConfig) -> dict[str, Any]:
    """The document of kind "trace" (docs/insight.md).

    Raises:
        ConfigError: a model has no such layer, unit or gate.
    """
    characters = list(excerpt.text)
    models = [{"characters": characters, **_trace(one, len(excerpt.before), config)} for one in subjects]
    return excerpt_document("trace", subjects, models, excerpt)


def _trace(subject: Subject, before: int, config: TraceConfig) -> dict[str, Any]:
    name, layers = subject.run.name, subject.network.layers
    if config.layer > len(layers):
        raise ConfigError(f"run {name} has layers 1 to {len(layers)}; received --layer {config.layer}")
    cell = layers[config.layer - 1].cell
    kept = replay(in_precision(subject.network, np.float64), subject.passage.ids[np.newaxis]).layers[config.layer - 1]
    gates = {role: values[before:, 0] for role, values in gates_by_role(cell, kept.gates).items()}
    if config.show != "memory" and config.show not in gates:
        has = ", ".join(gates) or "no gates"
        raise ConfigError(f"run {name}, of {cell} cells, has {has}; received --show {config.show}")
    states = {"hidden_state": kept.states.h[1 + before :, 0]}
    if cell == "lstm":
        states["cell_state"] = kept.states.c[1 + before :, 0]
    order = persistence(gates.get("keep"), states["hidden_state"])
    timescales = timescale(gates["keep"]) if "keep" in gates else None
    chosen = choose_units(config.units, order, name)
    return {
        "layer": config.layer,
        "layer_cell": cell,
        **{role: {"mean": _numbers(values.mean(axis=1))} for role, values in gates.items()},
        **{state: {"mean_size": _numbers(np.abs(values).mean(axis=1))} for state, values in states.items()},
        "units": [
            {
                "unit": unit,
                "timescale": None if timescales is None else plain(timescales[unit], _DIGITS),
                **{key: _numbers(values[:, unit]) for key, values in (gates | states).items()},
            }
            for unit in chosen
        ],
    }


def persistence(keep: np.ndarray | None, hidden: np.ndarray) -> np.ndarray:
    """How long each unit keeps what it has, to put them in order, (T, U) each -> (U,).

    Where nothing is a gate, the correlation of a unit with itself one character before; a unit that never
    moves has none and comes last.
    """
    if keep is not None:
        return timescale(keep)
    now, before = (part - part.mean(axis=0) for part in (hidden[1:], hidden[:-1]))
    size = np.sqrt((now**2).sum(axis=0) * (before**2).sum(axis=0))
    return np.where(size > 0, (now * before).sum(axis=0) / np.where(size > 0, size, 1), -1)


def choose_units(asked: str, order: np.ndarray, name: str) -> list[int]:
    """The units that `--units` asks for.

    Args:
        asked: top:N or numbers with commas.
        order: (U,), the first ones of top:N highest.
        name: Of the run, for messages.

    Raises:
        ConfigError: it is neither, or there is no such unit.
    """
    head, colon, count = asked.partition(":")
    parts = [count] if colon and head == "top" else asked.split(",")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = [-1]
    if min(numbers) < 0:
        raise ConfigError(
            f"--units takes top:N or numbers from 0 with commas, such as top:8 or 3,17; received {asked!r}"
        )
    if colon:
        return [int(unit) for unit in np.argsort(-order, kind="stable")[: numbers[0]]]
    largest = len(order) - 1
    if max(numbers) > largest:
        raise ConfigError(f"run {name} has the units 0 to {largest} in this layer; received --units {asked}")
    return list(dict.fromkeys(numbers))


def _numbers(values: np.ndarray) -> list[float | None]:
    return [plain(value, _DIGITS) for value in values]
