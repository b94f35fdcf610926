"""A training that was stopped, killed or damaged goes on: as if nothing had happened, or with one clear line."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqmagic
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError, RunError, SeqmagicError
from seqmagic.evaluation.evaluation import Score
from seqmagic.network.keras_file import load_network
from seqmagic.runs import checkpoints
from seqmagic.runs.find import list_runs, open_run, pretrained_folder
from seqmagic.runs.folder import Run, is_resumable
from seqmagic.runs.locks import hold
from seqmagic.runs.making import reopen_run
from seqmagic.texts.corpus import read_corpus
from seqmagic.training import checkpoint, trainer
from seqmagic.training.events import Evaluated, Event, Finished, Started
from seqmagic.training.resume import More, resume
from seqmagic.training.session import Session
from seqmagic.training.train import train

pytestmark = pytest.mark.tf

TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on; " * 60
OF_THE_CLOCK = ("seconds", "characters_per_second")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _a_checkpoint_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


@pytest.fixture(scope="module")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "fox.txt"
    path.write_text(TEXT)
    return path


def begin(fox: Path, models: Path, name: str, **settings: Any) -> Iterator[Event]:
    budget = {} if "minutes" in settings else {"epochs": 2.0}
    training = TrainConfig(**{**budget, "batch_size": 4, "sequence_length": 16, "learning_rate": 0.01, **settings})
    model = ModelConfig(cell="gru", units=8, layers=1, embedding=4, dropout=0.1)
    corpus = read_corpus(str(fox), DataConfig(test=0.05, min_count=2))
    return train(corpus, model=model, training=training, models=models, name=name)


@pytest.fixture(scope="module")
def whole(fox: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was never stopped."""
    *_, end = begin(fox, tmp_path_factory.mktemp("models"), "whole")
    assert isinstance(end, Finished)
    return end.run


class Killed(BaseException):
    """Ends a training where it stands, without a word: nothing in seqmagic catches it to keep anything."""


