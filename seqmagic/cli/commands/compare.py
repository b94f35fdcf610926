"""`seqmagic compare`: one fair table of several cells on one text, or of runs that are there already."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from seqmagic.cli.options import (
    RunName,
    Settings,
    collect,
    command,
    config_list_option,
    config_options,
    option,
)
from seqmagic.config import CELLS, DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import RunError

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
    from seqmagic.cli.comparing import Series, compare_runs, show_comparison

    names = _run_names(settings.models, target)
    if names:
        show_comparison(settings, compare_runs(settings, names, argv=sys.argv[1:]))
        return 0
    series = Series(
        settings,
        text=target[0],
        data=collect(DataConfig, values),
        model=collect(ModelConfig, values),
        training=collect(TrainConfig, values),
        argv=sys.argv[1:],
    )
    series.plan(cells=values["cells"], units=values["units"], layers=values["layers"], seeds=values["seeds"])
    return series.run(match=values["match"], name=values["name"], overwrite=values["overwrite"])


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
