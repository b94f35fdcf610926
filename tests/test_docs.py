"""The documents tell the truth about the command line: what they name exists, and docs/cli.md is what --help says."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from seqmagic.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACEHOLDER = re.compile(r"[A-Z]{2,}")  # seqmagic COMMAND --help


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_what_help_says(generate: ModuleType) -> None:
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page(), "write docs/cli.md again: make docs-cli"


def test_the_page_of_commands_does_not_depend_on_the_terminal(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = generate.page()
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("SEQMAGIC_MODELS", "/elsewhere")
    assert generate.page() == expected


def test_every_command_has_a_section(generate: ModuleType) -> None:
    page = generate.PAGE.read_text(encoding="utf-8")
    found = [context.command_path for context, _ in generate.commands()]
    assert {"seqmagic", "seqmagic train", "seqmagic runs list"} <= set(found)
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == found
    assert re.findall(r"^- \[(.*)\]", page, re.MULTILINE) == found


def command_lines(page: str) -> Iterator[str]:
    """The commands of this tool in a page: lines of code blocks and code within lines that begin with its name."""
    parts = re.split(r"^[ ]*```.*$", page, flags=re.MULTILINE)
    for number, part in enumerate(parts):
        joined = part.replace("\\\n", " ")
        found = joined.split("\n") if number % 2 else re.findall(r"`([^`]+)`", joined)
        for line in found:
            words = line.strip().removeprefix("$ ").rpartition("again: ")[2]
            if words.startswith("seqmagic "):
                yield " ".join(words.split("\n"))


def arguments_of(line: str) -> list[str]:
    """The arguments of a command up to what a shell does with it: a comment, a pipe, a file, the next command."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    arguments: list[str] = []
    for word in words:
        if set(word) <= set("();<>|&"):
            break
        arguments.append(word)
    return arguments[1:]


def check(arguments: list[str]) -> None:
    """Raise click.UsageError unless the command and its options exist. Values are not looked at."""
    command: click.Command = main
    context = click.Context(main, info_name="seqmagic")
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        if PLACEHOLDER.fullmatch(arguments[0]):
            return
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command, context = found, click.Context(found, context, name)
    command.make_parser(context).parse_args(list(arguments))


COMMANDS = [(page.name, line) for page in PAGES for line in command_lines(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_what_a_page_tells_to_type_exists(page: str, line: str) -> None:
    check(arguments_of(line))


def test_commands_are_found_in_the_pages() -> None:
    assert {"README.md", "cli.md", "insight.md", "sampling.md", "serving.md"} <= {page for page, _ in COMMANDS}


@pytest.mark.parametrize(
    "text",
    [
        "```\nseqmagic trian my.txt\n```",
        "```sh\n$ seqmagic sample latest --lenght 3 | head\n```",
        "run `seqmagic runs lst` then",
        "run `seqmagic sample latest\n--no-such` then",
        "```\nseqmagic train my.txt \\\n  --nothing 3\n```",
        "```\n  seqmagic evaluate x --part\n```",
    ],
)
def test_what_does_not_exist_is_found(text: str) -> None:
    (line,) = command_lines(text)
    with pytest.raises(click.UsageError):
        check(arguments_of(line))


def test_make_passes_quotes_on() -> None:
    if shutil.which("make") is None:
        pytest.skip("needs make")
    command = ["make", "-n", "sample", "PROMPT=it's", "RUN=a b"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    assert r"sample 'a b' --prompt 'it'\''s'" in done.stdout
