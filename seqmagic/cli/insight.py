"""What the commands of `seqmagic measure` and `inspect` have in common: opening runs, drawing charts, writing files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import is_plain, make_console, result
from seqmagic.cli.options import RunName, Settings, option
from seqmagic.errors import ConfigError, SeqmagicError

if TYPE_CHECKING:
    from seqmagic.cli.show.plots import Chart
    from seqmagic.insight.excerpts import Excerpt
    from seqmagic.insight.settings import ExcerptConfig
    from seqmagic.insight.subjects import Subject


def held_out_subjects(settings: Settings, names: Sequence[str]) -> list[Subject]:
    """The runs of these names, each with the held-out part of its own text."""
    from seqmagic.insight.passages import held_out
    from seqmagic.insight.subjects import open_subject
    from seqmagic.runs.find import open_run

    runs = [open_run(settings.models, name) for name in dict.fromkeys(names)]
    return [open_subject(run, held_out(run)) for run in runs]


def excerpt_subjects(
    settings: Settings, names: Sequence[str], config: ExcerptConfig, *, length: int = 400
) -> tuple[Excerpt, list[Subject]]:
    """The characters that `config` names and the runs of these names, each ready to read them.

    Where no text is named, it is the held-out part of the first run's own; `length` characters of it, where
    `config` does not say how many. What a reader should know about it goes to standard error.
    """
    from seqmagic.insight.excerpts import read_excerpt, remarks
    from seqmagic.runs.find import open_run

    names = list(dict.fromkeys(names))
    excerpt = read_excerpt(open_run(settings.models, names[0]), config, length=length)
    subjects = [excerpt_subject(settings, name, excerpt) for name in names]
    for line in remarks(subjects, excerpt):
        settings.notice(line)
    return excerpt, subjects


def excerpt_subject(settings: Settings, name: str, excerpt: Excerpt) -> Subject:
    """The run of this name, ready to read `excerpt`."""
    from seqmagic.insight.excerpts import open_reader
    from seqmagic.runs.find import open_run

    return open_reader(open_run(settings.models, name), excerpt)


def warn(document: dict[str, Any], settings: Settings) -> None:
    """The warnings of a document, on standard error."""
    for line in document["warnings"]:
        settings.notice(line)


class PlotPath(click.ParamType):
    """A file that a chart can be written to; told apart before anything is measured."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if path.suffix.lower() != ".svg":
            raise ConfigError(f"--plot writes SVG: its file must end in .svg; received {str(path)!r}")
        if path.is_dir():
            raise ConfigError(f"--plot needs a file, and {path} is a folder; name a file in it")
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"--plot can't write {path}: there is no folder {path.absolute().parent}; make it first")
        return path


plot_option = option("--plot", type=PlotPath(), metavar="FILE.svg", help="Write the chart to this file too.")
runs_argument = click.argument("runs", nargs=-1, required=True, type=RunName(), metavar="RUN...")


def write_plot(path: Path | None, chart: Chart, settings: Settings) -> None:
    """The chart as SVG in `path`, where one was named."""
    if path is None:
        return
    from seqmagic import files
    from seqmagic.cli.show.plots import chart_svg

    try:
        files.write_text(path, chart_svg(chart))
    except OSError as problem:
        raise SeqmagicError(
            f"{path} can't be written: {problem.strerror or problem}; choose another file with --plot"
        ) from problem
    settings.notice(f"chart written to {path}")


def terminal_width() -> int:
    """Columns of standard output."""
    return make_console(sys.stdout).width


def draw_chart(chart: Chart) -> None:
    """The chart on standard output: in colour on a terminal, without braille where the encoding lacks it."""
    from seqmagic.cli.show.plots import chart_lines

    try:
        "⣿┤─└".encode(sys.stdout.encoding or "utf-8")
        braille = True
    except (UnicodeEncodeError, LookupError):
        braille = False
    colour = not is_plain(sys.stdout)
    for line in chart_lines(chart, width=terminal_width(), colour=colour, braille=braille):
        result(line, painted=colour)
