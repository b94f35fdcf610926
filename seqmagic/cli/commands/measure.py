"""`seqmagic measure`: gradient and memory of runs, in figures with intervals."""

from __future__ import annotations

import click

from seqmagic.cli.options import LazyGroup, common_options

# name: (where the command is, its line in the help); a module is imported when its command runs
COMMANDS = {
    "gradient": ("seqmagic.cli.commands.measure_gradient:gradient", "How fast the gradient vanishes."),
    "memory": ("seqmagic.cli.commands.measure_memory:memory", "How many characters a model makes use of."),
    "ngram": ("seqmagic.cli.commands.measure_ngram:ngram", "Which n-gram a model is as good as."),
    "closers": ("seqmagic.cli.commands.measure_closers:closers", "How sure a model is of a closing bracket."),
    "repeats": ("seqmagic.cli.commands.measure_repeats:repeats", "What a model saves on words it has read before."),
    "recall": ("seqmagic.cli.commands.measure_recall:recall", "How far back each cell learns to remember."),
}


@click.group(
    name="measure",
    cls=LazyGroup,
    table=COMMANDS,
    invoke_without_command=True,
    short_help="Measure gradient and memory of models.",
    example="seqmagic measure gradient rnn gru lstm\nseqmagic measure memory rnn gru lstm",
)
@common_options
@click.pass_context
def measure(ctx: click.Context) -> None:
    """Measure what the article claims in your own models: how the gradient vanishes and how far memory reaches.

    Runs are measured on the validation part of their own text, at the same places for all runs of one text;
    intervals are 95 % of a moving-block bootstrap. `recall` takes no runs: it trains tiny models.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
