"""The arithmetic of a model adds up, and its equations are those that are computed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.insight.equations import EQUATIONS
from seqmagic.insight.excerpts import open_reader, read_excerpt
from seqmagic.insight.inspect_cell import inspect_cell
from seqmagic.insight.labels import label
from seqmagic.insight.replay import replay
from seqmagic.insight.roles import BLOCKS
from seqmagic.insight.settings import ExcerptConfig
from seqmagic.network.layout import LAYOUTS
from tests.helpers import make_run
from tests.insight.networks import SYMBOLS, random_network


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_parts_add_up_to_the_model(cell: str, layers: int, models: Path, text: Path) -> None:
    run = make_run(models, cell, source=text, cell=cell, layers=layers)
    excerpt = read_excerpt(run, ExcerptConfig(), length=50)
    subject = open_reader(run, excerpt)
    [model] = inspect_cell([subject], excerpt)["models"]
    parts = [model["embedding"], *model["layers"], model["dense"]]
    assert sum(part["parameters"] for part in parts) == model["parameters"] == subject.network.parameters
    for layer in model["layers"]:
        assert sum(one["parameters"] for one in layer["equations"]) == layer["parameters"]
    for part in [*parts, *(one for layer in model["layers"] for one in layer["equations"])]:
        if part["terms"]:
            factors = [[int(one.replace(",", "")) for one in term.split("·")] for term in part["terms"]]
            assert sum(map(math.prod, factors)) == part["parameters"]
    gates = replay(subject.network, subject.passage.ids[np.newaxis]).layers[0].gates
    for one in model["layers"][0]["equations"]:
        if one["role"]:
            block = getattr(gates, BLOCKS[cell][one["role"]])[200:]
            assert one["mean"] == pytest.approx(float(block.mean()), rel=1e-3)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_equations_shown_are_those_computed(cell: str) -> None:
    """Each formula is evaluated as it stands and held against the replay."""
    network = random_network(cell)
    layer, units = network.layers[0], 6
    ids = np.random.default_rng(0).integers(0, SYMBOLS, (1, 5))
    kept = replay(network, ids).layers[0]
    names: dict[str, Any] = {"sigmoid": sigmoid, "tanh": np.tanh, "x": network.embedding[ids[0, -1]]}
    names |= {f"{name}_before": array[0] for name, array in kept.before(4)._asdict().items()}
    symbols = {one.block: one.symbol for one in EQUATIONS[cell] if one.block}
    for number, block in enumerate(LAYOUTS[cell].gates):
        part = slice(number * units, (number + 1) * units)
        end = "" if cell == "rnn" else f"_{symbols[block]}"
        names |= {f"W{end}": layer.weights.kernel[:, part], f"U{end}": layer.weights.recurrent_kernel[:, part]}
        bias = np.atleast_2d(layer.weights.bias)[:, part]
        names |= {f"b{end}": bias[0], f"d{end}": bias[-1]}
    for one in EQUATIONS[cell]:
        names[one.symbol] = eval(one.formula.replace("·", "@"), {"__builtins__": {}}, names)
        expected = getattr(kept.gates, one.block)[4, 0] if one.block else None
        if expected is not None:
            np.testing.assert_allclose(names[one.symbol], expected, rtol=1e-5, atol=1e-6)
    for name, array in kept.after(4)._asdict().items():
        np.testing.assert_allclose(names[name], array[0], rtol=1e-5, atol=1e-6)


def test_every_name_has_its_words() -> None:
    for equations in EQUATIONS.values():
        for one in equations:
            assert label(one.label)
            assert one.role is None or label(one.role)
