"""Whole trainings of tiny models: what is yielded, what is on disk, and what survives when it goes wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from seqmagic.config import CELLS, DataConfig, ModelConfig, TrainConfig
from seqmagic.evaluation.evaluation import Score, evaluate
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.keras_file import load_network
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.record import vocabulary_sum
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.training import trainer
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started
from seqmagic.training.session import Session
from seqmagic.training.train import train

pytestmark = pytest.mark.tf

TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on; " * 60


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("text") / "fox.txt"
    path.write_text(TEXT)
    return read_corpus(str(path), DataConfig(test=0.05, min_count=2))


def run_training(corpus: Corpus, models: Path, *, cell: str = "gru", **settings: Any) -> list[Event]:
    name = settings.pop("name", None)
    overwrite = settings.pop("overwrite", False)
    callbacks = settings.pop("callbacks", ())
    training = TrainConfig(**{"epochs": 2.0, "batch_size": 4, "sequence_length": 16, "learning_rate": 0.01, **settings})
    model = ModelConfig(cell=cell, units=12, layers=1, embedding=6, dropout=0.1)
    return list(
        train(
            corpus,
            model=model,
            training=training,
            models=models,
            name=name,
            overwrite=overwrite,
            argv=["train", "fox.txt"],
            callbacks=callbacks,
        )
    )


def test_the_door_is_light_until_the_first_event_is_asked_for() -> None:
    script = (
        "import sys\n"
        "from seqmagic.training.train import train\n"
        "events = train(None, **dict.fromkeys(('model', 'training', 'models')))\n"
        "print(*{'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_tensorflow_is_started_in_one_place() -> None:
    """Threads and XLA's flags are fixed by who is first: several who start it would each have to be the first."""
    package = Path(trainer.__file__).parents[1]
    calls = {
        path.relative_to(package).as_posix(): len(found)
        for path in package.rglob("*.py")
        if (found := re.findall(r"(?<!def )\bstart_tensorflow\(", path.read_text(encoding="utf-8")))
    }
    assert calls == {"training/train.py": 1}


