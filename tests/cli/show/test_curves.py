"""Curves of a comparison in one chart, in the terminal and as a file, and that of one run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.cli.show.curves import show_losses
from seqmagic.comparison.charts import comparison_chart, loss_chart, rows_left_out
from seqmagic.comparison.curves import Curve, curve_of
from seqmagic.comparison.record import Comparison, read_comparison, write_comparison
from seqmagic.comparison.rows import Row
from seqmagic.evaluation.baselines import Baseline
from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results
from tests.helpers import make_results, make_run

Call = Callable[..., Result]


def curve(*losses: float) -> Curve:
    places = range(1, len(losses) + 1)
    return Curve(seconds=tuple(10.0 * n for n in places), characters=tuple(1000 * n for n in places), losses=losses)


COMPARISON = Comparison(
    name="mine",
    held_equal={"match": "units", "minutes": None, "epochs": 2.0, "seeds": (1, 2)},
    rows=tuple(
        Row(cell=cell, layers=1, units=8, seed=seed, run=f"{cell}-{seed}", results=Results(**make_results(1.5)))
        for cell in ("lstm", "gru")
        for seed in (1, 2)
    ),
    baselines=(Baseline(name="4-gram", order=4, loss=2.0),),
    curves={"lstm-1": curve(3.0, 1.5), "lstm-2": curve(3.0, 1.75), "gru-1": curve(2.5, 1.5, 1.25)},
)


def test_rows_are_lines_and_seeds_share_a_colour() -> None:
    chart = comparison_chart(COMPARISON, None)
    assert chart is not None and chart.x_label == "characters read"
    assert [(line.label, line.faint, line.kin) for line in chart.lines] == [
        ("lstm 1×8", False, None),
        ("other seeds", True, 0),
        ("gru 1×8", False, None),
        ("4-gram 2.000", True, None),
    ]
    assert chart.lines[0].points == [(1000.0, 3.0), (2000.0, 1.5)]
    assert chart.lines[3].points == [(1000.0, 2.0), (3000.0, 2.0)]
    against = comparison_chart(COMPARISON, "seconds")
    assert against is not None and against.lines[2].points[-1] == (30.0, 1.25)


def test_without_curves_there_is_no_chart() -> None:
    assert comparison_chart(dataclasses.replace(COMPARISON, curves={}), None) is None


def test_rows_without_a_curve_are_named() -> None:
    words = "The curves leave out gru 1×8 of seed 2: fewer than two evaluations are kept."
    assert rows_left_out(COMPARISON) == words
    chart = comparison_chart(COMPARISON, None)
    assert chart is not None and chart.finding == f"{COMPARISON.sentence} {words}"
    one = dataclasses.replace(COMPARISON, curves={"lstm-1": curve(3.0, 1.5), "lstm-2": curve(3.0, 1.5)})
    assert rows_left_out(one).startswith("The curves leave out gru 1×8: ")
    whole = dataclasses.replace(COMPARISON, curves={**COMPARISON.curves, "gru-2": curve(3.0, 1.5)})
    assert rows_left_out(whole) == ""
    of_runs = dataclasses.replace(one, is_series=False)
    assert rows_left_out(of_runs).startswith("The curves leave out gru 1×8 gru-1 and gru 1×8 gru-2: ")


@pytest.mark.parametrize("width", [60, 100])
def test_the_terminal_shows_them_also_of_a_kept_one(
    width: int, models: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (models / "mine").mkdir()
    write_comparison(models / "mine", COMPARISON)
    assert read_comparison(models / "mine").curves == COMPARISON.curves
    shown = seqmagic("compare", "mine").stdout
    assert "characters read" in shown and "o lstm 1×8" in shown and "x gru 1×8" in shown
    assert "seconds of training" in seqmagic("compare", "mine", "--against", "seconds").stdout


def test_the_plot_is_a_file(tmp_path: Path, models: Path, seqmagic: Call) -> None:
    (models / "mine").mkdir()
    write_comparison(models / "mine", COMPARISON)
    path = tmp_path / "curves.svg"
    result = seqmagic("compare", "mine", "--plot", path, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["curves"]["gru-1"]["losses"] == [2.5, 1.5, 1.25]
    assert "gru 1×8" in path.read_text() and path.read_text().startswith("<svg")
    write_comparison(models / "mine", dataclasses.replace(COMPARISON, curves={}))
    none = seqmagic("compare", "mine", "--plot", path)
    assert (none.exit_code, none.stderr.count("\n")) == (1, 1) and "no curve to draw" in none.stderr
    assert "1.5000" in none.stdout


def test_a_run_is_shown_with_its_curve(tiny_run: Run, seqmagic: Call) -> None:
    for step, loss in enumerate([3.0, 2.0, 1.75], start=1):
        tiny_run.append_history({"step": step, "epoch": 0.5 * step, "train_loss": loss, "validation_loss": loss})
    shown = seqmagic("runs", "show", "tiny").stdout
    assert "readings of the training text" in shown and "x validation" in shown


def test_existing_runs_side_by_side_have_their_curves(models: Path, text: Path, seqmagic: Call) -> None:
    for name in ("a", "b"):
        run = make_run(models, name, source=text)
        for step in (1, 2):
            run.append_history({"seconds": step, "characters": 64 * step, "validation_loss": 3.0 / step})
    assert "o lstm 1×6 a" in seqmagic("compare", "a", "b").stdout


def test_a_curve_needs_two_evaluations_that_say_when_they_were() -> None:
    one = HistoryRow(seconds=1.0, characters=10, validation_loss=2.0)
    assert curve_of([one]) is None
    assert curve_of([one, HistoryRow(validation_loss=1.0)]) is None
    assert curve_of([one, one]) == Curve(seconds=(1.0, 1.0), characters=(10, 10), losses=(2.0, 2.0))
    with pytest.raises(ValueError, match="different lengths"):
        Curve(seconds=(1.0,), characters=(), losses=(2.0,))


# ---------------------------------------------------------------- one training

ROWS = [HistoryRow(epoch=0.5 * n, train_loss=3.0 / n, validation_loss=2.0 / n + 0.5) for n in range(1, 9)]


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_both_losses_are_drawn_at_every_width(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    show_losses(ROWS)
    shown = capsys.readouterr().out
    assert all(len(line) <= columns for line in shown.splitlines())
    for words in ("o train", "x validation", "nats per character", "0.375", "readings"):
        assert words in shown, shown


def test_two_evaluations_are_no_course(capsys: pytest.CaptureFixture[str]) -> None:
    show_losses([*ROWS[:2], HistoryRow(validation_loss=1.0)])
    assert loss_chart(ROWS[:2]) is None and capsys.readouterr().out == ""
