"""`sample --interactive`: lines are prompts, commands change settings, Ctrl-C ends a text and not the session."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from seqmagic.api import Model, load
from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]


@pytest.fixture
def talk(seqmagic: Call, tiny_run: Run) -> Callable[..., Result]:
    def call(*lines: str) -> Result:
        return seqmagic(
            "sample", "tiny", "--interactive", "--length", 20, "--seed", 3, input="".join(f"{line}\n" for line in lines)
        )

    return call


def text_of(seqmagic: Call, prompt: str, *arguments: object, run: str = "tiny") -> str:
    return seqmagic("sample", run, "--prompt", prompt, "--length", 20, "--seed", 3, *arguments).stdout


def test_each_line_is_a_prompt(talk: Call, seqmagic: Call) -> None:
    result = talk("1 green", "wall")
    assert result.exit_code == 0
    assert result.stdout == text_of(seqmagic, "1 green") + text_of(seqmagic, "wall")
    assert result.stderr.startswith("Type a prompt and press Enter")


def test_an_empty_line_goes_on(talk: Call, seqmagic: Call) -> None:
    first = text_of(seqmagic, "1 green")
    second = text_of(seqmagic, first[:-1]).removeprefix(first[:-1])
    assert talk("1 green", "").stdout == first + second
    assert talk("").stdout == seqmagic("sample", "tiny", "--length", 20, "--seed", 3).stdout


def test_settings_and_runs_change_between_texts(talk: Call, seqmagic: Call, models: Path, text: Path) -> None:
    make_run(models, "other", source=text, cell="rnn", seed=5)
    result = talk(
        "/temperature 0.1", "green", "/top-k 2", "/run other", "green", "/top-k default", "green", "/settings"
    )
    assert result.stdout == (
        text_of(seqmagic, "green", "--temperature", 0.1)
        + text_of(seqmagic, "green", "--temperature", 0.1, "--top-k", 2, run="other")
        + text_of(seqmagic, "green", "--temperature", 0.1, run="other")
    )
    assert "temperature 0.1\ntop-k 2\nother writes\ntop-k none\nrun other, length 20, temperature 0.1," in result.stderr


def test_a_range_of_temperatures_is_shown_as_it_is_typed(talk: Call) -> None:
    result = talk("/temperature 0.30..1.2", "/settings")
    assert "\ntemperature 0.3..1.2\nrun tiny, length 20, temperature 0.3..1.2," in result.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/temprature 1", "there is no command /temprature; see /help"),
        ("/count 3", "there is no command /count; see /help"),
        ("/temperature hot", "--temperature must be a number or a range"),
        ("/top-k many", "--top-k must be a whole number or auto; received 'many'"),
        ("/top-p 7", "--top-p must be above 0"),
        ("/run nobody", "there is no run 'nobody'"),
        ("→", "the prompt has characters that the model never saw"),
        ("/length", "length 20"),
        ("/stop", "stop none"),
    ],
)
def test_mistakes_end_nothing(line: str, words: str, talk: Call, seqmagic: Call) -> None:
    result = talk(line, "green")
    assert result.exit_code == 0
    assert words in result.stderr
    assert result.stdout == text_of(seqmagic, "green")


@pytest.mark.parametrize(
    ("line", "prompt"),
    [("// a", "// a"), ("/usr", "/usr"), (r"\/help", "/help"), (r"\\/help", r"\/help"), (r"\n/", r"\n/")],
)
def test_a_prompt_may_begin_with_a_slash(line: str, prompt: str, seqmagic: Call, models: Path, tmp_path: Path) -> None:
    make_run(models, "slashes", source=make_text(tmp_path, "// a /usr/help \\n\n" * 40, name="slashes.txt"))
    settings = ("sample", "slashes", "--length", 20, "--seed", 3)
    result = seqmagic(*settings, "--interactive", input=f"{line}\n")
    assert result.exit_code == 0
    assert result.stdout == seqmagic(*settings, "--prompt", prompt).stdout
    # a prompt that was given is one, whatever it looks like
    assert seqmagic(*settings, "--interactive", "--prompt", "/help", input="").stdout.startswith("/help")


def test_the_help_names_the_way_to_write_a_command_as_a_prompt(talk: Call) -> None:
    assert r"\/help " in talk("/help").stderr


def test_settings_understand_escapes_and_say_what_has_no_effect(talk: Call) -> None:
    result = talk(r"/stop \n", "/stop Ω", "/ban Ω")
    assert "stop '\\n'\nstop 'Ω'\n--stop 'Ω' ends no text: the model never saw 'Ω'" in result.stderr
    assert "--ban has no effect on 'Ω'" in result.stderr


def likeliest(model: Model, text: str, place: int) -> str:
    """The character that the model finds likeliest after `text`, or the second, ... by hand."""
    logs, _ = model.step(None, text)
    return model.vocabulary.decode(np.argsort(-logs, kind="stable")[place - 1 : place])


def test_the_next_character_is_chosen_by_the_user(talk: Call, seqmagic: Call, models: Path) -> None:
    model = load("tiny", models=models)
    first = text_of(seqmagic, "1 green")[:-1]
    second = likeliest(model, first, 2)
    taken = likeliest(model, first + second, 1)
    result = talk("1 green", "/choose 3", "2", "", "wall", r"\1", "/done", "")
    start = f"{first}{second}{taken}wall1"
    chosen = f"{second}{taken}wall1\n"
    assert result.stdout == f"{first}\n{chosen}{text_of(seqmagic, start).removeprefix(start)}"
    offered = [line for line in result.stderr.splitlines() if line.startswith("1 '")]
    assert len(offered) == 5 and f"2 {second!r}" in offered[0] and f"1 {taken!r}" in offered[1]
    assert offered[0].count("%") == 3


def test_choosing_begins_and_ends_where_it_can(talk: Call, seqmagic: Call) -> None:
    result = talk("/done", "/choose 0", "/choose many", "/choose", "Ω", "/done", "1 green")
    assert "nothing is being chosen" in result.stderr
    assert result.stderr.count("/choose takes a number of characters from 1 to 99") == 2
    assert "characters that the model never saw" in result.stderr
    assert result.stdout == text_of(seqmagic, "1 green")


def test_it_ends_where_it_is_told(talk: Call, seqmagic: Call) -> None:
    assert talk("green", "/quit", "wall").stdout == text_of(seqmagic, "green")
    assert talk("/help").stderr.count("Type a prompt") == 2


def read_until(terminal: int, words: bytes, seconds: float = 60) -> bytes:
    """What comes from a terminal, up to `words`."""
    seen, end = b"", time.monotonic() + seconds
    while words not in seen:
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536)
    return seen


def test_on_a_terminal_ctrl_c_stops_the_text_and_not_the_session(tiny_run: Run, models: Path) -> None:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", "sample", "tiny", "--interactive", "--length", "0"],
        env={**os.environ, "SEQMAGIC_MODELS": str(models), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        read_until(mine, b"tiny at 0.8>")
        os.write(mine, b"1 green\r")
        read_until(mine, b"1 green")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        read_until(mine, b"tiny at 0.8>")
        os.write(mine, b"/temperature 0.5\r")
        read_until(mine, b"tiny at 0.5>")
        os.write(mine, b"\x04")
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(mine)


def test_help_shows_a_session(tiny_run: Run, seqmagic: Call) -> None:
    shown = seqmagic("sample", "tiny", "--interactive", input="/help\n").stderr
    assert "> /temperature 0.3" in shown and "gru writes" in shown