def finished(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


@pytest.mark.parametrize("cell", CELLS)
def test_a_training_leaves_a_whole_run(cell: str, corpus: Corpus, tmp_path: Path) -> None:
    events = run_training(corpus, tmp_path, cell=cell)
    assert isinstance(events[0], Started)
    end = finished(events)
    run = end.run
    assert run.name == f"fox-{cell}-1x12"
    assert {path.name for path in run.path.iterdir()} == {
        "run.json", "vocabulary.json", "model.keras", "history.jsonl", "samples.txt", "train.log",
    }  # fmt: skip
    record = run.read_record()
    assert record.status == "complete" and record.results == end.results
    assert record.data == DataConfig(test=0.05, min_count=2)  # that the text was read with
    assert record.text.sha256 == corpus.sha256 and record.text.train == corpus.train
    assert record.vocabulary_sha256 == vocabulary_sum(corpus.vocabulary)
    assert record.environment["path"] == "fused"
    assert (record.environment["precision"], record.environment["shards"]) == ("float32", 1)
    assert run.read_vocabulary() == corpus.vocabulary
    rows = [event.row for event in events if isinstance(event, Evaluated)]
    assert run.read_history() == rows and len(rows) >= 2
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert end.results["validation_loss"] == min(row["validation_loss"] for row in rows)
    loss = evaluate(NetworkScorer(load_network(run)), corpus.part("validation")).loss
    assert loss == pytest.approx(end.results["validation_loss"], abs=1e-5)  # float32, another order of sums


def test_by_epochs_the_same_seed_gives_the_same_weights(corpus: Corpus, tmp_path: Path) -> None:
    runs = [finished(run_training(corpus, tmp_path, seed=seed)).run for seed in (1, 1, 2)]
    one, again, other = (load_network(run) for run in runs)
    np.testing.assert_array_equal(one.layers[0].weights.recurrent_kernel, again.layers[0].weights.recurrent_kernel)
    assert not np.array_equal(one.dense_kernel, other.dense_kernel)
    assert [run.name for run in runs] == ["fox-gru-1x12", "fox-gru-1x12-2", "fox-gru-1x12-3"]
    assert runs[0].samples_path.read_text() == runs[1].samples_path.read_text()


def test_results_count_what_was_read(corpus: Corpus, tmp_path: Path) -> None:
    end = finished(run_training(corpus, tmp_path, epochs=3.0))
    results = end.results
    assert results["characters"] % (4 * 16) == 0
    assert results["epochs"] == pytest.approx(results["characters"] / len(corpus.part("train")), abs=1e-3)
    assert 3.0 <= results["epochs"] < 3.0 + 64 / len(corpus.part("train")) + 1e-4
    assert results["bits_per_character"] == pytest.approx(results["validation_loss"] / np.log(2))
    assert results["perplexity"] == pytest.approx(np.exp(results["validation_loss"]))
    json.dumps(dict(results), allow_nan=False)


def test_a_loss_worse_than_uniform_gets_a_note_and_stays_json(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "validation_score", lambda self: Score(nats=8000.0, characters=10))
    end = finished(run_training(corpus, tmp_path))
    (note,) = end.notes
    assert note.startswith("its validation loss is worse than uniform (800.000 nats against ")
    assert "lower --learning-rate (this run's was " in note
    record = end.run.read_record()
    assert note in record.notes and record.results is not None and record.results["perplexity"] is None


def test_interrupted_training_is_saved_and_says_so(corpus: Corpus, tmp_path: Path) -> None:
    model = ModelConfig(cell="rnn", units=8, layers=1, embedding=4, dropout=0.0)
    training = TrainConfig(minutes=5.0, batch_size=4, sequence_length=16)
    events: list[Event] = []
    for event in train(corpus, model=model, training=training, models=tmp_path):
        events.append(event)
        if isinstance(event, Progress) and not any(isinstance(e, Progress) for e in events[:-1]):
            os.kill(os.getpid(), signal.SIGINT)
    end = finished(events)
    assert end.status == "interrupted" and end.run.read_record().status == "interrupted"
    assert load_network(end.run).units == (8,) or load_network(end.run).units == 8
    assert end.run.read_history()


@pytest.mark.parametrize("when", [1, 40])
def test_a_loss_that_is_no_number_keeps_the_last_good_weights(
    when: int, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Session.take_steps

    def take_steps(self: Session, learning_rates: list[float]) -> tuple[list[float], list[float]]:
        losses, norms = taken(self, learning_rates[: when - self.state.step])
        return [*losses[:-1], float("nan") if self.state.step >= when else losses[-1]], norms

    monkeypatch.setattr(Session, "take_steps", take_steps)
    end = finished(run_training(corpus, tmp_path))
    assert end.status == "failed"
    assert "--learning-rate" in end.notes[0] and "0.01" in end.notes[0]
    assert np.isfinite(end.results["validation_loss"])
    assert end.run.read_record().status == "failed"
    load_network(end.run)


def test_an_error_before_anything_is_saved_puts_the_overwritten_run_back(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = finished(run_training(corpus, tmp_path, name="mine"))

    def explode(self: Session) -> float:
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(Session, "compile", explode)
        run_training(corpus, tmp_path, name="mine", overwrite=True)
    assert open_run(tmp_path, "mine").read_record().results == first.results
    second = finished(run_training(corpus, tmp_path, name="mine", overwrite=True, epochs=1.0))
    assert Run(tmp_path / "mine").read_record().results == second.results
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("until", [Progress, Evaluated, Finished])
def test_whoever_stops_asking_for_events_ends_the_training(until: type[Event], corpus: Corpus, tmp_path: Path) -> None:
    model = ModelConfig(cell="rnn", units=8, layers=1, embedding=4, dropout=0.0)
    budget = {"epochs": 1.0} if until is Finished else {"minutes": 5.0}
    training = TrainConfig(batch_size=4, sequence_length=16, **budget)
    for event in train(corpus, model=model, training=training, models=tmp_path, name="mine"):
        if isinstance(event, until):
            break
    record = open_run(tmp_path, "mine").read_record()
    if until is Progress:  # nothing was evaluated yet: there is what to go on from
        assert record.status == "interrupted" and open_run(tmp_path, "mine").has_checkpoint
        return
    assert record.status == ("complete" if until is Finished else "interrupted")
    load_network(Run(tmp_path / "mine"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_full_disk_keeps_the_overwritten_run(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = finished(run_training(corpus, tmp_path, name="mine"))

    def full(model: Any, path: Path) -> None:
        path.write_text("half of the weights")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(trainer, "save_model", full)
        run_training(corpus, tmp_path, name="mine", overwrite=True)
    assert open_run(tmp_path, "mine").read_record().results == first.results
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_keras_callbacks_see_epochs_and_can_stop(corpus: Corpus, tmp_path: Path) -> None:
    logs: list[dict[str, float]] = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs_: dict[str, float] | None = None) -> None:
            logs.append(dict(logs_ or {}))
            if len(logs) == 3:
                self.model.stop_training = True

    events = run_training(corpus, tmp_path, epochs=40.0, callbacks=[Watch()])
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    assert finished(events).status == "complete"
    assert len(evaluated) in (3, 4)  # one more at the end, if steps were taken since
    assert set(logs[0]) == {"loss", "val_loss", "learning_rate"}
    assert logs[0]["val_loss"] == evaluated[0].row["validation_loss"]


def scores(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> None:
    """Let the evaluations find these losses, one after the other."""
    coming = iter(losses)
    monkeypatch.setattr(Session, "validation_score", lambda self: Score(nats=next(coming), characters=1))


def test_a_training_out_of_patience_ends_early_and_says_so(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(monkeypatch, [2.0, 1.5, 1.6, 1.5, 1.4, 1.45, 1.5, 1.41])
    end = finished(run_training(corpus, tmp_path, epochs=4.0, patience=3))
    assert end.status == "complete"
    assert end.notes == ("ended early: no validation loss below 1.4000 in 3 evaluations (--patience)",)
    assert end.run.read_record().notes[-1:] == end.notes
    assert [row.validation_loss for row in end.run.read_history()] == [2.0, 1.5, 1.6, 1.5, 1.4, 1.45, 1.5, 1.41]
    assert (end.results.epochs or 4.0) < 3.5 and end.results.validation_loss == 1.4


def test_the_last_evaluation_of_a_whole_budget_is_no_early_end(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(monkeypatch, [1.0 + number / 100 for number in range(99)])
    end = finished(run_training(corpus, tmp_path, epochs=1.0, patience=11))
    assert end.notes == () and len(end.run.read_history()) == 12
