"""What is claimed of these networks, and what the measurements say of each claim.

A verdict is computed, never written: "supported", "refuted" (not supported by these models) or "untold".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.report.html import number, spread
from seqmagic.report.panels.memory import reached
from seqmagic.report.panels.panel import Document, Documents
from seqmagic.report.panels.recall import ATTENTION, cells, farthest_interval
from seqmagic.report.texts import Texts

SUPPORTED, REFUTED, UNTOLD = "supported", "refuted", "untold"
_EXPONENTIAL = 0.95  # R² from which on a decay counts as exponential
_COUPLED = 0.5  # correlation from which on an LSTM does what a GRU is built to do
_ABOUT_AS_GOOD = 0.02  # bits per character
_SAME_SIZE = 1.1  # times the parameters

Interval = Sequence[float | None]


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
        _attention(documents, texts),
    ]


def _first(document: Document, cell: str) -> Document | None:
    """The first model of a cell."""
    return next((model for model in document["models"] if model["cell"] == cell), None)


def _named(document: Document, run: str) -> Document:
    return next(model for model in document["models"] if model["run"] == run)


def below(one: Interval | None, other: Interval | None) -> bool | None:
    """Whether the first interval lies below the second, or, False, above it; None where they touch or are missing.

    An upper end that is None lies beyond what was measured.
    """
    if one is None or other is None or one[0] is None or other[0] is None:
        return None
    if one[1] is not None and one[1] < other[0]:
        return True
    return False if other[1] is not None and other[1] < one[0] else None


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
    memory = documents.get("memory")
    if memory is not None:
        rnn_memory, lstm_memory = _named(memory, rnn["run"]), _named(memory, lstm["run"])
        answers.append(below(rnn_memory["k99_interval"], lstm_memory["k99_interval"]))
        longest = memory["models"][0]["k"][-1]
        words += texts(
            "far.memory",
            rnn=reached(rnn_memory, "k99", longest),
            lstm=reached(lstm_memory, "k99", longest),
            rnn_run=rnn["run"],
            lstm_run=lstm["run"],
        )
    return Claim(claim=claim, verdict=together(*answers), number=words, panel="gradient")


def _carries(documents: Documents, texts: Texts) -> Claim:
    claim, document = texts("carries.claim"), documents.get("gates")
    lstm = document and _first(document, "lstm")
    if not lstm or not lstm.get("lesion"):
        needs = "needs.measurement" if document is None or lstm else "carries.needs"
        return Claim(claim=claim, verdict=UNTOLD, number=texts(needs), panel="gates")
    frozen = {role: _worst(lstm, role) for role in ("keep", "write", "read")}
    verdict = together(*(below(frozen[role]["interval"], frozen["keep"]["interval"]) for role in ("write", "read")))
    costs = {role: number(one["difference_bits"], "+.3f") for role, one in frozen.items()}
    return Claim(claim=claim, verdict=verdict, number=texts("carries.number", run=lstm["run"], **costs), panel="gates")


def _worst(model: Document, role: str) -> Document:
    """Of the lesions that hold a gate at its mean, one for each layer, the one that costs most."""
    cases = [one for one in model["lesion"] if (one["gate"], one["to"]) == (role, "mean")]
    return max(cases, key=lambda one: one["difference_bits"])


def _merges(documents: Documents, texts: Texts) -> Claim:
    claim, document = texts("merges.claim"), documents.get("gates")
    lstm = document and _first(document, "lstm")
    if not lstm:
        needs = "needs.measurement" if document is None else "carries.needs"
        return Claim(claim=claim, verdict=UNTOLD, number=texts(needs), panel="gates")
    found = [layer["coupling"]["median_correlation"] for layer in lstm["layers"]]
    verdict = together(*(None if one is None else one > _COUPLED for one in found))
    words = texts("merges.number", run=lstm["run"], kappa=texts.listed([number(one, ".2f") for one in found]))
    return Claim(claim=claim, verdict=verdict, number=words, panel="gates")


def _simpler(documents: Documents, texts: Texts) -> Claim:
    claim, document = texts("simpler.claim"), documents.get("ngram")
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


def _attention(documents: Documents, texts: Texts) -> Claim:
    claim, document = texts("attention.claim"), documents.get("recall")
    others = [cell for cell in cells(document) if cell != ATTENTION] if document else []
    reaches = document and farthest_interval(document, ATTENTION)
    if not document or not reaches or not others:
        return Claim(claim=claim, verdict=UNTOLD, number=texts("attention.needs"), panel="recall")
    ends = {cell: farthest_interval(document, cell) for cell in others}
    words = texts(
        "attention.number",
        attention=spread(reaches, ".0%"),
        others=texts.listed([f"{cell} {spread(one, '.0%')}" for cell, one in ends.items()]),
    )
    verdict = together(*(below(one, reaches) for one in ends.values()))
    return Claim(claim=claim, verdict=verdict, number=words, panel="recall")


def _difference(document: Document, run: str, than: str) -> tuple[float, tuple[float, float]] | None:
    """Bits of `run` less those of `than`, and the interval."""
    for one in document["differences"]:
        ends = one["loss_bits_interval"]
        if ends is not None and (one["run"], one["to"]) == (run, than):
            return one["loss_bits"], (ends[0], ends[1])
        if ends is not None and (one["run"], one["to"]) == (than, run):
            return -one["loss_bits"], (-ends[1], -ends[0])
    return None
