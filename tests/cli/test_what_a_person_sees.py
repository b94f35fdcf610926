"""What a person sees on a terminal, promise by promise: narrow and wide, with colours, without, and through a pipe.

The promises that need no terminal are kept elsewhere: the web page in `tests/export/test_web_browser.py`, the
arithmetic of tables in `tests/cli/show`.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.color import Color

from tests.helpers import TEXT, make_run, make_text, on_terminal

if not hasattr(os, "openpty"):
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)
import pty

WIDTHS = (40, 60, 100)
ROOT = Path(__file__).parents[2]
TINY = ("--units", "8", "--batch-size", "4", "--sequence-length", "16", "--epochs", "6")
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SPEED = re.compile(r"[\d,.]+(?= s,| characters/s)")


def lines(shown: str) -> list[str]:
    """The lines that a terminal was given, also those that it was told to draw over; without colours."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", _CODES.sub("", shown)) if line.strip()]


def in_one(shown: str) -> str:
    """All words with one blank between them, as if the terminal were endless."""
    return " ".join(" ".join(lines(shown)).split())


def fits(shown: str, columns: int) -> bool:
    """Whether the terminal breaks no line itself, but for words such as a path that are longer than it."""
    return all(cell_len(line) <= columns or " " not in line.strip() for line in lines(shown))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text whose last part has a character that the training part lacks."""
    place = tmp_path_factory.mktemp("p")
    make_text(place, TEXT + "ω bottles\n" * 9, "green.txt")
    return place


@pytest.fixture(scope="module")
def trained(folder: Path) -> dict[int, str]:
    """What three trainings with one and the same course show, by the width of the terminal."""
    shown = {}
    for columns in WIDTHS:
        models = folder / f"{columns}"
        words = ["train", str(folder / "green.txt"), "--name", "mine", "--cell", "gru", *TINY]
        shown[columns], code = on_terminal(words, models=models, columns=columns)
        assert code == 0, shown[columns]
    return shown


@pytest.fixture(scope="module")
def compared(folder: Path) -> dict[int, str]:
    """What a comparison shows at 60 columns while it is made, and at the others when it is shown again."""
    models, name = folder / "compared", ["--name", "all"]
    words = ["compare", str(folder / "green.txt"), "--cells", "rnn,lstm", *name, *TINY]
    shown = {60: on_terminal(words, models=models, columns=60)[0]}
    for columns in (40, 100):
        shown[columns] = on_terminal(["compare", "all"], models=models, columns=columns)[0]
    return shown


@pytest.fixture
def two(models: Path, tmp_path: Path) -> Path:
    """A models folder with runs on two texts, the name of one of them long."""
    one, other = (make_text(tmp_path, TEXT * 3, name=f"{name}.txt") for name in ("one", "other"))
    make_run(models, "tiny", source=one, created="2026-01-01T00:00:00+00:00")
    make_run(models, "a-name-as-long-as-they-come-lstm-1x6", source=other, cell="gru")
    return models


# ---------------------------------------------------------------- a training is never mute


@pytest.mark.tf
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_training_says_each_step_before_it_takes_it(columns: int, trained: dict[int, str]) -> None:
    """The lines about the text stand there before TensorFlow is imported, the compilation is a step."""
    shown = in_one(trained[columns])
    steps = ["reading /", "to validate", "starting TensorFlow …", "building and compiling …", " parameters; "]
    places = [shown.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.tf
def test_a_comparison_says_each_step_before_it_takes_it(compared: dict[int, str]) -> None:
    shown = in_one(compared[60])
    steps = [
        "reading /", "to validate", "2 rows to train", "measuring the n-gram baselines …",
        "starting TensorFlow …", "lstm: building and compiling …", " parameters; ", "(2 of 2)",
        "holding the rows against each other …", "In these runs",
    ]  # fmt: skip
    places = [shown.index(step) for step in steps]
    assert places == sorted(places)


@pytest.mark.tf
@pytest.mark.parametrize("columns", WIDTHS)
def test_what_is_not_known_of_a_text_is_said_once(columns: int, trained: dict[int, str]) -> None:
    assert in_one(trained[columns]).count("are not in its vocabulary") == 1


# ---------------------------------------------------------------- losses while it trains, and at its end


@pytest.mark.tf
@pytest.mark.parametrize("columns", WIDTHS)
def test_the_live_losses_say_what_they_are(columns: int, trained: dict[int, str]) -> None:
    """Train and validation look inverted: one is a mean under dropout, the other is exact; * is explained."""
    shown = in_one(trained[columns])
    assert shown.count("train: mean since the line before, with dropout, so often above validation;") == 1
    assert shown.count("*: the lowest so far, these weights are kept") == 1
    figures = re.findall(r"^epoch +[\d.]+.*", "\n".join(lines(trained[columns])), re.MULTILINE)
    assert len(figures) >= 3 and len({line.find("train") for line in figures}) == 1
    assert len({line.index(".") for line in figures}) == 1


@pytest.mark.tf
@pytest.mark.parametrize("columns", WIDTHS)
def test_losses_are_a_picture_and_results_come_before_settings(
    columns: int, trained: dict[int, str], folder: Path
) -> None:
    again, _ = on_terminal(["runs", "show", "mine"], models=folder / f"{columns}", columns=columns)
    for shown in (trained[columns], again):
        assert "loss, nats per character" in shown and "o train, with dropout" in in_one(shown)
        assert "x validation" in in_one(shown) and fits(shown, columns)
    order = [again.index(words) for words in ("results", "loss, nats per character", "bits/char", "sha256", "dropout ")]
    assert order == sorted(order)
    assert {"path", "created", "bits", "characters", "perplexity"} <= set(in_one(again).split())


@pytest.mark.tf
@pytest.mark.parametrize("columns", WIDTHS)
def test_the_baselines_are_shown_and_the_end_is_read_against_them(columns: int, trained: dict[int, str]) -> None:
    shown = in_one(trained[columns])
    assert re.search(
        r"validation loss of models that only count: uniform [\d.]+, unigram [\d.]+, \d+-gram [\d.]+", shown
    )
    assert re.search(r"[\d.]+ (above|below) the best model that only counts, a \d+-gram \([\d.]+\)", shown)


@pytest.mark.tf
def test_what_ctrl_c_ended_is_called_interrupted(folder: Path, models: Path) -> None:
    words = ["train", str(folder / "green.txt"), "--name", "mine", *TINY[:-2], "--minutes", "9"]
    shown, code = on_terminal(words, models=models, columns=60, interrupt_at="epoch ")
    assert code == 130 and "mine (interrupted): validation loss" in in_one(shown)
    assert "go on with it: seqmagic train --resume mine" in in_one(shown)


# ---------------------------------------------------------------- narrow terminals


@pytest.mark.tf
def test_the_closing_lines_are_the_same_words_at_every_width(trained: dict[int, str], folder: Path) -> None:
    """Nothing is cut inside a word or number: the words are those of the widest terminal."""
    words = {}
    for columns, shown in trained.items():
        closing = in_one(shown).rsplit(" mine: ", 1)[1].replace(str(folder / f"{columns}"), "MODELS")
        words[columns] = _SPEED.sub("…", closing).split()
        assert fits(shown, columns)
    assert words[40] == words[60] == words[100] and "perplexity" in words[40]


@pytest.mark.tf
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_comparison_breaks_no_number(columns: int, compared: dict[int, str], folder: Path) -> None:
    """Below 60 columns: the cell, the validation loss, and against the n-gram."""
    record = json.loads((folder / "compared" / "all" / "comparison.json").read_text(encoding="utf-8"))
    shown = compared[columns]
    whole = set(in_one(shown).replace("│", " ").split())
    assert {f"{row['results']['validation_loss']:.4f}" for row in record["rows"]} <= whole
    assert {"1×8", "vs", "n-gram"} <= whole and fits(shown, columns)
    assert ("perplexity" in whole or "perp-" in whole) == (columns >= 60)
    assert re.search(r"[+−]\d\.\d{3}(?!\d)", shown)


# ---------------------------------------------------------------- surprise is a scale

COLOURS = [("truecolor", "xterm-256color"), ("", "xterm-256color"), ("", "xterm")]


@pytest.mark.parametrize(("truecolor", "term"), COLOURS)
@pytest.mark.parametrize("command", ["sample", "inspect"])
def test_surprise_is_an_ordered_ramp_wherever_there_are_colours(
    command: str, truecolor: str, term: str, two: Path
) -> None:
    words = ["sample", "tiny", "--surprise", "--length", "80", "--seed", "1"]
    words = words if command == "sample" else ["inspect", "surprise", "tiny", "--length", "80"]
    shown, code = on_terminal(words, models=two, columns=60, more={"TERM": term, "COLORTERM": truecolor})
    assert code == 0 and fits(shown, 60)
    legend = "\n".join(line for line in shown.splitlines() if "0.5-1" in _CODES.sub("", line))
    grounds = [found[1] for found in re.finditer(r"\x1b\[([0-9;]+)m ?(?:0\.5-1|1-2|2-4|4-6|6\+)", legend)]
    assert len(grounds) == len(set(grounds)) == 5, legend
    brightness = [bright(codes) for codes in grounds]
    assert None not in brightness or term == "xterm"
    if term != "xterm":
        assert all(one > other for one, other in pairwise(brightness)), brightness


def bright(codes: str) -> float:
    """How bright the ground is that a code of colours sets."""
    numbers = [int(one) for one in codes.split(";")]
    if 48 not in numbers:
        return 0.0
    kind, *values = numbers[numbers.index(48) + 1 :]
    red, green, blue = values[:3] if kind == 2 else Color.from_ansi(values[0]).get_truecolor()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("columns", WIDTHS)
def test_without_colours_surprise_is_a_line_of_digits(plain: dict[str, str], columns: int, two: Path) -> None:
    words = ["sample", "tiny", "--prompt", "12 green", "--surprise", "--length", "60", "--seed", "1"]
    shown, code = on_terminal(words, models=two, columns=columns, more=plain)
    assert code == 0 and "\x1b" not in shown and fits(shown, columns)
    assert re.search(r"^12 green.*\n {8}[0-5]+", shown, re.MULTILINE)
    assert "0 is <0.5, 1 is 0.5-1" in in_one(shown)


def test_in_a_pipe_surprise_is_a_line_of_digits(two: Path) -> None:
    words = ["sample", "tiny", "--prompt", "12 green", "--surprise", "--length", "60", "--seed", "1"]
    shown = piped(words, two).stdout
    assert re.search(r"^12 green.*\n {8}[0-5]+", shown, re.MULTILINE) and "\x1b" not in shown


def piped(words: list[str], models: Path, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command between pipes."""
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models)}
    command = [sys.executable, "-m", "seqmagic", *words]
    closed = subprocess.DEVNULL if typed is None else None
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, input=typed, stdin=closed
    )


