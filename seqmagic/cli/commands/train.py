"""`seqmagic train`: a model from a text, live on the screen, kept as a run."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import INTERRUPTED, json_document, notice, result, unread
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import Settings, TextName, collect, command, config_options, option
from seqmagic.config import DataConfig, ModelConfig, TrainConfig

if TYPE_CHECKING:
    from seqmagic.runs.folder import Run
    from seqmagic.runs.record import Results

_EXIT_CODES = {"complete": 0, "interrupted": INTERRUPTED, "failed": 1}


@command(
    name="train",
    short_help="Train a model on a text, live on the screen.",
    example="seqmagic train python-docs --cell gru --minutes 1",
)
@click.argument("text", type=TextName())
@option("--name", metavar="NAME", section="Run", help="Name of the run. [default: TEXT-CELL-LAYERSxUNITS]")
@option("--overwrite", is_flag=True, section="Run", help="Replace a run of that name.")
@config_options(ModelConfig, TrainConfig, DataConfig)
@click.pass_obj
def train(settings: Settings, text: str, name: str | None, overwrite: bool, **values: Any) -> int:
    """Train a character-level language model on TEXT and keep it as a run.

    TEXT is a file, a folder, - for standard input, a built-in text (python-docs, python-source, recall,
    brackets, markov), or one to download, such as tinyshakespeare (see seqmagic data list). The weights
    with the lowest validation loss are kept. Ctrl-C ends early and loses nothing.
    """
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

    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.training.events import Finished
    from seqmagic.training.train import train as run_training

    finished: Finished | None = None
    events = run_training(
        corpus,
        model=model,
        training=training,
        models=settings.models,
        name=name,
        overwrite=overwrite,
        argv=sys.argv[1:],
    )
    with TrainingDisplay(quiet=settings.quiet) as display, contextlib.closing(events):
        for event in events:
            display.show(event)
            if isinstance(event, Finished):
                finished = event
    if finished is None:
        raise RuntimeError("a training ended without saying how")
    for line in finished.notes:
        notice(line)
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
