"""`seqmagic sample --interactive`: a prompt line; text streams below it, settings change between texts."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from seqmagic.api import Model, load
from seqmagic.cli.console import is_plain, notice, one_line
from seqmagic.cli.options import SettingType, setting_fields
from seqmagic.cli.show.page import Page
from seqmagic.cli.show.painting import legend, paint
from seqmagic.config import SampleConfig, option_name, temperature_words
from seqmagic.errors import SeqmagicError
from seqmagic.sampling.endings import fit_stops, idle_settings
from seqmagic.sampling.prompts import fit_prompt, prompt_notices
from seqmagic.sampling.writer import write

_MEMORY = 5_000  # characters of the text so far that it goes on from
_FIXED = ("count",)
_COMMANDS = ("run", "settings", "help", "quit")
_SPOKEN = ("?", "exit", "")  # commands that nobody needs to be told about
_ESCAPED = re.compile(r"\\+/")
_HELP = """\
Type a prompt and press Enter: the model goes on from it. An empty line lets it go on from where it stopped.
Ctrl-C stops a text, Ctrl-D or /quit ends. A prompt may begin with / too, if that makes none of these commands:
  /run NAME          another model
  /temperature 0.5   any setting of `seqmagic sample --help`: /length, /top-k, /stop ...; /top-k default undoes it
  /settings          what is set
  /help              this
  \\/help             not a command: a prompt that begins with /help"""


@dataclasses.dataclass
class Talk:
    """The state of a session.

    Attributes:
        text: What stands so far, the prompt included; the next text may go on from it.
    """

    model: Model
    config: SampleConfig
    models: Path
    surprise: bool = False
    text: str = ""

    def take(self, line: str, page: Page) -> None:
        """Carry out the line that was typed where it is a command, else write a text on from it.

        Raises:
            SeqmagicError, click.UsageError: it can't be; nothing has changed.
        """
        if line.startswith("/") and _is_command(line[1:]):
            notice(self.obey(line[1:]))
        else:
            self.write(line[1:] if _ESCAPED.match(line) else line, page)

    def obey(self, line: str) -> str:
        """Carry out a command, `line` without its slash; return what to say about it.

        Raises:
            SeqmagicError, click.UsageError: it can't be; nothing has changed.
        """
        name, _, value = line.partition(" ")
        value = value.strip()
        if name in ("help", "?", ""):
            return _HELP
        if name == "settings":
            return self._settings()
        if name == "run":
            self.model = load(value or "latest", models=self.models)
            self.text = ""
            return f"{self.model.run.name} writes"
        settings = {option_name(field.name)[2:]: field for field in setting_fields(SampleConfig)}
        field = settings.get(name)
        if field is None or field.name in _FIXED:
            raise click.UsageError(f"there is no command /{name}; see /help, or type \\/{name} for a prompt")
        if not value:
            return f"{name} {self._shown(field.name)}"
        chosen: Any = field.default
        if value != "default":
            chosen = SettingType(SampleConfig, field).convert(value, None, None)
        self.config = dataclasses.replace(self.config, **{field.name: chosen})
        idle = idle_settings(fit_stops(self.config, self.model.vocabulary), self.model.vocabulary)
        idle = [line for line in idle if line.startswith(option_name(field.name) + " ")]
        return "\n".join([f"{name} {self._shown(field.name)}", *idle])

    def _settings(self) -> str:
        values = [
            f"{option_name(field.name)[2:]} {self._shown(field.name)}"
            for field in setting_fields(SampleConfig)
            if field.name not in _FIXED
        ]
        return f"run {self.model.run.name}, " + ", ".join(values)

    def _shown(self, name: str) -> str:
        """The value of the setting `name` in words."""
        value = getattr(self.config, name)
        if name == "temperature":
            return temperature_words(value)
        if value is None or value == ():
            return "none"
        return ", ".join(map(repr, value)) if isinstance(value, tuple) else str(value)

    def write(self, line: str, page: Page) -> None:
        """Write a text on from `line`, or on from the last text where it is empty. Ctrl-C ends the text alone.

        Raises:
            SampleError: the prompt does not fit the model.
        """
        end = self.model.record_end
        going_on = "" if end else self.text[-_MEMORY:]  # a record that has ended is over
        prompt = fit_prompt(line, self.model.vocabulary)[0] if line else going_on
        for said in prompt_notices(line, self.model.vocabulary):
            notice(one_line(said))
        written = [prompt]
        pieces = write(
            self.model.network,
            self.model.vocabulary,
            self.config,
            [prompt] if prompt else [],
            surprise=self.surprise,
            record_end=end,
        )
        page.write(page.shown(prompt) if line else "")
        with contextlib.suppress(KeyboardInterrupt):
            for piece in pieces:
                shown = page.shown(piece.characters)
                page.write(paint(shown, piece.probabilities) if self.surprise else shown)
                written.append(piece.characters)
        page.write("\n")
        page.flush()
        self.text = "".join(written)


def _command_names() -> list[str]:
    settings = [option_name(field.name)[2:] for field in setting_fields(SampleConfig) if field.name not in _FIXED]
    return [*_COMMANDS, *settings]


def _is_command(line: str) -> bool:
    """Whether a line, without its slash, begins with the name of a command, or with one that was mistyped."""
    name = line.partition(" ")[0]
    known = _command_names()
    return name in (*known, *_SPOKEN, *_FIXED) or bool(difflib.get_close_matches(name, known, n=1, cutoff=0.8))


def converse(model: Model, config: SampleConfig, prompts: Sequence[str], *, models: Path, surprise: bool) -> int:
    """Talk until the end of the input; first the texts that go on from `prompts`. Returns the exit code."""
    painted = surprise and not is_plain(sys.stdout)
    talk = Talk(model, config, models, painted)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    notice(_HELP)
    if painted:
        notice(legend(), painted=True)
    with Page() as page:
        given = ((prompt, talk.write) for prompt in prompts)
        typed = ((line, talk.take) for line in (_typed_lines(talk) if at_terminal else _piped_lines()))
        for line, act in itertools.chain(given, typed):
            if act == talk.take and line.strip() in ("/quit", "/exit"):
                break
            try:
                act(line, page)
            except (SeqmagicError, click.UsageError) as problem:
                notice(problem.format_message() if isinstance(problem, click.UsageError) else str(problem))
    return 0


def _piped_lines() -> Iterator[str]:
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def _typed_lines(talk: Talk) -> Iterator[str]:
    """What is typed, with editing, history (arrow keys) and completion of commands (tab)."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter

    commands = WordCompleter([f"/{name}" for name in _command_names()], sentence=True)
    session: PromptSession[str] = PromptSession(completer=commands, complete_while_typing=False)
    while True:
        try:
            yield session.prompt(lambda: f"{talk.model.run.name} at {temperature_words(talk.config.temperature)}> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
