"""What a reader sees of `measure recall`: every figure, within sixty columns, and a sentence made of them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from seqmagic.cli.show import recall
from seqmagic.probes.measure_recall import Answered, Training

DISTANCES = [1, 2, 4, 8, 16, 32, 64, 128]


def rows(cell: str, seed: int, accuracies: list[float], d50: float | None, reason: str | None, steps: int | None):  # type: ignore[no-untyped-def]
    return [
        {
            "cell": cell, "seed": seed, "distance": distance, "accuracy": accuracy, "interval": [accuracy, accuracy],
            "cases": 512, "d50": d50, "d50_reason": reason, "parameters": 20_000, "steps_to_90": steps,
        }
        for distance, accuracy in zip(DISTANCES, accuracies, strict=True)
    ]  # fmt: skip


def document(*of: list[dict[str, Any]], seeds: int = 1) -> dict[str, Any]:
    cells = dict.fromkeys(row["cell"] for one in of for row in one)
    return {
        "task": {"name": "recall", "chance": 0.125, "farthest_trained": 64, "distances": DISTANCES, "cases": 512},
        "updates": 1_000,
        "seeds": list(range(seeds)),
        "models": [{"cell": cell, "units": 61, "parameters": 20_000} for cell in [*cells, "unseen"]],
        "rows": [row for one in of for row in one],
    }


RNN = rows("rnn", 0, [1, 1, 0.9, 0.7, 0.3, 0.125, 0.125, 0.125], 9.8, None, None)
LSTM = rows("lstm", 0, [1.0] * 8, None, "above half way at every distance", 250)
LOST = rows("gru", 0, [0.2] * 8, 0.0, "below half way at every distance", None)


def drawn(table: Any, width: int = 60) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    assert max(len(line.rstrip()) for line in stream.getvalue().splitlines()) <= width
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 100])
def test_the_tables_have_every_figure(width: int) -> None:
    found = document(RNN, LSTM, LOST)
    shown = drawn(recall.recall_table(found, width=width), width)
    for words in ("rnn", "lstm", "gru", "61", "20,000", "9.8", ">128", "<1", "250", "–"):
        assert words in shown, words
    assert "unseen" not in shown
    shares = drawn(recall.share_table(found, width=width), width)
    assert shares.split("rnn")[1].split()[:8] == ["100", "100", "90", "70", "30", "12", "12", "12"]
    assert shares.split("guessing")[1].split() == ["12.5"] * 8 and "lowest" not in shares


def test_seeds_have_a_median_ends_and_a_lowest() -> None:
    other = [{**row, "seed": 1, "accuracy": 1.0, "d50": None, "steps_to_90": 900} for row in RNN]
    third = [{**row, "seed": 2, "accuracy": 1.0, "d50": 40.0, "steps_to_90": 800} for row in RNN]
    found = document(RNN, other, third, seeds=3)
    shown = drawn(recall.recall_table(found, width=100), 100)
    for words in ("40.0", "9.8 to >128", "900", "800 to –"):
        assert words in shown, words
    shares = drawn(recall.share_table(found, width=60))
    assert shares.split("rnn")[1].split()[4] == "77"
    assert shares.split("lowest")[1].split()[4] == "30"
    chart = recall.recall_chart(found)
    assert chart.lines[0].band is not None and chart.lines[0].band[0][4] == (16.0, 0.3)
    assert recall.recall_finding(found).startswith("In the median of 3 seeds, rnn (40.0) falls to half way before 128")


def test_the_finding_is_made_of_the_figures() -> None:
    assert recall.recall_finding(document(RNN, LSTM, LOST)) == (
        "In this one seed, lstm is above half way up to 128; rnn (9.8) and gru (<1) fall to half way before that. "
        "90 % right, in updates: rnn not within 1,000, lstm after 250 and gru not within 1,000."
    )


def test_the_course_is_a_line_for_each_model() -> None:
    stream = io.StringIO()
    with recall.RecallDisplay(stream=stream) as display:
        display.show(Training(cell="rnn", seed=0, number=1, total=3, fraction=0.5, accuracy=None))
        for one in (RNN, LSTM, LOST):
            display.show(Answered(cell=one[0]["cell"], seed=0, rows=tuple(one)))
    assert stream.getvalue().splitlines() == [
        "rnn, seed 0: half way at 9.8 characters; 90 % right: not reached",
        "lstm, seed 0: above half way at every distance; 90 % right: 250 updates",
        "gru, seed 0: below half way at every distance; 90 % right: not reached",
    ]
