"""Verdicts: what supports a claim, what speaks against it, and what leaves it open."""

from __future__ import annotations

from typing import Any

import pytest

from seqmagic.insight.labels import LANGUAGES
from seqmagic.report.claims import REFUTED, SUPPORTED, UNTOLD, Claim, below, claims, together
from seqmagic.report.texts import Texts


def gradient(rnn: list[float], lstm: list[float], *, r2: float | None = 0.99) -> dict[str, Any]:
    models = [
        {"run": name, "cell": name, "trained": {"rho": sum(ends) / 2, "rho_interval": ends, "r2_exponential": r2}}
        for name, ends in (("rnn", rnn), ("lstm", lstm))
    ]
    return {"models": models}


def memory(rnn: list[int | None], lstm: list[int | None]) -> dict[str, Any]:
    models = [
        {"run": name, "k": [0, 256], "k99": ends[0], "k99_interval": ends}
        for name, ends in (("rnn", rnn), ("lstm", lstm))
    ]
    return {"models": models}


def ngram(difference: list[float], *, gru: int = 100, lstm: int = 100, turned: bool = False) -> dict[str, Any]:
    names = ("lstm", "gru") if turned else ("gru", "lstm")
    ends = [-difference[1], -difference[0]] if turned else difference
    entry = {"run": names[0], "to": names[1], "loss_bits": sum(ends) / 2, "loss_bits_interval": ends}
    models = [{"run": name, "cell": name, "parameters": size} for name, size in (("gru", gru), ("lstm", lstm))]
    return {"models": models, "differences": [entry]}


def gates(keep: list[float], write: list[float], read: list[float], *, coupling: float | None = 0.6) -> dict[str, Any]:
    lesion = [
        {"gate": role, "to": "mean", "layer": 1, "difference_bits": sum(ends) / 2, "interval": ends}
        for role, ends in (("keep", keep), ("write", write), ("read", read))
    ]
    layers = [{"coupling": {"median_correlation": coupling}}]
    return {"models": [{"run": "lstm", "cell": "lstm", "lesion": lesion, "layers": layers}]}


def verdicts(**documents: dict[str, Any]) -> list[str]:
    return [one.verdict for one in found(**documents)]


def found(**documents: dict[str, Any]) -> list[Claim]:
    return claims(documents, Texts())


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ([1, 2], [3, 4], True),
        ([3, 4], [1, 2], False),
        ([1, 3], [2, 4], None),
        ([1, 2], [2, 4], None),
        (None, [1, 2], None),
        ([1, 2], [3, None], True),
        ([3, None], [1, 2], False),
        ([1, None], [3, None], None),
        ([None, None], [3, 4], None),
    ],
)
def test_intervals_lie_apart_or_tell_nothing(one: Any, other: Any, answer: bool | None) -> None:
    assert below(one, other) is answer


def test_one_no_is_enough_and_one_unknown_leaves_it_open() -> None:
    assert together(True, True) == SUPPORTED
    assert together(True, None) == UNTOLD
    assert together(None, False) == REFUTED


@pytest.mark.parametrize(
    ("documents", "verdict"),
    [
        ({"gradient": gradient([0.81, 0.82], [0.96, 0.97])}, SUPPORTED),
        ({"gradient": gradient([0.81, 0.82], [0.96, 0.97], r2=0.8)}, REFUTED),
        ({"gradient": gradient([0.96, 0.97], [0.81, 0.82])}, REFUTED),
        ({"gradient": gradient([0.8, 0.9], [0.85, 0.97])}, UNTOLD),
        ({"gradient": gradient([0.81, 0.82], [0.96, 0.97], r2=None)}, UNTOLD),
        ({"gradient": gradient([0.81, 0.82], [0.96, 0.97]), "memory": memory([10, 20], [40, 80])}, SUPPORTED),
        ({"gradient": gradient([0.81, 0.82], [0.96, 0.97]), "memory": memory([10, 20], [40, None])}, SUPPORTED),
        ({"gradient": gradient([0.81, 0.82], [0.96, 0.97]), "memory": memory([10, 50], [40, 80])}, UNTOLD),
        ({"gradient": gradient([0.81, 0.82], [0.96, 0.97]), "memory": memory([50, 60], [10, 20])}, REFUTED),
        ({}, UNTOLD),
    ],
)
def test_a_simple_rnn_can_not_carry_far(documents: dict[str, Any], verdict: str) -> None:
    assert verdicts(**documents)[0] == verdict


@pytest.mark.parametrize(
    ("document", "carries", "merges"),
    [
        (gates([0.9, 1.0], [0.1, 0.2], [0.3, 0.4]), SUPPORTED, SUPPORTED),
        (gates([0.1, 0.2], [0.5, 0.6], [0.0, 0.0], coupling=0.4), REFUTED, REFUTED),
        (gates([0.3, 0.6], [0.5, 0.7], [0.1, 0.2], coupling=None), UNTOLD, UNTOLD),
    ],
)
def test_the_forget_gate_decides_and_a_gru_merges_it(document: dict[str, Any], carries: str, merges: str) -> None:
    assert verdicts(gates=document)[1:3] == [carries, merges]


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (ngram([-0.01, 0.01]), SUPPORTED),
        (ngram([-0.5, -0.4]), SUPPORTED),
        (ngram([-0.01, 0.01], gru=75), SUPPORTED),
        (ngram([-0.01, 0.01], gru=150), UNTOLD),
        (ngram([0.06, 0.1]), REFUTED),
        (ngram([0.06, 0.1], gru=75), UNTOLD),
        (ngram([0.01, 0.03]), UNTOLD),
        (ngram([-0.01, 0.01], turned=True), SUPPORTED),
        (ngram([0.06, 0.1], turned=True), REFUTED),
    ],
)
def test_a_gru_is_simpler_and_about_as_good(document: dict[str, Any], verdict: str) -> None:
    assert verdicts(ngram=document)[3] == verdict


def recall(**ends: list[float]) -> dict[str, Any]:
    return {
        "rows": [
            {"cell": cell, "seed": seed, "distance": distance, "accuracy": sum(pair) / 2, "interval": pair}
            for cell, pair in ends.items()
            for seed in (0, 1)
            for distance in (1, 128)
        ]
    }


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (recall(rnn=[0.1, 0.2], attention=[0.9, 1.0]), SUPPORTED),
        (recall(rnn=[0.1, 0.2], gru=[0.95, 1.0], attention=[0.9, 1.0]), UNTOLD),
        (recall(rnn=[0.5, 0.6], attention=[0.1, 0.2]), REFUTED),
        (recall(rnn=[0.5, 0.6]), UNTOLD),
    ],
)
def test_attention_reaches_where_cells_fall(document: dict[str, Any], verdict: str) -> None:
    assert verdicts(recall=document)[4] == verdict


def test_runs_of_one_cell_leave_open_what_takes_two() -> None:
    one = gradient([0.81, 0.82], [0.96, 0.97])
    del one["models"][1]
    first = found(gradient=one)[0]
    assert first.verdict == UNTOLD
    assert "It takes a run of a simple RNN and one of an LSTM" in first.number


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word(language: str) -> None:
    documents = {
        "gradient": gradient([0.81, 0.82], [0.96, 0.97]),
        "memory": memory([10, 20], [40, None]),
        "gates": gates([0.9, 1.0], [0.1, 0.2], [0.3, 0.4]),
        "ngram": ngram([-0.01, 0.01]),
    }
    for given in (documents, {}):
        for one in claims(given, Texts(language)):
            assert one.claim and one.number and "{" not in one.claim + one.number
