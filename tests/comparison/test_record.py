"""Comparisons as records: their folders, their document, and what is damaged."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from seqmagic.cli.show.comparison import heading
from seqmagic.comparison import record as comparisons
from seqmagic.comparison.record import Comparison
from seqmagic.comparison.rows import Row
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
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


SERIES = Comparison(
    name="x",
    created="2026-01-02T03:04:05.678+00:00",
    argv=("compare", "x.txt"),
    text={
        "source": "x.txt",
        "sha256": "0" * 64,
        "characters": 9,
        "train": (0, 6),
        "validation": (6, 9),
        "test": (9, 9),
    },
    held_equal={"match": "units", "minutes": 3.0, "epochs": None, "seeds": (1, 2)},
    rows=ROWS,
    baselines=(NGRAM,),
    notes=("a note",),
    prompt="The ",
    samples={"lstm-1": "The end"},
)


def test_a_comparison_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    comparisons.write_comparison(folder, SERIES)
    assert comparisons.read_comparison(folder) == SERIES
    assert comparisons.read_comparison(folder).to_json() == SERIES.to_json()


def test_how_many_rows_were_trained_at_a_time_comes_back(tmp_path: Path) -> None:
    plan = comparisons.Plan(
        cells=("rnn",), units=(8,), layers=(1,), seeds=(1, 2), match="units", data=DataConfig(), model=ModelConfig(),
        training=TrainConfig(minutes=3.0), jobs=2,
    )  # fmt: skip
    held: Any = {**SERIES.held_equal, "cores": 4}
    series = dataclasses.replace(SERIES, plan=plan, held_equal=held)
    comparisons.write_comparison(tmp_path, dataclasses.replace(series, name=tmp_path.name))
    found = comparisons.read_comparison(tmp_path)
    assert (found.plan, found.held_equal) == (plan, held)
    assert heading(found).endswith("; same units; 2 rows at a time, 4 cores each")
    path = tmp_path / comparisons.FILE_NAME
    document = json.loads(path.read_bytes())
    del document["plan"]["jobs"], document["held_equal"]["cores"]  # as releases before that wrote it
    path.write_text(json.dumps(document))
    found = comparisons.read_comparison(tmp_path)
    assert found.plan == dataclasses.replace(plan, jobs=1) and found.held_equal == SERIES.held_equal
    assert heading(found).endswith("; same units")
    path.write_text(json.dumps({**document, "plan": {**document["plan"], "jobs": 0}}))
    with pytest.raises(RunError, match="jobs"):
        comparisons.read_comparison(tmp_path)


def test_a_file_of_the_first_release_comes_back(tmp_path: Path) -> None:
    """As commit f3c3827 wrote it while a series was on: the rows that are done, and no word of the others."""
    document = {
        "format": 1, "name": "old", "created": "2026-01-02T03:04:05.678+00:00", "argv": ["compare", "x.txt"],
        "status": "running", "text": {"source": "x.txt", "sha256": "0" * 64, "characters": 9, "train": [0, 6],
        "validation": [6, 9], "test": [9, 9]},
        "held_equal": {"match": "units", "minutes": 3.0, "epochs": None, "seeds": [1]}, "comparable": True,
        "rows": [{"cell": "lstm", "layers": 1, "units": 8, "seed": 1, "run": "x-lstm-1x8", "status": "complete",
        "results": dict(make_results(1.5)), "error": None, **make_results(1.5)}],
        "baselines": [{"name": "3-gram", "order": 3, "loss": 2.0, "bits_per_character": 2.885}],
        "sentence": "...", "notes": [], "prompt": None, "samples": {},
    }  # fmt: skip
    (tmp_path / "comparison.json").write_text(json.dumps(document))
    found = comparisons.read_comparison(tmp_path)
    assert (found.status, found.rows[0].loss, found.baselines) == ("died", 1.5, (NGRAM,))
    assert (
        found.sentence
        == "lstm 1×8 reaches 1.500 nats per character; that is 0.500 below the best n-gram (3-gram, 2.000)."
    )


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("rows",), 3),
        (("rows", 0), None),
        (("rows", 0, "cell"), 7),
        (("rows", 0, "units"), -1),
        (("rows", 0, "units"), 1.5),
        (("rows", 0, "status"), "sleeping"),
        (("rows", 0, "results"), [1]),
        (("rows", 0, "results", "validation_loss"), "low"),
        (("rows", 0, "results", "validation_loss"), 1e200),
        (("baselines", 0, "loss"), None),
        (("baselines", 0, "loss"), -1e300),
        (("text",), {"source": "x.txt"}),
        (("text", "train"), [0]),
        (("text", "train"), ["a", "b"]),
        (("held_equal",), {"minutes": 1}),
        (("held_equal", "seeds"), 1),
        (("samples",), ["x"]),
        (("samples", "lstm-1"), 3),
        (("status",), "asleep"),
        (("name",), {}),
        (("notes",), [[]]),
        (("format",), "1"),
    ],
)
def test_what_is_of_the_wrong_kind_is_one_line(place: tuple[Any, ...], value: Any, tmp_path: Path) -> None:
    document = json.loads(json.dumps(SERIES.to_json()))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (tmp_path / "comparison.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match=r"comparison\.json is corrupt: ") as caught:
        comparisons.read_comparison(tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "change",
    [("3.0", "Infinity"), ("3.0", "NaN"), ("3.0", "1e999"), ('"a note"', "[" * 100_000), ('"a note"', '"\\ud800"')],
)
def test_what_is_no_json_is_one_line(change: tuple[str, str], tmp_path: Path) -> None:
    content = json.dumps(SERIES.to_json()).replace(*change, 1)
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(RunError, match=r"comparison\.json is corrupt: ") as caught:
        comparisons.read_comparison(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["name", "status", "rows", "text", "held_equal", "baselines", "samples"])
def test_what_is_missing_is_named(key: str, tmp_path: Path) -> None:
    document = SERIES.to_json()
    del document[key]
    (tmp_path / "comparison.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match=rf"is corrupt: it has no {key}; "):
        comparisons.read_comparison(tmp_path)


def test_the_best_possible_loss_comes_back(tmp_path: Path) -> None:
    best = Baseline(name="best possible", order=None, loss=1.4)
    series = dataclasses.replace(SERIES, baselines=(NGRAM, best))
    comparisons.write_comparison(tmp_path, series)
    assert comparisons.read_comparison(tmp_path).baselines == (NGRAM, best)
    assert series.sentence == SERIES.sentence
