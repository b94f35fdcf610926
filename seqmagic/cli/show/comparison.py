"""A comparison drawn: its heading, the table, the sentence, the notes and what each run writes."""

from __future__ import annotations

from collections.abc import Sequence

from seqmagic.cli.console import draw, printable, result
from seqmagic.cli.insight import draw_chart
from seqmagic.cli.show.tables import comparison_table, table_of_both
from seqmagic.comparison.blocks import Both
from seqmagic.comparison.charts import rows_left_out
from seqmagic.comparison.record import Comparison
from seqmagic.config import counted
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
    _show_remarks(remarks(comparison))
    if chart is not None:
        result()
        _draw_curves(comparison, chart)
    _show_samples(comparison)


def show_both(both: Both, charts: Sequence[Chart | None]) -> None:
    """Both blocks in one table, and below it what `show_comparison` has for one, with the curves of each block."""
    draw(lambda width: f"{heading_of_both(both)}\n")
    draw(lambda width: table_of_both(both, width=width))
    draw(lambda width: "\n" + "\n".join(both.sentences))
    _show_remarks(remarks_of_both(both))
    for block, chart in zip(both.blocks, charts, strict=True):
        if chart is not None:
            result(f"\n{block.title}")
            _draw_curves(block.comparison, chart)
    for block in both.blocks:
        _show_samples(block.comparison)


def _draw_curves(comparison: Comparison, chart: Chart) -> None:
    draw_chart(chart)
    if left_out := rows_left_out(comparison):
        result(left_out)


def _show_remarks(lines: Sequence[str]) -> None:
    """Those of `remarks`."""
    legend, *others = lines
    if legend:
        draw(lambda width: legend)
    for line in others:
        result(line)


def _show_samples(comparison: Comparison) -> None:
    for run, text in comparison.samples.items():
        result(f"\n--- {run}")
        lines = [line for line in text.split("\n") if line.strip()]
        result(printable("\n".join(lines[:SAMPLE_LINES])))


def remarks(comparison: Comparison) -> list[str]:
    """What a reader of the table should know: what ± means (or ""), why rows failed, the notes, how it ended."""
    lines = [f"{summary.label}: {summary.error}" for summary in comparison.summaries if summary.error]
    lines += [*comparison.notes, *([_UNFINISHED[comparison.status]] if comparison.status in _UNFINISHED else [])]
    return [comparison.legend or "", *lines]


def remarks_of_both(both: Both) -> list[str]:
    """Those of both blocks, each line with the block that it is about where it is not about both."""
    legends: list[str] = []
    lines: list[str] = []
    for block in both.blocks:
        legend, *others = remarks(block.comparison)
        legends += [legend] if legend else []
        lines += [f"{block.title.capitalize()}: {line}" for line in others]
    if len(set(legends)) > 1:
        legends = [f"{block.title.capitalize()}: {legend}" for block, legend in zip(both.blocks, legends, strict=True)]
    return [" ".join(dict.fromkeys(legends)), *lines, *([both.trouble] if both.trouble else [])]


def heading(comparison: Comparison) -> str:
    """The text, its split and what was held equal, in one line."""
    words = _text_words(comparison)
    if not comparison.held_equal:
        return words
    return f"{words}; each row {comparison.budget}, {_same_words(comparison)}"


def heading_of_both(both: Both) -> str:
    """The text, its split and what was held equal in each block, in one line."""
    budgets = [block.heading for block in both.blocks]
    if both.data is not None:
        budgets[-1] += ", as many as the row that read the least in its time"
    return "; ".join([_text_words(both.time), *budgets, _same_words(both.time)])


def _same_words(comparison: Comparison) -> str:
    equal = comparison.held_equal
    words = f"seed {', '.join(map(str, equal['seeds']))}; same {equal['match']}"
    if comparison.plan is None or "cores" not in equal:
        return words
    return f"{words}; {counted(comparison.plan.jobs, 'row')} at a time, {counted(equal['cores'], 'core')} each"


def _text_words(comparison: Comparison) -> str:
    text = comparison.text
    train, validation = (stop - start for start, stop in (text["train"], text["validation"]))
    start, stop = text.get("test", (0, 0))
    tested = f", {stop - start:,} to test" if stop > start else ""
    words = (
        f"{text['source']}: {train:,} characters to train on, {validation:,} to validate{tested} "
        f"(sha256 {text['sha256'][:12]})"
    )
    return f"{words}; on {comparison.machine}" if comparison.machine else words
