"""What `evaluate` found: lines for one run on one text, a table for several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from seqmagic.cli.console import one_line, result
from seqmagic.cli.show.tables import Column, Line, figure, fold_table, name_in_short
from seqmagic.cli.show.verdicts import verdict
from seqmagic.evaluation.baselines import Baseline

SHOWN_OF_A_RECORD = 60  # characters
NAMED_UNKNOWN = 5  # of the unknown characters, so many are named
_COLUMNS = [
    Column("run", figures=False, vital=True), Column("loss", vital=True), Column("bits/\nchar"),
    Column("perp-\nlexity"), Column("vs\nn-gram", vital=True), Column("characters"), Column("un-\nknown"),
]  # fmt: skip
_PAIRS = [(0, 0), (1, 2), (3, 4), (5, 6)]


def show_evaluation(document: Mapping[str, Any], unknown: Mapping[str, int]) -> None:
    """One run on one text, as `seqmagic evaluate --json` gives it, in lines."""
    perplexity = "infinite" if document["perplexity"] is None else f"{document['perplexity']:.2f}"
    result(f"{document['run']} on {_text_words(document)}, characters predicted: {document['characters']:,}")
    result(
        f"loss {document['loss']:.4f} nats per character, {document['bits_per_character']:.3f} bits, "
        f"perplexity {perplexity}"
    )
    if records := document.get("records"):
        _show_records(records)
    if said := verdict(document["loss"], _counted(document)):
        result(said)
    if best := document.get("best_possible"):
        result(
            f"best possible {best['loss']:.4f} nats per character, {best['bits_per_character']:.3f} bits, "
            "for who knows the rule that made this text"
        )
    count = document["unknown_characters"]
    if count:
        most = Counter(unknown).most_common(NAMED_UNKNOWN)
        frequent = ", ".join(f"{character!r} {times:,}" for character, times in most)
        names = f"; most often {frequent}" if frequent else ""
        result(f"{count:,} of them unknown to the model and scored as its unknown symbol{names}")


def _show_records(records: Mapping[str, Any]) -> None:
    result(
        f"{records['count']:,} records, {records['bits_per_record']:.2f} bits per record on an average "
        f"(median {records['median_bits']:.2f}, {records['least_bits']:.2f} to {records['most_bits']:.2f})"
    )
    result("the costliest:")
    for one in records["costliest"]:
        shown = one_line(one["record"])
        more = "…" if len(shown) > SHOWN_OF_A_RECORD or one["characters"] - 1 > len(one["record"]) else ""
        result(f"{one['bits']:10.2f} bits  {shown[:SHOWN_OF_A_RECORD]}{more}")


def evaluations_table(documents: Sequence[Mapping[str, Any]], *, width: int) -> Table:
    """Several of them, one line each below a line for each text, the lowest loss of a text in bold.

    Where the runs split a character's cost in another way (another vocabulary, other parts) their losses can't be
    ranked; only runs on the same characters with none unknown are.
    """
    texts: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        texts.setdefault(f"on {_text_words(document)}", []).append(document)
    empty = [""] * (len(_COLUMNS) - 1)
    sections = [[([heading, *empty], "italic"), *_lines(found)] for heading, found in texts.items()]
    return fold_table(_COLUMNS, sections, width=width, pairs=_PAIRS)


def _lines(documents: Sequence[Mapping[str, Any]]) -> list[Line]:
    fair = len({document["characters"] for document in documents}) == 1
    fair = fair and not any(document["unknown_characters"] for document in documents)
    best = min(document["loss"] for document in documents) if fair and len(documents) > 1 else None
    return [(_cells(document), "bold" if document["loss"] == best else "") for document in documents]


def _cells(document: Mapping[str, Any]) -> list[str]:
    losses = [one["loss"] for one in document.get("baselines", [])]
    unknown = document["unknown_characters"]
    return [
        document["run"],
        figure(document["loss"], ".4f"),
        figure(document["bits_per_character"], ".3f"),
        figure(document["perplexity"], ".2f"),
        figure(document["loss"] - min(losses) if losses else None, "+z.3f"),
        figure(document["characters"], ",.0f"),
        figure(unknown, ",.0f") if unknown else "",
    ]


def _counted(document: Mapping[str, Any]) -> list[Baseline]:
    """Its n-grams; by their place, which is their order."""
    found = document.get("baselines", [])
    return [Baseline(name=one["name"], order=order, loss=one["loss"]) for order, one in enumerate(found)]


def _text_words(document: Mapping[str, Any]) -> str:
    part = f"the {document['part']} part of " if document["part"] else ""
    text = document["text"]
    return part + one_line("standard input" if text == "-" else text if document["part"] else name_in_short(text))
