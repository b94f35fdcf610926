"""`seqmagic inspect`: what the cells of runs do, character by character."""

from __future__ import annotations

import click

from seqmagic.cli.options import LazyGroup, common_options

# name: (where the command is, its line in the help); a module is imported when its command runs
COMMANDS = {
    "trace": ("seqmagic.cli.commands.inspect_trace:trace", "A text over its gates and memory."),
    "gates": ("seqmagic.cli.commands.inspect_gates:gates", "How far gates are open, and for how long."),
    "cell": ("seqmagic.cli.commands.inspect_cell:cell", "A cell in equations and numbers."),
    "connectivity": (
        "seqmagic.cli.commands.inspect_connectivity:connectivity",
        "What one prediction depends on.",
    ),
    "surprise": ("seqmagic.cli.commands.inspect_surprise:surprise", "How surprising each character was."),
    "neurons": ("seqmagic.cli.commands.inspect_neurons:neurons", "Which unit tells of quotes, brackets, columns."),
    "errors": ("seqmagic.cli.commands.inspect_errors:errors", "Which characters cost the bits, and why."),
}


@click.group(
    name="inspect",
    cls=LazyGroup,
    table=COMMANDS,
    invoke_without_command=True,
    short_help="See inside models: gates, memory, surprise.",
    example='seqmagic inspect surprise rnn gru lstm --text "The quick brown fox."',
)
@common_options
@click.pass_context
def inspect(ctx: click.Context) -> None:
    """See what the cells of your own models do while they read.

    Looked at are characters of your own (--text, --file), or, where nothing is named, the start of the
    held-out part of the run's own text, from any place on (--at). Where there are real characters before
    them, a model reads 200 of those first.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