# ---------------------------------------------------------------- lists and losses of runs


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_list_groups_runs_by_text_and_has_the_pretrained_ones(columns: int, two: Path) -> None:
    shown, code = on_terminal(["runs", "list"], models=two, columns=columns)
    words = in_one(shown).split()
    assert code == 0 and fits(shown, columns)
    places = [words.index(word) for word in ("one.txt", "tiny", "other.txt", "python-docs", "rnn")]
    assert places[:4] == sorted(places[:4]) and {"gru", "lstm", "1×6", "1×320"} <= set(words)
    assert ("parameters" in words and "pretrained" in words) == (columns >= 60)
    assert "a-name-as-long-as-they-come-lstm-1x6" in words or columns < 100  # there it is folded


@pytest.mark.parametrize("columns", WIDTHS)
def test_several_runs_are_evaluated_on_several_texts_at_once(columns: int, two: Path, tmp_path: Path) -> None:
    texts = [str(tmp_path / "one.txt"), str(tmp_path / "other.txt")]
    names = ["tiny", "a-name-as-long-as-they-come-lstm-1x6"]
    shown, code = on_terminal(["evaluate", *names, *texts], models=two, columns=columns)
    assert code == 0 and fits(shown, columns)
    assert in_one(shown).count("tiny") == 2 and {"loss", "n-gram"} <= set(in_one(shown).split())


