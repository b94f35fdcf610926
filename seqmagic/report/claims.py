"""What is claimed of these networks, and what the measurements say of each claim.

A verdict is computed, never written: "supported", "refuted" (not supported by these models) or "untold".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.report.html import number, spread
from seqmagic.report.panels.panel import Document, Documents
from seqmagic.report.texts import Texts

SUPPORTED, REFUTED, UNTOLD = "supported", "refuted", "untold"
_EXPONENTIAL = 0.95  # R² from which on a decay counts as exponential
_COUPLED = 0.5  # correlation from which on an LSTM does what a GRU is built to do
_ABOUT_AS_GOOD = 0.02  # bits per character
_SAME_SIZE = 1.1  # times the parameters

Interval = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim, its verdict, the figures behind it in a sentence, and the id of the panel that has them."""

    claim: str
    verdict: str
    number: str
    panel: str


def claims(documents: Documents, texts: Texts) -> list[Claim]:
    """Every claim with its verdict."""
    return [
        _far(documents, texts),
        _carries(documents, texts),
        _merges(documents, texts),
        _simpler(documents, texts),
        Claim(claim=texts("attention.claim"), verdict=UNTOLD, number=texts("attention.needs"), panel="recall"),
    ]


def _first(document: Document, cell: str) -> Document | None:
    """The first model of a cell."""
    return next((model for model in document["models"] if model["cell"] == cell), None)


def below(one: Interval | None, other: Interval | None) -> bool | None:
    """Whether the first interval lies below the second, or, False, above it; None where they touch or are missing."""
    if one is None or other is None or one[1] >= other[0]:
        return None if one is None or other is None or one[0] <= other[1] else False
    return True


def together(*answers: bool | None) -> str:
    """The verdict of a claim that says all of these: one No is enough against it, one unknown leaves it open."""
    if False in answers:
        return REFUTED
    return UNTOLD if None in answers else SUPPORTED


def _far(documents: Documents, texts: Texts) -> Claim:
    claim, document = texts("far.claim"), documents.get("gradient")
    if document is None:
        return Claim(claim=claim, verdict=UNTOLD, number=texts("needs.measurement"), panel="gradient")
    rnn, lstm = _first(document, "rnn"), _first(document, "lstm")
    if rnn is None or lstm is None:
        return Claim(claim=claim, verdict=UNTOLD, number=texts("far.needs"), panel="gradient")
    straight = rnn["trained"]["r2_exponential"]
    answers = [
        below(rnn["trained"]["rho_interval"], lstm["trained"]["rho_interval"]),
        None if straight is None else straight > _EXPONENTIAL,
    ]
    words = texts(
        "far.number",
        rnn=number(rnn["trained"]["rho"]),
        lstm=number(lstm["trained"]["rho"]),
        rnn_run=rnn["run"],
        lstm_run=lstm["run"],
        r2=number(straight),
    )
    return Claim(claim=claim, verdict=together(*answers), number=words, panel="gradient")


def _carries(documents: Documents, texts: Texts) -> Claim:
    return Claim(claim=texts("carries.claim"), verdict=UNTOLD, number=texts("needs.measurement"), panel="gates")


def _merges(documents: Documents, texts: Texts) -> Claim:
    return Claim(claim=texts("merges.claim"), verdict=UNTOLD, number=texts("needs.measurement"), panel="gates")


def _simpler(documents: Documents, texts: Texts) -> Claim:
    claim, document = texts("simpler.claim"), documents.get("losses")
    if document is None:
        return Claim(claim=claim, verdict=UNTOLD, number=texts("needs.measurement"), panel="losses")
    gru, lstm = _first(document, "gru"), _first(document, "lstm")
    pair = gru and lstm and _difference(document, gru["run"], lstm["run"])
    if not gru or not lstm or not pair:
        return Claim(claim=claim, verdict=UNTOLD, number=texts("simpler.needs"), panel="losses")
    value, (low, high) = pair
    ratio = gru["parameters"] / lstm["parameters"]
    words = texts(
        "simpler.number",
        gru=gru["run"],
        lstm=lstm["run"],
        difference=number(value, "+.3f"),
        interval=spread([low, high], "+.3f"),
        ratio=number(ratio, ".2f"),
    )
    verdict = UNTOLD
    if high <= _ABOUT_AS_GOOD and ratio <= _SAME_SIZE:  # also with fewer parameters: that makes it harder
        verdict = SUPPORTED
    elif low > _ABOUT_AS_GOOD and ratio >= 1 / _SAME_SIZE:
        verdict = REFUTED
    return Claim(claim=claim, verdict=verdict, number=words, panel="losses")


def _difference(document: Document, run: str, than: str) -> tuple[float, Interval] | None:
    """Bits of `run` less those of `than`, and the interval."""
    for one in document["differences"]:
        if (one["run"], one["than"]) == (run, than):
            return one["bits"], one["interval"]
        if (one["run"], one["than"]) == (than, run):
            return -one["bits"], [-one["interval"][1], -one["interval"][0]]
    return None
