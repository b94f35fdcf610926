"""The runs that come with seqmagic are there, small, whole and good enough to write from."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import seqmagic
from seqmagic.config import CELLS
from seqmagic.runs.find import PRETRAINED_FIRST, latest_or_pretrained, list_runs, open_run, pretrained_folder

MOST_BYTES = 5_000_000


def test_one_of_each_cell_together_small() -> None:
    runs = list_runs(pretrained_folder())
    assert {run.name for run in runs} == set(CELLS)
    assert all(run.has_model for run in runs)
    assert sum(file.stat().st_size for run in runs for file in run.path.rglob("*")) < MOST_BYTES


@pytest.mark.parametrize("cell", CELLS)
def test_each_was_trained_for_ten_minutes_on_python_docs(cell: str, tmp_path: Path) -> None:
    record = open_run(tmp_path, cell).read_record()
    assert (record.model.cell, record.text.source, record.training.minutes) == (cell, "python-docs", 10)
    assert record.status == "complete"


def test_the_first_to_write_is_among_them(tmp_path: Path) -> None:
    assert latest_or_pretrained(tmp_path).path == pretrained_folder() / PRETRAINED_FIRST


@pytest.mark.parametrize("cell", CELLS)
def test_they_know_their_text(cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQMAGIC_MODELS", str(tmp_path))
    model = seqmagic.load(cell)
    known = float(model.score("Return a new list containing all items of the iterable in ascending order.").mean())
    strange = float(model.score("xzq jwvk qqpz vvkj wxqz jjqv").mean())
    assert known < 1.9 < math.log(model.vocabulary.size) < strange
    assert len("".join(model.generate("The ", length=50, seed=1))) == 50
