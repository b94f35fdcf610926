"""`seqmagic sample`: text from trained models, at once and as it is written."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic import files
from seqmagic.cli.console import INTERRUPTED, PLAIN_WIDTH, is_plain, notice, one_line
from seqmagic.cli.options import RunName, Settings, collect, command, config_options, option
from seqmagic.config import SampleConfig
from seqmagic.errors import SampleError

if TYPE_CHECKING:
    from seqmagic.api import Model
    from seqmagic.cli.show.painting import Painter
    from seqmagic.cli.writing import Assignment

LONGEST_PROMPT_FILE = 16 * 2**20  # bytes: a device or a wrong file may have no end
SEPARATOR = "-" * 20
_PATIENCE = 2.0  # seconds before a pipe that says nothing is spoken of


class FileName(click.Path):
    """The name of a file to write; an empty one, which would become the current folder, is refused as it came."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(value, param, ctx) if value else self.fail("name a file; received ''", param, ctx)


@command(
    name="sample",
    short_help="Write text with a trained model.",
    example='seqmagic sample latest --prompt "The " --length 300 --temperature 0.7',
)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=RunName())
@option("--prompt", "prompts", metavar="TEXT", multiple=True, section="Prompt",
        help="What the text goes on from, as it is typed (a line break: $'A\\nB' in most shells); may be given "
             "several times. [default: what is piped in, else a line break]")  # fmt: skip
@option("--prompt-file", "prompt_files", metavar="FILE|-", multiple=True, section="Prompt",
        help="A prompt from a UTF-8 file, or from standard input, as it stands there.")  # fmt: skip
@option("--skip-unknown", is_flag=True, section="Prompt",
        help="Leave out of the prompt what the model never saw.")  # fmt: skip
@config_options(SampleConfig)
@option("--output", metavar="FILE", type=FileName(dir_okay=False, path_type=Path), section="Output",
        help="Write to FILE instead of standard output.")  # fmt: skip
@option("--separator", metavar="TEXT", section="Output",
        help=f"Line between several texts. [default: {len(SEPARATOR)} dashes; of records their own]")  # fmt: skip
@option("--surprise", is_flag=True, section="Output",
        help="Paint each character by its surprise in bits; digits below where there are no colours.")  # fmt: skip
@option("--novelty", is_flag=True, section="Output",
        help="Say how much of it is copied from the training text, and how much is new.")  # fmt: skip
@option("--interactive", is_flag=True, section="Output",
        help="A prompt line: type, read on, change settings and model between texts.")  # fmt: skip
@click.pass_obj
def sample(
    settings: Settings,
    runs: tuple[str, ...],
    prompts: tuple[str, ...],
    prompt_files: tuple[str, ...],
    skip_unknown: bool,
    output: Path | None,
    separator: str | None,
    surprise: bool,
    novelty: bool,
    interactive: bool,
    **values: Any,
) -> int:
    """Write text with each RUN: its name, a path, latest (the default) or best.

    The text comes as it is written, on standard output and alone; several runs stand side by side. The
    settings act in this order: ban, repetition penalty, temperature, top-k, top-p, min-p.
    """
    _import_numpy_lightly()
    from seqmagic.cli.writing import assign

    config = collect(SampleConfig, values)
    _refuse_contradictions(settings, config, runs, prompt_files, output, interactive, separator)
    if output is not None:
        files.check_target(output)  # before the text is written, which may take long
    given = [*prompts, *map(_read_prompt, prompt_files)]
    if not (given or interactive):
        given = _piped_prompt(settings)
    models = _load(settings, runs)
    if interactive:
        from seqmagic.cli.interactive import converse

        return converse(models[0], config, given, models=settings.models, surprise=surprise)
    from seqmagic.sampling.writer import with_seed

    config = with_seed(config)
    assignments = [
        assign(
            model, config, given, skip_unknown=skip_unknown, surprise=surprise, novelty=novelty, tell=settings.notice
        )
        for model in models
    ]
    if settings.json:
        return _write_json(assignments, output)
    if len(assignments) > 1:
        return _write_columns(settings, assignments, output, SEPARATOR if separator is None else separator)
    return _write_text(settings, assignments[0], output, _between(models[0]) if separator is None else separator)


def _import_numpy_lightly() -> None:
    """Import NumPy without its pool of threads, which takes a third of the time; `sampling.threads` adds some."""
    name = "OPENBLAS_NUM_THREADS"
    if "numpy" not in sys.modules and name not in os.environ:
        os.environ[name] = "1"
        import numpy  # noqa: F401

        del os.environ[name]


def _refuse_contradictions(
    settings: Settings,
    config: SampleConfig,
    runs: Sequence[str],
    prompt_files: Sequence[str],
    output: Path | None,
    interactive: bool,
    separator: str | None,
) -> None:
    """Raise click.UsageError for options that can't be heeded, or not together."""
    if separator is not None and separator.encode("utf-8", "ignore").decode("utf-8") != separator:
        raise click.UsageError(f"--separator must be Unicode; received {separator!r}")
    if len(runs) > 1 and config.length == 0:
        raise click.UsageError("--length 0 never ends, so runs can't stand side by side; give a length")
    if interactive and (settings.json or output or len(runs) > 1):
        raise click.UsageError("--interactive is for one run and a terminal; leave out --json, --output and other runs")
    if prompt_files.count("-") > 1 or (interactive and "-" in prompt_files):
        raise click.UsageError("standard input can be read once: give --prompt-file - once, not with --interactive")


