"""`measure ngram` for a reader: tables, chart, differences and finding from its document."""

from __future__ import annotations

from rich.table import Table

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, paired_table, spread
from seqmagic.cli.show.tables import NONE, Column, figure, fold_table
from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.words import listed

_NGRAM = [
    Column("", figures=False), Column("bits/\nchar"), Column("95 %\ninterval"), Column("n-gram\norder"),
    Column("95 %\ninterval"), Column("against\nbest"), Column("95 %\ninterval"),
]  # fmt: skip
_NGRAM_PAIRS = [(0, 0), (1, 2), (3, 4), (5, 6)]


def ngram_table(document: Document, width: int) -> Table:
    """A row for each run, and below them one for each order, the best in bold."""
    runs = []
    for model in document["models"]:
        runs.append(
            (
                [
                    one_line(model["run"]), figure(model["loss_bits"], ".3f"), spread(model["interval"], ".3f"),
                    _order(model["equivalent_order"]), _orders(model["equivalent_order_interval"]),
                    figure(model["against_best"], "+z.3f"),
                    spread(model["against_best_interval"], "+z.3f"),
                ],
                "",
            )
        )  # fmt: skip
    orders = []
    for one in document["orders"]:
        cells = [name_of(one["order"]), figure(one["loss_bits"], ".3f"), spread(one["interval"], ".3f"), *[NONE] * 4]
        orders.append((cells, "bold" if one["order"] == document["best_order"] else "dim"))
    if not runs:
        return fold_table(
            _NGRAM[:3], [[(cells[:3], style) for cells, style in orders]], width=width, pairs=_NGRAM_PAIRS[:2]
        )
    return fold_table(_NGRAM, [runs, orders], width=width, pairs=_NGRAM_PAIRS)


def name_of(order: int) -> str:
    """What an n-gram is called."""
    return {0: "uniform", 1: "unigram"}.get(order, f"{order}-gram")


def _order(value: float | None) -> str:
    return "beyond any" if value is None else f"{value:.1f}"


def _orders(interval: list[float | None]) -> str:
    low, high = map(_order, interval)
    return low if low == high else f"{low} to {'beyond' if interval[1] is None else high}"


def ngram_differences(document: Document, width: int) -> Table:
    """How the others differ from the first run."""
    return paired_table(document, {"loss_bits": ("bits/\nchar", "+z.3f")}, width=width)


def ngram_finding(document: Document) -> str:
    """The finding in a sentence."""
    best = document["orders"][document["best_order"]]
    phrases = []
    for model in document["models"]:
        run, order = one_line(model["run"]), model["equivalent_order"]
        if order is None:
            phrases.append(f"{run} is beyond any n-gram")
        elif order < 1:
            phrases.append(f"{run} is worse than the unigram")
        else:
            phrases.append(f"{run} is as good as the {order:.1f}-gram")
    words = f"the best n-gram is the {name_of(best['order'])} with {best['loss_bits']:.3f} bits per character"
    if not phrases:
        return f"{words[0].upper()}{words[1:]}."
    sentence = listed(phrases)
    return f"{sentence}; {words}."


def ngram_chart(document: Document) -> Chart:
    """Bits against the order, a level line for each run."""
    orders = [(float(one["order"]), one["loss_bits"]) for one in document["orders"][1:]]
    lines = [Line("n-grams", orders, band=(_edge(document, 0), _edge(document, 1)))]
    last = orders[-1][0]
    lines += [
        Line(model["run"], [(1.0, model["loss_bits"]), (last, model["loss_bits"])]) for model in document["models"]
    ]
    return Chart(
        title="Loss of n-grams by order",
        finding=ngram_finding(document),
        x_label="order of the n-gram",
        y_label="bits per character",
        lines=lines,
    )


def _edge(document: Document, end: int) -> list[tuple[float, float]]:
    return [(float(one["order"]), one["interval"][end]) for one in document["orders"][1:]]
