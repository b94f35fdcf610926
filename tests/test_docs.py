"""The documents tell the truth about the command line: what they name exists, docs/cli.md is what --help says, and
outputs in the walk through a model's inside are real.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

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


# ---------------------------------------------------------------- outputs that a page shows

WALKS = sorted((ROOT / "docs").glob("insight*.md"))  # one for each language
LEFT_OUT = "..."
SLOW = ("measure recall", "inspect gates gru lstm --lesion")  # of `seqmagic`: tens of seconds
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def shown_outputs(page: str) -> dict[str, list[str]]:
    """The commands of a page whose output it shows, and the lines shown."""
    blocks = re.findall(r"^```\n\$ (seqmagic .*)\n((?:(?!```).*\n)+)```$", page, re.MULTILINE)
    return {command: lines.splitlines() for command, lines in blocks}


def without_numbers(line: str) -> str:
    """A line with its numbers as # and its blanks folded: what must be the same on any machine."""
    return " ".join(NUMBER.sub("#", line).split())


def same_line(shown: str, real: str) -> bool:
    """Whether two lines are one but for the last digit of a number, which other processors may round otherwise."""
    if without_numbers(shown) != without_numbers(real):
        return False
    for one, other in zip(NUMBER.findall(shown), NUMBER.findall(real), strict=True):
        decimals = len(one.partition(".")[2])
        apart = abs(float(one.replace(",", "")) - float(other.replace(",", "")))
        if len(other.partition(".")[2]) != decimals or apart > (1.01 * 10**-decimals if decimals else 0):
            return False
    return True


def first_missing(shown: list[str], real: list[str]) -> str | None:
    """The first of the lines shown that does not follow in the real output; None where all do.

    Lines follow each other without a gap, but for what `LEFT_OUT` stands for; the first and last are the real ones.
    """
    place, gap = 0, False
    for line in shown:
        if line == LEFT_OUT:
            gap = True
            continue
        found = next((n for n in range(place, len(real)) if same_line(line, real[n])), None)
        if found is None or (found > place and not gap):
            return line
        place, gap = found + 1, False
    return None if gap or place == len(real) else "(the end)"


@pytest.fixture(scope="module")
def output_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """What a command prints on a terminal of 100 columns, where there are no runs but those of seqmagic."""
    models = str(tmp_path_factory.mktemp("models"))

    @functools.cache
    def output(command: str) -> list[str]:
        environment = {"SEQMAGIC_MODELS": models, "COLUMNS": "100"}
        result = CliRunner(env=environment).invoke(main, arguments_of(command))
        assert result.exit_code == 0, result.stderr
        return [line.rstrip() for line in result.stdout.splitlines()]

    return output


SHOWN = [
    pytest.param(page.name, command, lines, marks=[pytest.mark.slow] if any(one in command for one in SLOW) else [])
    for page in WALKS
    for command, lines in shown_outputs(page.read_text(encoding="utf-8")).items()
]


@pytest.mark.parametrize(("page", "command", "lines"), SHOWN)
def test_a_page_shows_what_a_command_prints(
    page: str, command: str, lines: list[str], output_of: Callable[[str], list[str]]
) -> None:
    assert first_missing(lines, output_of(command)) is None


def test_the_walks_show_the_same_outputs() -> None:
    """In any language; and no block that begins with a command is missed."""
    first, *others = (page.read_text(encoding="utf-8") for page in WALKS)
    outputs = shown_outputs(first)
    assert len(outputs) == len(re.findall(r"^\$ seqmagic", first, re.MULTILINE)) > 10
    for other in others:
        assert shown_outputs(other) == outputs
        assert len(re.findall(r"^\$ seqmagic", other, re.MULTILINE)) == len(outputs)
        assert set(command_lines(other)) == set(command_lines(first))


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (["a 1.50 b", "...", "d"], None),
        (["...", "c  2", "..."], None),
        (["a 1.51 b", "...", "d"], None),  # one in the last digit
        (["a 1.52 b", "...", "d"], "a 1.52 b"),
        (["a 1.5 b", "...", "d"], "a 1.5 b"),
        (["...", "c 3", "..."], "c 3"),
        (["a 1.50 b", "d"], "d"),  # something was left out
        (["a 1.50 b"], "(the end)"),
        (["...", "d", "c 2", "..."], "c 2"),
    ],
)
def test_a_line_that_is_not_printed_is_found(shown: list[str], missing: str | None) -> None:
    assert first_missing(shown, ["a 1.50 b", "", "c 2", "d"]) == missing


@pytest.mark.parametrize("page", WALKS, ids=[page.name for page in WALKS])
def test_links_of_the_walks_lead_somewhere(page: Path) -> None:
    def anchors(path: Path) -> set[str]:
        """As GitHub makes them of headings."""
        headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8"))
    assert len(links) > 10
    for name, anchor in links:
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), anchor


def test_the_manifests_are_those_of_one_training() -> None:
    yaml = pytest.importorskip("yaml")
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    kinds = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(block)}
    assert list(kinds) == ["Service", "PersistentVolumeClaim", "Job", "NetworkPolicy"]
    job, service = kinds["Job"]["spec"], kinds["Service"]["spec"]
    pod = job["template"]
    labels = pod["metadata"]["labels"]
    assert service["selector"] == kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    (container,) = pod["spec"]["containers"]
    arguments = arguments_of(container["args"][0].removeprefix("exec "))
    check(arguments)
    addresses = arguments[arguments.index("--workers") + 1]
    assert addresses.split(",") == [f"seqmagic-{i}.seqmagic:2222" for i in range(job["completions"])]
    assert kinds["Job"]["metadata"]["name"] == kinds["Service"]["metadata"]["name"] == pod["spec"]["subdomain"]
    assert job["completions"] == job["parallelism"] and job["completionMode"] == "Indexed"
    (volume,), (mount,) = pod["spec"]["volumes"], container["volumeMounts"]
    assert volume["name"] == mount["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == kinds["PersistentVolumeClaim"]["metadata"]["name"]
    assert arguments[arguments.index("--models") + 1] == mount["mountPath"]


def test_make_passes_quotes_on() -> None:
    if shutil.which("make") is None:
        pytest.skip("needs make")
    command = ["make", "-n", "sample", "PROMPT=it's", "RUN=a b"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    assert r"sample 'a b' --prompt 'it'\''s'" in done.stdout