def _read_prompt(name: str, *, may_be_empty: bool = False) -> str:
    """The text in the file `name`, `-` for standard input.

    Raises:
        SampleError: it can't be read, is empty, too long, or is not UTF-8.
    """
    shown = "standard input" if name == "-" else name.encode("utf-8", "backslashreplace").decode("utf-8")
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb") as file:
            content = file.read(LONGEST_PROMPT_FILE + 1)
    except (OSError, ValueError) as problem:
        words = getattr(problem, "strerror", None) or problem
        raise SampleError(f"the prompt file {shown} can't be read: {words}") from problem
    if len(content) > LONGEST_PROMPT_FILE:
        raise SampleError(
            f"the prompt file {shown} has more than {LONGEST_PROMPT_FILE // 2**20} MB; give its last part, a prompt "
            "tells little beyond some thousand characters"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise SampleError(f"the prompt file {shown} is not UTF-8: byte {problem.start} is no part of it") from problem
    if not (text or may_be_empty):
        raise SampleError(f"the prompt file {shown} is empty; put some text into it, or leave out --prompt-file")
    return text


def _piped_prompt(settings: Settings) -> list[str]:
    """What a pipe or a file has for standard input, less the line break at its end; none where there is nothing."""
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):  # closed, or no stream of the system
        return []
    if not (stat.S_ISFIFO(kind) or stat.S_ISREG(kind)):
        return []
    if stat.S_ISFIFO(kind) and not select.select([sys.stdin], [], [], _PATIENCE)[0]:
        settings.notice("waiting for a prompt on standard input; give --prompt or </dev/null to go without")
    text = _read_prompt("-", may_be_empty=True).removesuffix("\n").removesuffix("\r")
    return [text] if text else []


def _load(settings: Settings, runs: Sequence[str]) -> list[Model]:
    from seqmagic.api import find_model
    from seqmagic.runs.find import pretrained_folder

    models = [find_model(name, models=settings.models) for name in runs or ("latest",)]
    if not runs and models[0].run.path.parent == pretrained_folder():
        name = models[0].run.name
        settings.notice(f"no run in {settings.models} yet: the pretrained {name} writes")
    return models


def _write_json(assignments: Sequence[Assignment], output: Path | None) -> int:
    from seqmagic.cli.show.page import Page
    from seqmagic.cli.writing import document

    documents = [document(assignment) for assignment in assignments]
    with Page(output) as page:
        page.write(files.to_json(documents[0] if len(documents) == 1 else {"runs": documents}))
    return 0


def _between(model: Model) -> str | None:
    """The line between several texts: what stood between the records of a model's text; None for nothing."""
    return {"line": None, "blank-line": ""}.get(model.record.data.records or "", SEPARATOR)


def _write_text(settings: Settings, assignment: Assignment, output: Path | None, separator: str | None) -> int:
    from seqmagic.cli.show.page import Page
    from seqmagic.cli.writing import write_texts

    with Page(output) as page:
        painter = _painter(settings, assignment, output)
        texts, interrupted = write_texts(assignment, page, separator=separator, painter=painter)
    _report(settings, [assignment], [texts], output)
    return INTERRUPTED if interrupted else 0


def _write_columns(settings: Settings, assignments: Sequence[Assignment], output: Path | None, separator: str) -> int:
    from seqmagic.cli.show.columns import side_by_side
    from seqmagic.cli.show.page import Page
    from seqmagic.sampling.pieces import Text

    written = [assignment.texts() for assignment in assignments]
    painter = _painter(settings, assignments[0], output)
    headings = [one_line(assignment.model.run.name) for assignment in assignments]
    width = _width(output)
    with Page(output) as page:
        for number, texts in enumerate(zip(*written, strict=True)):
            shown = []
            for assignment, text in zip(assignments, texts, strict=True):
                prompt = assignment.shown_prompt(number)
                likely = (1.0,) * len(prompt) + text.probabilities if painter else ()
                shown.append(Text(prompt + text.characters, likely))
            page.write(f"{separator}\n" if number else "")
            page.write("\n".join(side_by_side(shown, headings, width, painter)) + "\n")
    _report(settings, assignments, [[text.characters for text in texts] for texts in written], output)
    return 0


def _width(output: Path | None) -> int:
    if output is None and sys.stdout.isatty():
        return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else PLAIN_WIDTH


def _painter(settings: Settings, assignment: Assignment, output: Path | None) -> Painter | None:
    """What shows the surprise, where that was asked for; then its legend is said."""
    if not assignment.surprise:
        return None
    from seqmagic.cli.show.painting import Painter
    from seqmagic.cli.show.strips import colour_system

    plain = output is not None or is_plain(sys.stdout)
    painter = Painter(system=None if plain else colour_system(), width=_width(output))
    if not (painter.has_colours and is_plain(sys.stderr)):
        settings.notice(painter.legend(), painted=True)
    return painter


def _report(
    settings: Settings, assignments: Sequence[Assignment], written: Sequence[Sequence[str]], output: Path | None
) -> None:
    """How it went, on standard error; what was asked for is said even if --quiet."""
    from seqmagic.cli.writing import novelty_lines, summary

    for assignment, texts in zip(assignments, written, strict=True):
        settings.notice(summary(assignment) + (f", in {output}" if output else ""))
        novelty = assignment.novelty(texts)
        for line in novelty_lines(assignment.model.run.name, novelty) if novelty else ():
            notice(line)
