"""`seqmagic train`: a model from a text, live on the screen, kept as a run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import INTERRUPTED, json_document, notice, result, unread
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import (
    AnyFunction,
    RunName,
    Settings,
    TextName,
    collect,
    command,
    config_file_option,
    config_options,
    is_given,
    name_of,
    option,
    settled,
    takes_auto,
    verbose_option,
)
from seqmagic.cli.reading import read_to_train
from seqmagic.config import DataConfig, ModelConfig, TrainConfig, option_name
from seqmagic.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.evaluation.baselines import Baseline
    from seqmagic.evaluation.beside import BaselinesBeside
    from seqmagic.runs.record import FineTuned
    from seqmagic.texts.corpus import Corpus
    from seqmagic.training.cluster import Placement
    from seqmagic.training.events import Event, Finished
    from seqmagic.training.recipe import Plan
    from seqmagic.training.tensorboard import EventFiles

_EXIT_CODES = {"complete": 0, "interrupted": INTERRUPTED, "failed": 1}


def new_run_options(function: AnyFunction) -> AnyFunction:
    """The options of what makes a new run: `train`, and `runs rerun`."""
    decorators = (
        option("--name", metavar="NAME", section="Run", help="Name of the run. [default: TEXT-CELL-LAYERSxUNITS]"),
        option("--overwrite", is_flag=True, section="Run", help="Replace a run of that name."),
        option(
            "--fine-tune",
            metavar="RUN",
            type=RunName(),
            section="Run",
            help="Begin with the weights of RUN, which keeps its characters and sizes; new characters are added.",
        ),
        option(
            "--text-sha256",
            metavar="HEX",
            section="Run",
            help="Refuse a text that is another than the one with this checksum (text.sha256 in run.json).",
        ),
        option(
            "--tensorboard",
            is_flag=True,
            section="Run",
            help="Write event files for TensorBoard, in the run: tensorboard --logdir models shows all runs.",
        ),
        option(
            "--tensorboard-dir",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            section="Run",
            help="Write them in a folder of DIR with the name of the run.",
        ),
        option(
            "--print-config",
            is_flag=True,
            section="Run",
            help="Train nothing; print what would run, every setting decided, as a file for --config.",
        ),
        verbose_option("Run"),
        config_options(ModelConfig, TrainConfig, DataConfig),
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


@command(
    name="train",
    short_help="Train a model on a text, live on the screen.",
    example="seqmagic train python-docs --cell gru --minutes 1",
)
@click.argument("text", required=False, type=TextName())
@option(
    "--resume",
    metavar="RUN",
    type=RunName(),
    section="Run",
    help="Go on with a run that was stopped or killed, from its last checkpoint; text and settings are its own.",
)
@option(
    "--more-minutes",
    metavar="X",
    type=float,
    section="Run",
    help="With --resume: train a run, also a finished one, for so many minutes more. The learning rate rises and falls "
    "once more, so the loss rises first.",
)
@option(
    "--more-epochs",
    metavar="X",
    type=float,
    section="Run",
    help="With --resume: the same, in readings of the training part.",
)
@option(
    "--workers",
    metavar="HOST:PORT,…",
    section="Several devices",
    help="The processes that train together, the same list for each; the first, the chief, alone keeps the run. "
    "[default: those of TF_CONFIG, else this process alone]",
)
@option(
    "--worker-index",
    metavar="N",
    type=int,
    section="Several devices",
    help="Which of --workers this process is, from 0.",
)
@option(
    "--gpus",
    metavar="N",
    type=int,
    default=1,
    section="Several devices",
    help="GPUs of each machine to use, an equal part of the batch on every one. [default: 1]",
)
@config_file_option("Run")
@new_run_options
@click.pass_context
def train(
    ctx: click.Context,
    text: str | None,
    resume: str | None,
    more_minutes: float | None,
    more_epochs: float | None,
    workers: str | None,
    worker_index: int | None,
    gpus: int,
    **values: Any,
) -> int:
    """Train a character-level language model on TEXT and keep it as a run.

    TEXT is a file, a folder, - for standard input, a built-in text (python-docs, python-source, recall,
    brackets, markov), or one to download, such as tinyshakespeare (see seqmagic data list). The weights
    with the lowest validation loss are kept. Ctrl-C ends early and loses nothing; whatever else ends it,
    --resume RUN goes on from a checkpoint some seconds old. Ctrl-Z pauses, and fg goes on: no minute of
    the budget is spent meanwhile.
    """
    settings: Settings = ctx.obj
    from seqmagic.training.cluster import placement, refuse_workers

    place = placement(workers=workers, worker_index=worker_index, gpus=gpus, environ=os.environ)
    if resume is not None:
        if any(is_given(ctx, name) and values[name] for name in _FOR_NEW_RUNS):
            *first, last = map(option_name, _FOR_NEW_RUNS)
            raise ConfigError(
                f"--resume goes on with a run as it is: {', '.join(first)} and {last} are for new ones; leave them out"
            )
        given = {key: value for key, value in values.items() if is_given(ctx, key) and key not in _OF_THE_COMMAND}
        more = {"more_minutes": more_minutes, "more_epochs": more_epochs}
        if not place.is_chief:
            return _help(settings, text, values, place, goes_on=True)
        board = event_files(settings, values)
        return _resume(settings, resume, {"text": text, **given}, place, board=board, **more)
    if more_minutes is not None or more_epochs is not None:
        raise ConfigError("--more-minutes and --more-epochs make a run longer; name it with --resume")
    if text is None:
        raise click.UsageError("Missing argument 'TEXT'.", ctx)
    for one in _OF_ONE_PROCESS:
        if values[one]:
            refuse_workers(place, option_name(one))
    if not place.is_chief:
        return _help(settings, text, settled(ctx, values), place, goes_on=False)
    return begin(ctx, text, values, place)


_FOR_NEW_RUNS = ("fine_tune", "print_config", "name", "overwrite")
_OF_THE_COMMAND = (*_FOR_NEW_RUNS, "text_sha256", "tensorboard", "tensorboard_dir")  # no settings of the training
_OF_ONE_PROCESS = ("fine_tune", "print_config")


def _help(settings: Settings, text: str | None, values: Mapping[str, Any], place: Placement, *, goes_on: bool) -> int:
    """Take part in the training of another process, the chief, which alone keeps a run; the exit code."""
    data, model, training = collect(DataConfig, values), collect(ModelConfig, values), collect(TrainConfig, values)
    with settings.meanwhile("taking part in a training"):  # the imports take most of a second
        from seqmagic.training.device import require_tensorflow
        from seqmagic.training.follow import follow

    require_tensorflow()
    corpus = None
    if text is not None and goes_on:
        bring(settings, text)
    elif text is not None:
        corpus = read_to_train(settings, text, data.drawn_with(training.seed))
        _require_text(corpus, values["text_sha256"])
    status = follow(place, corpus, model=model, training=training, say=settings.notice, text=text)
    settings.notice(f"the training is over: {status}; the chief has the run")
    return _EXIT_CODES[status]


def _waiting(place: Placement) -> str:
    others = place.workers - 1
    return f"waiting for {others} other worker{'s' * (others > 1)}"


def event_files(settings: Settings, values: Mapping[str, Any]) -> EventFiles | None:
    """What writes for TensorBoard, where that was asked for."""
    folder: Path | None = values["tensorboard_dir"]
    if folder is None and not values["tensorboard"]:
        return None
    from seqmagic.training.tensorboard import EventFiles

    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)  # what is wrong with it is said now, not minutes later
    return EventFiles(folder)


def _resume(
    settings: Settings,
    name: str,
    given: Mapping[str, Any],
    place: Placement,
    *,
    more_minutes: float | None,
    more_epochs: float | None,
    board: EventFiles | None,
) -> int:
    """Go on with a training; the exit code."""
    with settings.meanwhile(f"taking up {name}"):  # the imports take most of a second
        from seqmagic.runs.find import open_run
        from seqmagic.training.resume import More, resume

    run, more = open_run(settings.models, name), More(minutes=more_minutes, epochs=more_epochs)

    def events(display: TrainingDisplay) -> Generator[Event, None, None]:
        reading = f"reading the text of {run.name}"
        doing = f"{reading} and starting TensorFlow" if place.cluster is None else f"{reading}; {_waiting(place)}"
        display.doing(doing, aloud=place.cluster is not None)
        return resume(run, more=more, given=given, placement=place)

    return _follow(settings, events, board=board)


def begin(ctx: click.Context, text: str, values: Mapping[str, Any], place: Placement | None = None) -> int:
    """A new training, with what the options of `new_run_options` received; the exit code.

    Args:
        place: Where it computes; this process is the chief there. None: on one device of this process.
    """
    settings: Settings = ctx.obj
    given = {name for name in values if is_given(ctx, name)}
    values = settled(ctx, values)
    data, model, training = collect(DataConfig, values), collect(ModelConfig, values), collect(TrainConfig, values)
    name, overwrite = values["name"], values["overwrite"]
    with settings.meanwhile(f"reading {name_of(text)}"):  # the imports take most of a second
        from seqmagic.cli.show.progress import COMPILING
        from seqmagic.evaluation.beside import BaselinesBeside
        from seqmagic.runs.making import check_free
        from seqmagic.training import train as door
        from seqmagic.training.cluster import HERE
        from seqmagic.training.device import require_tensorflow
        from seqmagic.training.finetune import Base

    require_tensorflow()
    place = place or HERE
    data = data.drawn_with(training.seed)
    if name is not None:  # before minutes go into reading and compiling
        check_free(settings.models, name, overwrite=overwrite)
    board = event_files(settings, values)
    base = None if values["fine_tune"] is None else Base.find(settings.models, values["fine_tune"])
    if base is not None:
        model = base.sizes(model, given=given)
    started = time.monotonic()
    corpus = read_to_train(settings, text, data, extending=base.trained.vocabulary if base else None)
    _require_text(corpus, values["text_sha256"])
    seconds = time.monotonic() - started
    if values["print_config"]:
        return _print_config(settings, door.decide(corpus, model=model, training=training), corpus, values)
    beside = BaselinesBeside(corpus)

    def events(display: TrainingDisplay) -> Generator[Event, None, None]:
        display.tell([corpus.summary, *corpus.notices])
        display.detail(f"read in {seconds:.1f} s")
        if place.cluster is None:
            display.doing("starting TensorFlow")
            started = time.monotonic()
            door.start(training, place)
            display.detail(f"TensorFlow started in {time.monotonic() - started:.1f} s")
            display.doing(COMPILING)
        else:
            display.doing(_waiting(place))
        return door.train(
            corpus,
            model=model,
            training=training,
            models=settings.models,
            name=name,
            overwrite=overwrite,
            placement=place,
            argv=sys.argv[1:],
            base=base,
        )

    return _follow(settings, events, beside, board=board)


def _require_text(corpus: Corpus, sha256: str | None) -> None:
    """Raise CorpusError where a checksum was given and the text has another."""
    if sha256 is not None and corpus.sha256 != sha256.strip().lower():
        raise CorpusError(
            f"{name_of(corpus.source)} is not the text that was asked for: its sha256 is {corpus.sha256[:12]}, not "
            f"{sha256[:12]}; name the right text"
        )


def _print_config(settings: Settings, plan: Plan, corpus: Corpus, values: Mapping[str, Any]) -> int:
    """What would run, as a file of settings, or as JSON; the exit code."""
    from seqmagic.cli.settings_file import settings_text

    document: dict[str, Any] = {"text": corpus.source, "text_sha256": corpus.sha256}
    document |= {name: values[name] for name in ("name", "fine_tune") if values[name] is not None}
    for config in (plan.model, plan.training, corpus.config):
        document |= {
            name: "auto" if value is None and takes_auto(config, name) else value
            for name, value in config.to_json().items()
        }
    if settings.json:
        json_document(document)
        return 0
    epochs = plan.training.epochs is not None
    same = "on the same machine and versions bit for bit" if epochs else "as far as a clock lets it: not bit for bit"
    result(
        settings_text(
            document,
            comments=[
                "seqmagic train --config FILE trains again what this names,",
                f"{same}; what is typed or changed here wins.",
                *plan.notes,
            ],
        ).removesuffix("\n")
    )
    return 0


def _follow(
    settings: Settings,
    begin: Callable[[TrainingDisplay], Generator[Event, None, None]],
    beside: BaselinesBeside | None = None,
    *,
    board: EventFiles | None,
) -> int:
    """Show a training to its end; the exit code.

    Args:
        begin: Gives its events, once there is a display.
        beside: The baselines of its text; None: they are measured from the first step on.
        board: What writes for TensorBoard, if anything does.
    """
    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.cli.show.verdicts import counting
    from seqmagic.evaluation.beside import BaselinesBeside
    from seqmagic.training.events import Evaluated, Finished, Started

    finished: Finished | None = None
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(TrainingDisplay(quiet=settings.quiet, verbose=settings.verbose))
        if board is not None:
            stack.callback(board.close)
        for event in stack.enter_context(contextlib.closing(begin(display))):
            display.show(event)
            if board is not None:
                board.show(event)
            if isinstance(event, Started) and beside is None:
                beside = BaselinesBeside(event.corpus)
            if isinstance(event, Evaluated) and beside is not None and (said := counting(beside.result(wait=False))):
                display.tell([said])
            if isinstance(event, Finished):
                finished = event
    if finished is None or beside is None:
        raise RuntimeError("a training ended without saying how")
    for line in finished.notes:
        notice(line)
    if board is not None and board.problem is not None:
        notice(f"not all was written for TensorBoard: {board.problem}")
    if finished.status == "interrupted" and finished.run.has_checkpoint:
        settings.notice(f"go on with it: seqmagic train --resume {finished.run.name}")
    with unread():
        _print_results(settings, finished, beside.result(wait=finished.status == "complete"))
    return _EXIT_CODES[finished.status]


def _print_results(settings: Settings, finished: Finished, baselines: Sequence[Baseline]) -> None:
    run, results = finished.run, finished.results
    record = run.read_record()
    if settings.json:
        config = {
            "data": record.data.to_json(),
            "model": record.model.to_json(),
            "training": record.training.to_json(),
        }
        document: dict[str, Any] = {"run": run.name, "status": finished.status, "config": config}
        document["results"] = dict(results)
        if record.fine_tuned is not None:
            document["fine_tuned"] = dataclasses.asdict(record.fine_tuned)
        document["baselines"] = [
            {"name": one.name, "loss": one.loss, "bits_per_character": one.bits_per_character} for one in baselines
        ]
        json_document(document)
        return
    from seqmagic.cli.show.curves import show_losses
    from seqmagic.cli.show.verdicts import verdict

    show_losses(run.read_history())

    perplexity = "infinite" if results.perplexity is None else f"{results.perplexity:.2f}"
    how = "" if finished.status == "complete" else f" ({finished.status})"
    result(
        f"{run.name}{how}: validation loss {results.validation_loss:.4f} nats per character "
        f"({results.bits_per_character:.3f} bits, perplexity {perplexity}); "
        f"training {results.train_loss:.4f}"
    )
    if results.validation_loss is not None and (said := verdict(results.validation_loss, baselines)):
        result(said)
    if record.fine_tuned is not None:
        result(_fine_tuned_words(record.fine_tuned))
    result(
        f"{results.parameters:,} parameters, {results.epochs:.2f} readings of the text in "
        f"{results.seconds:.1f} s, {results.characters_per_second:,.0f} characters/s"
    )
    result(f"kept in {run.path}; write with it: seqmagic sample {run.name}")


def _fine_tuned_words(found: FineTuned) -> str:
    """The losses before and after."""
    pairs = [
        ("on this text", found.before, found.after),
        (f"on that of {found.run}", found.own_before, found.own_after),
    ]
    words = [f"{where} {before:.4f} before, {after:.4f} after" for where, before, after in pairs if before and after]
    return f"fine-tuned from {found.run}: validation loss {'; '.join(words)}"
