"""`seqmagic train`: a model from a text, live on the screen, kept as a run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import INTERRUPTED, json_document, notice, result, unread
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import RunName, Settings, TextName, collect, command, config_options, option
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError

if TYPE_CHECKING:
    from seqmagic.runs.folder import Run
    from seqmagic.runs.record import Results
    from seqmagic.training.cluster import Placement
    from seqmagic.training.events import Event

_EXIT_CODES = {"complete": 0, "interrupted": INTERRUPTED, "failed": 1}


@command(
    name="train",
    short_help="Train a model on a text, live on the screen.",
    example="seqmagic train python-docs --cell gru --minutes 1",
)
@click.argument("text", required=False, type=TextName())
@option("--name", metavar="NAME", section="Run", help="Name of the run. [default: TEXT-CELL-LAYERSxUNITS]")
@option("--overwrite", is_flag=True, section="Run", help="Replace a run of that name.")
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
@config_options(ModelConfig, TrainConfig, DataConfig)
@click.pass_context
def train(
    ctx: click.Context,
    text: str | None,
    name: str | None,
    overwrite: bool,
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
    --resume RUN goes on from a checkpoint some seconds old.
    """
    settings: Settings = ctx.obj
    from seqmagic.training.cluster import placement

    place = placement(workers=workers, worker_index=worker_index, gpus=gpus, environ=os.environ)
    if resume is not None:
        if name is not None or overwrite:
            raise ConfigError("--resume goes on with a run as it is: --name and --overwrite are for new ones")
        given = {key: value for key, value in values.items() if _is_typed(ctx, key)}
        more = {"more_minutes": more_minutes, "more_epochs": more_epochs}
        if not place.is_chief:
            return _help(settings, text, values, place, goes_on=True)
        return _follow(settings, _resumed(settings, resume, {"text": text, **given}, place, **more))
    if more_minutes is not None or more_epochs is not None:
        raise ConfigError("--more-minutes and --more-epochs make a run longer; name it with --resume")
    if text is None:
        raise click.UsageError("Missing argument 'TEXT'.", ctx)
    if not place.is_chief:
        return _help(settings, text, values, place, goes_on=False)
    return _follow(settings, _begun(settings, text, place, name=name, overwrite=overwrite, values=values))


def _help(settings: Settings, text: str | None, values: Mapping[str, Any], place: Placement, *, goes_on: bool) -> int:
    """Take part in the training of another process, the chief."""
    from seqmagic.texts.corpus import read_trainable
    from seqmagic.training.device import require_tensorflow
    from seqmagic.training.follow import follow

    require_tensorflow()
    data, model, training = collect(DataConfig, values), collect(ModelConfig, values), collect(TrainConfig, values)
    if text is not None:
        bring(settings, text)
    corpus = None if goes_on or text is None else read_trainable(text, data)
    status = follow(place, corpus, model=model, training=training, say=settings.notice, text=text)
    settings.notice(f"the training is over: {status}; the chief has the run")
    return _EXIT_CODES[status]


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _resumed(
    settings: Settings,
    name: str,
    given: Mapping[str, Any],
    place: Placement,
    *,
    more_minutes: float | None,
    more_epochs: float | None,
) -> Generator[Event, None, None]:
    """The events of a training that goes on."""
    from seqmagic.runs.find import open_run
    from seqmagic.training.resume import More, resume

    more = More(minutes=more_minutes, epochs=more_epochs)
    return resume(open_run(settings.models, name), more=more, given=given, placement=place)


def _begun(
    settings: Settings, text: str, place: Placement, *, name: str | None, overwrite: bool, values: Mapping[str, Any]
) -> Generator[Event, None, None]:
    """The events of a new training."""
    from seqmagic.runs.making import check_free
    from seqmagic.texts.corpus import read_trainable
    from seqmagic.training.device import require_tensorflow

    require_tensorflow()
    data, model, training = collect(DataConfig, values), collect(ModelConfig, values), collect(TrainConfig, values)
    if name is not None:  # before minutes go into reading and compiling
        check_free(settings.models, name, overwrite=overwrite)
    bring(settings, text)
    corpus = read_trainable(text, data)
    for line in corpus.notices:
        settings.notice(line)

    from seqmagic.training.train import train as run_training

    return run_training(
        corpus,
        model=model,
        training=training,
        models=settings.models,
        name=name,
        overwrite=overwrite,
        placement=place,
        argv=sys.argv[1:],
    )


def _follow(settings: Settings, events: Generator[Event, None, None]) -> int:
    """Show a training to its end; the exit code."""
    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.training.events import Finished

    finished: Finished | None = None
    with TrainingDisplay(quiet=settings.quiet) as display, contextlib.closing(events):
        for event in events:
            display.show(event)
            if isinstance(event, Finished):
                finished = event
    if finished is None:
        raise RuntimeError("a training ended without saying how")
    for line in finished.notes:
        notice(line)
    if finished.status == "interrupted" and finished.run.has_checkpoint:
        settings.notice(f"go on with it: seqmagic train --resume {finished.run.name}")
    with unread():
        _print_results(settings, finished.run, finished.results)
    return _EXIT_CODES[finished.status]


def _print_results(settings: Settings, run: Run, results: Results) -> None:
    if settings.json:
        record = run.read_record()
        config = {
            "data": record.data.to_json(),
            "model": record.model.to_json(),
            "training": record.training.to_json(),
        }
        json_document({"run": run.name, "config": config, "results": dict(results)})
        return
    perplexity = "infinite" if results.perplexity is None else f"{results.perplexity:.2f}"
    result(
        f"{run.name}: validation loss {results.validation_loss:.4f} nats per character "
        f"({results.bits_per_character:.3f} bits, perplexity {perplexity}); "
        f"training {results.train_loss:.4f}"
    )
    result(
        f"{results.parameters:,} parameters, {results.epochs:.2f} readings of the text in "
        f"{results.seconds:.1f} s, {results.characters_per_second:,.0f} characters/s"
    )
    result(f"kept in {run.path}; write with it: seqmagic sample {run.name}")
