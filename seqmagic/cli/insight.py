"""What the commands of `seqmagic measure` and `inspect` have in common: opening runs, drawing charts, writing files."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.console import is_plain, make_console, result
from seqmagic.cli.options import RunName, Settings, option
from seqmagic.errors import ConfigError, SeqmagicError

if TYPE_CHECKING:
    from seqmagic.drawing.chart import Chart
    from seqmagic.insight.excerpts import Excerpt
    from seqmagic.insight.settings import ExcerptConfig, ModelFileConfig
    from seqmagic.insight.subjects import Subject
    from seqmagic.runs.folder import Run


def held_out_subjects(settings: Settings, names: Sequence[str]) -> list[Subject]:
    """The runs of these names, each with the held-out part of its own text."""
    from seqmagic.insight.passages import held_out
    from seqmagic.insight.subjects import open_subject
    from seqmagic.runs.find import open_run

    runs = [open_run(settings.models, name) for name in dict.fromkeys(names)]
    return [open_subject(run, held_out(run)) for run in runs]


def excerpt_subjects(
    settings: Settings,
    names: Sequence[str],
    config: ExcerptConfig,
    *,
    length: int = 400,
    model_files: ModelFileConfig | None = None,
) -> tuple[Excerpt, list[Subject]]:
    """The characters that `config` names and the runs of these names, each ready to read them.

    Where no text is named, it is the held-out part of the first run's own; `length` characters of it, where
    `config` does not say how many. What a reader should know about it goes to standard error. A name may be
    the path of a .keras file where `model_files` is given.
    """
    from seqmagic.insight.excerpts import read_excerpt, remarks
    from seqmagic.insight.model_files import open_model_file, read_model_file
    from seqmagic.runs.folder import Run

    names = list(dict.fromkeys(names))
    paths = {name: Path(name) for name in names if _is_model_file(name, settings)}
    vocabulary = model_files.vocabulary if model_files else None
    if vocabulary is not None and not paths:
        raise ConfigError("--vocabulary is for a .keras file; a run has its own, so leave it out")
    opened = {name: read_model_file(path, vocabulary) for name, path in paths.items() if model_files}
    if names[0] in opened:
        first = opened[names[0]]
        excerpt = read_excerpt(Run(first.path), config, length=length, vocabulary=first.vocabulary)
    else:
        excerpt = read_excerpt(_open_run(settings, names[0]), config, length=length)
    subjects = [
        open_model_file(opened[name], excerpt) if name in opened else excerpt_subject(settings, name, excerpt)
        for name in names
    ]
    for line in remarks(subjects, excerpt):
        settings.notice(line)
    return excerpt, subjects


def _open_run(settings: Settings, name: str) -> Run:
    from seqmagic.runs.find import open_run

    if _is_model_file(name, settings):
        raise ConfigError(f"{name} is a model file and no run; inspect trace and inspect gates can look into one")
    return open_run(settings.models, name)


def _is_model_file(name: str, settings: Settings) -> bool:
    return name.endswith(".keras") and not Path(name).is_dir() and not (settings.models / name).is_dir()


def excerpt_subject(settings: Settings, name: str, excerpt: Excerpt) -> Subject:
    """The run of this name, ready to read `excerpt`."""
    from seqmagic.insight.excerpts import open_reader

    return open_reader(_open_run(settings, name), excerpt)


def warn(document: dict[str, Any], settings: Settings) -> None:
    """The warnings of a document, on standard error."""
    for line in document["warnings"]:
        settings.notice(line)


class PlotPath(click.ParamType):
    """A file that a chart can be written to; told apart before anything is measured."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from seqmagic.drawing.figure import FORMATS, require_matplotlib

        path = Path(value)
        ending = path.suffix.lower()
        if ending.removeprefix(".") in FORMATS:
            require_matplotlib()
        elif ending != ".svg":
            raise ConfigError(
                f"--plot writes SVG, PNG or PDF: its file must end in .svg, .png or .pdf; received {str(path)!r}"
            )
        if path.is_dir():
            raise ConfigError(f"--plot needs a file, and {path} is a folder; name a file in it")
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"--plot can't write {path}: there is no folder {path.absolute().parent}; make it first")
        return path


plot_option = option(
    "--plot", type=PlotPath(), metavar="FILE", help="Write the chart to this file too: .svg, .png or .pdf."
)
runs_argument = click.argument("runs", nargs=-1, required=True, type=RunName(), metavar="RUN...")


def write_plot(path: Path | None, chart: Chart, settings: Settings) -> None:
    """The chart in `path`, where one was named, as what its ending says."""
    if path is None:
        return
    from seqmagic import files
    from seqmagic.drawing.figure import chart_image
    from seqmagic.drawing.svg import chart_svg

    ending = path.suffix.lower()
    content = chart_svg(chart).encode("utf-8") if ending == ".svg" else chart_image(chart, ending.removeprefix("."))
    with written_to(path, "--plot"):
        files.write_bytes(path, content)
    settings.notice(f"chart written to {path}")


@contextlib.contextmanager
def written_to(path: Path, option_name: str) -> Iterator[None]:
    """What the system says while `path` is written, as one line that names the option to change."""
    try:
        yield
    except OSError as problem:
        raise SeqmagicError(
            f"{path} can't be written: {problem.strerror or problem}; choose another file with {option_name}"
        ) from problem


def terminal_width() -> int:
    """Columns of standard output."""
    return make_console(sys.stdout).width


def draw_chart(chart: Chart) -> None:
    """The chart on standard output: in colour on a terminal, without braille where the encoding lacks it."""
    from seqmagic.drawing.terminal import chart_lines

    try:
        "⣿┤─└".encode(sys.stdout.encoding or "utf-8")
        braille = True
    except (UnicodeEncodeError, LookupError):
        braille = False
    colour = not is_plain(sys.stdout)
    for line in chart_lines(chart, width=terminal_width(), colour=colour, braille=braille):
        result(line, painted=colour)