@pytest.mark.parametrize(("suffix", "first"), [("csv", "run,"), ("jsonl", "{")])
def test_every_character_has_its_cost_in_a_file(suffix: str, first: str, two: Path, tmp_path: Path) -> None:
    place = tmp_path / f"costs.{suffix}"
    shown, code = on_terminal(["evaluate", "tiny", "--per-character", str(place)], models=two, columns=60)
    assert code == 0 and place.read_text(encoding="utf-8").startswith(first), shown


def test_no_figure_is_a_negative_zero(two: Path) -> None:
    for words in (["inspect", "surprise", "tiny", "--vs", "tiny"], ["evaluate", "tiny"], ["inspect", "errors", "tiny"]):
        shown, code = on_terminal(words, models=two, columns=60)
        assert code == 0 and not re.search(r"[-−]0\.0+(?!\d)", shown), shown


def test_a_size_is_written_in_one_way(two: Path) -> None:
    for words in (["runs", "list"], ["compare", "tiny"], ["runs", "list", "--cell", "lstm"]):
        shown, code = on_terminal(words, models=two, columns=100)
        assert code == 0 and "1×6" in shown and not re.search(r"(?<![-\w])1 ?x ?6\b", shown), shown


# ---------------------------------------------------------------- what is typed


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["sample", "tinny"], "did you mean tiny?"),
        (["sample", "tiny", "--temprature", "1"], "did you mean --temperature?"),
        (["train", "python-dosc"], "did you mean python-docs?"),
        (["train", "markov", "--cell", "LSTN"], "did you mean lstm?"),
        (["evaluate", "tiny", "--part", "tset"], "did you mean test?"),
        (["runs", "lsit"], "did you mean list?"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(words: list[str], meant: str, columns: int, two: Path) -> None:
    shown, code = on_terminal(words, models=two, columns=columns)
    assert code in (1, 2) and meant in in_one(shown) and fits(shown, columns), shown


@pytest.mark.parametrize("minutes", ["30s", "1h30m", "0.5"])
def test_cells_and_times_may_be_written_as_one_speaks(minutes: str, models: Path) -> None:
    """Understood: what is refused is the name that is no text."""
    shown, code = on_terminal(["train", "no-such-text", "--cell", "LSTM", "--minutes", minutes], models=models)
    assert code == 1 and "there is no text 'no-such-text'" in in_one(shown)


def test_a_prompt_may_come_through_a_pipe(two: Path) -> None:
    """As in `echo '12 green ' | seqmagic sample tiny`."""
    done = piped(["sample", "tiny", "--length", "9", "--seed", "1"], two, "12 green \n")
    assert done.returncode == 0 and done.stdout.startswith("12 green ") and len(done.stdout) == 9 + 9 + 1


def test_make_takes_a_prompt_with_an_apostrophe() -> None:
    done = subprocess.run(["make", "-n", "sample", "PROMPT=it's"], cwd=ROOT, capture_output=True, text=True)
    assert r"--prompt 'it'\''s'" in done.stdout, done.stderr


# ---------------------------------------------------------------- a session


@pytest.fixture
def session(two: Path) -> Iterator[Callable[[str, str], str]]:
    """Types into `sample --interactive` and reads up to some words."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", "sample", "tiny", "--interactive", "--length", "20", "--seed", "1"],
        env={**os.environ, "SEQMAGIC_MODELS": str(two), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)

    def say(typed: str, until: str) -> str:
        os.write(mine, typed.encode())
        seen, end = b"", time.monotonic() + 60
        while until.encode() not in seen:
            assert time.monotonic() < end, seen
            if select.select([mine], [], [], 0.2)[0]:
                seen += os.read(mine, 65536)
        return seen.decode("utf-8", "replace")

    try:
        say("", "tiny at 0.8>")
        yield say
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(mine)


def test_commands_complete(session: Callable[[str, str], str]) -> None:
    session("/tempe\t", "/temperature")
    session(" 0.3\r", "tiny at 0.3>")


def test_the_next_character_can_be_chosen_among_the_likeliest(session: Callable[[str, str], str]) -> None:
    for typed in ("/choose 3\r", "2\r"):
        offered = session(typed, "%   3 ")
        assert re.search(r"1 '.+?' +[\d.]+%   2 '.+?' +[\d.]+%   3 ", offered), offered
    session("/done\r", "tiny at 0.8>")


def test_the_help_shows_a_session(session: Callable[[str, str], str]) -> None:
    assert "A session" in session("/help\r", "gru writes")
