"""A comparison drawn: its heading, the table, the sentence, the notes and what each run writes."""

from __future__ import annotations

from seqmagic.cli.console import draw, printable, result
from seqmagic.cli.insight import draw_chart
from seqmagic.cli.show.tables import comparison_table
from seqmagic.comparison.charts import rows_left_out
from seqmagic.comparison.record import Comparison
from seqmagic.config import counted, minutes_words
from seqmagic.drawing.chart import Chart

SAMPLE_LINES = 4  # of what each run writes

_UNFINISHED = {
    "running": "This comparison is still being made.",
    "died": "This comparison ended before all of its rows were trained: its process died.",
}


def show_comparison(comparison: Comparison, chart: Chart | None = None) -> None:
    """All of it on standard output, with the curves of the trainings where they are known."""
    summaries, baselines, mark = comparison.summaries, comparison.baselines, comparison.comparable
    if comparison.text:
        draw(lambda width: f"{heading(comparison)}\n")
    chance, part = comparison.chance, comparison.part
    draw(lambda width: comparison_table(summaries, baselines, width=width, mark_best=mark, part=part, chance=chance))
    draw(lambda width: f"\n{comparison.sentence}")
    legend, *others = remarks(comparison)
    if legend:
        draw(lambda width: legend)
    for line in others:
        result(line)
    if chart is not None:
        result()
        draw_chart(chart)
        if left_out := rows_left_out(comparison):
            result(left_out)
    for run, text in comparison.samples.items():
        result(f"\n--- {run}")
        lines = [line for line in text.split("\n") if line.strip()]
        result(printable("\n".join(lines[:SAMPLE_LINES])))


def remarks(comparison: Comparison) -> list[str]:
    """What a reader of the table should know: what ± means (or ""), why rows failed, the notes, how it ended."""
    lines = [f"{summary.label}: {summary.error}" for summary in comparison.summaries if summary.error]
    lines += [*comparison.notes, *([_UNFINISHED[comparison.status]] if comparison.status in _UNFINISHED else [])]
    return [comparison.legend or "", *lines]


def heading(comparison: Comparison) -> str:
    """The text, its split and what was held equal, in one line."""
    text, equal = comparison.text, comparison.held_equal
    train, validation = (stop - start for start, stop in (text["train"], text["validation"]))
    start, stop = text.get("test", (0, 0))
    tested = f", {stop - start:,} to test" if stop > start else ""
    words = (
        f"{text['source']}: {train:,} characters to train on, {validation:,} to validate{tested} "
        f"(sha256 {text['sha256'][:12]})"
    )
    if comparison.machine:
        words += f"; on {comparison.machine}"
    if not equal:
        return words
    budget = minutes_words(equal["minutes"]) if equal["minutes"] else counted(equal["epochs"] or 0.0, "epoch")
    seeds = ", ".join(map(str, equal["seeds"]))
    return f"{words}; each row {budget}, seed {seeds}; same {equal['match']}"
