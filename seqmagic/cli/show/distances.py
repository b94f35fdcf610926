"""`measure closers` and `measure repeats` for a reader: a figure by ranges of distances."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, paired_table
from seqmagic.cli.show.tables import Column, figure, fold_table
from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.words import listed

Row = tuple[str, Document]  # name, and what has `all` and `by_distance`


def closers_table(document: Document, width: int) -> Table:
    """For each model and the best n-gram the probability of the right closer, by distance."""
    return _table(_closers_rows(document), "probability", ".2f", width=width)


def closers_differences(document: Document, width: int) -> Table:
    """How the others differ from the first run, over all distances."""
    named = {"probability": ("proba-\nbility", "+z.3f"), "bits": ("bits", "+z.3f")}
    return paired_table(document, named, width=width)


def closers_finding(document: Document) -> str:
    """The finding in a sentence: the furthest range with figures."""
    rows = _closers_rows(document)
    found = _furthest(rows[0][1], "probability")
    if found is None:
        return "The held-out text has too few closing brackets and quotes for a figure."
    number, words = found
    phrases = [f"{_value(row, number, 'probability', '.2f')} in {name}" for name, row in rows]
    return f"{words} back from the closer, the right one has a probability of {listed(phrases)}."


def closers_chart(document: Document) -> Chart:
    """Probability of the right closer against the distance."""
    return Chart(
        title="Probability of the right closer",
        finding=closers_finding(document),
        x_label="characters back to the opener",
        y_label="probability of the right closer, %",
        lines=_lines(_closers_rows(document), "probability", times=100),
        log_x=True,
    )


def _closers_rows(document: Document) -> list[Row]:
    rows = [(one_line(model["run"]), model) for model in document["models"]]
    ngram = document["models"][0]["ngram"]
    return [*rows, (f"{ngram['order']}-gram", ngram)]


# ---------------------------------------------------------------- repeats


def repeats_table(document: Document, width: int) -> Table:
    """For each model the bits saved per letter, by distance."""
    return _table(_repeats_rows(document), "saving_bits", "+z.2f", width=width)


def repeats_differences(document: Document, width: int) -> Table:
    """How the others differ from the first run, over all distances."""
    return paired_table(document, {"saving_bits": ("bits saved\nper letter", "+z.3f")}, width=width)


def repeats_finding(document: Document) -> str:
    """The finding in a sentence: how far back a word still saves something."""
    rows = _repeats_rows(document)
    if _furthest(rows[0][1], "saving_bits") is None:
        return "The held-out text has too few rare words that come again for a figure."
    phrases = []
    for run, row in rows:
        clear = [one for one in row["by_distance"] if _saves(one)]
        if clear:
            saving = figure(clear[-1]["saving_bits"], ".2f")
            phrases.append(f"{saving} bits per letter in {run} at {range_words(clear[-1])} characters")
    if not phrases:
        return "At no distance does a run clearly save anything on a word that it has read before."
    return f"The furthest clear saving on a word read before: {listed(phrases)}."


def _saves(one: Document) -> bool:
    """Whether a saving is both sure and large enough to speak of."""
    return one["saving_bits"] is not None and one["saving_bits_interval"][0] > 0 and one["saving_bits"] >= _SMALLEST


_SMALLEST = 0.01  # bits per letter


def repeats_chart(document: Document) -> Chart:
    """Bits saved per letter against the distance."""
    return Chart(
        title="Bits saved on words read before",
        finding=repeats_finding(document),
        x_label="characters back to the mention before",
        y_label="bits saved per letter",
        lines=_lines(_repeats_rows(document), "saving_bits"),
        log_x=True,
    )


def _repeats_rows(document: Document) -> list[Row]:
    return [(one_line(model["run"]), model) for model in document["models"]]


# ---------------------------------------------------------------- any figure by distance


def range_words(one: Document) -> str:
    """A range of distances: "5–9", "80+"."""
    return f"{one['from']}+" if one["to"] is None else f"{one['from']}–{one['to']}"


def _table(rows: Sequence[Row], name: str, form: str, *, width: int) -> Table:
    """A line for each row, the ends of its interval below it, and the numbers of cases at the end."""
    ranges = rows[0][1]["by_distance"]
    columns = [Column("", figures=False), *(Column(range_words(one)) for one in ranges), Column("all")]
    lines = []
    for label, row in rows:
        parts = [*row["by_distance"], row["all"]]
        lines.append(([label, *(figure(part[name], form) for part in parts)], ""))
        for end, words in enumerate(("95 % from", "to")):
            ends = [(part[f"{name}_interval"] or (None, None))[end] for part in parts]
            lines.append(([f"  {words}", *(figure(value, form) for value in ends)], "dim"))
    cases = [f"{part['cases']:,}" for part in (*ranges, rows[0][1]["all"])]
    last = len(columns) - 1
    half = (last + 1) // 2
    pairs = [(0, 0), *((number, min(number + half, last)) for number in range(1, half + 1))]
    if last % 2:
        pairs[half] = (half, half)
    return fold_table(columns, [lines, [(["cases", *cases], "dim")]], width=width, pairs=pairs)


def _furthest(row: Document, name: str) -> tuple[int, str] | None:
    """Number and words of the furthest range that has a figure."""
    with_figure = [number for number, one in enumerate(row["by_distance"]) if one[name] is not None]
    if not with_figure:
        return None
    number = with_figure[-1]
    return number, f"{range_words(row['by_distance'][number])} characters"


def _value(row: Document, number: int, name: str, form: str) -> str:
    return figure(row["by_distance"][number][name], form)


def _lines(rows: Sequence[Row], name: str, *, times: float = 1.0) -> list[Line]:
    """A line for each row over the median distances of the ranges that have a figure, its interval around it."""
    lines = []
    for label, row in rows:
        known = [one for one in row["by_distance"] if one[name] is not None]
        at = [float(one["median_distance"]) for one in known]
        edges = [[times * one[f"{name}_interval"][end] for one in known] for end in (0, 1)]
        low, high = (list(zip(at, edge, strict=True)) for edge in edges)
        lines.append(Line(label, [(x, times * one[name]) for x, one in zip(at, known, strict=True)], band=(low, high)))
    return lines
