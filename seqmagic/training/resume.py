"""A training goes on: from the checkpoint of a run that was not finished, or for longer from a finished one.

Importing this imports neither TensorFlow nor Keras, as with `training.train`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqmagic.config import (
    CELL_ALIASES,
    PRECISIONS,
    DecidedModel,
    DecidedTraining,
    TrainConfig,
    check_value,
    option_name,
)
from seqmagic.errors import ConfigError, RunError, TrainingError
from seqmagic.machine import available_cores
from seqmagic.network.trained import read_trained
from seqmagic.runs import checkpoints
from seqmagic.runs.find import pretrained_folder
from seqmagic.runs.folder import Run
from seqmagic.runs.making import NewRun, reopen_run
from seqmagic.runs.own_text import read_own_text
from seqmagic.runs.record import HistoryRow, RunRecord
from seqmagic.texts.corpus import Corpus
from seqmagic.training.chief import Chief
from seqmagic.training.cluster import HERE, Placement, refuse_workers
from seqmagic.training.device import Device, environment_of
from seqmagic.training.events import Event
from seqmagic.training.finetune import FineTuning
from seqmagic.training.interrupt import stop_on_signal
from seqmagic.training.recipe import Plan
from seqmagic.training.train import gathered, shared_events, start_with

if TYPE_CHECKING:
    import numpy as np
    from keras.callbacks import Callback

    from seqmagic.training.session import EngineRequest, Session
    from seqmagic.training.trainer import Trainer

# of a run's environment, what its numbers depend on to the last bit
_SAME_NUMBERS = ("device", "threads", "path", "precision", "shards", "replicas", "tensorflow", "keras", "numpy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class More:
    """What a training is extended by: minutes or readings of the training part; neither: by nothing."""

    minutes: float | None = None
    epochs: float | None = None

    def __post_init__(self) -> None:
        for name in ("minutes", "epochs"):
            check_value(f"more_{name}", getattr(self, name), TrainConfig.__dataclass_fields__[name].metadata)
        if self.minutes is not None and self.epochs is not None:
            raise ConfigError("--more-minutes and --more-epochs are two budgets; give one of them")

    def __bool__(self) -> bool:
        return self.minutes is not None or self.epochs is not None


NOTHING_MORE = More()


def resume(
    run: Run,
    *,
    more: More = NOTHING_MORE,
    given: Mapping[str, Any] | None = None,
    placement: Placement = HERE,
    callbacks: Sequence[Callback] = (),
) -> Generator[Event, None, None]:
    """Go on with the training of `run`; all settings are those of its record.

    From a checkpoint it goes on as if it had not been stopped. By epochs, on the same machine with the same versions,
    weights and history are those of a training that never was, bit for bit, the times in them excepted. By minutes the
    time that was spent counts. With `more` a new budget begins where the run stands, with a learning rate that rises
    to its peak and falls to nothing once more: from the checkpoint of a run that was not finished, else from the
    weights that the run kept, with an optimizer that has to learn its moments again.

    Args:
        run: Not being trained by anyone.
        more: What it is extended by.
        given: Settings by name that the user gave as well; None among them stands for "chosen for you".
        placement, callbacks: As for `train`; the number of workers may be another than before.

    Yields:
        What `train` yields; the first line of `Started` says where it goes on.

    Raises:
        ConfigError: a setting given is not the one of the run.
        RunError: the run is being trained, is complete, or has nothing to go on from.
        OwnTextError: its text is gone or has changed.
        TrainingError: as for `train`.
    """
    record = run.read_record()
    refuse_contradictions(run, record, given or {})
    if record.fine_tuned is not None:
        refuse_workers(placement, f"run {run.name} was fine-tuned, which")
    with stop_on_signal() as stop_requested:
        new = reopen_run(run)
        with contextlib.ExitStack() as until_the_end:
            try:
                record = new.run.read_record()  # another may have been training until now
                _refuse_what_is_over(new.run, record, more)
                corpus = _own_corpus(new.run, record)
                workers = gathered(placement, None, stop_requested, job=_job(corpus))
                chief = until_the_end.enter_context(workers)
                trainer = _taken_up(new, record, corpus, more, callbacks, placement, chief)
            except BaseException:
                new.release()  # the run is as it was
                raise
            try:
                yield from shared_events(trainer, chief, stop_requested)
            except BaseException as problem:
                new.end("interrupted" if isinstance(problem, GeneratorExit | KeyboardInterrupt) else "failed")
                raise


def refuse_contradictions(run: Run, record: RunRecord, given: Mapping[str, Any]) -> None:
    """Raise ConfigError for a setting in `given` that the run does not have."""
    kept = {**record.data.to_json(), **record.model.to_json(), **record.training.to_json()}
    kept["text"] = record.text.source
    for name, value in given.items():
        value = CELL_ALIASES.get(value, value) if name == "cell" else value
        if value is None or value == kept.get(name):
            continue
        what = "the text" if name == "text" else option_name(name)
        longer = f", and --more-{name} makes it longer" if name in ("minutes", "epochs") else ""
        raise ConfigError(
            f"run {run.name} was begun with {what} {kept.get(name)}, received {value}; leave it out: a training that "
            f"goes on keeps its settings{longer}"
        )


def _refuse_what_is_over(run: Run, record: RunRecord, more: More) -> None:
    if run.path.resolve().parent == pretrained_folder().resolve():
        raise RunError(
            f"run {run.name} comes with seqmagic and is not trained on; copy its folder to your models first"
        )
    if record.status == "complete" and not more:
        raise RunError(f"run {run.name} is complete; train it for longer with --more-minutes or --more-epochs")
    try:
        DecidedModel(**record.model.to_json()), DecidedTraining(**record.training.to_json())
    except ConfigError as problem:
        raise RunError(f"{run.record_path} leaves open how to go on: {problem}") from problem
    if not (more or run.has_checkpoint):
        weights = " or go on from its best weights with --more-minutes" if run.has_model else ""
        raise RunError(f"run {run.name} has no checkpoint to go on from; train it again{weights}")


def _own_corpus(run: Run, record: RunRecord) -> Corpus:
    """The text of the run, cut as it was then."""
    text = record.text
    corpus = read_own_text(run, "train").corpus
    return dataclasses.replace(corpus, train=text.train, validation=text.validation, test=text.test)


def _job(corpus: Corpus) -> dict[str, Any]:
    """What the other workers read: they need not have the run."""
    spans = {name: getattr(corpus, name) for name in ("train", "validation", "test")}
    return {"source": corpus.source, "data": corpus.config.to_json(), "sha256": corpus.sha256, **spans}


def _taken_up(
    new: NewRun,
    record: RunRecord,
    corpus: Corpus,
    more: More,
    callbacks: Sequence[Callback],
    placement: Placement,
    chief: Chief | None,
) -> Trainer:
    """A trainer in the state that the run was left in."""
    device = start_with(chief, dataclasses.replace(record.training, threads=threads_of(record)), placement)
    from seqmagic.training.distribution import Distribution
    from seqmagic.training.trainer import TakenUp, Trainer  # imports TensorFlow and Keras

    def trainer(training: DecidedTraining) -> Trainer:
        plan = Plan(model=DecidedModel(**record.model.to_json()), training=training, notes=())
        environment = {**record.environment, **environment_of(device)}
        begun = dataclasses.replace(record, status="running", training=training, environment=environment)
        distribution = Distribution(placement, device.strategy, chief)
        engine = _engine(record, device)
        made = Trainer(new, begun, corpus, plan, device, callbacks, engine=engine, distribution=distribution)
        if record.fine_tuned is not None:
            made.fine_tuning = FineTuning.again(record.fine_tuned, run.path.parent)
        made.record = dataclasses.replace(made.record, notes=(*record.notes, *_differences(record, made.record)))
        return made

    run = new.run
    found, troubles = checkpoints.newest_first(run, created=record.created)
    if record.status == "complete":
        found, troubles = [], []  # left by a kill after its end: what was kept is better
    damaged = []
    for sealed in found:
        facts = sealed.facts
        try:
            arrays = checkpoints.read(run, sealed)
            before = dataclasses.replace(record.training, minutes=facts.minutes, epochs=facts.epochs)
            training = _extended(before, more, corpus, seconds=facts.seconds, step=facts.step)
        except (RunError, ConfigError) as problem:
            troubles.append(str(problem))
            damaged.append(sealed)
            continue
        made = trainer(training)
        try:
            made.session.state.restore(arrays)
        except TrainingError as problem:
            troubles.append(f"{run.checkpoint_path}: {problem}")
            damaged.append(sealed)
            continue
        for one in damaged:
            checkpoints.discard(run, one)
        lines = tuple(f"goes on from the checkpoint before: {trouble}" for trouble in troubles)
        made.take_up(TakenUp(lines=lines, samples_bytes=facts.samples_bytes, is_extended=bool(more)))
        break
    else:
        if not more:
            raise RunError(f"run {new.name} has no checkpoint that is whole: {'; '.join(troubles)}")
        seconds, step = _spent(run)
        weights = read_trained(run).network.arrays
        made = trainer(_extended(record.training, more, corpus, seconds=seconds, step=step))
        _start_from(made.session, weights, seconds=seconds, step=step, history=run.read_history())
        made.take_up(TakenUp(lines=tuple(troubles), is_extended=True))
    if more:
        made.session.state.begin_budget()
    return made


def _extended(training: TrainConfig, more: More, corpus: Corpus, *, seconds: float, step: int) -> DecidedTraining:
    """`training` with the budget that it has, or with what was spent, `seconds` and `step`, and `more`."""
    from seqmagic.training.session import make_streams

    decided = DecidedTraining(**training.to_json())
    if not more:
        return decided
    readings = step * make_streams(corpus, decided).characters_per_step / len(corpus.part("train"))
    minutes = None if more.minutes is None else seconds / 60.0 + more.minutes
    epochs = None if more.epochs is None else readings + more.epochs
    return dataclasses.replace(decided, minutes=minutes, epochs=epochs)


def _spent(run: Run) -> tuple[float, int]:
    """Seconds and steps of the training of `run`, as its last evaluation has them."""
    last: Mapping[str, Any] = next(reversed(run.read_history()), {})
    seconds, step = (min(max(0.0, last.get(name) or 0.0), 1e12) for name in ("seconds", "step"))
    return seconds, int(step)


def _start_from(
    session: Session, weights: Sequence[np.ndarray], *, seconds: float, step: int, history: Sequence[HistoryRow]
) -> None:
    """Begin where a finished training ended, as far as the run has kept it: the moments and carried states are not."""
    from seqmagic.training.model import set_weights

    set_weights(session.model, weights)
    state = session.state
    state.elapsed_seconds, state.step, state.history = seconds, step, list(history)
    speed = history[-1].characters_per_second if history else None
    state.step_seconds = session.characters / speed if speed else seconds
    state.best, state.best_weights = session.validation_score(), state.weights


def threads_of(record: RunRecord) -> int | None:
    """As many as before, where there are so many; None for all there are."""
    before = record.environment.get("threads")
    if record.training.threads is not None or not isinstance(before, int):
        return record.training.threads
    return max(1, min(before, available_cores()))


def _engine(record: RunRecord, device: Device) -> EngineRequest | None:
    """The engine that it ran on, where this is the same device; None: what there is decides."""
    from seqmagic.training.session import EngineRequest

    name, precision = record.environment.get("path"), record.environment.get("precision")
    if record.environment.get("device") != device.name or name not in ("fused", "keras", "cudnn"):
        return None
    return EngineRequest(name=str(name), precision=str(precision)) if precision in PRECISIONS else None


def _differences(before: RunRecord, now: RunRecord) -> tuple[str, ...]:
    """A note where the training goes on in surroundings that may give other numbers."""
    then = {"replicas": 1, **before.environment}  # older runs were made by one
    changed = [
        f"{name} {now.environment.get(name)} ({then.get(name)} before)"
        for name in _SAME_NUMBERS
        if then.get(name) != now.environment.get(name)
    ]
    if not changed:
        return ()
    return (f"went on with {', '.join(changed)}: the result is not bit for bit that of a training never stopped",)
