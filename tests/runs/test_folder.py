"""Run folders: their record, their names, how one is found, and what a damaged one says."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from seqmagic.errors import ConfigError, RunError
from seqmagic.runs import find
from seqmagic.runs import folder as runs
from seqmagic.runs.folder import Run
from seqmagic.runs.record import FineTuned, RunRecord
from seqmagic.texts.vocabulary import Vocabulary
from tests.helpers import make_results, make_run


def test_a_record_comes_back_as_it_was_written(tiny_run: Run) -> None:
    record = tiny_run.read_record()
    assert record.text.train == (0, record.text.validation[0])
    again = RunRecord.from_json(json.loads(tiny_run.record_path.read_bytes()), tiny_run.record_path)
    assert again == record
    tiny_run.write_record(dataclasses.replace(record, status="failed", notes=("it exploded",)))
    assert tiny_run.read_record().notes == ("it exploded",)


def test_a_newer_format_is_refused_and_a_newer_field_is_not(tiny_run: Run) -> None:
    values = json.loads(tiny_run.record_path.read_bytes())
    values["model"]["invented_later"] = 3
    tiny_run.record_path.write_text(json.dumps(values))
    assert tiny_run.read_record().model.cell == "lstm"
    tiny_run.record_path.write_text(json.dumps({**values, "format": 99}))
    with pytest.raises(RunError, match="has format 99, newer than the 1"):
        tiny_run.read_record()


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: [],
        lambda values: {"format": 1},
        lambda values: {**values, "format": "1"},
        lambda values: {**values, "text": None},
        lambda values: {**values, "text": {**values["text"], "train": [0, "x"]}},
        lambda values: {**values, "model": {**values["model"], "units": 0}},
        lambda values: {**values, "argv": 3},
    ],
)
def test_a_damaged_record_is_named_in_one_line(damage: Any, tiny_run: Run) -> None:
    values = json.loads(tiny_run.record_path.read_bytes())
    tiny_run.record_path.write_text(json.dumps(damage(values)))
    with pytest.raises(RunError, match=r"run\.json is corrupt") as caught:
        tiny_run.read_record()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", '{"characters": ["ab"]}', '{"characters": ["a", "a"]}', "{}"])
def test_a_damaged_vocabulary_is_named(content: str, tiny_run: Run) -> None:
    tiny_run.vocabulary_path.write_text(content)
    with pytest.raises(RunError, match=r"vocabulary\.json is corrupt"):
        tiny_run.read_vocabulary()


def test_a_vocabulary_comes_back(tiny_run: Run) -> None:
    vocabulary = Vocabulary("a\n字'\"")
    tiny_run.write_vocabulary(vocabulary)
    assert tiny_run.read_vocabulary() == vocabulary


def test_history_grows_and_a_line_cut_short_is_left_out(tiny_run: Run) -> None:
    assert tiny_run.read_history() == []
    tiny_run.append_history({"step": 1})
    with open(tiny_run.history_path, "ab") as file:
        file.write(b'{"step"')
    assert tiny_run.read_history() == [{"step": 1}]


def test_a_run_without_weights_and_one_with_damaged_weights_say_so(tiny_run: Run) -> None:
    assert tiny_run.require_model() == tiny_run.model_path
    tiny_run.model_path.write_bytes(b"PK half a zip")
    with pytest.raises(RunError, match=r"model\.keras is corrupt"):
        tiny_run.require_model()
    tiny_run.model_path.unlink()
    with pytest.raises(RunError, match=r"has no model\.keras"):
        tiny_run.require_model()


@pytest.mark.parametrize("name", [".", "..", "../models/tiny"])
def test_a_run_is_called_what_its_folder_is(name: str, tiny_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_run.path if name == "." else tiny_run.model_path.parent)
    inside = tiny_run.path / "insight"
    inside.mkdir()
    if name == "..":
        monkeypatch.chdir(inside)
    assert Run(Path(name)).name == "tiny"


def test_runs_are_listed_by_creation_and_other_folders_are_none(models: Path, text: Path) -> None:
    make_run(models, "b", source=text, created="2026-01-01T00:00:00+00:00")
    make_run(models, "a", source=text, created="2026-01-02T00:00:00+00:00")
    make_run(models, "broken", source=text).record_path.write_text("{")
    (models / "a-comparison").mkdir()
    (models / ".hidden").mkdir()
    (models / ".hidden" / "run.json").write_text("{}")
    (models / "README.md").write_text("x")
    assert [run.name for run in find.list_runs(models)] == ["broken", "b", "a"]
    assert find.list_runs(models / "missing") == []


def test_the_folder_of_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find.models_folder(None) == Path("models")
    monkeypatch.setenv("SEQMAGIC_MODELS", "/elsewhere")
    assert find.models_folder(None) == Path("/elsewhere")
    assert find.models_folder("given") == Path("given")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", ".hidden", "-x", "latest", "a b", "a" * 101, "a\n"])
def test_names_that_can_be_no_folder_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--name"):
        runs.check_name(name)


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("books/War and Peace.txt", "War-and-Peace"),
        ("-", "stdin"),
        ("/data/红楼梦.txt.gz", "红楼梦.txt"),
        ("...", "text"),
        ("python-docs", "python-docs"),
        ("x" * 200, "x" * 60),
    ],
)
def test_default_names_can_be_folders(source: str, stem: str) -> None:
    name = runs.default_name(source, "lstm", 2, 256)
    assert name == f"{stem}-lstm-2x256"
    runs.check_name(name)


def test_a_run_is_found_by_name_by_path_and_as_a_pretrained_one(
    models: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "pretrained_folder", lambda: models / "pretrained")
    run = make_run(models, "mine", source=text)
    shipped = make_run(models / "pretrained", "shipped", source=text)
    assert find.open_run(models, "mine") == run
    assert find.open_run(Path("elsewhere"), str(run.path)) == run
    assert find.open_run(models, "shipped") == shipped


def test_what_is_no_run_says_so_and_suggests_the_nearest(tiny_run: Run, models: Path) -> None:
    with pytest.raises(RunError, match=r"no run 'tinny' in .*; did you mean tiny\?"):
        find.open_run(models, "tinny")
    with pytest.raises(RunError, match="see: seqmagic runs list"):
        find.open_run(models, "zzzzzz")
    (models / "folder").mkdir()
    with pytest.raises(RunError, match=r"has no run\.json"):
        find.open_run(models, "folder")
    tiny_run.record_path.unlink()
    with pytest.raises(RunError, match="half a run"):
        find.open_run(models, "tiny")
    with pytest.raises(RunError, match="nor any other"):
        find.open_run(models / "none", "tiny")


def test_latest_has_a_model_and_best_is_comparable_with_it(models: Path, text: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run with a model"):
        find.open_run(models, "latest")
    other = tmp_path / "other.txt"
    other.write_text("some other text, said again and again. " * 20)
    for day, (name, loss, source) in enumerate(
        [("good", 1.5, text), ("stranger", 0.5, other), ("latest-one", 1.9, text)], start=1
    ):
        created = f"2026-01-0{day}T00:00:00+00:00"
        make_run(models, name, source=source, results=make_results(loss), created=created)
    make_run(models, "bare", source=text, created="2026-01-09T00:00:00+00:00").model_path.unlink()
    assert find.open_run(models, "latest").name == "latest-one"
    assert find.open_run(models, "best").name == "good"


def test_what_was_said_is_kept_a_line_each_with_its_moment(tiny_run: Run) -> None:
    tiny_run.append_log(["one", "two\nlines \udcff"])
    tiny_run.append_log(["three"])
    lines = tiny_run.log_path.read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["one", "two lines ?", "three"]
    assert all(datetime.datetime.fromisoformat(line.split()[0]).tzinfo for line in lines)
    tiny_run.log_path.unlink()
    tiny_run.log_path.mkdir()
    tiny_run.append_log(["nowhere to write"])  # ends nothing


def test_what_a_fine_tuning_began_with_comes_back(tiny_run: Run) -> None:
    before = tiny_run.read_record()
    assert before.fine_tuned is None
    found = FineTuned(run="old", created=before.created, new_characters=3, before=2.5, after=1.5, own_before=1.0)
    tiny_run.write_record(dataclasses.replace(before, fine_tuned=found))
    assert tiny_run.read_record().fine_tuned == found
    document = tiny_run.record_path.read_text()
    tiny_run.record_path.write_text(document.replace('"new_characters": 3', '"new_characters": -3'))
    with pytest.raises(RunError, match=r"run\.json is corrupt: .*fine_tuned"):
        tiny_run.read_record()
