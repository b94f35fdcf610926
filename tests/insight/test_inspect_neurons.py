"""The whole search on a network in which one unit was made to remember a quotation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.insight.inspect_neurons import inspect_neurons
from seqmagic.insight.passages import held_out
from seqmagic.insight.settings import ExcerptConfig, NeuronsConfig
from seqmagic.insight.subjects import Subject, open_subject
from seqmagic.network.cells import Weights
from seqmagic.network.network import Layer, Network
from tests.helpers import make_run, make_text

UNIT = 3


@pytest.fixture(scope="module")
def text() -> str:
    rng = np.random.default_rng(0)
    words = ["sea", "gull", "of", "a", "wind", "harbour"]
    parts = []
    for number in range(2500):
        said = " ".join(rng.choice(words, rng.integers(1, 9)))
        parts.append(f"“ {said} ”" if number % 2 else said + rng.choice([" ", ", ", ".\n"]))
    return "".join(parts)


def remembering(subject: Subject) -> Subject:
    """The run with one unit that “ sets and ” clears, which the guess of ” depends on."""
    vocabulary, old = subject.vocabulary, subject.network
    left, right = vocabulary.encode("“”").tolist()
    embedding = np.pad(old.embedding, ((0, 0), (0, 2)))
    embedding[left, -2], embedding[right, -1] = 1, 1
    kernel, recurrent, bias = (0.2 * array for array in old.layers[0].weights)
    kernel = np.pad(kernel, ((0, 2), (0, 0)))
    kernel[:, UNIT], recurrent[:, UNIT], bias[UNIT] = 0, 0, 0
    kernel[-2, UNIT], kernel[-1, UNIT], recurrent[UNIT, UNIT] = 6, -6, 3
    dense = old.dense_kernel.copy()
    dense[UNIT, right] = 3
    network = Network(
        embedding=embedding,
        layers=(Layer("rnn", Weights(kernel, recurrent, bias)),),
        dense_kernel=dense,
        dense_bias=old.dense_bias,
    )
    return replace(subject, network=network)


@pytest.fixture(scope="module")
def subject(text: str, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = tmp_path_factory.mktemp("neurons")
    run = make_run(folder / "models", "keen", source=make_text(folder, text), cell="rnn")
    return open_subject(run, held_out(run))


@pytest.fixture(scope="module")
def document(subject: Subject) -> dict[str, Any]:
    return inspect_neurons([remembering(subject)], NeuronsConfig(), ExcerptConfig())[0]


def named(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["models"][0]["features"] if one["feature"] == name)


def test_the_unit_is_found_and_is_no_chance(document: dict[str, Any]) -> None:
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", "neurons")
    quotes = named(document, "inside quotes")
    assert quotes["unit"] == {"layer": 1, "state": "h", "unit": UNIT}
    assert (quotes["sign"], quotes["stands_out"], quotes["echo"]) == (1, True, False)
    assert quotes["score"] > 0.99 > quotes["null_95"]
    assert quotes["p"] < 0.01
    assert quotes["away_from_delimiters"] > 0.99
    assert quotes["character_alone"] < 0.6
    assert quotes["probe"] > 0.9


def test_holding_it_costs_bits_where_it_matters(document: dict[str, Any]) -> None:
    lesion = named(document, "inside quotes")["lesion"]
    assert lesion["targets"] == "closing quotes"
    assert lesion["cases"] >= 20
    assert lesion["bits"] > 1 > abs(lesion["bits_elsewhere"])
    assert lesion["interval"][0] <= lesion["bits"] <= lesion["interval"][1]


def test_what_the_text_lacks_has_a_reason_and_no_figure(document: dict[str, Any]) -> None:
    url = named(document, "in a URL")
    assert url["reason"] == "0 characters of a half have it; 20 or more are needed"
    assert url["unit"] is url["score"] is url["p"] is url["lesion"] is None
    assert not url["stands_out"]


def test_the_unit_is_painted_where_the_feature_changes(document: dict[str, Any]) -> None:
    painted = document["models"][0]["painted"]
    assert painted["feature"] == "inside quotes"
    assert len(painted["characters"]) == len(painted["levels"]) == len(painted["values"]) == 400
    assert "“" in painted["characters"] and "”" in painted["characters"]
    inside = False
    for character, level in zip(painted["characters"], painted["levels"], strict=True):
        inside = (inside or character == "“") and character != "”"
        if character in "“”":
            assert (level > 0.5) == inside


def test_any_text_can_be_painted(subject: Subject) -> None:
    where = ExcerptConfig(text="sea “ gull ” of")
    painted = inspect_neurons([remembering(subject)], NeuronsConfig(), where)[0]["models"][0]["painted"]
    assert "".join(painted["characters"]) == "sea “ gull ” of"
    assert [level > 0.5 for level in painted["levels"][4:]] == [True] * 7 + [False] * 4


def test_a_network_that_remembers_nothing_has_no_unit_that_stands_out(subject: Subject) -> None:
    layer = subject.network.layers[0]
    still = layer.weights._replace(kernel=np.zeros_like(layer.weights.kernel))
    network = replace(subject.network, layers=(Layer("rnn", still),))
    document, excerpt = inspect_neurons([replace(subject, network=network)], NeuronsConfig(), ExcerptConfig())
    assert not any(one["stands_out"] for one in document["models"][0]["features"])
    assert document["models"][0]["painted"] is None
    assert excerpt is None


def test_a_feature_of_ones_own_is_searched_too(subject: Subject, tmp_path: Path) -> None:
    characters = subject.vocabulary.decode(subject.passage.ids)
    path = tmp_path / "own.tsv"
    path.write_text("guillemet\n" + "".join(f"{int(one in '“”')}\n" for one in characters), encoding="utf-8")
    document, _ = inspect_neurons([remembering(subject)], NeuronsConfig(feature=str(path)), ExcerptConfig())
    own = named(document, "guillemet")
    assert own["stands_out"] and own["echo"]
    assert own["character_alone"] == pytest.approx(1, abs=1e-5)
