"""`seqmagic data`: which texts there are, how to have them, and what is in them."""

from __future__ import annotations

import click

from seqmagic.cli.options import LazyGroup, common_options

# name: (where the command is, its line in the help); a module is imported when its command runs
COMMANDS = {
    "list": ("seqmagic.cli.commands.data_list:list_texts", "List the texts that have a name."),
    "show": ("seqmagic.cli.commands.data_show:show_text", "Show what a text is and where it lies."),
    "get": ("seqmagic.cli.commands.data_get:get_text", "Download a text of the catalogue."),
    "cache": ("seqmagic.cli.commands.data_cache:show_cache", "Show or clear the ids kept of large texts."),
    "stats": ("seqmagic.cli.commands.data_stats:stats", "Look into a text before training on it."),
}


@click.group(
    name="data",
    cls=LazyGroup,
    table=COMMANDS,
    invoke_without_command=True,
    short_help="List, download and look into texts.",
    example="seqmagic data list\nseqmagic data stats python-docs",
)
@common_options
@click.pass_context
def data(ctx: click.Context) -> None:
    """List the texts that have a name, download well-known ones, and look into any text.

    Every name of the list is a TEXT: what is not on this machine yet is downloaded by the first command that
    reads it, once, and checked.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
