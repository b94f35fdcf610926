"""`seqmagic sample --interactive`: a prompt line; text streams below it, settings change between texts."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import itertools
import math
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from seqmagic.api import Model, find_model
from seqmagic.cli.console import notice, one_line
from seqmagic.cli.options import SettingType, setting_fields
from seqmagic.cli.show.page import Page
from seqmagic.cli.show.painting import Painter
from seqmagic.config import SampleConfig, option_name, temperature_words
from seqmagic.drawing.words import shorten
from seqmagic.errors import SeqmagicError
from seqmagic.sampling.endings import fit_stops, idle_settings
from seqmagic.sampling.prompts import default_prompt, fit_prompt, prompt_notices
from seqmagic.sampling.writer import write
from seqmagic.texts.vocabulary import UNKNOWN

_MEMORY = 5_000  # characters of the text so far that it goes on from
_FIXED = ("count",)
_CHOICES = 8  # characters to choose the next one among
_COMMANDS = ("run", "choose", "done", "settings", "help", "quit")
_SPOKEN = ("?", "exit", "")  # commands that nobody needs to be told about
_NUMBER = re.compile(r"\\\d+")
_ESCAPED = re.compile(r"\\+/")
_HELP = """\
Type a prompt and press Enter: the model goes on from it. An empty line lets it go on from where it stopped.
Ctrl-C stops a text, Ctrl-D or /quit ends. A prompt may begin with / too, if that makes none of these commands:
  /run NAME          another model
  /temperature 0.5   any setting of `seqmagic sample --help`: /length, /top-k, /stop ...; /top-k default undoes it
  /choose 5          choose each next character yourself among the 5 likeliest: its number, or any text, then Enter;
                     Enter alone takes the likeliest, /done ends it, and an empty line lets the model go on
  /settings          what is set
  /help              this
  \\/help             not a command: a prompt that begins with /help
A session, what is typed behind >:
  lstm at 0.8> The function
  The function returns the value of ...
  lstm at 0.8> /temperature 0.3
  temperature 0.3
  lstm at 0.3> /run gru
  gru writes"""


@dataclasses.dataclass
class Talk:
    """The state of a session.

    Attributes:
        text: What stands so far, the prompt included; the next text may go on from it.
        choices: Among how many characters the user chooses the next one; 0 while the model does.
        chosen: What was added since.
    """

    model: Model
    config: SampleConfig
    models: Path
    painter: Painter | None = None
    text: str = ""
    choices: int = 0
    chosen: str = ""

    def take(self, line: str, page: Page) -> None:
        """Carry out the line that was typed where it is a command, else write a text on from it.

        While the user chooses, a line is the number of a character, or the characters themselves.

        Raises:
            SeqmagicError, click.UsageError: it can't be; nothing has changed.
        """
        if line.startswith("/") and _is_command(line[1:]):
            name, _, value = line[1:].partition(" ")
            if name == "done":
                self._end_choosing(page)
            else:
                notice(self._begin_choosing(value.strip()) if name == "choose" else self.obey(line[1:]))
            return
        line = line[1:] if _ESCAPED.match(line) else line
        if self.choices:
            notice(self._choose(line))
        else:
            self.write(line, page)

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
            self.model = find_model(value or "latest", models=self.models)
            self.text = self.chosen = ""
            self.choices = 0
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

    def _begin_choosing(self, value: str) -> str:
        if value and not (value.isascii() and value.isdigit() and 1 <= int(value) <= 99):
            raise click.UsageError(f"/choose takes a number of characters from 1 to 99; received {value!r}")
        self.choices = int(value or _CHOICES)
        self.text = self.text or default_prompt(self.model.vocabulary)
        return self._offer()

    def _choose(self, line: str) -> str:
        """Add what `line` means: the number of a character that was offered (\\5 is a 5), or characters themselves."""
        likeliest = self._likeliest()
        if not line:
            added = likeliest[0][0]
        elif line.isascii() and line.isdigit() and 1 <= int(line) <= len(likeliest):
            added = likeliest[int(line) - 1][0]
        else:
            added = fit_prompt(line[1:] if _NUMBER.fullmatch(line) else line, self.model.vocabulary)[0]
        self.text += added
        self.chosen += added
        return self._offer()

    def _likeliest(self) -> list[tuple[str, float]]:
        """The characters that may come next, the likeliest first, with the probability that the model gives each."""
        logs, _ = self.model.step(None, self.text[-_MEMORY:])
        order = [number for number in np.argsort(-logs, kind="stable").tolist() if number != UNKNOWN]
        return [(self.model.vocabulary.decode([n]), math.exp(logs[n])) for n in order[: self.choices]]

    def _offer(self) -> str:
        """The end of the text and what may follow, numbered."""
        width = shutil.get_terminal_size().columns
        shown = one_line(self.text[-width:])
        parts = [f"{place} {character!r} {share:.1%}" for place, (character, share) in enumerate(self._likeliest(), 1)]
        return shorten(shown[::-1], width - 1)[::-1] + "\n" + "   ".join(parts)

    def _end_choosing(self, page: Page) -> None:
        """Write down what was chosen."""
        if not self.choices:
            raise click.UsageError("/done ends /choose, and nothing is being chosen")
        if self.chosen:
            page.write(f"{page.shown(self.chosen)}\n")
            page.flush()
        self.choices, self.chosen = 0, ""

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
            surprise=self.painter is not None,
            record_end=end,
        )
        shown = page.shown(prompt) if line else ""
        page.write(self.painter.prompt(shown) if self.painter else shown)
        with contextlib.suppress(KeyboardInterrupt):
            for piece in pieces:
                shown = page.shown(piece.characters)
                page.write(self.painter.add(shown, piece.probabilities) if self.painter else shown)
                written.append(piece.characters)
        page.write(f"{self.painter.end() if self.painter else ''}\n")
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
    painter = None
    if surprise:
        from seqmagic.cli.show.strips import colour_system

        painter = Painter(system=colour_system(), width=shutil.get_terminal_size().columns)
    talk = Talk(model, config, models, painter)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    notice(_HELP)
    if painter:
        notice(painter.legend(), painted=True)
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
            yield session.prompt(lambda: _prompt_of(talk))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _prompt_of(talk: Talk) -> str:
    if talk.choices:
        return "number, text, Enter or /done> "
    return f"{talk.model.run.name} at {temperature_words(talk.config.temperature)}> "
