"""`seqmagic runs rerun`: a run trained again, with its settings and its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from seqmagic.cli.commands.train import begin, new_run_options
from seqmagic.cli.options import RunName, Settings, TextName, command, option, use_settings
from seqmagic.errors import CorpusError, RunError

if TYPE_CHECKING:
    from seqmagic.runs.record import RunRecord


def _take_over(ctx: click.Context, parameter: click.Parameter, name: str) -> str:
    """Make the settings of the run the defaults of all options. --models has been read by now, it is eager."""
    from seqmagic.runs.find import open_run

    if ctx.resilient_parsing:  # a shell completes
        return name
    run = open_run(ctx.ensure_object(Settings).models, name)
    use_settings(ctx, _settings_of(run.read_record()), origin=f"run {run.name}")
    return run.name


def _settings_of(record: RunRecord) -> dict[str, Any]:
    """What was decided for the training, by the keys of options."""
    from seqmagic.training.resume import threads_of

    found: dict[str, Any] = {"text": record.text.source, "text_sha256": record.text.sha256}
    for config in (record.model, record.training, record.data):
        found |= config.to_json()
    found["threads"] = threads_of(record)
    found["fine_tune"] = record.fine_tuned and record.fine_tuned.run
    return {name: value for name, value in found.items() if value is not None}


@command(
    name="rerun",
    short_help="Train a run again, with its settings and text.",
    example="seqmagic runs rerun latest --seed 2 --name second",
)
@click.argument("run", type=RunName(), callback=_take_over)
@option(
    "--text",
    metavar="TEXT",
    type=TextName(),
    section="Run",
    help="Where the text is now. [default: where it was]",
)
@new_run_options
@click.pass_context
def rerun(ctx: click.Context, run: str, text: str, **values: Any) -> int:
    """Train RUN again as a new run: with its settings, on its text, which must be the same still.

    What is given here wins over the settings of RUN. By epochs, with the same seed, machine and versions the
    weights are the same, bit for bit; by minutes a clock decides how many steps are taken.
    """
    from seqmagic.texts.sources import STANDARD_INPUT

    if text == STANDARD_INPUT and ctx.get_parameter_source("text") is not ParameterSource.COMMANDLINE:
        raise RunError(f"run {run} read its text from standard input, where it can't be read again; name it by --text")
    try:
        return begin(ctx, text, values)
    except CorpusError as problem:
        raise RunError(f"run {run} can't be trained again: {problem} (--text says where its text is now)") from problem
