"""The loop around a session: a training that is cut in two goes on as the one that wasn't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from seqmagic.config import DataConfig, DecidedModel, DecidedTraining
from seqmagic.runs.making import create_run
from seqmagic.runs.record import HistoryRow, RunRecord, TextRecord, now
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.device import Device
from seqmagic.training.events import Evaluated, Finished
from seqmagic.training.recipe import Plan
from seqmagic.training.trainer import Trainer, evaluations_without_gain
from tests.helpers import make_text

pytestmark = pytest.mark.tf

OF_THE_CLOCK = ("seconds", "characters_per_second")


def trainer(tmp_path: Path, name: str, callbacks: Sequence[keras.callbacks.Callback] = ()) -> Trainer:
    corpus = read_corpus(str(make_text(tmp_path)), DataConfig())
    plan = Plan(
        model=DecidedModel(cell="gru", units=6, layers=1, embedding=3, dropout=0.2),
        training=DecidedTraining(
            epochs=1, batch_size=4, sequence_length=8, learning_rate=0.01, weight_decay=0.1, reset_probability=0.1
        ),
        notes=(),
    )
    new = create_run(tmp_path / "models", name=name, default=name, overwrite=False)
    record = RunRecord(
        name=name,
        created=now(),
        argv=(),
        seed=plan.training.seed,
        text=TextRecord.of(corpus),
        data=corpus.config,
        model=plan.model,
        training=plan.training,
        environment={},
    )
    return Trainer(new, record, corpus, plan, Device(kind="cpu", name="a processor", threads=1), callbacks)


def figures(events: list[Any]) -> list[dict[str, Any]]:
    """What was found by whom no clock is asked."""
    found: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Evaluated | Finished):
            row = dict(event.row if isinstance(event, Evaluated) else event.results)
            found.append({key: value for key, value in row.items() if key not in OF_THE_CLOCK})
    return found


@pytest.mark.parametrize("cut_at", [1, 20, 24])
def test_a_training_cut_in_two_is_the_whole_one(cut_at: int, tmp_path: Path) -> None:
    whole, first, second = (trainer(tmp_path, name) for name in ("whole", "first", "second"))
    expected = figures(list(whole.events(lambda: False)))
    kept: dict[str, np.ndarray] = {}
    take_steps = first.session.take_steps

    def stop_after(learning_rates: Sequence[float]) -> tuple[list[float], list[float]]:
        if first.session.state.step == cut_at:
            kept.update(first.session.state.to_arrays())
            raise InterruptedError
        return take_steps(learning_rates[: cut_at - first.session.state.step])

    first.session.take_steps = stop_after  # type: ignore[method-assign]
    before: list[Any] = []
    with pytest.raises(InterruptedError):
        for event in first.events(lambda: False):
            before.append(event)
    second.session.state.restore(kept)
    after = figures(list(second.events(lambda: False)))
    assert figures(before) + after == expected
    assert len(expected) > 10 and (cut_at == 1 or figures(before))
    for one, other in zip(whole.session.state.weights, second.session.state.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def calls_of(one: Trainer) -> list[int]:
    """How many steps each call takes, once `one` runs."""
    calls: list[int] = []
    take_steps = one.session.take_steps

    def take(learning_rates: Sequence[float]) -> tuple[list[float], list[float]]:
        calls.append(len(learning_rates))
        return take_steps(learning_rates)

    one.session.take_steps = take  # type: ignore[method-assign]
    return calls


def test_several_steps_a_call_give_the_run_of_one_a_call(tmp_path: Path) -> None:
    """Evaluations at the same steps, the same figures, the same weights."""
    several, one = trainer(tmp_path, "several"), trainer(tmp_path, "one")
    one.most_steps = 1
    calls, calls_of_one = calls_of(several), calls_of(one)
    assert figures(list(several.events(lambda: False))) == figures(list(one.events(lambda: False)))
    assert max(calls) > 1 and set(calls_of_one) == {1}
    assert sum(calls) == sum(calls_of_one) == several.session.state.step
    for ours, theirs in zip(several.session.state.weights, one.session.state.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_loss_that_is_no_number_counts_for_nothing(tmp_path: Path) -> None:
    """It is the last step of its call, and the mean of the others is still the training loss."""
    diverging = trainer(tmp_path, "diverging")
    session = diverging.session
    session.compile()
    weight = session.state.optimizer.variables[0]
    diverging._take_steps([0.01, 0.01])
    weight.assign(np.full(weight.shape, np.nan, np.float32))
    diverging._take_steps([0.01, 0.02])
    assert diverging.diverged and session.state.step == 3
    assert len(session.state.losses) == 2 and np.isfinite(session.state.losses).all()
    assert session.state.learning_rate == 0.01


class FollowsSteps(keras.callbacks.Callback):
    """Ends the training after a few steps."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, Any]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append((batch, np.copy(self.model.trainable_weights[0].numpy())))
        self.model.stop_training = batch == 6


class FollowsEpochs(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs += 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_callback_of_steps_is_called_at_each_and_heeded_at_once(wrapped: bool, tmp_path: Path) -> None:
    follows: Any = FollowsSteps()
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=follows.on_train_batch_end) if wrapped else follows
    one = trainer(tmp_path, "one", [callback, FollowsEpochs()])
    follows.set_model(one.session.model)
    calls = calls_of(one)
    list(one.events(lambda: False))
    assert [batch for batch, _ in follows.seen] == list(range(7))
    assert one.session.state.step == 7 and set(calls) == {1}
    assert len({weights.tobytes() for _, weights in follows.seen}) == 7  # those of its step, none of a later one


def test_a_callback_of_epochs_leaves_the_steps_together(tmp_path: Path) -> None:
    callback = FollowsEpochs()
    one = trainer(tmp_path, "one", [callback])
    calls = calls_of(one)
    list(one.events(lambda: False))
    assert max(calls) > 1 and callback.epochs == len(one.session.state.history)


def test_patience_counts_the_evaluations_of_its_own_budget() -> None:
    def counted(*losses: float, since: int = 0) -> int:
        rows = [HistoryRow(step=10 * number, validation_loss=loss) for number, loss in enumerate(losses, 1)]
        return evaluations_without_gain(rows, since=since)

    assert [counted(), counted(2.0), counted(2.0, 2.1), counted(2.0, 2.0), counted(2.0, 2.1, 1.9)] == [0, 0, 1, 1, 0]
    assert counted(1.0, 3.0, 2.5, 2.6, since=10) == 1  # it was extended after the first
    assert counted(1.0, since=10) == 0
