"""`seqmagic inspect`: the documents that programs read, what people see, and refusals in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len

from seqmagic.cli.commands.inspect import COMMANDS
from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]
LONG = "".join(f"{number} 株の花, hanging on the wall; and {number} more.\n" for number in range(600))


@pytest.fixture
def runs(models: Path, tmp_path: Path) -> list[Run]:
    """A run of each cell; the last has two layers."""
    text = make_text(tmp_path, LONG, "花.txt")
    return [
        make_run(models, name, source=text, cell=name, layers=layers)
        for name, layers in (("rnn", 1), ("gru", 1), ("lstm", 2))
    ]


def inspected(seqmagic: Call, *arguments: Any) -> dict[str, Any]:
    result = seqmagic("inspect", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", arguments[0])
    return document


def shown(seqmagic: Call, *arguments: Any) -> str:
    result = seqmagic("inspect", *arguments)
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.stdout
    return result.stdout


def test_inspect_alone_shows_its_help(seqmagic: Call) -> None:
    result = seqmagic("inspect")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


# ---------------------------------------------------------------- surprise


def test_the_document_of_a_surprise(runs: list[Run], seqmagic: Call) -> None:
    document = inspected(seqmagic, "surprise", "rnn", "lstm", "--length", "40", "--at", "5")
    assert document["text"]["characters"] == 40
    assert (document["text"]["at"], document["text"]["part"], document["text"]["warm_up"]) == (5, "validation", 200)
    assert [model["run"] for model in document["models"]] == ["rnn", "lstm"]
    for model in document["models"]:
        assert len(model["characters"]) == len(model["bits"]) == 40
        assert all(len(guesses) == 5 for guesses in model["top"])
    assert document["models"][0]["characters"] == document["models"][1]["characters"]


def test_without_colours_digits_stand_below_the_text(runs: list[Run], seqmagic: Call) -> None:
    output = shown(seqmagic, "surprise", "rnn", "--text", "on the 花の wall", "--top", "2")
    lines = output.splitlines()
    place = lines.index("on the 花の wall")
    assert set(lines[place + 1]) <= set("012345 ")
    assert cell_len(lines[place + 1]) <= 16
    assert lines[-1].startswith("bits: 0 is <0.5, 1 is 0.5-1")
    assert lines[place + 4] == ""  # digits and two rows of guesses


def test_a_difference_has_a_scale_of_its_own(runs: list[Run], seqmagic: Call) -> None:
    for other in ("gru", "ngram"):
        output = shown(seqmagic, "surprise", "rnn", "--vs", other, "--length", "30")
        assert "difference" in output
        assert "bits more than" in output
        document = inspected(seqmagic, "surprise", "rnn", "--vs", other, "--length", "30")
        assert len(document["models"][0]["versus"]["difference"]) == 30


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_sixty_columns_and_a_pipe_hold_it(command: str, encoding: str, runs: list[Run]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seqmagic", "--models", str(runs[0].path.parent), "inspect", command, "gru"],
        capture_output=True,
        env={**os.environ, "COLUMNS": "60", "PYTHONIOENCODING": encoding},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    output = done.stdout.decode(encoding)
    assert "\x1b" not in output
    if encoding == "latin-1":
        assert "\\u25" not in output.lower()  # no blocks that such a terminal would show as their code
        assert "\\u28" not in output


def test_colours_are_those_that_the_terminal_has(
    runs: list[Run], seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a real terminal of each kind."""
    import pty

    for colorterm, term, sign in (
        ("truecolor", "xterm", b"\x1b[38;2;"),
        ("", "xterm-256color", b"\x1b[38;5;"),
        ("", "xterm", b"\x1b["),
    ):
        parent, child = pty.openpty()
        environment = {**os.environ, "COLORTERM": colorterm, "TERM": term}
        environment.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "seqmagic", "--models", str(runs[0].path.parent), "inspect", "surprise", "rnn"]
        process = subprocess.Popen(
            [*command, "--length", "30"],
            stdout=child,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        os.close(child)
        output = b""
        try:
            while piece := os.read(parent, 65536):
                output += piece
        except OSError:
            pass
        assert process.wait() == 0
        os.close(parent)
        assert sign in output
        if sign == b"\x1b[":
            assert b"38;" not in output


# ---------------------------------------------------------------- gates


def test_the_document_of_gates(runs: list[Run], seqmagic: Call) -> None:
    document = inspected(seqmagic, "gates", "rnn", "gru", "lstm", "--length", "400", "--lesion")
    assert (document["text"]["characters"], document["text"]["low"], document["text"]["high"]) == (400, 0.1, 0.9)
    rnn, gru, lstm = document["models"]
    assert [len(model["layers"]) for model in document["models"]] == [1, 1, 2]
    assert not {"keep", "write", "read", "reset"} & set(rnn["layers"][0])
    assert {"keep", "write", "reset"} <= set(gru["layers"][0])
    for layer in lstm["layers"]:
        assert {"keep", "write", "read", "coupling"} <= set(layer)
        assert len(layer["keep"]["saturated_low"]) == len(layer["keep"]["timescale"]) == layer["units"] == 6
        assert len(layer["coupling"]["correlation"]) == 6
    assert len(lstm["lesion"]) == len(lstm["fresh"]["lesion"]) == 2 * 3 * 2
    assert len(gru["lesion"]) == 4
    assert rnn["lesion"] == []
    assert gru["fresh"]["layers"][0]["keep"]["mean"] != gru["layers"][0]["keep"]["mean"]


def test_gates_for_a_reader(runs: list[Run], seqmagic: Call, tmp_path: Path) -> None:
    plot = tmp_path / "gates.svg"
    output = shown(seqmagic, "gates", "rnn", "lstm", "--length", "400", "--lesion", "--plot", plot)
    assert "lstm layer 2" in output
    assert "held at" in output
    assert output.splitlines()[-1].startswith("Median gate timescale: lstm layer 1 ")
    root = ET.fromstring(plot.read_text(encoding="utf-8"))
    assert any("(open)" in (element.text or "") for element in root.iter())
    assert "A simple RNN has no gates." in shown(seqmagic, "gates", "rnn", "--length", "400")


# ---------------------------------------------------------------- trace


def test_the_document_of_a_trace(runs: list[Run], seqmagic: Call) -> None:
    document = inspected(seqmagic, "trace", "rnn", "gru", "lstm", "--length", "30", "--units", "top:3")
    rnn, gru, lstm = document["models"]
    assert not {"keep", "write", "read", "reset"} & set(rnn)
    assert {"keep", "write", "reset"} <= set(gru)
    assert {"keep", "write", "read", "cell_state", "hidden_state"} <= set(lstm)
    for model in document["models"]:
        assert len(model["characters"]) == len(model["hidden_state"]["mean_size"]) == 30
        assert len(model["units"]) == 3
        assert all(len(unit["hidden_state"]) == 30 for unit in model["units"])
    timescales = [unit["timescale"] for unit in lstm["units"]]
    assert timescales == sorted(timescales, reverse=True)
    second = inspected(seqmagic, "trace", "lstm", "--length", "30", "--units", "5,2", "--layer", "2")["models"][0]
    assert [unit["unit"] for unit in second["units"]] == [5, 2]
    assert second["keep"]["mean"] != lstm["keep"]["mean"]


def test_strips_stand_below_the_text(runs: list[Run], seqmagic: Call) -> None:
    lines = shown(seqmagic, "trace", "gru", "--text", "on the 花 wall", "--units", "1").splitlines()
    for line, name in zip(lines[2:6], ("keep  ", "write  ", "reset  ", "|hidden state| "), strict=True):
        assert line.startswith(name)
    assert lines[6].startswith("unit 1 τ ")
    assert "keep of a GRU is the z of Keras; the z of most articles is write, 1 minus that." in lines
    assert lines[1].endswith("on the 花 wall")
    assert all(cell_len(line) == cell_len(lines[1]) for line in lines[2:7])
    assert "unit 1 " in shown(seqmagic, "trace", "gru", "--length", "30", "--show", "reset", "--units", "1")


# ---------------------------------------------------------------- cell and connectivity


def test_the_cell_in_words_and_numbers(runs: list[Run], seqmagic: Call) -> None:
    document = inspected(seqmagic, "cell", "rnn", "gru", "lstm", "--length", "30")
    assert [len(model["layers"]) for model in document["models"]] == [1, 1, 2]
    output = shown(seqmagic, "cell", "gru", "lstm", "--length", "30")
    assert "f = sigmoid(x·W_f + h_before·U_f + b_f)   (forget gate: keep)" in output
    assert "z = sigmoid(x·W_z + b_z + h_before·U_z + d_z)   (update gate: keep)" in output
    for model in document["models"][1:]:
        assert f"= {model['parameters']:,}\n" in output


def test_what_a_prediction_depends_on(runs: list[Run], seqmagic: Call) -> None:
    document = inspected(seqmagic, "connectivity", "rnn", "lstm", "--length", "30", "--target", "20")
    assert document["text"]["target"] == 20
    for model in document["models"]:
        assert len(model["characters"]) == len(model["gradient"]) == 20
        assert model["target"]["place"] == 20
        strongest = model["strongest"][0]
        assert strongest["gradient"] == max(model["gradient"])
        assert strongest["place"] + strongest["back"] == 20
        assert model["characters"][strongest["place"]] == strongest["character"]
    lines = shown(seqmagic, "connectivity", "gru", "--text", "on the wall").splitlines()
    assert lines[1] == "on the wall"
    assert lines[2].endswith("^")
    assert set(lines[2][:-1]) <= set("012345")
    assert "the same scale for all models" in "\n".join(lines)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["surprise", "rnn", "--text", "x"], 2, "--text needs 2 characters or more"),
        (["surprise", "rnn", "--text", "αβγ"], 1, "run rnn knows none of the characters looked at"),
        (["surprise", "rnn", "--at", "99999"], 2, "--at must be from 0 to "),
        (["surprise", "rnn", "--vs", "nobody"], 1, "there is no run 'nobody'"),
        (["surprise", "rnn", "--vs", "a.keras"], 2, "a.keras is a model file and no run; inspect trace and"),
        (["gates", "lstm", "--text", "hanging on the wall"], 1, "figures about gates need 200 characters or more"),
        (["gates", "lstm", "--low", "0.9", "--high", "0.1"], 2, "--low must be below --high; received 0.9 and 0.1"),
        (["gates", "rnn", "--plot", "x.svg"], 2, "--plot draws gates, and a simple RNN has none"),
        (["trace", "lstm", "--layer", "3"], 2, "run lstm has layers 1 to 2; received --layer 3"),
        (["trace", "gru", "--units", "6"], 2, "run gru has the units 0 to 5 in this layer; received --units 6"),
        (["trace", "gru", "--units", "best"], 2, "--units takes top:N or numbers from 0"),
        (["trace", "gru", "--units", "-1"], 2, "--units takes top:N or numbers from 0"),
        (["trace", "gru", "--show", "read"], 2, "run gru, of gru cells, has keep, write, reset; received --show read"),
        (["connectivity", "gru", "--length", "30", "--target", "30"], 2, "--target must be from 1 to 29, as 30"),
        (["connectivity", "gru", "--length", "1"], 2, "--length must be from 2 to 2,000; received 1"),
        (["connectivity", "gru", "--target", "0"], 2, "--target must be 1 or more; received 0"),
        (["surprise", "nobody"], 1, "there is no run 'nobody'"),
        (["surprise"], 2, "Missing argument 'RUN...'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, words: str, runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("inspect", *arguments)
    assert result.exit_code == code
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"seqmagic: {words}")
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_no_tensorflow_is_imported(command: str, runs: list[Run]) -> None:
    from tests.cli.test_imports import HEAVY, loaded_by

    assert not loaded_by(runs[0], "inspect", command, "gru") & set(HEAVY)
