"""`seqmagic compare`: one fair table of several cells on one text, or of runs that are there already."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import INTERRUPTED, json_document, result
from seqmagic.cli.insight import plot_option, write_plot
from seqmagic.cli.options import (
    AnyFunction,
    Choice,
    Settings,
    TextOrRunName,
    collect,
    command,
    config_file_option,
    config_list_option,
    config_options,
    is_given,
    option,
    settled,
    verbose_option,
)
from seqmagic.cli.reading import read_to_train
from seqmagic.comparison.cores import LARGEST_JOBS
from seqmagic.config import CELLS, DataConfig, ModelConfig, TrainConfig, counted
from seqmagic.errors import RunError

if TYPE_CHECKING:
    from seqmagic.cli.show.progress import TrainingDisplay
    from seqmagic.cli.show.rows import RowsDisplay
    from seqmagic.comparison.blocks import Both
    from seqmagic.comparison.both import BlockStarted, BothEvent
    from seqmagic.comparison.compare import Planned
    from seqmagic.comparison.record import Comparison
    from seqmagic.drawing.chart import Chart
    from seqmagic.training.events import Event

_FREE_WITH_RESUME = ("resume", "form", "against", "plot")
AXES = ("seconds", "characters")
FORMATS = ("table", "markdown", "csv", "latex", "html", "json")
MATCHES = ("units", "parameters")
BUDGETS = ("both",)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a comparison is shown: one of `FORMATS`, the axis of its curves, and a file for these."""

    form: str
    against: str | None
    plot: Path | None


def look_options(function: AnyFunction) -> AnyFunction:
    """--format, --against and --plot; `look_of` makes a `Look` of them."""
    form = option(
        "--format",
        "form",
        type=Choice(FORMATS),
        default="table",
        show_default=True,
        section="Comparison",
        help="How the table is written; json is what --json gives.",
    )
    against = option(
        "--against",
        type=Choice(AXES),
        section="Comparison",
        help="What the curves run over. [default: seconds, or characters where --epochs are the budget]",
    )
    return form(against(plot_option(function)))


def look_of(settings: Settings, *, form: str, against: str | None, plot: Path | None) -> Look:
    """What the options say; --format json is --json from here on."""
    if settings.json and form not in ("table", "json"):
        raise click.UsageError(f"--json and --format {form} are two formats; give one")
    settings.json = settings.json or form == "json"
    return Look(form=form, against=against, plot=plot)


