"""The loop around a session: it steps, evaluates, keeps what is best, and says what happens as it happens."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from seqmagic.config import budget_words, counted
from seqmagic.errors import TrainingError
from seqmagic.evaluation.baselines import possible_characters
from seqmagic.evaluation.evaluation import Score
from seqmagic.evaluation.units import finite, worse_than_uniform
from seqmagic.runs.folder import sample_heading
from seqmagic.runs.making import NewRun
from seqmagic.runs.record import HistoryRow, Results, RunRecord, size_of
from seqmagic.texts.corpus import Corpus
from seqmagic.training.budget import Budget
from seqmagic.training.checkpoint import Checkpoints
from seqmagic.training.device import Device
from seqmagic.training.distribution import Distribution
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started, clock
from seqmagic.training.finetune import FineTuning
from seqmagic.training.model import save_model, set_weights
from seqmagic.training.pace import MOST_STEPS, coming_fractions
from seqmagic.training.pauses import answered_pauses, working_seconds
from seqmagic.training.recipe import Plan
from seqmagic.training.schedule import make_schedule
from seqmagic.training.session import EngineRequest, Session

PROGRESS_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class TakenUp:
    """How a training that goes on came to the state that it has.

    Attributes:
        lines: What is to be said of it.
        samples_bytes: Length of samples.txt then; None where the files of the run are as the state says.
        is_extended: Whether a new budget begins with it.
    """

    lines: tuple[str, ...] = ()
    samples_bytes: int | None = None
    is_extended: bool = False


class Trainer:
    """The loop around a session: budget, schedule, evaluations, callbacks, what goes to disk.

    Args:
        new: Where the run is.
        record: What is known of it before the engine is chosen.
        engine: Which to go on with; None for what the plan asks for.
        distribution: Who computes the steps; None for one device of this process.
    """

    def __init__(
        self,
        new: NewRun,
        record: RunRecord,
        corpus: Corpus,
        plan: Plan,
        device: Device,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        engine: EngineRequest | None = None,
        distribution: Distribution | None = None,
    ) -> None:
        self.new = new
        self.plan = plan
        self.session = Session(corpus, plan, threads=device.threads, engine=engine, distribution=distribution)
        runs_on = self.session.engine
        chosen: dict[str, Any] = {"path": runs_on.name, "precision": runs_on.precision, "shards": runs_on.shards}
        chosen["replicas"] = self.session.distribution.replicas
        self.record = dataclasses.replace(record, environment={**record.environment, **chosen})
        self.device = device
        self.fine_tuning: FineTuning | None = None
        self.schedule = make_schedule(plan.training.learning_rate)
        self.budget = Budget(
            plan.training,
            steps_per_epoch=self.session.steps_per_epoch,
            evaluations=self.session.state.evaluations,
        )
        self.gradient_norm = 0.0
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=self.session.model, epochs=1, verbose=0)
        # A callback that is called at each step finds the weights of that step, and may end the training there.
        self.most_steps = 1 if any(map(_follows_steps, self.callbacks.callbacks)) else MOST_STEPS
        self.diverged = self.ended_early = False
        self._taken_up: TakenUp | None = None
        self.checkpoints: Checkpoints

    def take_up(self, taken_up: TakenUp) -> None:
        """The state of the session is not that of a beginning: go on from it."""
        self._taken_up = taken_up

    def events(self, stop_requested: Callable[[], bool]) -> Iterator[Event]:
        session, state, budget = self.session, self.session.state, self.budget
        if stop_requested():
            raise KeyboardInterrupt  # nothing is compiled yet: there is nothing to wait for
        started = working_seconds()
        evaluation_seconds = session.compile()
        compiled = working_seconds() - started
        if self.fine_tuning is not None and self._taken_up is None:
            self.fine_tuning.begin(session)
            self.record = dataclasses.replace(self.record, fine_tuned=self.fine_tuning.record)
        self.checkpoints = Checkpoints(self.new, self.record, state)
        if self._taken_up is not None:
            self._put_files_back(self._taken_up)
        self.new.run.write_record(self.record)
        lines, details = self._introduction(), self._details(compiled, evaluation_seconds)
        self.new.run.append_log((*details, *lines))
        settings = {**self.record.data.to_json(), **self.record.model.to_json(), **self.record.training.to_json()}
        yield Started(run=self.new.final, corpus=session.corpus, lines=lines, details=details, settings=settings)
        session.model.stop_training = False
        self.callbacks.on_train_begin()
        self.callbacks.on_epoch_begin(len(state.history))
        share = session.train_score_length / len(session.corpus.part("validation"))
        budget.start(
            evaluation_seconds=evaluation_seconds,
            closing_evaluations=1.0 + share,
            already_spent=state.elapsed_seconds,
            began_step=state.began_step,
            began_seconds=state.began_seconds,
        )
        with answered_pauses():  # not before: nothing answers while it compiles, and no budget is spent there
            yield from self._train(stop_requested)

    def _train(self, stop_requested: Callable[[], bool]) -> Iterator[Event]:
        """From the first step to the end, whichever it is."""
        state = self.session.state
        first_step = state.step
        try:
            yield from self._steps(stop_requested)
        except GeneratorExit:
            if self.new.is_published and state.step > first_step and not self.diverged:
                self.checkpoints.write()
            raise
        except Exception as problem:
            self.new.run.append_log([f"ended by {type(problem).__name__}: {problem}"])
            raise
        stopped = stop_requested()
        if state.step == 0 or (stopped and state.step == first_step):
            raise KeyboardInterrupt  # stopped while it compiled: there is nothing to keep
        if stopped and not self.diverged:
            self.checkpoints.write()  # before an evaluation that a training never stopped would not have made
        self.ended_early = self._out_of_patience()  # by an evaluation of these weights
        if not self.ended_early and (not self.diverged or state.best is None):
            yield from self._evaluate()
        self.callbacks.on_train_end()
        yield self._finish(interrupted=stop_requested())

    def _steps(self, stop_requested: Callable[[], bool]) -> Iterator[Event]:
        """Step, evaluate and write checkpoints until the budget is spent or a stop is requested."""
        session, state, budget = self.session, self.session.state, self.budget
        reported = budget.elapsed
        while not (stop_requested() or session.model.stop_training or self.diverged or self._out_of_patience()):
            fractions = coming_fractions(
                budget, state.step, seconds_per_step=session.seconds_per_step, most=self.most_steps
            )
            if not fractions:
                break
            self._take_steps([self.schedule(fraction) for fraction in fractions])
            if budget.elapsed - reported >= PROGRESS_SECONDS:
                reported = budget.elapsed
                yield self._progress()
            if budget.evaluation_due(session.state.step) and not self.diverged:
                yield from self._evaluate()
                self.callbacks.on_epoch_begin(len(state.history))
            if not self.diverged:
                self.checkpoints.write_if_due()

    def _out_of_patience(self) -> bool:
        """Whether the training ends here, early. The history decides: so one that goes on counts on."""
        patience, state = self.plan.training.patience, self.session.state
        if patience is None or not state.history or state.history[-1].step != state.step:
            return False
        return evaluations_without_gain(state.history, since=state.began_step) >= patience

    def _put_files_back(self, taken_up: TakenUp) -> None:
        """Make the files of the run what they were at the checkpoint; then the extended budget is on disk too."""
        state, run = self.session.state, self.new.run
        if run.read_history() != state.history:
            run.write_history(state.history)
        if taken_up.samples_bytes is not None:
            run.cut_samples(taken_up.samples_bytes)
            if state.best is not None:  # the file may hold weights of a later moment
                weights = state.weights
                set_weights(self.session.model, state.best_weights)
                save_model(self.session.model, run.model_path)
                set_weights(self.session.model, weights)
        if taken_up.is_extended:
            self.checkpoints.write()

    def _take_steps(self, learning_rates: Sequence[float]) -> None:
        state = self.session.state
        self.callbacks.on_train_batch_begin(state.step)
        losses, norms = self.session.take_steps(learning_rates)
        self.gradient_norm = float(np.mean(norms))
        self.diverged = not (math.isfinite(losses[-1]) and math.isfinite(norms[-1]))
        state.losses += losses[:-1] if self.diverged else losses
        state.learning_rate, state.elapsed_seconds = learning_rates[len(losses) - 1], self.budget.elapsed
        self.callbacks.on_train_batch_end(state.step - 1, {"loss": losses[-1]})

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
            step=session.state.step,
            learning_rate=session.state.learning_rate,
            gradient_norm=self.gradient_norm,
        )

    def _evaluate(self) -> Iterator[Event]:
        session, state = self.session, self.session.state
        started = working_seconds()
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
        self.new.run.append_sample(sample_heading(row), sample)
        self.new.publish()
        self.new.run.append_log([_evaluation_words(row, best=best)])
        self.budget.evaluated(state.step, seconds=working_seconds() - started)
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
            self.checkpoints.remove()
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
        if self.ended_early:
            times = f"{self.plan.training.patience} evaluation{'s' if self.plan.training.patience != 1 else ''}"
            found.append(f"ended early: no validation loss below {best.loss:.4f} in {times} (--patience)")
        if interrupted and self.checkpoints.problem:
            found.append(f"no checkpoint could be written: {self.checkpoints.problem}")
        if self.fine_tuning is not None:
            self.fine_tuning.end(session, loss=best.loss)
            self.record = dataclasses.replace(self.record, fine_tuned=self.fine_tuning.record)
        notes = tuple(found)
        details = self._time_words()
        self.new.run.append_log((*details, *notes, f"{status}: validation loss {best.loss:.4f}"))
        self.new.run.write_record(
            dataclasses.replace(self.record, status=status, results=results, notes=(*self.record.notes, *notes))
        )
        if status != "interrupted":
            self.checkpoints.remove()
        self.new.release()
        return Finished(run=self.new.run, status=status, results=results, notes=notes, details=details)

    def _where(self) -> tuple[str, ...]:
        """Where a training that goes on stands, and what is left of its budget."""
        if self._taken_up is None:
            return ()
        state, training = self.session.state, self.plan.training
        if training.minutes is not None:
            total = 60.0 * training.minutes - state.began_seconds
            left = f"{clock(total + state.began_seconds - state.elapsed_seconds)} of {clock(total)} left"
        else:
            began = state.began_step / self.session.steps_per_epoch
            total = (training.epochs or 0.0) - began
            left = f"{max(0.0, total + began - self.session.epoch):.2f} of {total:.2f} readings left"
        best = "no evaluation yet" if state.best is None else f"best {state.best.loss:.4f}"
        where = f"goes on from step {state.step:,}: reading {self.session.epoch:.2f}, {best}, {left}"
        return where, *self._taken_up.lines

    def _details(self, compiled: float, evaluation_seconds: float) -> tuple[str, ...]:
        """Versions, and what the parts take: what only a reader who asks for more wants to know."""
        known = self.record.environment
        names = ("seqmagic", "python", "tensorflow", "keras", "numpy")
        versions = [f"{name} {known[name]}" for name in names if name in known]
        session = self.session
        return (
            ", ".join(versions),
            f"compiled in {compiled:.1f} s; an evaluation takes about {evaluation_seconds:.2f} s",
            f"{session.steps_per_epoch:,.1f} steps of {session.characters_per_step:,} characters are a reading; "
            f"up to {self.most_steps} steps in one call",
        )

    def _time_words(self) -> tuple[str, ...]:
        """Where the time of a training went."""
        state, checkpoints = self.session.state, self.checkpoints
        return (
            f"{state.step:,} steps took {state.step_seconds:.1f} of {self.budget.elapsed:.1f} s; "
            f"{len(state.history)} evaluations, the last in {state.evaluations.seconds:.2f} s; "
            f"{checkpoints.written} checkpoints in {checkpoints.seconds:.1f} s",
        )

    def _introduction(self) -> tuple[str, ...]:
        """The device, the path that runs and why, the sizes, and what the recipe decided."""
        session, model, training = self.session, self.plan.model, self.plan.training
        budget = budget_words(training.minutes, training.epochs)
        device = f"{self.device.name}, {counted(self.device.threads, 'thread')}"
        return (
            *self._where(),
            f"{device}; {session.engine.name}: {session.engine.reason}",
            *session.distribution.lines(training.batch_size),
            session.corpus.summary,
            f"{model.cell} {size_of(model.layers, model.units)}, {session.model.count_params():,} parameters; "
            f"batch size {training.batch_size}, sequence length {training.sequence_length}, "
            f"peak learning rate {training.learning_rate:g}, dropout {model.dropout:g}, "
            f"weight decay {training.weight_decay:g}; {budget}",
            *self._beginning(),
            *self.record.notes,
        )

    def _beginning(self) -> tuple[str, ...]:
        """What a fine-tuning begins with."""
        if self.fine_tuning is None:
            return ()
        began = self.fine_tuning.record
        own = "" if began.own_before is None else f", on the text of {began.run} {began.own_before:.4f}"
        return (
            f"begins with the weights of {began.run}, {began.new_characters:,} new characters: "
            f"validation loss {began.before:.4f}{own}",
            *self.fine_tuning.troubles,
        )


def _evaluation_words(row: HistoryRow, *, best: bool) -> str:
    loss = "none" if row.train_loss is None else f"{row.train_loss:.4f}"
    kept = ", the lowest so far" if best else ""
    return f"step {row.step:,}: training loss {loss}, validation loss {row.validation_loss:.4f}{kept}"


def evaluations_without_gain(history: Sequence[HistoryRow], *, since: int) -> int:
    """How many evaluations have passed since the lowest validation loss of those after step `since`.

    Those before it belong to another budget: where that is extended the loss rises first.
    """
    losses = [row.validation_loss for row in history if (row.step or 0) > since and row.validation_loss is not None]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def _follows_steps(callback: keras.callbacks.Callback) -> bool:
    """Whether anything of it is called at single steps; methods may be replaced in the object itself."""
    plain = keras.callbacks.Callback
    hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    return any(getattr(getattr(callback, hook), "__func__", None) is not getattr(plain, hook) for hook in hooks)
