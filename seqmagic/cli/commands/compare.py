"""`seqmagic compare`: one fair table of several cells on one text, or of runs that are there already."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import INTERRUPTED, json_document
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import (
    RunName,
    Settings,
    collect,
    command,
    config_list_option,
    config_options,
    name_of,
    option,
)
from seqmagic.config import CELLS, DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import RunError

if TYPE_CHECKING:
    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.comparison.compare import CompareEvent
    from seqmagic.comparison.record import Comparison
    from seqmagic.texts.corpus import Corpus
    from seqmagic.training.events import Event

MATCHES = ("units", "parameters")


@command(
    name="compare",
    short_help="Put rnn, lstm and gru side by side on one text.",
    example="seqmagic compare python-docs --cells rnn,lstm,gru --units 128 --minutes 1",
)
@click.argument("target", metavar="TEXT|RUN...", nargs=-1, required=True, type=RunName())
@config_list_option(ModelConfig, "cell", "--cells", default=CELLS, help="Cells to train. [default: rnn,lstm,gru]")
@config_list_option(ModelConfig, "units", "--units", help="Widths to train. [default: one, chosen as in train]")
@config_list_option(ModelConfig, "layers", "--layers", help="Depths to train. [default: one, chosen as in train]")
@option(
    "--match",
    type=click.Choice(MATCHES),
    default="units",
    show_default=True,
    section="Comparison",
    help="What is held equal: the units, or the parameters. For parameters the units given are those of "
    "the lstm (of the first cell, where there is no lstm); the others get as many as bring them to its size.",
)
@option(
    "--seeds",
    type=click.IntRange(1, 1000),
    metavar="N",
    default=1,
    show_default=True,
    section="Comparison",
    help="Train each row with N seeds, --seed and the next ones: mean ± standard deviation.",
)
@option("--name", metavar="NAME", section="Comparison", help="Its name. [default: TEXT-comparison]")
@option("--overwrite", is_flag=True, section="Comparison", help="Replace a comparison of that name.")
@config_options(ModelConfig, TrainConfig, DataConfig, exclude=("cell", "units", "layers"))
@click.pass_obj
def compare(settings: Settings, target: tuple[str, ...], **values: Any) -> int:
    """Train several cells on TEXT with the same split, budget and seed, and put their losses side by
    side, above baselines that say whether they are any good. Every row is an ordinary run.

    With names of runs (or of a comparison) instead: put these side by side, training nothing.

    A row that fails is reported in its place. Ctrl-C ends the training that is on and shows the table
    of what there is.
    """
    with settings.meanwhile("starting"):  # the imports take most of a second
        from seqmagic.comparison.compare import compare as train_and_compare
        from seqmagic.comparison.compare import compare_runs
        from seqmagic.comparison.record import is_comparison, read_comparison

    if len(target) == 1 and is_comparison(settings.models / target[0]):
        _show(settings, read_comparison(settings.models / target[0]))
        return 0
    if names := _run_names(settings.models, target):
        _show(settings, _follow(settings, compare_runs(names, models=settings.models, argv=sys.argv[1:])))
        return 0
    corpus = _read(settings, target[0], collect(DataConfig, values))
    events = train_and_compare(
        corpus,
        cells=values["cells"],
        units=values["units"],
        layers=values["layers"],
        seeds=values["seeds"],
        match=values["match"],
        model=collect(ModelConfig, values),
        training=collect(TrainConfig, values),
        models=settings.models,
        name=values["name"],
        overwrite=values["overwrite"],
        argv=sys.argv[1:],
    )
    comparison = _follow(settings, events)
    _show(settings, comparison)
    if any(row.run for row in comparison.rows) and not settings.json:
        kept = settings.models / (comparison.name or "")
        settings.notice(f"\nkept in {kept}; again: seqmagic compare {comparison.name}")
    if comparison.status == "interrupted":
        return INTERRUPTED
    return 0 if any(row.loss is not None for row in comparison.rows) else 1


def _read(settings: Settings, text: str, data: DataConfig) -> Corpus:
    from seqmagic.texts.corpus import read_trainable

    bring(settings, text)
    with settings.meanwhile(f"reading {name_of(text)}"):
        corpus = read_trainable(text, data)
    for line in corpus.notices:
        settings.notice(line)
    return corpus


def _follow(settings: Settings, events: Generator[CompareEvent | Event]) -> Comparison:
    """Draw what happens; the comparison that it comes to."""
    from seqmagic.comparison.compare import BaselinesMeasured, Compared, Waiting
    from seqmagic.comparison.series import RowFinished, RowStarted

    display: TrainingDisplay | None = None
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(events))
        for event in events:
            match event:
                case Compared(comparison=comparison):
                    return comparison
                case Waiting(what=what):
                    settings.notice(f"{what} …")
                case BaselinesMeasured():
                    pass  # they stand in the table
                case RowStarted(entry=entry, number=number, total=total):
                    display = display or stack.enter_context(_display(settings))
                    display.announce(entry.label, number=number, total=total)
                case RowFinished(row=row):
                    if row.error and display:
                        display.line(f"{row.label}: {row.error}", style="bold")
                case _ if display:
                    display.show(event)
    raise RuntimeError("a comparison ended without a result")


def _display(settings: Settings) -> TrainingDisplay:
    from seqmagic.cli.show.progress import TrainingDisplay

    return TrainingDisplay(quiet=settings.quiet)


def _show(settings: Settings, comparison: Comparison) -> None:
    if settings.json:
        json_document(comparison.to_json())
        return
    from seqmagic.cli.show.comparison import show_comparison

    show_comparison(comparison)


def _run_names(models: Path, targets: Sequence[str]) -> list[str]:
    """The runs that the arguments mean, a comparison standing for its runs; none where it is a text.

    Raises:
        RunError: several arguments, and one of them is no run.
    """
    from seqmagic.comparison.record import is_comparison, runs_of
    from seqmagic.runs.find import open_run

    names: list[str] = []
    for target in targets:
        if is_comparison(models / target):
            names += runs_of(models / target)
            continue
        try:
            open_run(models, target)
        except RunError as problem:
            if len(targets) == 1:
                return []
            raise RunError(f"{problem} (compare takes one text or several runs)") from problem
        names.append(target)
    return list(dict.fromkeys(names))
