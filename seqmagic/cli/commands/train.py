"""`seqmagic train`: a model from a text, live on the screen, kept as a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import INTERRUPTED, json_document, notice, result, unread
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import (
    RunName,
    Settings,
    TextName,
    collect,
    command,
    config_file_option,
    config_options,
    name_of,
    option,
    settled,
)
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.evaluation.baselines import Baseline
    from seqmagic.evaluation.beside import BaselinesBeside
    from seqmagic.training.events import Event, Finished

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
@config_file_option("Run")
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
    **values: Any,
) -> int:
    """Train a character-level language model on TEXT and keep it as a run.

    TEXT is a file, a folder, - for standard input, a built-in text (python-docs, python-source, recall,
    brackets, markov), or one to download, such as tinyshakespeare (see seqmagic data list). The weights
    with the lowest validation loss are kept. Ctrl-C ends early and loses nothing; whatever else ends it,
    --resume RUN goes on from a checkpoint some seconds old.
    """
    settings: Settings = ctx.obj
    if resume is not None:
        if name is not None or overwrite:
            raise ConfigError("--resume goes on with a run as it is: --name and --overwrite are for new ones")
        given = {key: value for key, value in values.items() if _is_typed(ctx, key)}
        more = {"more_minutes": more_minutes, "more_epochs": more_epochs}
        return _resume(settings, resume, {"text": text, **given}, **more)
    if more_minutes is not None or more_epochs is not None:
        raise ConfigError("--more-minutes and --more-epochs make a run longer; name it with --resume")
    if text is None:
        raise click.UsageError("Missing argument 'TEXT'.", ctx)
    return _begin(settings, text, name=name, overwrite=overwrite, values=settled(ctx, values))


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _resume(
    settings: Settings,
    name: str,
    given: Mapping[str, Any],
    *,
    more_minutes: float | None,
    more_epochs: float | None,
) -> int:
    """Go on with a training; the exit code."""
    with settings.meanwhile(f"taking up {name}"):  # the imports take most of a second
        from seqmagic.runs.find import open_run
        from seqmagic.training.resume import More, resume

    run, more = open_run(settings.models, name), More(minutes=more_minutes, epochs=more_epochs)

    def events(display: TrainingDisplay) -> Generator[Event, None, None]:
        display.doing(f"reading the text of {run.name} and starting TensorFlow", aloud=False)
        return resume(run, more=more, given=given)

    return _follow(settings, events)


def _begin(settings: Settings, text: str, *, name: str | None, overwrite: bool, values: Mapping[str, Any]) -> int:
    """A new training; the exit code."""
    data, model, training = collect(DataConfig, values), collect(ModelConfig, values), collect(TrainConfig, values)
    with settings.meanwhile(f"reading {name_of(text)}"):  # the imports take most of a second
        from seqmagic.cli.show.progress import COMPILING
        from seqmagic.evaluation.beside import BaselinesBeside
        from seqmagic.runs.making import check_free
        from seqmagic.texts.corpus import read_trainable
        from seqmagic.training import train as door
        from seqmagic.training.device import require_tensorflow

    require_tensorflow()
    if name is not None:  # before minutes go into reading and compiling
        check_free(settings.models, name, overwrite=overwrite)
    bring(settings, text)
    with settings.meanwhile(f"reading {name_of(text)}"):
        corpus = read_trainable(text, data)
    beside = BaselinesBeside(corpus)

    def events(display: TrainingDisplay) -> Generator[Event, None, None]:
        display.tell([corpus.summary, *corpus.notices])
        display.doing("starting TensorFlow")
        door.start(training)
        display.doing(COMPILING)
        return door.train(
            corpus,
            model=model,
            training=training,
            models=settings.models,
            name=name,
            overwrite=overwrite,
            argv=sys.argv[1:],
        )

    return _follow(settings, events, beside)


def _follow(
    settings: Settings,
    begin: Callable[[TrainingDisplay], Generator[Event, None, None]],
    beside: BaselinesBeside | None = None,
) -> int:
    """Show a training to its end; the exit code.

    Args:
        begin: Gives its events, once there is a display.
        beside: The baselines of its text; None: they are measured from the first step on.
    """
    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.evaluation.beside import BaselinesBeside
    from seqmagic.training.events import Finished, Started

    finished: Finished | None = None
    with TrainingDisplay(quiet=settings.quiet) as display, contextlib.closing(begin(display)) as events:
        for event in events:
            display.show(event)
            if isinstance(event, Started) and beside is None:
                beside = BaselinesBeside(event.corpus)
            if isinstance(event, Finished):
                finished = event
    if finished is None or beside is None:
        raise RuntimeError("a training ended without saying how")
    for line in finished.notes:
        notice(line)
    if finished.status == "interrupted" and finished.run.has_checkpoint:
        settings.notice(f"go on with it: seqmagic train --resume {finished.run.name}")
    with unread():
        _print_results(settings, finished, beside.result(wait=finished.status == "complete"))
    return _EXIT_CODES[finished.status]


def _print_results(settings: Settings, finished: Finished, baselines: Sequence[Baseline]) -> None:
    run, results = finished.run, finished.results
    if settings.json:
        record = run.read_record()
        config = {
            "data": record.data.to_json(),
            "model": record.model.to_json(),
            "training": record.training.to_json(),
        }
        document: dict[str, Any] = {"run": run.name, "status": finished.status, "config": config}
        document["results"] = dict(results)
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
    result(
        f"{results.parameters:,} parameters, {results.epochs:.2f} readings of the text in "
        f"{results.seconds:.1f} s, {results.characters_per_second:,.0f} characters/s"
    )
    result(f"kept in {run.path}; write with it: seqmagic sample {run.name}")
