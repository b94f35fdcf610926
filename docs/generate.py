"""Writes docs/cli.md from the `--help` of every command: `make docs-cli`, or `python docs/generate.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from seqmagic.cli.main import main

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 100  # columns; the widest that help gets on a terminal
HEAD = """# Every command and option

Made by `make docs-cli` from what `--help` says; `tests/test_docs.py` holds the two together.
"""


def commands(
    command: click.Command = main, name: str = "seqmagic", parent: click.Context | None = None
) -> Iterator[tuple[click.Context, click.Command]]:
    """Each command after the one above it, with the context in which it would run."""
    context = click.Context(command, parent, name, **{**command.context_settings, "terminal_width": WIDTH})
    yield context, command
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from commands(found, below, context)


def page() -> str:
    """docs/cli.md as it should be."""
    helps = [(context.command_path, command.get_help(context)) for context, command in commands()]
    index = "".join(f"- [{path}](#{path.replace(' ', '-')})\n" for path, _ in helps)
    return HEAD + "\n" + index + "".join(f"\n## {path}\n\n```text\n{text.rstrip()}\n```\n" for path, text in helps)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
