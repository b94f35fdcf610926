"""`measure memory` for a reader: tables, chart, differences and finding from its document."""

from __future__ import annotations

from rich.table import Table

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, paired_table, spread
from seqmagic.cli.show.tables import NONE, Column, figure, fold_table
from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.words import listed

_MEMORY = [
    Column("run", figures=False), Column("k50"), Column("k90"), Column("95 %\ninterval"), Column("k99"),
    Column("effec-\ntive"), Column("unlimited\nbits"), Column("95 %\ninterval"),
]  # fmt: skip
_MEMORY_PAIRS = [(0, 0), (1, 4), (2, 3), (5, 5), (6, 7)]


def memory_table(document: Document, width: int) -> Table:
    """One row a run: the contexts that bring 50, 90 and 99 %, the effective one, and the loss with all of it."""
    rows = []
    for model in document["models"]:
        longest = model["k"][-1]
        cells = [
            one_line(model["run"]), _count(model, "k50", longest), _count(model, "k90", longest),
            _counts(model["k90_interval"], longest, model["k90"]), _count(model, "k99", longest),
            _count(model, "effective_context", longest), figure(model["unlimited_bits"], ".3f"),
            spread(model["unlimited_interval"], ".3f"),
        ]  # fmt: skip
        rows.append((cells, ""))
    frequencies = document["models"][0]["unigram_bits"]
    below = [(["unigram", *[NONE] * 5, figure(frequencies, ".3f"), NONE], "dim")]
    return fold_table(_MEMORY, [rows, below], width=width, pairs=_MEMORY_PAIRS)


def _count(model: Document, name: str, longest: int) -> str:
    value = model[name]
    if value is not None:
        return f"{value:,}"
    return f"> {longest:,}" if _brings_something(model) or name == "effective_context" else NONE


def _brings_something(model: Document) -> bool:
    """Whether context makes predictions any better, so that a missing k90 lies beyond what was measured."""
    return model["unlimited_bits"] < model["unigram_bits"]


def _counts(interval: list[int | None], longest: int, value: int | None) -> str:
    low, high = interval
    if low is None:
        return NONE
    return f"{low:,} to {f'{high:,}' if high is not None else f'> {longest:,}'}"


def memory_differences(document: Document, width: int) -> Table:
    """How the others differ from the first run."""
    figures = {"unlimited_bits": ("unlimited\nbits", "+z.3f"), "k90": ("k90", "+.0f")}
    return paired_table(document, figures, width=width)


def memory_finding(document: Document) -> str:
    """The finding in a sentence."""
    phrases = []
    for model in document["models"]:
        run = one_line(model["run"])
        if model["k90"] is not None:
            characters = "character" if model["k90"] == 1 else "characters"
            phrases.append(f"the last {model['k90']:,} {characters} in {run}")
        elif _brings_something(model):
            phrases.append(f"more than the last {model['k'][-1]:,} in {run}")
    if not phrases:
        return "Context brings these runs nothing over the frequencies of characters."
    return f"90 % of what context brings comes from {listed(phrases)}."


def memory_chart(document: Document) -> Chart:
    """L(k) on a logarithmic axis, and where the training sequences ended."""
    lines = [
        Line(
            model["run"],
            list(zip(map(float, model["k"][1:]), model["loss_bits"][1:], strict=True)),
            band=(_edge(model, 0), _edge(model, 1)),
        )
        for model in document["models"]
    ]
    lines += [
        Line(
            name,
            list(zip(map(float, variant["k"]), variant["loss_bits"], strict=True)),
            faint=True,
            kin=number,
        )
        for number, model in enumerate(document["models"])
        for name, variant in model["variants"].items()
        if name == "foreign"
    ]
    trained = document["text"]["train_sequence_length"]
    heights = [y for line in lines for _, y in line.points]
    words = "characters read before the prediction"
    if trained <= document["models"][0]["k"][-1]:
        words = f"characters read (dotted: length of the training sequences, {trained:,})"
        edge = [(float(trained), min(heights)), (float(trained), max(heights))]
        lines.append(Line("training sequences", edge, faint=True, kin=len(lines)))
    return Chart(
        title="Loss after k characters",
        finding=memory_finding(document),
        x_label=words,
        y_label="bits per character",
        lines=lines,
        log_x=True,
    )


def _edge(model: Document, end: int) -> list[tuple[float, float]]:
    return [(float(k), pair[end]) for k, pair in zip(model["k"][1:], model["interval"][1:], strict=True)]


_DISORDER_NAMES = {
    "shuffle-chars": "characters shuffled",
    "shuffle-words": "words shuffled",
    "reverse": "turned round",
}


def disorders(document: Document) -> list[str]:
    """The variants of the document that are disorders, in a fixed order."""
    return [name for name in _DISORDER_NAMES if name in document["models"][0]["variants"]]


def disorder_table(document: Document, name: str, width: int) -> Table:
    """The bits that a disorder adds by the distance from which on it begins: one row a run."""
    boundaries = document["models"][0]["variants"][name]["boundary"]
    columns = [Column(f"bits more,\n{_DISORDER_NAMES[name]}", figures=False)]
    columns += [Column(f"beyond\n{boundary}") for boundary in boundaries]
    rows = []
    for model in document["models"]:
        variant = model["variants"][name]
        rows.append(([one_line(model["run"]), *(figure(value, "+z.3f") for value in variant["added_bits"])], ""))
        if "share_of_foreign" in variant:
            shares = [NONE if share is None else f"{100 * share:.0f} %" for share in variant["share_of_foreign"]]
            rows.append((["of foreign text", *shares], "dim"))
    half = (len(boundaries) + 1) // 2
    pairs = [(0, 0), *((n, n + half if n + half <= len(boundaries) else n) for n in range(1, half + 1))]
    return fold_table(columns, [rows], width=width, pairs=pairs)
