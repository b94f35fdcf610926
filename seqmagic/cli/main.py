"""The `seqmagic` command: finds the command asked for; turns every error into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import click

from seqmagic.cli.console import INTERRUPTED, abandon, notice
from seqmagic.cli.options import LazyGroup, Settings, common_options
from seqmagic.errors import SeqmagicError
from seqmagic.machine import TENSORFLOW, install_command

CLOSED_PIPE = 141  # what a shell reports for a program that a closed pipe ended: 128 + SIGPIPE

# name: (where the command is, its line in `seqmagic --help`); a module is imported when its command runs
COMMANDS = {
    "train": ("seqmagic.cli.commands.train:train", "Train a model on a text, live on the screen."),
    "compare": ("seqmagic.cli.commands.compare:compare", "Put rnn, lstm and gru side by side on one text."),
    "compare show": ("seqmagic.cli.commands.compare_show:show", "Look into a comparison that is kept."),
    "sample": ("seqmagic.cli.commands.sample:sample", "Write text with a trained model."),
    "evaluate": ("seqmagic.cli.commands.evaluate:evaluate", "Measure the loss of models on texts."),
    "measure": ("seqmagic.cli.commands.measure:measure", "Measure gradient and memory of models."),
    "inspect": ("seqmagic.cli.commands.inspect:inspect", "See inside models: gates, memory, surprise."),
    "report": ("seqmagic.cli.commands.report:report", "One page that shows what is inside models."),
    "export": ("seqmagic.cli.commands.export:export", "Make a model work elsewhere, without this tool."),
    "serve": ("seqmagic.cli.commands.serve:serve", "Answer OpenAI's clients with trained models."),
    "data": ("seqmagic.cli.commands.data:data", "List, download and look into texts."),
    "runs": ("seqmagic.cli.commands.runs:runs", "List, show, tag, rename, pack and remove what was trained."),
}


class Ended(Exception):  # noqa: N818
    """Carries an exception past click's own handlers; the exception itself is `__cause__`."""

    def __init__(self, *, debug: bool) -> None:
        super().__init__()
        self.debug = debug


class MainGroup(LazyGroup):
    """The group of all commands, with the one error boundary."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as problem:
            raise Ended(debug=ctx.ensure_object(Settings).debug) from problem

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and leave the process with the exit code of the command."""
        _prepare_streams()
        debug = "--debug" in (sys.argv[1:] if args is None else args)
        try:
            result = super().main(
                args=args,
                prog_name=prog_name or "seqmagic",
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
            code = result if isinstance(result, int) else 0
        except (Exception, KeyboardInterrupt) as problem:
            if isinstance(problem, Ended):
                code = report(problem.__cause__, debug=debug or problem.debug)
            else:
                code = report(problem, debug=debug)
        if not standalone_mode:
            return code
        sys.exit(code)


def report(problem: BaseException | None, *, debug: bool) -> int:
    """Say on standard error what ended the command, in one line; return the exit code."""
    code, line = explain(KeyboardInterrupt() if _comes_of_interrupt(problem) else problem)
    if isinstance(problem, OSError):
        _abandon_unwritable_output()
    if debug and problem is not None and not isinstance(problem, click.ClickException):
        import traceback  # for this case alone

        traceback.print_exception(problem)
    if line:
        notice(f"seqmagic: {line}")
    return code


def _comes_of_interrupt(problem: BaseException | None) -> bool:
    """Whether Ctrl-C is at its root: imports of compiled modules make an error of their own of it."""
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen and not isinstance(problem, SeqmagicError):
        if isinstance(problem, KeyboardInterrupt):
            return True
        seen.add(id(problem))
        problem = problem.__cause__ or problem.__context__
    return False


def explain(problem: BaseException | None) -> tuple[int, str]:
    """The exit code and the line for an exception; the line is empty where silence is right."""
    match problem:
        case SeqmagicError():
            return problem.exit_code, " ".join(str(problem).split("\n"))
        case click.UsageError():
            return problem.exit_code, _usage_line(problem)
        case click.ClickException():
            return problem.exit_code, problem.format_message()
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED, "interrupted"
        case BrokenPipeError():
            return CLOSED_PIPE, ""
        case OSError():
            return 1, _system_line(problem)
        case ModuleNotFoundError() if problem.name and not problem.name.startswith("seqmagic"):
            package = problem.name.partition(".")[0]
            command = install_command() if package in TENSORFLOW else f"pip install {package.replace('_', '-')}"
            return 1, f"this needs the package {package}, which is not installed; get it with: {command}"
        case _ if _is_out_of_memory(problem):
            return 1, "not enough memory; make --units, --batch-size or the text smaller"
        case _:
            words = " ".join(str(problem).split())
            return 1, f"unexpected {type(problem).__name__}: {words} (--debug shows where)"


def _is_out_of_memory(problem: BaseException | None) -> bool:
    """Whether Python or TensorFlow got no memory; the error of the latter is known by its name, without an import."""
    return isinstance(problem, MemoryError) or type(problem).__name__ == "ResourceExhaustedError"


def _usage_line(problem: click.UsageError) -> str:
    """What was wrong with the command line, the nearest right word, and where to read on."""
    message = problem.format_message()
    if isinstance(problem, click.NoSuchOption):
        message = f"there is no option {problem.option_name}"
        if problem.possibilities:
            message += f"; did you mean {problem.possibilities[0]}?"
    message = message.removesuffix(".")
    end = "" if message.endswith("?") else ";"
    return f"{message}{end} see: {problem.ctx.command_path} --help" if problem.ctx else message


def _system_line(problem: OSError) -> str:
    words = problem.strerror or str(problem) or type(problem).__name__
    place = f"{problem.filename}: " if problem.filename is not None else ""
    advice = {
        errno.ENOSPC: "; free some space, or choose another disk with --models",
        errno.EDQUOT: "; free some space, or choose another disk with --models",
        errno.EROFS: "; choose another folder with --models",
        errno.EACCES: "; choose a folder that you may write in, or change its permissions",
        errno.EPERM: "; choose a folder that you may write in, or change its permissions",
    }
    return f"{place}{words}{advice.get(problem.errno or 0, '')}"


def _prepare_streams() -> None:
    """A character that the terminal's encoding lacks is shown escaped instead of ending the command."""
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # closed by whoever started the process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _abandon_unwritable_output() -> None:
    """Where standard output takes nothing more, point it at nothing, so that Python's last flush is quiet."""
    try:
        sys.stdout.flush()
    except OSError:
        abandon(sys.stdout)


@click.group(
    name="seqmagic",
    cls=MainGroup,
    table=COMMANDS,
    invoke_without_command=True,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "SEQMAGIC",
    },
    example="seqmagic compare python-docs --minutes 1",
)
@common_options
@click.pass_context
def main(ctx: click.Context) -> None:
    """Train recurrent character-level language models (rnn, lstm, gru) on any text, put them side by
    side, write with them and measure them.

    A TEXT is a file, a folder, - for standard input, or a name of `seqmagic data list`.
    A RUN is a name under the models folder, a path, or latest.
    """
    ctx.ensure_object(Settings)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
