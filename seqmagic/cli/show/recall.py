"""`measure recall` for a reader: its course, and tables, chart and finding from its document."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.table import Table

from seqmagic.cli.show.documents import Document
from seqmagic.cli.show.progress import LiveDisplay
from seqmagic.cli.show.tables import NONE, WIDE, Column, fold_table
from seqmagic.drawing.chart import Chart, Line
from seqmagic.drawing.words import listed
from seqmagic.probes.settings import ATTENTION

if TYPE_CHECKING:
    from rich.console import RenderableType

    from seqmagic.probes.measure_recall import Answered, Training

_QUESTIONS = {
    "recall": "which of {} symbols stood so far before the question",
    "copy": "ten of {} symbols again, after so many blanks",
    "dyck2": "which of {} brackets closes now, so much after it opened",
}


class RecallDisplay(LiveDisplay):
    """A bar for all models together, and a line for each that is done."""

    stopping = "stopping: the models that are done are shown; again to stop now"

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        super().__init__(quiet=quiet, stream=stream)
        self._now: Training | None = None
        self._started: tuple[float, float] | None = None  # when the first updates were done, and their share

    def show(self, event: Training | Answered) -> None:
        """Draw one event."""
        from seqmagic.probes.measure_recall import Answered

        if isinstance(event, Answered):
            row = event.rows[0]
            reached = f"{row['steps_to_90']:,} updates" if row["steps_to_90"] else "not reached"
            self.line(f"{event.cell}, seed {event.seed}: {_half_words(row)}; 90 % right: {reached}")
            return
        self._now = event
        self._compiling = event.fraction == 0
        if event.fraction and self._started is None:
            self._started = (time.monotonic(), _share(event))
        self._draw()

    def _bars(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        now = self._now
        if now is None:
            return Text("building and compiling …", style="dim")
        title = f"{now.cell} {now.number}/{now.total}"
        right = NONE if now.accuracy is None else f"{now.accuracy:.0%}"
        words = Text(f"seed {now.seed}, {right} right at the distances of the training", no_wrap=True)
        return Group(self._bar(title, _share(now), self._seconds_left(_share(now)), room=max(12, len(title))), words)

    def _seconds_left(self, share: float) -> float:
        if self._started is None:
            return 0.0
        started, before = self._started
        return (time.monotonic() - started) * (1 - share) / (share - before) if share > before else 0.0


def _share(event: Training) -> float:
    """What is done of all updates of all models."""
    return (event.number - 1 + event.fraction) / event.total


def recall_heading(document: Document) -> str:
    """What was asked, in a line."""
    task = document["task"]
    question = _QUESTIONS[task["name"]].format(round(1 / task["chance"]))
    return f"{task['name']}: {question}; guessing is right in {100 * task['chance']:.3g} %"


_RECALL = [
    Column("model", figures=False), Column("units"), Column("para-\nmeters"), Column("half way\nat"),
    Column("over\nseeds"), Column("updates\nto 90 %"), Column("over\nseeds"),
]  # fmt: skip
_RECALL_PAIRS = [(0, 0), (1, 2), (3, 4), (5, 6)]


def recall_table(document: Document, *, width: int) -> Table:
    """One row a kind of model: how far it remembers and how fast it learned to."""
    lines = []
    for model in document["models"]:
        firsts = _firsts(document, model["cell"])
        if not firsts:
            continue
        halves = sorted(map(_half, firsts))
        steps = sorted(_steps(row) for row in firsts)
        distances = document["task"]["distances"]
        cells = [
            model["cell"], f"{model['units']:,}", f"{model['parameters']:,}",
            _half_figure(statistics.median_low(halves), distances),
            _ends([_half_figure(half, distances) for half in halves]),
            _steps_figure(statistics.median_low(steps)),
            _ends([_steps_figure(count) for count in steps]),
        ]  # fmt: skip
        lines.append((cells, ""))
    return fold_table(_RECALL, [lines], width=width, pairs=_RECALL_PAIRS)


def share_table(document: Document, *, width: int) -> Table:
    """The share of right answers in %: the mean over seeds, below it the lowest where there are several."""
    distances = document["task"]["distances"]
    lines = []
    for model in document["models"]:
        curves = _curves(document, model["cell"])
        if not curves:
            continue
        lines.append(([model["cell"], *(f"{100 * statistics.fmean(shares):.0f}" for shares in curves)], ""))
        if len(curves[0]) > 1:
            lines.append((["  lowest", *(f"{100 * min(shares):.0f}" for shares in curves)], "dim"))
    guessing = (["guessing", *[f"{100 * document['task']['chance']:.3g}"] * len(distances)], "dim")
    columns = [Column("model", figures=False), *(Column(f"{distance}") for distance in distances)]
    return fold_table(columns, [lines, [guessing]], width=max(width, WIDE), pairs=())


def recall_chart(document: Document) -> Chart:
    """Accuracy against the distance, the mean in a band from the worst to the best seed; guessing faint behind."""
    task = document["task"]
    distances = task["distances"]
    lines = []
    for model in document["models"]:
        if not (curves := _curves(document, model["cell"])):
            continue
        label = "attention, the next step" if model["cell"] == ATTENTION else model["cell"]
        band = None
        if len(curves[0]) > 1:
            band = (_points(distances, map(min, curves)), _points(distances, map(max, curves)))
        lines.append(Line(label, _points(distances, map(statistics.fmean, curves)), band=band))
    lines.append(
        Line("guessing", [(float(distances[0]), task["chance"]), (float(distances[-1]), task["chance"])], True)
    )
    return Chart(
        title=f"{task['name']}: right answers by distance",
        finding=recall_finding(document),
        x_label=f"distance in characters; trained up to {task['farthest_trained']}",
        y_label=f"share of right answers; faint: guessing, {task['chance']:.3g}",
        lines=lines,
        log_x=True,
    )


def recall_finding(document: Document) -> str:
    """The finding in a sentence or two."""
    distances, updates = document["task"]["distances"], document["updates"]
    farthest = distances[-1]
    holding: list[str] = []
    failing: list[str] = []
    learned: list[str] = []
    for model in document["models"]:
        cell, firsts = model["cell"], _firsts(document, model["cell"])
        if not firsts:
            continue
        half = statistics.median_low(map(_half, firsts))
        words = f"{cell} ({_half_figure(half, distances)})"
        (holding if half > farthest else failing).append(cell if half > farthest else words)
        steps = statistics.median_low(map(_steps, firsts))
        learned.append(f"{cell} after {steps:,.0f}" if steps <= updates else f"{cell} not within {updates:,}")
    seeds = len({row["seed"] for row in document["rows"]})
    scope = f"In the median of {seeds} seeds, " if seeds > 1 else "In this one seed, "
    end = "that" if holding else f"{farthest}"
    clauses = []
    if holding:
        clauses.append(f"{listed(holding)} {'is' if len(holding) == 1 else 'are'} above half way up to {farthest}")
    if failing:
        clauses.append(f"{listed(failing)} {'falls' if len(failing) == 1 else 'fall'} to half way before {end}")
    return f"{scope}{'; '.join(clauses)}. 90 % right, in updates: {listed(learned)}."


def _half_words(row: Document) -> str:
    """Where a model is half way, in words."""
    if row["d50_reason"]:
        return row["d50_reason"]
    return f"half way at {row['d50']:.1f} characters"


def _half(row: Document) -> float:
    """d50 for sorting: 0 and infinity where it is outside of the distances."""
    return float("inf") if row["d50"] is None else float(row["d50"])


def _steps(row: Document) -> float:
    return float("inf") if row["steps_to_90"] is None else float(row["steps_to_90"])


def _half_figure(half: float, distances: Sequence[int]) -> str:
    if half > distances[-1]:
        return f">{distances[-1]}"
    return f"{half:.1f}" if half else f"<{distances[0]}"


def _steps_figure(steps: float) -> str:
    return NONE if steps == float("inf") else f"{steps:,.0f}"


def _ends(figures: Sequence[str]) -> str:
    """The lowest and the highest of sorted figures: "12.1 to 30.5"."""
    return figures[0] if figures[0] == figures[-1] else f"{figures[0]} to {figures[-1]}"


def _firsts(document: Document, cell: str) -> list[Any]:
    """One row for each seed of a kind of model: what is the same for all its distances."""
    return list({row["seed"]: row for row in document["rows"] if row["cell"] == cell}.values())


def _curves(document: Document, cell: str) -> list[list[float]]:
    """For each distance the shares of all seeds; empty where the model has no rows."""
    rows = [row for row in document["rows"] if row["cell"] == cell]
    by_distance = [[row["accuracy"] for row in rows if row["distance"] == d] for d in document["task"]["distances"]]
    return by_distance if rows else []


def _points(distances: Sequence[int], shares: Any) -> list[tuple[float, float]]:
    return [(float(distance), float(share)) for distance, share in zip(distances, shares, strict=True)]
