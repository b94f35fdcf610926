"""A training, from a corpus to a run on disk, as a stream of events.

Importing this imports neither TensorFlow nor Keras. TensorFlow is started here and nowhere else, when the first
event is asked for, or before that by who calls `start`; only then is the code imported that computes with it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmagic.config import ENGINES, ModelConfig, TrainConfig
from seqmagic.errors import SeqmagicError
from seqmagic.runs import folder as runs
from seqmagic.runs.making import create_run
from seqmagic.runs.record import RunRecord, TextRecord, now, vocabulary_sum
from seqmagic.texts.corpus import Corpus
from seqmagic.texts.record_streams import record_lengths
from seqmagic.training.chief import Chief, asked, gather
from seqmagic.training.cluster import HERE, Placement, refuse_workers
from seqmagic.training.device import Device, environment_of, measure_flops, start_tensorflow
from seqmagic.training.events import Event, Finished
from seqmagic.training.finetune import Base, FineTuning
from seqmagic.training.interrupt import stop_on_signal
from seqmagic.training.lines import LostError
from seqmagic.training.recipe import Plan, make_plan

if TYPE_CHECKING:
    from keras.callbacks import Callback

    from seqmagic.training.trainer import Trainer


def start(training: TrainConfig, placement: Placement = HERE, *, meet: Callable[[], Any] = lambda: None) -> Device:
    """Start TensorFlow as `training` asks and say where it runs.

    `train` does it itself. A series calls it before its first training, so that what is wrong with TensorFlow
    ends the series, not a row of it. Anything else that imports TensorFlow must come later: the number of threads and
    the flags of XLA are fixed by who is first.

    Args:
        placement: The processes and devices that are to compute.
        meet: Waits until every process has come so far that TensorFlow's own wait for the others is short.
    """

    def make_strategy() -> Any:
        if placement == HERE:
            return None
        from seqmagic.training import distribution  # imports TensorFlow

        meet()
        return distribution.make_strategy(placement)

    return start_tensorflow(training.threads, make_strategy=make_strategy)


@contextlib.contextmanager
def gathered(
    placement: Placement,
    what: Mapping[str, Any] | None,
    stop_requested: Callable[[], bool],
    *,
    job: Mapping[str, Any] | None = None,
) -> Iterator[Chief | None]:
    """The lines to the other workers of a training, within the block; None where there are none.

    They are told how it ended: what `end` of the chief was told, or what is raised in the block.

    Args:
        what, job: As for `chief.gather`.
    """
    if placement.cluster is None:
        yield None
        return

    def stop_if_asked() -> None:
        if stop_requested():
            raise KeyboardInterrupt

    chief = gather(placement.cluster, what, job=job, while_waiting=stop_if_asked)
    try:
        yield chief
    except SeqmagicError as problem:
        chief.end("failed", str(problem))
        raise
    except (KeyboardInterrupt, GeneratorExit):
        chief.end("interrupted")
        raise
    finally:
        chief.end("failed", "the chief failed")


def start_with(chief: Chief | None, training: TrainConfig, placement: Placement) -> Device:
    """`start`, with the other workers, where there are any. Raises TrainingError where one is lost meanwhile."""
    if chief is None:
        return start(training, placement)
    try:
        return start(training, placement, meet=partial(chief.collect, "start"))
    except LostError as problem:
        raise chief.blamed(problem) from problem


def shared_events(trainer: Trainer, chief: Chief | None, stop_requested: Callable[[], bool]) -> Iterator[Event]:
    """The events of `trainer`, whose end the workers learn."""
    for event in trainer.events(stop_requested if chief is None else chief.stop_requested(stop_requested)):
        if chief is not None and isinstance(event, Finished):
            chief.end(event.status)
        yield event


def train(
    corpus: Corpus,
    *,
    model: ModelConfig,
    training: TrainConfig,
    models: Path,
    name: str | None = None,
    overwrite: bool = False,
    placement: Placement = HERE,
    argv: Sequence[str] = (),
    callbacks: Sequence[Callback] = (),
    base: Base | None = None,
) -> Generator[Event, None, None]:
    """Train a model on `corpus` and keep it as a run below `models`.

    The text is read as contiguous streams with the state carried from window to window (truncated
    back-propagation through time: Williams and Peng 1990). The weights with the lowest validation loss
    are kept; with the first of them the run becomes visible, and replaces the one that it overwrites. SIGINT,
    SIGTERM and SIGHUP end the training early but whole: evaluated, saved, `Finished` with the status
    "interrupted". Whoever stops asking for events ends it too: the weights on disk stay, as "interrupted".

    Args:
        corpus: The text, encoded and split.
        model, training: What was asked for; what is `None` is decided by the recipe.
        models, name, overwrite: Where the run goes; see `making.create_run`.
        placement: The processes and devices that compute it; this process is the chief, or alone.
        argv: The command line, for the record.
        base: The run whose weights it begins with, sizes and characters already those of the run and more.
        callbacks: Keras callbacks. An epoch of theirs is the stretch between two evaluations, with
            `loss`, `val_loss` and `learning_rate` in its logs; `model.stop_training` is heeded. Where one follows
            single steps (`on_train_batch_end` and the like) each step is a call of its own, which is slower.

    Yields:
        `Started`, then `Progress` and `Evaluated`, and `Finished` at the end.

    Raises:
        TrainingError: the loss was not finite before anything could be saved.
        RunError, ConfigError, CorpusError: bad names, settings, texts.
    """
    if base is not None:
        refuse_workers(placement, "--fine-tune")
    with (
        stop_on_signal() as stop_requested,
        gathered(placement, asked(corpus, model, training), stop_requested) as chief,
    ):
        device = start_with(chief, training, placement)
        from seqmagic.training.distribution import Distribution
        from seqmagic.training.trainer import Trainer  # imports TensorFlow and Keras

        plan = _plan(corpus, model, training, device)
        default = runs.default_name(corpus.source, plan.model.cell, plan.model.layers, plan.model.units)
        distribution = Distribution(placement, device.strategy, chief)
        new = create_run(models, name=name, default=default, overwrite=overwrite)
        try:
            record = _new_record(new.name, corpus, plan=plan, argv=argv, device=device)
            new.run.write_vocabulary(corpus.vocabulary)
            new.run.write_record(record)
            trainer = Trainer(new, record, corpus, plan, device, callbacks, distribution=distribution)
            if base is not None:
                trainer.fine_tuning = FineTuning.of(base, vocabulary_size=corpus.vocabulary.size)
            yield from shared_events(trainer, chief, stop_requested)
        except BaseException as problem:
            new.end("interrupted" if isinstance(problem, GeneratorExit | KeyboardInterrupt) else "failed")
            raise


def decide(corpus: Corpus, *, model: ModelConfig, training: TrainConfig) -> Plan:
    """Every setting as `train` would have it here, the engine and the threads too.

    An engine that can't be asked for by name (cuDNN) stays "auto".
    """
    device = start(training)
    from seqmagic.training.session import Session  # imports TensorFlow and Keras

    plan = _plan(corpus, model, training, device)
    engine = Session(corpus, plan, threads=device.threads).engine
    name = engine.name if engine.name in ENGINES else plan.training.engine
    decided = dataclasses.replace(plan.training, threads=device.threads, engine=name, precision=engine.precision)
    return dataclasses.replace(plan, training=decided)


def _plan(corpus: Corpus, model: ModelConfig, training: TrainConfig, device: Device) -> Plan:
    return make_plan(
        model,
        training,
        characters=len(corpus.part("train")),
        vocabulary_size=corpus.vocabulary.size,
        device=device.kind,
        measure_flops=measure_flops,
        record_lengths=None if corpus.boundary is None else record_lengths(corpus.part("train"), corpus.boundary),
    )


def _new_record(name: str, corpus: Corpus, *, plan: Plan, argv: Sequence[str], device: Device) -> RunRecord:
    return RunRecord(
        name=name,
        created=now(),
        argv=tuple(argv),
        seed=plan.training.seed,
        text=TextRecord.of(corpus),
        data=corpus.config,
        model=plan.model,
        training=plan.training,
        environment=environment_of(device),
        notes=(*corpus.notices, *plan.notes),
        vocabulary_sha256=vocabulary_sum(corpus.vocabulary),
    )
