"""`inspect cell`: the equations of a model's cells, where its parameters are, and how far its gates are open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.insight.equations import EQUATIONS, Equation
from seqmagic.insight.excerpts import Excerpt, excerpt_document
from seqmagic.insight.replay import LayerTrace, in_precision, replay
from seqmagic.insight.roles import gates_by_role
from seqmagic.insight.statistics import plain
from seqmagic.insight.subjects import Subject
from seqmagic.network.cells import CELLS
from seqmagic.network.network import Layer


def inspect_cell(subjects: Sequence[Subject], excerpt: Excerpt) -> dict[str, Any]:
    """The document of kind "cell" (docs/insight.md)."""
    return excerpt_document("cell", subjects, [_model(one, len(excerpt.before)) for one in subjects], excerpt)


def _model(subject: Subject, before: int) -> dict[str, Any]:
    network = subject.network
    trace = replay(in_precision(network, np.float64), subject.passage.ids[np.newaxis])
    layers = [
        _layer(number, layer, kept, before)
        for number, (layer, kept) in enumerate(zip(network.layers, trace.layers, strict=True), 1)
    ]
    vocabulary, width = network.embedding.shape
    return {
        "embedding": _sum("embedding", [f"{vocabulary}·{width}"], network.embedding.size),
        "layers": layers,
        "dense": _sum(
            "dense layer", [f"{network.units}·{vocabulary}", f"{vocabulary}"],
            network.dense_kernel.size + network.dense_bias.size,
        ),
    }  # fmt: skip


def _layer(number: int, layer: Layer, kept: LayerTrace, before: int) -> dict[str, Any]:
    weights = layer.weights
    inputs, units = weights.kernel.shape[0], weights.recurrent_kernel.shape[0]
    biases = len(np.atleast_2d(weights.bias))
    terms = [f"{inputs}·{units}", f"{units}·{units}", *[f"{units}"] * biases]
    a_block = inputs * units + units * units + biases * units
    gates = {role: values[before:] for role, values in gates_by_role(layer.cell, kept.gates).items()}
    states = {"hidden_state": kept.states.h[1 + before :]}
    if layer.cell == "lstm":
        states["cell_state"] = kept.states.c[1 + before :]
    sizes = {**states, "candidate": kept.gates.candidate[before:]}
    blocks = len(CELLS[layer.cell].gates)
    return {
        "layer": number,
        "cell": layer.cell,
        "inputs": inputs,
        "units": units,
        "equations": [
            {
                "symbol": one.symbol,
                "formula": one.formula,
                "label": one.label,
                "role": one.role,
                "meaning": one.meaning,
                **(_sum(one.symbol, terms, a_block) if one.block else {"terms": [], "parameters": 0}),
                **_averages(one, gates, sizes),
            }
            for one in EQUATIONS[layer.cell]
        ],
        **_sum(f"layer {number}", [f"{blocks}·{a_block:,}"], blocks * a_block),
    }


def _sum(name: str, terms: list[str], parameters: int) -> dict[str, Any]:
    return {"name": name, "terms": terms, "parameters": int(parameters)}


def _averages(one: Equation, gates: dict[str, np.ndarray], sizes: dict[str, np.ndarray]) -> dict[str, Any]:
    """The mean of a gate; of anything else, which is as often below 0 as above, its mean size."""
    if one.role is not None:
        return {"mean": plain(gates[one.role].mean(), 4)}
    return {"mean_size": plain(np.abs(sizes[one.label]).mean(), 4)}
