"""Comparisons as records: their folders, their document, and what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqmagic.comparison import record as comparisons
from seqmagic.comparison.record import Comparison
from seqmagic.comparison.rows import Row
from seqmagic.errors import ConfigError, RunError
from seqmagic.evaluation.baselines import Baseline
from seqmagic.runs import find
from seqmagic.runs.folder import Run
from tests.helpers import make_results

ROWS = tuple(
    Row(
        cell=cell,
        layers=1,
        units=8,
        seed=seed,
        run=f"{cell}-{seed}",
        results=make_results(loss + 0.01 * seed),
    )
    for cell, loss in (("lstm", 1.5), ("gru", 1.6))
    for seed in (1, 2)
)
NGRAM = Baseline(name="3-gram", order=3, loss=2.0)


def test_the_document_has_rows_and_baselines() -> None:
    document = json.loads(json.dumps(Comparison(name="x", rows=ROWS[::2], baselines=(NGRAM,)).to_json()))
    assert document["rows"][0] == {
        "cell": "lstm", "layers": 1, "units": 8, "seed": 1, "run": "lstm-1", "status": "complete",
        "results": make_results(1.51), "error": None, **make_results(1.51),
    }  # fmt: skip
    assert document["baselines"] == [
        {
            "name": "3-gram",
            "order": 3,
            "loss": 2.0,
            "bits_per_character": pytest.approx(2.0 / 0.693147, rel=1e-5),
        }
    ]
    assert document["sentence"].startswith("In these runs lstm 1×8 is best")
    assert "summaries" not in document


def test_the_document_has_the_means_over_seeds() -> None:
    document = Comparison(rows=ROWS).to_json()
    assert len(document["rows"]) == 4
    assert [(one["cell"], one["seeds"]) for one in document["summaries"]] == [
        ("lstm", [1, 2]),
        ("gru", [1, 2]),
    ]
    assert document["summaries"][0]["results"]["validation_loss"] == pytest.approx(1.515)
    assert document["summaries"][0]["deviation"] == pytest.approx(0.01 / 2**0.5)


def test_rows_of_other_origin_stand_alone_and_are_not_ranked() -> None:
    comparison = Comparison(rows=ROWS, is_series=False, comparable=False)
    assert len(comparison.summaries) == 4
    assert comparison.sentence == "These losses can't be ranked against each other."


def test_a_comparison_is_kept_beside_the_runs_and_is_none_of_them(models: Path) -> None:
    folder = comparisons.comparison_folder(models, name=None, text="War and Peace.txt", overwrite=False)
    assert folder == models / "War-and-Peace-comparison"
    comparisons.write_comparison(folder, Comparison(name=folder.name, rows=ROWS))
    assert comparisons.is_comparison(folder)
    assert comparisons.runs_of(folder) == [row.run for row in ROWS]
    assert find.list_runs(models) == []
    second = comparisons.comparison_folder(models, name=None, text="War and Peace.txt", overwrite=False)
    assert second.name == "War-and-Peace-comparison-2"
    comparisons.discard_comparison(second)
    comparisons.discard_comparison(folder)
    assert [entry.name for entry in models.iterdir()] == [folder.name]
    comparisons.remove_comparison(folder)
    assert list(models.iterdir()) == []


def test_names_that_are_taken_or_bad_are_refused(models: Path, tiny_run: Run) -> None:
    with pytest.raises(ConfigError, match="--name"):
        comparisons.comparison_folder(models, name="a/b", text="x", overwrite=False)
    for overwrite in (False, True):
        with pytest.raises(RunError, match="is no comparison"):
            comparisons.comparison_folder(models, name="tiny", text="x", overwrite=overwrite)
    folder = comparisons.comparison_folder(models, name="mine", text="x", overwrite=False)
    comparisons.write_comparison(folder, Comparison(name="mine"))
    with pytest.raises(RunError, match="--overwrite"):
        comparisons.comparison_folder(models, name="mine", text="x", overwrite=False)
    assert comparisons.comparison_folder(models, name="mine", text="x", overwrite=True) == folder


def test_a_models_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("x")
    with pytest.raises(RunError, match=r"no comparison can be kept in .*--models"):
        comparisons.comparison_folder(tmp_path / "models", name=None, text="x", overwrite=False)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', '{"format": 1, "rows": [3]}'])
def test_a_damaged_comparison_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(RunError, match=r"comparison\.json is corrupt"):
        comparisons.runs_of(tmp_path)


def test_a_newer_comparison_is_refused(tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text('{"format": 2, "rows": []}')
    with pytest.raises(RunError, match="format 2, newer than the 1"):
        comparisons.runs_of(tmp_path)
