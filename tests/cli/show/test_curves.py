"""The course of a training drawn: both losses, at every width, and nothing where there is no course."""

from __future__ import annotations

import pytest

from seqmagic.cli.show.curves import loss_chart, show_losses
from seqmagic.runs.record import HistoryRow

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
