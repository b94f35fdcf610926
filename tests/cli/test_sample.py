"""`seqmagic sample`: what goes to standard output and nothing else, files, JSON, columns, pipes and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.cli import writing
from seqmagic.cli.commands import sample as command
from seqmagic.cli.show import strips
from seqmagic.runs import find
from seqmagic.runs.folder import Run
from seqmagic.sampling import writer
from seqmagic.sampling.pieces import Piece
from tests.helpers import make_run, make_text

Call = Callable[..., Result]


@pytest.fixture
def write(seqmagic: Call, tiny_run: Run) -> Call:
    """`seqmagic sample tiny` with a seed."""

    def call(*arguments: Any, **more: Any) -> Result:
        return seqmagic("sample", "tiny", "--seed", 3, *arguments, **more)

    return call


def one_line(result: Result, code: int, words: str) -> None:
    """The command was refused with one line that has `words`."""
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("seqmagic: ") and result.stderr.count("\n") == 1
    assert words in result.stderr


# ---------------------------------------------------------------- text


def test_standard_output_carries_the_text_alone(write: Call) -> None:
    result = write("--length", 30)
    assert result.exit_code == 0
    assert len(result.stdout) == 31 and result.stdout.endswith("\n")
    assert result.stderr.startswith("tiny: 30 characters in ")
    assert result.stderr.endswith(", seed 3\n") and result.stderr.count("\n") == 1
    assert write("--length", 30).stdout == result.stdout
    assert write("--length", 30, "--quiet").stderr == ""


def test_a_prompt_stands_before_its_text(write: Call) -> None:
    texts = {prompt: write("--length", 20, "--prompt", prompt).stdout for prompt in ("3 green", "wall;\n")}
    for prompt, text in texts.items():
        assert text.startswith(prompt) and len(text) == len(prompt) + 21
    both = write("--length", 20, "--prompt", "3 green", "--prompt", "wall;\n")
    assert both.stdout == texts["3 green"] + "-" * 20 + "\n" + texts["wall;\n"]


def test_several_texts_are_separated(write: Call) -> None:
    for count in (3, 7):
        parts = write("--length", 20, "--count", count, "--separator", "=8<=").stdout.split("=8<=\n")
        assert [len(part) for part in parts] == [21] * count
    assert parts[0] == write("--length", 20).stdout


def test_a_prompt_file_is_taken_as_it_stands(write: Call, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_bytes("\ufeff2 green\r\nbottles\n".encode())
    expected = write("--length", 9, "--prompt", "2 green\nbottles\n").stdout
    assert expected.startswith("2 green\nbottles\n")
    assert write("--length", 9, "--prompt-file", file).stdout == expected
    assert write("--length", 9, "--prompt-file", "-", input="2 green\nbottles\n").stdout == expected


def test_characters_outside_can_be_left_out(write: Call) -> None:
    result = write("--length", 9, "--prompt", "2→ grEen", "--skip-unknown")
    assert result.stdout == write("--length", 9, "--prompt", "2 gren").stdout
    assert result.stderr.startswith("left out of the prompt, as tiny never saw them: →E\n")


def test_settings_reach_the_sampler(write: Call) -> None:
    assert "e" not in write("--length", 300, "--ban", "eE", "--temperature", 3).stdout
    assert write("--temperature", 0).stdout == write("--top-k", 1).stdout
    assert write("--temperature", "0..0").stdout == write("--temperature", 0).stdout
    whole = write("--length", 400, "--temperature", 2).stdout
    cut = write("--length", 400, "--temperature", 2, "--stop", "e", "--stop", "w", "--min-length", 10).stdout
    end = min(whole.index(sign, 10) for sign in "ew" if sign in whole[10:])
    assert cut == whole[:end] + "\n"


def test_line_breaks_can_be_typed_for_stop_and_ban(write: Call) -> None:
    whole = write("--length", 300).stdout
    assert "\n" in whole[:-1]
    assert write("--length", 300, "--stop", r"\n").stdout == whole.partition("\n")[0] + "\n"
    assert "\n" not in write("--length", 300, "--ban", r"\n").stdout[:-1]


def test_settings_without_effect_are_said(write: Call) -> None:
    result = write("--length", 9, "--stop", "Ω", "--ban", "Ω", "--prompt", "1 green")
    assert result.exit_code == 0
    assert result.stdout == write("--length", 9, "--prompt", "1 green").stdout
    assert "tiny: --stop 'Ω' ends no text: the model never saw 'Ω', so it can't write it\n" in result.stderr
    assert "tiny: --ban has no effect on 'Ω': the model never saw it\n" in result.stderr
    assert "effect" not in write("--length", 9, "--ban", "Ω", "--quiet").stderr


def test_a_prompt_in_the_other_form_is_read_with_a_notice(seqmagic: Call, models: Path, tmp_path: Path) -> None:
    make_run(models, "french", source=make_text(tmp_path, "L'été, l'élève rêve.\n" * 20, name="french.txt"))
    results = [
        seqmagic("sample", "french", "--length", 20, "--seed", 3, "--prompt", prompt)
        for prompt in ("L'été", "L'e\u0301te\u0301")
    ]
    assert results[0].stdout == results[1].stdout
    assert "2 letters were read in the composed form" in results[1].stderr
    assert "form" not in results[0].stderr
    stopped = [
        seqmagic("sample", "french", "--length", 200, "--seed", 3, "--stop", stop, "--temperature", 2)
        for stop in ("é", "e\u0301")
    ]
    assert stopped[0].stdout == stopped[1].stdout and "é" not in stopped[0].stdout and len(stopped[0].stdout) < 200
    assert "ends no text" not in stopped[1].stderr


@pytest.mark.parametrize("option", ["--prompt", "--separator", "--prompt-file"])
def test_bytes_that_are_no_unicode_are_one_line(option: str, tiny_run: Run, models: Path) -> None:
    with start(models, "tiny", option, b"\xff", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert out == b"" and err.startswith(b"seqmagic: ") and err.count(b"\n") == 1
    assert rb"\xff" in err or rb"\udcff" in err
    assert b"unexpected" not in err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no device without an end")
def test_a_prompt_file_without_an_end_is_refused(write: Call) -> None:
    one_line(
        write("--prompt-file", "/dev/zero"), 1, "the prompt file /dev/zero has more than 16 MB; give its last part"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_novelty_does_not_wait_for_a_pipe(seqmagic: Call, tiny_run: Run, text: Path) -> None:
    text.unlink()
    os.mkfifo(text)
    result = seqmagic("sample", "tiny", "--length", 9, "--novelty")
    one_line(result, 1, f"the text of run tiny can't be read again: {text} is a pipe, which can be read only once")


def test_without_a_seed_texts_differ_and_can_be_had_again(seqmagic: Call, tiny_run: Run) -> None:
    first, second = (seqmagic("sample", "tiny", "--length", 60) for _ in range(2))
    assert first.stdout != second.stdout
    seed = first.stderr.rpartition("seed ")[2].strip()
    assert seqmagic("sample", "tiny", "--length", 60, "--seed", seed).stdout == first.stdout


def test_the_latest_run_is_the_default(seqmagic: Call, tiny_run: Run, text: Path, models: Path) -> None:
    make_run(models, "newer", source=text, units=5, created="2026-02-02T00:00:00+00:00")
    assert seqmagic("sample", "--length", 5).stderr.startswith("newer: ")


def test_where_nothing_was_trained_a_pretrained_run_writes(
    seqmagic: Call, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    for name in ("gru", "lstm", "rnn"):
        make_run(shipped, name, source=text, cell=name)
    monkeypatch.setattr(find, "pretrained_folder", lambda: shipped)
    result = seqmagic("sample", "--length", 5)
    assert result.exit_code == 0 and len(result.stdout) == 6
    assert "no run in" in result.stderr and "yet: the pretrained lstm writes\nlstm: " in result.stderr
    assert seqmagic("sample", "gru", "--length", 5).stderr.startswith("gru: ")


def test_nothing_trained_and_nothing_shipped_is_one_line(
    seqmagic: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "pretrained_folder", lambda: tmp_path / "none")
    one_line(seqmagic("sample"), 1, "train one with: seqmagic train")


# ---------------------------------------------------------------- files and JSON


def test_output_goes_to_a_file(write: Call, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    result = write("--length", 30, "--output", file)
    assert result.stdout == ""
    assert result.stderr.endswith(f", in {file}\n")
    assert file.read_bytes().decode() == write("--length", 30).stdout
    write("--length", 10, "--output", file, "--json")
    assert json.loads(file.read_text())["run"] == "tiny"
    one_line(write("--output", tmp_path / "no" / "where.txt"), 1, "No such file")


def test_json_is_one_document(write: Call) -> None:
    result = write("--length", 12, "--count", 2, "--prompt", "4 green", "--json")
    document = json.loads(result.stdout)
    assert result.stderr == ""
    assert list(document) == ["run", "seed", "samples", "characters_per_second"]
    assert document["run"] == "tiny" and document["seed"] == 3
    assert document["characters_per_second"] > 0
    assert [sample["prompt"] for sample in document["samples"]] == ["4 green"] * 2
    texts = write("--length", 12, "--count", 2, "--prompt", "4 green", "--separator", "|").stdout.split("|\n")
    assert [f"4 green{sample['text']}\n" for sample in document["samples"]] == texts
    (sample,) = json.loads(write("--length", 5, "--json").stdout)["samples"]
    assert sample["prompt"] == "\n"


def test_json_has_probabilities_and_novelty_where_asked(write: Call) -> None:
    document = json.loads(write("--length", 12, "--json", "--surprise", "--novelty").stdout)
    (sample,) = document["samples"]
    assert len(sample["probabilities"]) == 12 and all(0 < p < 1 for p in sample["probabilities"])
    assert document["novelty"]["grams"] == 5
    assert set(document["novelty"]) == {"longest_copy", "copied", "grams", "new_share"}
    assert document["novelty"]["longest_copy"] == len(document["novelty"]["copied"])


def test_novelty_is_told_in_words(write: Call, text: Path) -> None:
    result = write("--length", 60, "--novelty")
    assert len(result.stdout) == 61
    assert "tiny: 100.0% of the 53 runs of 8 characters are not in its training text\n" in result.stderr
    assert "longest run copied word for word, " in result.stderr
    assert "too short to say" in write("--length", 5, "--novelty").stderr
    text.write_text("another text " * 30)
    one_line(write("--novelty"), 1, "--novelty needs the text that tiny was trained on: the text of")


# ---------------------------------------------------------------- several runs


def test_runs_stand_side_by_side(write: Call, seqmagic: Call, models: Path, text: Path) -> None:
    make_run(models, "other", source=text, cell="gru", seed=9)
    result = seqmagic("sample", "tiny", "other", "--seed", 3, "--length", 60, "--prompt", "7 green")
    lines = result.stdout.splitlines()
    assert lines[0].split("│")[0].strip() == "tiny" and lines[0].split("│")[1].strip() == "other"
    left, right = ("".join(line.split(" │ ")[side].strip() for line in lines[2:] if "│" in line) for side in (0, 1))
    alone = write("--length", 60, "--prompt", "7 green").stdout
    assert left.replace(" ", "") == alone.replace(" ", "").replace("\n", "")
    assert right.startswith("7 green") and right != left
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["tiny", "other"]
    documents = json.loads(seqmagic("sample", "tiny", "other", "--length", 5, "--json").stdout)["runs"]
    assert [document["run"] for document in documents] == ["tiny", "other"]
    assert documents[0]["seed"] == documents[1]["seed"]


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["--prompt", "→ é"],
            1,
            "the prompt has characters that the model never saw: '→' (U+2192), 'é' ('e' is known);",
        ),
        (["--prompt", ""], 1, "the prompt is empty"),
        (["--prompt-file", "/no/such/file"], 1, "the prompt file /no/such/file can't be read: No such file"),
        (["--top-k", 0], 2, "--top-k must be 1 or more; received 0"),
        (["--top-p", 0], 2, "--top-p must be above 0"),
        (["--min-p", 2], 2, "--min-p must be from 0 to 1; received 2.0"),
        (["--temperature", "warm"], 2, "--temperature must be a number or a range such as 0.3..1.2; received 'warm'"),
        (["--temperature", "-1"], 2, "--temperature must be from 0 to 100"),
        (["--temperature", "0..1", "--length", 0], 2, "has no end; give a length"),
        (["--repetition-penalty", "0.5"], 2, "--repetition-penalty must be"),
        (["--length", "-5"], 2, "--length must be 0 or more; received -5"),
        (["--count", 0], 2, "--count must be 1 or more"),
        (["--count", 10**10, "--prompt", "3 "], 1, "10,000,000,000 texts of 500 characters need about"),
        (["--length", 0, "--count", 2], 1, "--length 0 writes one text until Ctrl-C, not 2"),
        (["--length", 5, "--min-length", 6], 1, "--min-length 6 is more than --length 5"),
        (["--ban", "".join(map(chr, range(256)))], 1, "--ban leaves none of the model's "),
        (["--stop", ""], 2, "--stop must be one character or more"),
        (["latest", "--length", 0], 2, "--length 0 never ends"),
        (["--interactive", "--json"], 2, "--interactive is for one run and a terminal"),
        (["--prompt-file", "-", "--prompt-file", "-"], 2, "standard input can be read once"),
    ],
)
def test_bad_input_is_one_line(arguments: list[Any], code: int, words: str, write: Call) -> None:
    one_line(write(*arguments), code, words)


def test_unreadable_prompt_files_are_named(write: Call, tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty.txt", tmp_path / "binary.txt"
    empty.touch()
    binary.write_bytes(b"abc\xff\x00")
    one_line(write("--prompt-file", empty), 1, f"the prompt file {empty} is empty")
    one_line(write("--prompt-file", binary), 1, f"the prompt file {binary} is not UTF-8: byte 3 ")
    one_line(write("--prompt-file", "-", input=""), 1, "the prompt file standard input is empty")


def test_runs_that_cannot_be_read(seqmagic: Call, tiny_run: Run) -> None:
    one_line(seqmagic("sample", "tinny"), 1, "did you mean tiny?")
    content = tiny_run.model_path.read_bytes()
    tiny_run.model_path.write_bytes(content[: len(content) // 2])
    one_line(seqmagic("sample", "tiny"), 1, "is corrupt")
    tiny_run.model_path.write_bytes(content)
    record = json.loads(tiny_run.record_path.read_text())
    tiny_run.record_path.write_text(json.dumps({**record, "format": 99}))
    one_line(seqmagic("sample", "tiny"), 1, "newer")


# ---------------------------------------------------------------- a process of its own


def start(
    models: Path, *arguments: str | bytes, env: dict[str, str] | None = None, **more: Any
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models), **(env or {})}
    return subprocess.Popen([sys.executable, "-m", "seqmagic", "sample", *arguments], env=environment, **more)


@pytest.fixture
def chinese_run(models: Path, tmp_path: Path) -> Run:
    return make_run(
        models, "tang", source=make_text(tmp_path, "春眠不觉晓,\n处处闻啼鸟。\n夜来风雨声,\n花落知多少。\n" * 20)
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_the_bytes_are_utf_8_whatever_the_terminal_says(encoding: str, chinese_run: Run, models: Path) -> None:
    process = start(
        models, "tang", "--length", "50", "--seed", "1", "--prompt", "春眠",
        env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    output, _ = process.communicate(timeout=60)
    text = output.decode("utf-8")
    assert len(text) == 53 and set(text) <= set("春眠不觉晓处闻啼鸟夜来风雨声花落知多少,。\n")


def test_a_closed_pipe_ends_quietly(tiny_run: Run, models: Path) -> None:
    with start(models, "tiny", "--length", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert len(process.stdout.read(50)) == 50
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


def test_text_without_end_flows_until_ctrl_c(tiny_run: Run, models: Path) -> None:
    process = start(models, "tiny", "--length", "0", "--seed", "3", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    begun = process.stdout.read(200)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (begun + rest).endswith(b"\n")
    assert b"Traceback" not in errors and errors.startswith(b"tiny: ") and errors.count(b"\n") == 1


def test_ctrl_c_keeps_what_was_written_to_a_file(write: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any, **more: Any) -> Iterator[Piece]:
        for number, piece in enumerate(writer.write(*arguments, **more)):
            if number == 10:
                raise KeyboardInterrupt
            yield piece

    monkeypatch.setattr(writing, "write", interrupted)
    file = tmp_path / "endless.txt"
    result = write("--length", 0, "--prompt", "1 green", "--output", file)
    assert result.exit_code == 130
    assert file.read_text() == write("--length", 111, "--prompt", "1 green").stdout
    assert result.stderr.startswith("tiny: 111 characters in ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tiny_run: Run, models: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = start(models, "tiny", "--length", "9", stdout=full, stderr=subprocess.PIPE)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == b"seqmagic: No space left on device; free some space, or choose another disk with --models\n"


def test_numpy_starts_without_a_pool_of_threads(tiny_run: Run, models: Path) -> None:
    probe = (
        "import os, sys\n"
        "from seqmagic.cli.commands.sample import _import_numpy_lightly\n"
        "_import_numpy_lightly()\n"
        "from seqmagic.sampling.threads import blas_threads\n"
        "library = blas_threads()\n"
        "print(library.get() if library else 1, 'OPENBLAS_NUM_THREADS' in os.environ)"
    )
    environment = {key: value for key, value in os.environ.items() if "NUM_THREADS" not in key}
    done = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["1", "False"]


def test_colours_are_for_terminals(write: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    result = write("--length", 40, "--surprise")
    assert "\x1b" not in result.stdout + result.stderr
    assert "0 is <0.5" in result.stderr
    lines = result.stdout.splitlines()
    assert "".join(lines[::2]) == write("--length", 40).stdout.replace("\n", "")
    assert set("".join(lines[1::2])) <= set("012345 ")
    monkeypatch.setattr(command, "is_plain", lambda stream: False)
    monkeypatch.setattr(strips, "colour_system", lambda: "256")
    painted = write("--length", 40, "--surprise", "--prompt", "5 green")
    assert painted.stdout.startswith("\x1b[2m5 green\x1b[0m")
    assert painted.stderr.startswith("bits of each character: <0.5 ")
    strip = re.sub("\x1b[^m]*m", "", painted.stdout)
    assert strip == write("--length", 40, "--prompt", "5 green").stdout
    assert "\x1b" in write("--length", 40, "--surprise").stdout


def test_help_says_everything(seqmagic: Call) -> None:
    shown = " ".join(seqmagic("sample", "--help").stdout.split())
    for words in (
        "ban, repetition penalty, temperature, top-k, top-p, min-p",
        "--temperature X|X..X",
        "[from 0 to 100; default: 0.8]",
        "--prompt-file FILE|-",
    ):
        assert words in shown
    assert shown.endswith("--length 300 --temperature 0.7")


@pytest.mark.parametrize("piped", ["green ", "green \n", "green \r\n"])
def test_what_is_piped_in_is_the_prompt(piped: str, tiny_run: Run, models: Path) -> None:
    command = [sys.executable, "-m", "seqmagic", "sample", "tiny", "--length", "20", "--seed", "1"]
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models)}

    def run(*more: str, **given: Any) -> str:
        done = subprocess.run([*command, *more], env=environment, capture_output=True, timeout=100, **given)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    named = run("--prompt", "green ", stdin=subprocess.DEVNULL)
    assert named.startswith("green ")
    assert run(input=piped.encode()) == named
    assert run("--prompt", "green ", input=b"and ") == named  # what is named goes first
    assert run(input=b"") == run(stdin=subprocess.DEVNULL) == run(input=b"\n")
