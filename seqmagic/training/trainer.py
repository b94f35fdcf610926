"""The loop around a session: it steps, evaluates, keeps what is best, and says what happens as it happens."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from seqmagic.errors import TrainingError
from seqmagic.evaluation.baselines import possible_characters
from seqmagic.evaluation.evaluation import Score
from seqmagic.evaluation.units import finite, worse_than_uniform
from seqmagic.runs.making import NewRun
from seqmagic.runs.record import HistoryRow, Results, RunRecord, size_of
from seqmagic.texts.corpus import Corpus
from seqmagic.training.budget import Budget
from seqmagic.training.device import Device
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started
from seqmagic.training.model import save_model, set_weights
from seqmagic.training.recipe import Plan
from seqmagic.training.schedule import make_schedule
from seqmagic.training.session import Session

PROGRESS_SECONDS = 0.2


class Trainer:
    """The loop around a session: budget, schedule, evaluations, callbacks, what goes to disk."""

    def __init__(
        self,
        new: NewRun,
        record: RunRecord,
        corpus: Corpus,
        plan: Plan,
        device: Device,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        self.new = new
        self.plan = plan
        self.session = Session(corpus, plan, threads=device.threads)
        engine = self.session.engine
        chosen: dict[str, Any] = {"path": engine.name, "precision": engine.precision, "shards": engine.shards}
        self.record = dataclasses.replace(record, environment={**record.environment, **chosen})
        self.device = device
        self.schedule = make_schedule(plan.training.learning_rate)
        self.budget = Budget(
            plan.training,
            steps_per_epoch=self.session.steps_per_epoch,
            evaluations=self.session.state.evaluations,
        )
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=self.session.model, epochs=1, verbose=0)
        self.diverged = False

    def events(self, stop_requested: Callable[[], bool]) -> Iterator[Event]:
        session, state, budget = self.session, self.session.state, self.budget
        if stop_requested():
            raise KeyboardInterrupt  # nothing is compiled yet: there is nothing to wait for
        evaluation_seconds = session.compile()
        self.new.run.write_record(self.record)
        yield Started(run=self.new.final, lines=self._introduction())
        session.model.stop_training = False
        self.callbacks.on_train_begin()
        self.callbacks.on_epoch_begin(len(state.history))
        share = session.train_score_length / len(session.corpus.part("validation"))
        budget.start(
            evaluation_seconds=evaluation_seconds,
            closing_evaluations=1.0 + share,
            already_spent=state.elapsed_seconds,
        )
        reported = budget.elapsed
        while not (stop_requested() or session.model.stop_training or self.diverged):
            fraction = budget.fraction(session.state.step)
            if fraction >= 1.0:
                break
            self._step(self.schedule(fraction))
            if budget.elapsed - reported >= PROGRESS_SECONDS:
                reported = budget.elapsed
                yield self._progress()
            if budget.evaluation_due(session.state.step) and not self.diverged:
                yield from self._evaluate()
                self.callbacks.on_epoch_begin(len(state.history))
        if session.state.step == 0:
            raise KeyboardInterrupt  # stopped while it compiled: there is nothing to keep
        if not self.diverged or state.best is None:
            yield from self._evaluate()
        self.callbacks.on_train_end()
        yield self._finish(interrupted=stop_requested())

    def _step(self, learning_rate: float) -> None:
        state = self.session.state
        self.callbacks.on_train_batch_begin(state.step)
        loss, norm = self.session.take_step(learning_rate)
        self.diverged = not (math.isfinite(loss) and math.isfinite(norm))
        if not self.diverged:
            state.losses.append(loss)
        state.learning_rate, state.elapsed_seconds = learning_rate, self.budget.elapsed
        self.callbacks.on_train_batch_end(state.step - 1, {"loss": loss})

    def _progress(self) -> Progress:
        session = self.session
        return Progress(
            fraction=self.budget.fraction(session.state.step),
            train_loss=float(np.mean(session.state.losses[-200:]))
            if session.state.losses
            else session.state.train_loss,
            characters_per_second=session.characters_per_second,
            seconds_left=self.budget.seconds_left(session.state.step),
            epoch=session.epoch,
        )

    def _evaluate(self) -> Iterator[Event]:
        session, state = self.session, self.session.state
        started = time.monotonic()
        score = session.validation_score()
        if not math.isfinite(score.loss):
            self.diverged = True
            return
        state.train_loss = float(np.mean(state.losses)) if state.losses else state.train_loss
        state.losses.clear()
        state.elapsed_seconds = self.budget.elapsed
        weights = state.weights
        sample = session.sample(weights)
        best = state.best is None or score.loss < state.best.loss
        if best:
            state.best, state.best_weights = score, weights
            save_model(session.model, self.new.run.model_path)
        row = self._history_row(score)
        state.history.append(row)
        self.new.run.append_history(row)
        self.new.run.append_sample(f"step {state.step:,}, validation loss {score.loss:.4f}", sample)
        self.new.publish()
        self.budget.evaluated(state.step, seconds=time.monotonic() - started)
        state.elapsed_seconds = self.budget.elapsed
        logs = {"loss": state.train_loss, "val_loss": score.loss, "learning_rate": state.learning_rate}
        self.callbacks.on_epoch_end(len(state.history) - 1, logs)
        yield Evaluated(row=row, sample=sample, best=best)

    def _history_row(self, score: Score) -> HistoryRow:
        session = self.session
        return HistoryRow(
            step=session.state.step,
            epoch=round(session.epoch, 4),
            seconds=round(session.state.elapsed_seconds, 3),
            train_loss=finite(session.state.train_loss),
            validation_loss=score.loss,
            bits_per_character=score.bits_per_character,
            learning_rate=session.state.learning_rate,
            characters=session.characters,
            characters_per_second=round(session.characters_per_second, 1),
        )

    def _finish(self, *, interrupted: bool) -> Finished:
        session, best = self.session, self.session.state.best
        advice = (
            "the loss stopped being a number (it exploded); try a lower --learning-rate "
            f"(this run's was {self.plan.training.learning_rate:g}) or a smaller --clip-norm "
            f"(this run's was {self.plan.training.clip_norm:g})"
        )
        if best is None:
            raise TrainingError(f"{advice}; nothing was saved")
        set_weights(session.model, session.state.best_weights)
        train_score = session.train_score()
        results = Results(
            train_loss=train_score.loss,
            validation_loss=best.loss,
            bits_per_character=best.bits_per_character,
            perplexity=finite(best.perplexity),
            parameters=session.model.count_params(),
            epochs=round(session.epoch, 4),
            characters=session.characters,
            characters_per_second=round(session.characters_per_second, 1),
            seconds=round(self.budget.elapsed, 3),
        )
        status = "failed" if self.diverged else "interrupted" if interrupted else "complete"
        parts = (session.corpus.part("train"), session.corpus.part("validation"))
        uniform = math.log(possible_characters(session.corpus.vocabulary.size, *parts))
        worse = worse_than_uniform(best.loss, uniform)
        found = [f"its {worse} (this run's was {self.plan.training.learning_rate:g})"] if worse else []
        found += [f"{advice}; the last good weights are kept"] if self.diverged else []
        notes = tuple(found)
        self.new.run.write_record(
            dataclasses.replace(self.record, status=status, results=results, notes=(*self.record.notes, *notes))
        )
        self.new.release()
        return Finished(run=self.new.run, status=status, results=results, notes=notes)

    def _introduction(self) -> tuple[str, ...]:
        """The device, the path that runs and why, the sizes, and what the recipe decided."""
        session, model, training = self.session, self.plan.model, self.plan.training
        budget = f"{training.minutes:g} minutes" if training.minutes is not None else f"{training.epochs:g} epochs"
        return (
            f"{self.device.name}, {self.device.threads} threads; {session.engine.name}: {session.engine.reason}",
            session.corpus.summary,
            f"{model.cell} {size_of(model.layers, model.units)}, {session.model.count_params():,} parameters; "
            f"batch size {training.batch_size}, sequence length {training.sequence_length}, "
            f"peak learning rate {training.learning_rate:g}, dropout {model.dropout:g}, "
            f"weight decay {training.weight_decay:g}; {budget}",
            *self.record.notes,
        )