def make_cut(fox: Path, models: Path, step: int, **settings: Any) -> Run:
    """A run whose training was killed before a step, with what a kill leaves."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(checkpoint, "LEAST_SECONDS", 0.0)
        patch.setattr(checkpoint, "SHARE", 1e9)
        patch.setattr(trainer, "MOST_STEPS", 1)  # a checkpoint after each step
        kill_before(step, patch)
        list(begin(fox, models, "cut", **settings))
    run = open_run(models, "cut")
    run.write_record(dataclasses.replace(run.read_record(), status="running"))
    return run


def kill_before(step: int, patch: pytest.MonkeyPatch) -> None:
    take_steps = Session.take_steps

    def until(self: Session, learning_rates: Sequence[float]) -> Any:
        if self.state.step >= step:
            raise Killed
        return take_steps(self, learning_rates[: step - self.state.step])

    patch.setattr(Session, "take_steps", until)


@pytest.fixture(scope="module")
def cut_once(fox: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_cut(fox, tmp_path_factory.mktemp("models"), 70)


@pytest.fixture
def cut(cut_once: Run, models: Path) -> Run:
    """A run whose training was killed before its 71st step."""
    shutil.copytree(cut_once.path, models / "cut")
    return Run(models / "cut")


def end_of(run: Run, **how: Any) -> Finished:
    *_, end = resume(run, **how)
    assert isinstance(end, Finished)
    return end


def assert_same(one: Run, other: Run) -> None:
    """Weights, history, samples and results are the same, bit for bit; but for times."""
    for a, b in zip(load_network(one).arrays, load_network(other).arrays, strict=True):
        np.testing.assert_array_equal(a, b)
    histories = [
        [{key: value for key, value in row.items() if key not in OF_THE_CLOCK} for row in run.read_history()]
        for run in (one, other)
    ]
    assert histories[0] == histories[1]
    assert one.samples_path.read_text() == other.samples_path.read_text()
    results = [dict(run.read_record().results or {}) for run in (one, other)]
    assert {**results[0], **dict.fromkeys(OF_THE_CLOCK)} == {**results[1], **dict.fromkeys(OF_THE_CLOCK)}


@pytest.mark.parametrize("step", [1, 61, 107])
def test_a_killed_training_ends_as_one_never_stopped(step: int, fox: Path, models: Path, whole: Run) -> None:
    run = make_cut(fox, models, step)
    assert is_resumable(run.read_record(), run)
    assert end_of(run).status == "complete"
    assert_same(run, whole)
    assert {path.name for path in run.path.iterdir()} == {path.name for path in whole.path.iterdir()}
    assert "shards" in run.read_record().environment and run.read_record().notes == whole.read_record().notes


def test_what_came_after_the_checkpoint_is_cut_off(cut: Run, whole: Run) -> None:
    """Killed between an evaluation, whose row, sample and weights are on disk, and the next checkpoint."""
    run = cut
    rows = whole.read_history()
    run.append_history(rows[-1])
    run.append_sample("step 9", "of a later moment")
    shutil.copy(whole.model_path, run.model_path)
    (run.path / ".model-0123abcd.keras").write_text("half")
    end_of(run)
    assert_same(run, whole)


def test_where_it_goes_on_is_said(cut: Run) -> None:
    run = cut
    started = next(event for event in resume(run) if isinstance(event, Started))
    assert started.lines[0].startswith("goes on from step 70: reading 1.2")
    assert " of 2.00 readings left" in started.lines[0] and ", best " in started.lines[0]
    assert "as before" in started.lines[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_training_goes_on_as_if_it_had_not_been(
    number: signal.Signals, fox: Path, models: Path, whole: Run
) -> None:
    for place, _ in enumerate(begin(fox, models, "mine")):
        if place == 4:  # once
            os.kill(os.getpid(), number)
    run = open_run(models, "mine")
    assert run.read_record().status == "interrupted" and is_resumable(run.read_record(), run)
    assert end_of(run).status == "complete"
    assert_same(run, whole)


def test_whoever_stops_asking_for_events_can_go_on(fox: Path, models: Path, whole: Run) -> None:
    for number, event in enumerate(begin(fox, models, "mine")):
        if isinstance(event, Evaluated) and number > 3:
            break
    run = open_run(models, "mine")
    assert run.read_record().status == "interrupted"
    end_of(run)
    assert_same(run, whole)


def test_before_its_first_weights_a_run_is_seen_with_its_checkpoint(fox: Path, models: Path) -> None:
    run = make_cut(fox, models, 3)
    assert not run.has_model and list_runs(models) == [run]
    with pytest.raises(RunError, match="go on with: seqmagic train --resume cut"):
        run.require_model()
    with pytest.raises(RunError, match="run cut exists already and is not finished; go on with it by --resume cut"):
        next(iter(begin(fox, models, "cut")))


def test_an_overwritten_run_stays_until_there_are_weights(
    fox: Path, models: Path, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints alone replace nothing."""
    shutil.copytree(whole.path, models / "cut")
    kill_before(3, monkeypatch)
    corpus = read_corpus(str(fox), DataConfig())
    training = TrainConfig(epochs=9.0, batch_size=4, sequence_length=16)
    with pytest.raises(Killed):
        list(train(corpus, model=ModelConfig(units=8), training=training, models=models, name="cut", overwrite=True))
    assert open_run(models, "cut").read_record() == whole.read_record()
    assert [path.name for path in models.iterdir()] == ["cut"]


# ---------------------------------------------------------------- damage


def files_of(run: Run) -> list[Path]:
    """The newest generation: its arrays and its seal."""
    (newest, _), _ = checkpoints.newest_first(run, created=run.read_record().created)
    return [run.checkpoint_path / f"{newest.place}.{kind}" for kind in ("npz", "json")]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "flipped": flip,
    "huge": lambda path: os.truncate(path, 2**40),
    "gone": lambda path: path.unlink(),
    "fifo": lambda path: (path.unlink(), os.mkfifo(path)),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["npz", "json"])