@command(
    name="compare",
    short_help="Put rnn, lstm and gru side by side on one text.",
    example="seqmagic compare python-docs --cells rnn,lstm,gru --units 128 --minutes 1",
)
@click.argument("target", metavar="TEXT|RUN...", nargs=-1, type=TextOrRunName())
@config_list_option(ModelConfig, "cell", "--cells", default=CELLS, help="Cells to train. [default: rnn,lstm,gru]")
@config_list_option(ModelConfig, "units", "--units", help="Widths to train. [default: one, chosen as in train]")
@config_list_option(ModelConfig, "layers", "--layers", help="Depths to train. [default: one, chosen as in train]")
@option(
    "--match",
    type=Choice(MATCHES),
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
@option(
    "--jobs",
    type=click.IntRange(1, LARGEST_JOBS),
    metavar="N",
    default=1,
    show_default=True,
    section="Comparison",
    help="Train N rows at a time, each in a process with its share of the cores (--threads: of a row).",
)
@option(
    "--budget",
    type=Choice(BUDGETS),
    section="Comparison",
    help="both: after the block of equal time (--minutes) another one in which the same models get equal data, as "
    "often through the text as the row that read the least in its time: about twice the time in all, or less.",
)
@option("--name", metavar="NAME", section="Comparison", help="Its name. [default: TEXT-comparison]")
@option("--overwrite", is_flag=True, section="Comparison", help="Replace a comparison of that name.")
@option(
    "--resume",
    metavar="NAME",
    section="Comparison",
    help="Take up the comparison NAME where it ended: rows that are complete stay, the others are trained anew, "
    "with the settings that it began with.",
)
@look_options
@config_file_option("Comparison")
@verbose_option("Comparison")
@config_options(ModelConfig, TrainConfig, DataConfig, exclude=("cell", "units", "layers"))
@click.pass_context
def compare(
    ctx: click.Context,
    target: tuple[str, ...],
    resume: str | None,
    budget: str | None,
    form: str,
    against: str | None,
    plot: Path | None,
    **values: Any,
) -> int:
    """Train several cells on TEXT with the same split, budget and seed, and put their losses side by
    side, above baselines that say whether they are any good. Every row is an ordinary run.

    With names of runs (or of a comparison) instead: put these side by side, training nothing. `compare show NAME`
    looks into a comparison: where its rows differ, and how they learned.

    A row that fails is reported in its place. Ctrl-C ends the training that is on and shows the table
    of what there is; --resume goes on from there, also after a crash. Ctrl-Z pauses all of it, and no
    minute of a budget is spent until fg.
    """
    settings = ctx.ensure_object(Settings)
    look = look_of(settings, form=form, against=against, plot=plot)
    if resume is not None:
        _refuse_settings(ctx)
        return _resume(settings, resume, look)
    if not target:
        raise click.UsageError("Missing argument 'TEXT|RUN...'")
    with settings.meanwhile("starting"):  # the imports take most of a second
        from seqmagic.comparison.blocks import read_kept
        from seqmagic.comparison.both import compare_both
        from seqmagic.comparison.budgets import refuse_epochs
        from seqmagic.comparison.compare import compare as compare_once
        from seqmagic.comparison.compare import compare_runs
        from seqmagic.comparison.cores import cores_each
        from seqmagic.comparison.record import is_comparison
        from seqmagic.training.device import require_tensorflow

    is_kept = len(target) == 1 and is_comparison(settings.models / target[0])
    names = [] if is_kept else _run_names(settings.models, target)
    if budget and (is_kept or names):
        raise click.UsageError(f"--budget {budget} is for a TEXT to train on; {target[0]} was trained already")
    if is_kept:
        show_comparison(settings, read_kept(settings.models / target[0]), look)
        return 0
    if names:
        show_comparison(
            settings, _follow(settings, compare_runs(names, models=settings.models, argv=sys.argv[1:])), look
        )
        return 0
    require_tensorflow()
    if values["jobs"] > 1:
        cores_each(values["jobs"], threads=values["threads"])  # before a text is read
    training = collect(TrainConfig, settled(ctx, values))
    if budget:
        refuse_epochs(training)  # before a long text is read
    corpus = read_to_train(settings, target[0], collect(DataConfig, values).drawn_with(values["seed"]))
    train_and_compare = compare_both if budget else compare_once
    events = train_and_compare(
        corpus,
        cells=values["cells"],
        units=values["units"],
        layers=values["layers"],
        seeds=values["seeds"],
        match=values["match"],
        jobs=values["jobs"],
        model=collect(ModelConfig, values, units=None, layers=None),
        training=training,
        models=settings.models,
        name=values["name"],
        overwrite=values["overwrite"],
        argv=sys.argv[1:],
    )
    return _train(settings, events, look, told=(corpus.summary, *corpus.notices))


def _resume(settings: Settings, name: str, look: Look) -> int:
    from seqmagic.comparison.blocks import read_kept
    from seqmagic.comparison.both import resume as train_the_rest
    from seqmagic.comparison.record import is_comparison

    folder = settings.models / name
    if is_comparison(folder):
        before = read_kept(folder)
        if before.is_whole:
            settings.notice(f"{name} is complete; nothing is trained")
            show_comparison(settings, before, look)
            return 0
    return _train(settings, train_the_rest(name, models=settings.models), look)


def _refuse_settings(ctx: click.Context) -> None:
    """Raise UsageError where --resume came with anything that the comparison has settled already."""
    given = [
        parameter.human_readable_name.rstrip(".") if isinstance(parameter, click.Argument) else parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name in ctx.params and parameter.name not in _FREE_WITH_RESUME and is_given(ctx, parameter.name)
    ]
    if given:
        raise click.UsageError(
            f"--resume goes on with the text and the settings that the comparison began with; leave out {given[0]}"
        )


def _train(settings: Settings, events: Generator[BothEvent | Event], look: Look, *, told: Sequence[str] = ()) -> int:
    """Follow a series, or both blocks of one, to its end and show it, the lines `told` first; the exit code."""
    from seqmagic.comparison.blocks import Both

    found = _follow(settings, events, told=told)
    show_comparison(settings, found, look)
    rows = found.time.rows if isinstance(found, Both) else found.rows
    if any(row.run for row in rows) and not settings.json:
        names = [block.comparison.name for block in found.blocks] if isinstance(found, Both) else [found.name]
        kept = " and ".join(str(settings.models / (name or "")) for name in names)
        settings.notice(f"\nkept in {kept}; again: seqmagic compare {found.name}")
    if found.status == "interrupted":
        if found.name and any(row.run for row in rows) and not settings.json:
            settings.notice(f"go on with: seqmagic compare --resume {found.name}")
        return INTERRUPTED
    return 0 if any(row.loss is not None for row in rows) else 1


def _follow(settings: Settings, events: Generator[BothEvent | Event], *, told: Sequence[str] = ()) -> Comparison | Both:
    """Draw what happens, the lines `told` before the plan; the comparison, or both blocks of it, that it comes to."""
    from seqmagic.cli.show.progress import clock
    from seqmagic.comparison.both import BlockStarted, ComparedBoth
    from seqmagic.comparison.compare import BaselinesMeasured, Compared, Planned, Waiting
    from seqmagic.comparison.series import OfRow, RowFinished, RowStarted

    together: RowsDisplay | None = None
    jobs, said = 1, set[str]()
    with contextlib.closing(events), contextlib.ExitStack() as drawn:
        display = drawn.enter_context(_display(settings, said))
        for event in events:
            match event:
                case Compared(comparison=comparison):
                    return comparison
                case ComparedBoth(both=both):
                    return both
                case BlockStarted():
                    display.line(_block_words(event))
                case Waiting(what=what):
                    if together is not None:
                        drawn.close()
                        together, display = None, drawn.enter_context(_display(settings, said))
                    display.doing(what)
                case BaselinesMeasured():
                    pass  # they stand in the table
                case Planned():
                    jobs = event.jobs
                    display.tell(told)
                    display.line(_plan_words(event))
                case RowStarted() | OfRow() | RowFinished() if jobs > 1:
                    if together is None:
                        drawn.close()
                        together = drawn.enter_context(_display_of_rows(settings, said))
                    together.show(event)
                case RowStarted(entry=entry, number=number, total=total, seconds_left=left):
                    display.announce(entry.label, number=number, total=total)
                    if left is not None and number > 1:
                        display.line(f"about {clock(left)} left for this and the rows after it", style="dim")
                case RowFinished(row=row):
                    if row.error:
                        display.line(f"{row.label}: {row.error}", style="bold")
                case _ if not isinstance(event, OfRow):
                    display.show(event)
    raise RuntimeError("a comparison ended without a result")


def _block_words(block: BlockStarted) -> str:
    """Which block begins, and what it holds equal."""
    words = f"block {block.number} of 2, {block.title}: {block.name}"
    if block.epochs is None:
        return words
    return f"{words}, {block.epochs:g} epochs each, as many as the row that read the least in its time"


def _plan_words(plan: Planned) -> str:
    """How much there is to train, and how long that will take as far as one can say."""
    from seqmagic.cli.show.progress import clock

    rows = f"{counted(plan.rows, 'row')} to train"
    if plan.jobs > 1:
        rows += f", {plan.jobs} at a time"
    if plan.done:
        rows += f", {plan.done} there already"
    if not plan.rows:
        return rows
    if plan.seconds is None:
        return f"{rows}; how long that takes is told by the first"
    return f"{rows}: {clock(plan.seconds)} in all, and what compiling and the baselines take"


def _display(settings: Settings, said: set[str]) -> TrainingDisplay:
    from seqmagic.cli.show.progress import TrainingDisplay

    return TrainingDisplay(quiet=settings.quiet, verbose=settings.verbose, said=said)


def _display_of_rows(settings: Settings, said: set[str]) -> RowsDisplay:
    from seqmagic.cli.show.rows import RowsDisplay

    return RowsDisplay(quiet=settings.quiet, verbose=settings.verbose, said=said)


def show_comparison(settings: Settings, shown: Comparison | Both, look: Look) -> None:
    """The comparison, or both blocks of one, as `look` wants it, and its curves in a file where one is named.

    Of the second block the file is another one: "-data" stands at the end of its name.
    """
    from seqmagic.comparison.blocks import Both
    from seqmagic.comparison.charts import comparison_chart

    blocks = [block.comparison for block in shown.blocks] if isinstance(shown, Both) else [shown]
    charts = [comparison_chart(block, look.against) for block in blocks]
    _print(settings, shown, look.form, charts)
    if look.plot is None:
        return
    if not any(charts):
        raise RunError("--plot has no curve to draw: none of the runs has a history of two evaluations or more")
    files = (look.plot, look.plot.with_stem(f"{look.plot.stem}-data"))
    for path, chart in zip(files, charts, strict=False):
        if chart is not None:
            write_plot(path, chart, settings)


def _print(settings: Settings, shown: Comparison | Both, form: str, charts: Sequence[Chart | None]) -> None:
    from seqmagic.comparison.blocks import Both

    if settings.json:
        json_document(shown.to_json())
    elif form != "table":
        from seqmagic.cli.show.formats import write_table

        result(write_table(shown, form))
    elif isinstance(shown, Both):
        from seqmagic.cli.show.comparison import show_both

        show_both(shown, charts)
    else:
        from seqmagic.cli.show.comparison import show_comparison as show_table

        show_table(shown, charts[0])


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
