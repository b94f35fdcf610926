"""A run trained again: by --print-config and --config, and by runs rerun, to the same weights; refused in one line."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from seqmagic.network.keras_file import load_network
from seqmagic.runs.folder import Run
from tests.helpers import FakeTraining, make_run, make_text

Call = Callable[..., Result]
TINY = ("--units", "6", "--embedding", "4", "--batch-size", "4", "--sequence-length", "16", "--epochs", "2")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, and with a run `one` below `models` that was trained on it."""
    folder = tmp_path_factory.mktemp("begun")
    done = call(folder, "train", make_text(folder), *TINY, "--name", "one", "--verbose", "--tensorboard")
    assert done.exit_code == 0, done.stderr
    (folder / "said.txt").write_text(done.stderr)
    return folder


def call(folder: Path, *words: Any) -> Result:
    from seqmagic.cli.main import main

    environment = {"SEQMAGIC_MODELS": str(folder / "models"), "COLUMNS": "100"}
    return CliRunner(env=environment).invoke(main, [str(word) for word in words])


def same_weights(folder: Path, one: str, other: str) -> bool:
    pair = [load_network(Run(folder / "models" / name)).arrays for name in (one, other)]
    return all(np.array_equal(a, b) for a, b in zip(*pair, strict=True))


@pytest.mark.tf
def test_what_would_run_is_a_file_that_trains_the_same_weights(begun: Path) -> None:
    printed = call(begun, "train", begun / "bottles.txt", *TINY, "--print-config")
    assert printed.exit_code == 0 and not (begun / "models" / "bottles-lstm-1x6").exists()
    found = tomllib.loads(printed.stdout)
    record = Run(begun / "models" / "one").read_record()
    assert found["text"] == str(begun / "bottles.txt") and found["text_sha256"] == record.text.sha256
    assert found["learning_rate"] == record.training.learning_rate and found["dropout"] == record.model.dropout
    assert (found["minutes"], found["epochs"], found["engine"]) == ("auto", 2.0, record.environment["path"])
    assert found["threads"] == record.environment["threads"] and found["precision"] == "float32"
    config = begun / "it.toml"
    config.write_text(printed.stdout)
    assert call(begun, "train", "--config", config, "--name", "by-file").exit_code == 0
    assert same_weights(begun, "one", "by-file")
    assert call(begun, "train", "--config", config, "--name", "other", "--seed", "2").exit_code == 0
    assert not same_weights(begun, "one", "other")


@pytest.mark.tf
def test_a_run_is_trained_again_to_the_same_weights(begun: Path) -> None:
    done = call(begun, "runs", "rerun", "one", "--name", "again", "--json", "--quiet")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["run"] == "again"
    assert same_weights(begun, "one", "again")
    one, again = (Run(begun / "models" / name).read_record() for name in ("one", "again"))
    assert dataclasses.replace(again.training, threads=None) == dataclasses.replace(one.training, threads=None)


@pytest.mark.tf
def test_a_training_keeps_a_log_and_says_more_if_asked(begun: Path) -> None:
    said = (begun / "said.txt").read_text()
    for words in ("read in ", "TensorFlow started in ", "compiled in ", "tensorflow 2.", " evaluations, the last in "):
        assert words in said, words
    lines = Run(begun / "models" / "one").log_path.read_text().splitlines()
    assert all(line[:4].isdecimal() and "T" in line.split()[0] for line in lines)
    assert any(" compiled in " in line for line in lines) and any("validation loss" in line for line in lines)
    assert lines[-1].split(" ", 1)[1].startswith("complete: validation loss ")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    """What a training is asked for, without one."""
    from seqmagic.training import train as door

    fake = FakeTraining({"lstm": 2.0, "gru": 2.0})
    monkeypatch.setattr(door, "train", fake)
    monkeypatch.setattr(door, "start", lambda *asked, **more: None)
    return fake


def test_the_settings_are_those_of_the_run_and_what_is_typed_wins(
    tiny_run: Run, asked: FakeTraining, seqmagic: Call
) -> None:
    assert seqmagic("runs", "rerun", "tiny", "--seed", "7", "--epochs", "2", "--quiet").exit_code == 0
    record, (got,) = tiny_run.read_record(), asked.calls
    assert got["model"].to_json() == record.model.to_json()
    assert got["training"] == dataclasses.replace(record.training, seed=7, minutes=None, epochs=2.0, threads=2)
    assert got["name"] is None and got["base"] is None


def test_the_folder_of_the_runs_may_be_named_last(tiny_run: Run, asked: FakeTraining, tmp_path: Path) -> None:
    done = CliRunner().invoke(main_group(), ["runs", "rerun", "tiny", "--models", str(tiny_run.path.parent)])
    assert done.exit_code == 0, done.stderr


def main_group() -> Any:
    from seqmagic.cli.main import main

    return main


def test_a_text_that_is_gone_has_changed_or_can_not_be_read_again_is_one_line(
    models: Path, tmp_path: Path, asked: FakeTraining, seqmagic: Call
) -> None:
    text = make_text(tmp_path)
    run = make_run(models, "mine", source=text)
    moved = text.rename(tmp_path / "moved.txt")
    gone = seqmagic("runs", "rerun", "mine")
    text.write_text("something else " * 40)
    changed = seqmagic("runs", "rerun", "mine")
    record = run.read_record()
    run.write_record(dataclasses.replace(record, text=dataclasses.replace(record.text, source="-")))
    unread = seqmagic("runs", "rerun", "mine")
    for done, words in (
        (gone, "run mine can't be trained again: there is no text "),
        (changed, "is not the text that was asked for: its sha256 is "),
        (unread, "run mine read its text from standard input, where it can't be read again; name it by --text"),
    ):
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert words in done.stderr and "--text" in done.stderr
    assert not asked.calls
    assert seqmagic("runs", "rerun", "mine", "--text", moved, "--quiet").exit_code == 0


def test_settings_that_can_not_be_are_one_line(tiny_run: Run, asked: FakeTraining, seqmagic: Call) -> None:
    for words, message in (
        (("nosuch",), "there is no run 'nosuch'"),
        ((), "Missing argument 'RUN'"),
        (("tiny", "--units", "0"), "--units must be from 1 to 8,192; received 0"),
    ):
        done = seqmagic("runs", "rerun", *words)
        assert done.exit_code in (1, 2) and message in done.stderr and done.stderr.count("\n") == 1


def test_a_bad_record_names_the_run_and_the_setting(tiny_run: Run, asked: FakeTraining, seqmagic: Call) -> None:
    document = json.loads(tiny_run.record_path.read_text())
    document["training"]["batch_size"] = 0
    tiny_run.record_path.write_text(json.dumps(document))
    done = seqmagic("runs", "rerun", "tiny")
    assert done.exit_code == 1 and "batch-size" in done.stderr and done.stderr.count("\n") == 1


def test_a_file_is_no_way_to_contradict_a_run_that_goes_on(tiny_run: Run, seqmagic: Call, tmp_path: Path) -> None:
    path = tmp_path / "it.toml"
    path.write_text("units = 99\n")
    done = seqmagic("train", "--resume", "tiny", "--config", path)
    assert done.exit_code == 2 and "--units 6, received 99" in done.stderr
    for words in (("--fine-tune", "tiny"), ("--name", "x"), ("--print-config",)):
        done = seqmagic("train", "--resume", "tiny", *words)
        assert (
            done.exit_code == 2
            and "--fine-tune, --print-config, --name and --overwrite are for new ones" in done.stderr
        )