def test_a_damaged_checkpoint_is_skipped_for_the_one_before(kind: str, damage: str, cut: Run, whole: Run) -> None:
    run = cut
    path = next(path for path in files_of(run) if path.suffix == f".{kind}")
    DAMAGES[damage](path)
    events = resume(run)
    started = next(events)
    assert isinstance(started, Started) and started.lines[0].startswith("goes on from step 69: ")
    if (kind, damage) != ("json", "gone"):  # which is half a checkpoint: nothing that was whole is lost
        assert started.lines[1].startswith("goes on from the checkpoint before: ") and path.name in started.lines[1]
    if damage == "flipped":  # the others go on in the same way
        list(events)
        assert_same(run, whole)


def test_without_a_whole_checkpoint_there_is_one_line_and_nothing_changes(cut: Run) -> None:
    run = cut
    for path in run.checkpoint_path.glob("*.npz"):
        flip(path)
    run.model_path.unlink()  # even so it is not swept away
    before = {path.name: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    line = r"no checkpoint that is whole: .*[ab]\.npz is corrupt.*[ab]\.npz is corrupt"
    with pytest.raises(RunError, match=line) as caught:
        list(resume(run))
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_checkpoint_with_other_shapes_is_none(cut: Run) -> None:
    """Sealed and whole, but not of this network."""
    run = cut
    (newest, older), _ = checkpoints.newest_first(run, created=run.read_record().created)
    for sealed in (older, newest):
        arrays = {**checkpoints.read(run, sealed), "carried/0": np.zeros((1, 2), np.float32)}
        checkpoints.write(run, arrays, sealed.facts)
    with pytest.raises(RunError, match="carried/0 has shape"):
        list(resume(run))


# ---------------------------------------------------------------- what is refused


def test_a_run_that_is_trained_by_another_is_refused(cut: Run, models: Path) -> None:
    run = cut
    lock = hold(models, "cut")
    assert lock is not None
    with pytest.raises(RunError, match="run cut is being trained; stop that training first"):
        list(resume(run))
    lock.release()


def test_settings_that_contradict_are_refused(cut: Run) -> None:
    run = cut
    for given, words in (
        ({"units": 9}, "run cut was begun with --units 8, received 9; leave it out"),
        ({"epochs": 3.0}, "begun with --epochs 2.0, received 3.0; .*--more-epochs makes it longer"),
        ({"text": "other.txt"}, "begun with the text .*fox.txt, received other.txt"),
        ({"min_count": 1}, "begun with --min-count 2, received 1"),
    ):
        with pytest.raises(ConfigError, match=words):
            list(resume(run, given=given))
    assert end_of(run, given={"units": 8, "cell": "gru", "layers": None}).status == "complete"


def test_a_finished_run_is_refused_and_one_without_checkpoint(cut: Run) -> None:
    run = cut
    shutil.rmtree(run.checkpoint_path)
    with pytest.raises(RunError, match="run cut has no checkpoint to go on from; train it again or go on from its"):
        list(resume(run))
    run.write_record(dataclasses.replace(run.read_record(), status="complete"))
    with pytest.raises(RunError, match="run cut is complete; train it for longer with --more-minutes"):
        list(resume(run))
    with pytest.raises(RunError, match="run lstm comes with seqmagic and is not trained on"):
        list(resume(open_run(pretrained_folder(), "lstm"), more=More(minutes=1.0)))
    for kind, wrong in ({"minutes": 0.0}, "above 0"), ({"minutes": 1.0, "epochs": 1.0}, "two budgets"):
        with pytest.raises(ConfigError, match=wrong):
            More(**kind)


def test_a_text_that_has_changed_is_refused(cut: Run, fox: Path, tmp_path: Path) -> None:
    run = cut
    other = tmp_path / "other.txt"
    other.write_text(TEXT + "!")
    record = run.read_record()
    run.write_record(dataclasses.replace(record, text=dataclasses.replace(record.text, source=str(other))))
    with pytest.raises(RunError, match="has changed since the training"):
        list(resume(run))


def test_other_surroundings_are_a_note(cut: Run) -> None:
    run = cut
    record = run.read_record()
    elsewhere = {**record.environment, "device": "another processor", "tensorflow": "2.0"}
    run.write_record(dataclasses.replace(record, environment=elsewhere))
    end_of(run)
    (note,) = run.read_record().notes[len(record.notes) :]
    assert note.startswith("went on with device ") and "tensorflow" in note and "(2.0 before)" in note
    assert note.endswith("not bit for bit that of a training never stopped")


# ---------------------------------------------------------------- longer


def test_a_finished_run_is_trained_for_longer(fox: Path, models: Path, whole: Run) -> None:
    shutil.copytree(whole.path, models / "mine")
    run = Run(models / "mine")
    rows = run.read_history()
    events = list(resume(run, more=More(epochs=1.0)))
    started = next(event for event in events if isinstance(event, Started))
    assert "1.00 of 1.00 readings left" in started.lines[0]
    record, after = run.read_record(), run.read_history()
    assert record.status == "complete" and not run.has_checkpoint
    assert after[: len(rows)] == rows and len(after) > len(rows)
    assert record.training.epochs == pytest.approx(3.0, abs=0.02)
    assert after[-1].epoch == pytest.approx(3.0, abs=0.04)
    seconds = [row.epoch / row.characters_per_second for row in after]
    assert seconds == sorted(seconds)  # the speed is that of all that was read, over all the time that it took
    rates = [row.learning_rate for row in after[len(rows) :]]
    assert rates == sorted(rates, reverse=True) and rates[0] > 0.005
    assert record.results is not None and record.results.validation_loss <= whole.read_record().results.validation_loss


def test_an_extended_training_that_is_killed_goes_on_in_its_new_budget(
    models: Path, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        shutil.copytree(whole.path, models / name)
    one, two = Run(models / "one"), Run(models / "two")
    end_of(one, more=More(epochs=1.0))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_before(150, patch)
        list(resume(two, more=More(epochs=1.0)))
    end_of(two)
    assert_same(one, two)


def test_minutes_that_were_spent_count(fox: Path, models: Path) -> None:
    run = make_cut(fox, models, 30, minutes=10.0)
    (newest, _), _ = checkpoints.newest_first(run, created=run.read_record().created)
    arrays = {**checkpoints.read(run, newest), "elapsed_seconds": np.float64(599.0)}
    checkpoints.write(run, arrays, dataclasses.replace(newest.facts, seconds=599.0))
    events = list(resume(run))
    started = next(event for event in events if isinstance(event, Started))
    assert "0:01 of 10:00 left" in started.lines[0]
    results = run.read_record().results
    assert results is not None and results.seconds >= 599.0 and run.read_record().status == "complete"


def test_the_library_resumes(cut: Run, models: Path, whole: Run) -> None:
    run = cut
    training = seqmagic.train(resume="cut", models=models)
    assert training.status == "complete" and training.run.path == run.path
    assert_same(run, whole)
    longer = seqmagic.train(resume="cut", models=models, more_epochs=0.2)
    assert len(longer.history) > len(training.history)
    for wrong in ({"units": 9}, {"name": "x"}):
        with pytest.raises(SeqmagicError):
            seqmagic.train(resume="cut", models=models, **wrong)
    for wrong in ({}, {"more_minutes": 1.0, "text": "x"}):
        with pytest.raises(ConfigError):
            seqmagic.train(models=models, **wrong)


# ---------------------------------------------------------------- when


@pytest.mark.parametrize(("cost", "between"), [(0.01, 5.0), (3.0, 200.0)])
def test_checkpoints_take_a_small_share_of_the_time(
    cost: float, between: float, tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LEAST_SECONDS", 5.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.015)
    now, written = [0.0], []

    def write(*_: Any) -> None:
        written.append(now[0])
        now[0] += cost

    monkeypatch.setattr(checkpoints, "write", write)
    state = types.SimpleNamespace(step=1, elapsed_seconds=1.0, to_arrays=dict)
    new = reopen_run(tiny_run)
    ours = checkpoint.Checkpoints(new, tiny_run.read_record(), state, clock=lambda: now[0])  # type: ignore[arg-type]
    while now[0] < 2000.0:
        ours.write_if_due()
        now[0] += 0.1
    assert written[0] == 0.0  # a kill soon after the first steps leaves what they reached
    assert np.diff(written) == pytest.approx(between + cost, abs=0.2)
    assert ours.seconds <= 0.02 * 2000.0
    new.release()


def test_a_disk_that_takes_no_checkpoint_ends_no_training(
    fox: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "write", full)
    events: list[Event] = []
    for event in begin(fox, models, "mine"):
        events.append(event)
        if len(events) == 5:
            os.kill(os.getpid(), signal.SIGINT)
    end = events[-1]
    assert isinstance(end, Finished) and end.status == "interrupted"
    assert end.notes == ("no checkpoint could be written: [Errno 28] No space left on device",)
    assert open_run(models, "mine").has_model


# ---------------------------------------------------------------- a process that is killed

CHILD = """
import sys
from seqmagic.cli.main import main
from seqmagic.training.device import start_tensorflow
start_tensorflow(None)  # quietly, before `checkpoint` imports it
from seqmagic.training import checkpoint
checkpoint.LEAST_SECONDS, checkpoint.SHARE = 0.0, 1e9
sys.argv[0] = "seqmagic"
main()
"""


def test_a_process_that_is_killed_is_gone_on_with_and_only_by_one(fox: Path, models: Path, tmp_path: Path) -> None:
    small = ["--units", "8", "--epochs", "40", "--batch-size", "4", "--sequence-length", "16"]
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models), "PYTHONPATH": str(ROOT)}

    def seqmagic_(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, *arguments]
        return subprocess.Popen(command, env=environment, text=True, stdout=-1, stderr=subprocess.STDOUT)

    process = seqmagic_("train", str(fox), "--name", "mine", *small)
    while not Run(models / "mine").has_checkpoint:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    second = seqmagic_("train", "--resume", "mine")
    words, _ = second.communicate(timeout=200)
    if Run(models / "mine").read_record().status == "running":  # else it was faster than the start of the second
        assert (second.returncode, words.count("\n")) == (1, 1)
        assert words.startswith("seqmagic: run mine is being trained; stop that training first")
    process.kill()
    process.communicate()
    run = Run(models / "mine")
    if run.read_record().status != "complete":
        third = seqmagic_("train", "--resume", "mine")
        words, _ = third.communicate(timeout=400)
        assert third.returncode == 0 and words.startswith("goes on from step "), words
    assert run.read_record().status == "complete" and not run.has_checkpoint


def test_patience_counts_on(fox: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that is killed between two fruitless evaluations ends where one never stopped does."""
    monkeypatch.setattr(Session, "validation_score", lambda self: Score(nats=1 + self.state.step / 1e4, characters=1))
    *_, end = begin(fox, tmp_path, "whole", patience=4)
    assert isinstance(end, Finished) and end.notes[0].startswith("ended early")
    rows = [row.step for row in end.run.read_history()]
    assert len(rows) == 5
    make_cut(fox, models, (rows[3] or 0) + 2, patience=4)
    went_on = end_of(Run(models / "cut"))
    assert [row.step for row in went_on.run.read_history()] == rows
    assert went_on.notes == end.notes
    assert_same(went_on.run, end.run)
