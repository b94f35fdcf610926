"""`seqmagic train`: a model from a text, live on the screen, kept as a run."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import INTERRUPTED, json_document, notice, result, unread
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import Settings, collect, command, config_options, name_of, option
from seqmagic.config import DataConfig, ModelConfig, TrainConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqmagic.evaluation.baselines import Baseline
    from seqmagic.training.events import Finished

_EXIT_CODES = {"complete": 0, "interrupted": INTERRUPTED, "failed": 1}


@command(
    name="train",
    short_help="Train a model on a text, live on the screen.",
    example="seqmagic train python-docs --cell gru --minutes 1",
)
@click.argument("text")
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
    data, model, training = collect(DataConfig, values), collect(ModelConfig, values), collect(TrainConfig, values)
    with settings.meanwhile(f"reading {name_of(text)}"):  # the imports take most of a second
        from seqmagic.cli.show.progress import COMPILING, TrainingDisplay
        from seqmagic.evaluation.beside import BaselinesBeside
        from seqmagic.runs.making import check_free
        from seqmagic.texts.corpus import read_trainable
        from seqmagic.training import train as door
        from seqmagic.training.events import Finished

    if name is not None:  # before minutes go into reading and compiling
        check_free(settings.models, name, overwrite=overwrite)
    bring(settings, text)
    with settings.meanwhile(f"reading {name_of(text)}"):
        corpus = read_trainable(text, data)
    finished: Finished | None = None
    with TrainingDisplay(quiet=settings.quiet) as display:
        display.tell([corpus.summary, *corpus.notices])
        beside = BaselinesBeside(corpus)
        display.doing("starting TensorFlow")
        door.start(training)
        display.doing(COMPILING)
        events = door.train(
            corpus,
            model=model,
            training=training,
            models=settings.models,
            name=name,
            overwrite=overwrite,
            argv=sys.argv[1:],
        )
        with contextlib.closing(events):
            for event in events:
                display.show(event)
                if isinstance(event, Finished):
                    finished = event
    if finished is None:
        raise RuntimeError("a training ended without saying how")
    for line in finished.notes:
        notice(line)
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
