"""`seqmagic measure`: the documents that programs read, the tables for people, and refusals in one line."""

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

from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]
QUICK = ("--max-lag", "20", "--targets", "16")
LONG = "".join(f"{number} 株の花, hanging on the wall; and {number} more.\n" for number in range(400))


@pytest.fixture
def long_text(tmp_path: Path) -> Path:
    """A text whose validation part, a tenth of it, is long enough to measure."""
    return make_text(tmp_path, LONG, "花.txt")


@pytest.fixture
def runs(models: Path, long_text: Path) -> list[Run]:
    """A run of each cell; the last has two layers."""
    return [
        make_run(models, name, source=long_text, cell=name, layers=layers)
        for name, layers in (("rnn", 1), ("gru", 1), ("lstm", 2))
    ]


def measured(seqmagic: Call, *arguments: Any) -> dict[str, Any]:
    result = seqmagic("measure", "gradient", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_document_of_a_gradient(runs: list[Run], seqmagic: Call) -> None:
    document = measured(seqmagic, "rnn", "gru", "lstm", *QUICK)
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", "gradient")
    assert document["text"]["part"] == "validation"
    assert document["text"]["wrt"] == "state"
    assert [model["run"] for model in document["models"]] == ["rnn", "gru", "lstm"]
    assert [model["cell"] for model in document["models"]] == ["rnn", "gru", "lstm"]
    assert [model["layers"] for model in document["models"]] == [[6], [6], [6, 6]]
    for model in document["models"]:
        assert model["parameters"] > 0
        assert 0 <= model["replay_error"] < 1e-5
        assert [one["seed"] for one in model["fresh"]] == [0, 1, 2]
        for one in (model["trained"], *model["fresh"]):
            assert one["lag"] == list(range(21))
            assert len(one["median_log10"]) == len(one["p10"]) == len(one["p90"]) == 21
            assert one["median_log10"][0] == 0
            assert one["rho_interval"][0] <= one["rho_interval"][1]
            assert one["half_life"] is not None or "half_life" in one["reasons"]
            assert {"rho", "r2_exponential", "r2_power"} <= set(one)
    assert any("times the parameters" in line for line in document["warnings"])


def test_the_others_are_compared_with_the_first_run(runs: list[Run], seqmagic: Call) -> None:
    there, back = (measured(seqmagic, *names, *QUICK, "--fresh", "none") for names in (("rnn", "gru"), ("gru", "rnn")))
    [one], [other] = there["differences"], back["differences"]
    assert (one["run"], one["to"], other["run"]) == ("gru", "rnn", "rnn")
    rho = {model["run"]: model["trained"]["rho"] for model in there["models"]}
    assert one["rho"] == pytest.approx(rho["gru"] - rho["rnn"], abs=1e-6)
    assert one["rho"] == -other["rho"]
    assert one["rho_interval"] == [-end for end in reversed(other["rho_interval"])]
    assert one["rho_interval"][0] <= one["rho"] <= one["rho_interval"][1]
    assert "\nagainst " in seqmagic("measure", "gradient", "rnn", "gru", *QUICK, "--fresh", "none").stdout


def test_the_same_seed_gives_the_same_document(runs: list[Run], seqmagic: Call) -> None:
    first, again, other = (measured(seqmagic, "gru", *QUICK, "--seed", seed) for seed in (1, 1, 2))
    assert first == again
    assert first["models"][0]["fresh"] != other["models"][0]["fresh"]


def test_untrained_models_may_be_left_out_or_start_as_in_keras(runs: list[Run], seqmagic: Call) -> None:
    assert measured(seqmagic, "rnn", *QUICK, "--fresh", "none")["models"][0]["fresh"] == []
    [one] = measured(seqmagic, "rnn", *QUICK, "--fresh", "keras", "--seeds", "1")["models"][0]["fresh"]
    ours = measured(seqmagic, "rnn", *QUICK, "--seeds", "1")["models"][0]["fresh"][0]
    assert one["start"] == "keras"
    assert one["rho"] > 0.9 > ours["rho"]  # an orthogonal kernel keeps lengths, half of one halves them


def test_a_reader_gets_a_table_a_chart_and_a_sentence(
    runs: list[Run], seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = seqmagic("measure", "gradient", "rnn", "lstm", *QUICK)
    assert result.exit_code == 0
    assert "kept per" in result.stdout
    assert "characters back" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("One character further back leaves ")
    assert " % in lstm." in result.stdout.splitlines()[-1]


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "⠒"), ("latin-1", "o rnn")])
def test_sixty_columns_and_a_pipe_hold_it(encoding: str, sign: str, runs: list[Run]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seqmagic", "--models", str(runs[0].path.parent), "measure", "gradient", "rnn", *QUICK],
        capture_output=True,
        env={**os.environ, "COLUMNS": "60", "PYTHONIOENCODING": encoding},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert sign in "\n".join(lines)
    if encoding == "utf-8":
        assert max(map(cell_len, lines[2:-2])) <= 60
    else:
        assert "\\u28" not in "".join(lines)  # no braille that such a terminal would show as its code


def test_the_chart_is_written_as_svg(runs: list[Run], seqmagic: Call, tmp_path: Path) -> None:
    path = tmp_path / "chart.svg"
    result = seqmagic("measure", "gradient", "rnn", "gru", *QUICK, "--plot", path)
    assert result.exit_code == 0
    assert f"chart written to {path}" in result.stderr
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    texts = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert {"rnn", "gru", "characters back"} <= set(texts)
    described = [element.text for element in root.iter() if element.tag.endswith("}desc")]
    assert described[0] is not None and described[0].startswith("One character further back")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["rnn", "--max-lag", "3"], 2, "--max-lag must be from 10 to 2,000; received 3; see:"),
        (["rnn", "--max-lag", "1900"], 1, "the text has 1,"),
        (["rnn", "--plot", "chart.jpg"], 2, "--plot writes SVG, PNG or PDF: its file must end in .svg, .png or .pdf; "),
        (["rnn", "--plot", "no/where.svg"], 2, "--plot can't write no/where.svg: there is no folder "),
        (["nobody"], 1, "there is no run 'nobody'"),
        ([], 2, "Missing argument 'RUN...'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, words: str, runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("measure", "gradient", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith(f"seqmagic: {words}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_text_that_changed_or_is_gone_is_named(runs: list[Run], long_text: Path, seqmagic: Call) -> None:
    long_text.write_text(LONG.replace("wall", "hall"), encoding="utf-8")
    result = seqmagic("measure", "gradient", "rnn")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "has changed since the training" in result.stderr
    long_text.unlink()
    assert "can't be read again" in seqmagic("measure", "gradient", "rnn").stderr


def test_a_plot_onto_a_folder_is_refused(runs: list[Run], seqmagic: Call, tmp_path: Path) -> None:
    (tmp_path / "x.svg").mkdir()
    result = seqmagic("measure", "gradient", "rnn", "--plot", tmp_path / "x.svg")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "is a folder; name a file in it" in result.stderr


def test_measure_alone_shows_its_help(seqmagic: Call) -> None:
    result = seqmagic("measure")
    assert result.exit_code == 0
    assert "gradient" in result.stdout


def test_no_tensorflow_is_imported(runs: list[Run]) -> None:
    from tests.cli.test_imports import HEAVY, loaded_by

    assert not loaded_by(runs[0], "measure", "gradient", "rnn", *QUICK) & set(HEAVY)
