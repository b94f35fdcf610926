"""`seqmagic measure ngram`: runs or a text, tables for people, refusals in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from seqmagic.cli.main import main
from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]
LONG = "".join(f"{number} 株の花, hanging on the wall; and {number} more.\n" for number in range(400))


@pytest.fixture
def runs(models: Path, tmp_path: Path) -> list[Run]:
    text = make_text(tmp_path, LONG, "花.txt")
    return [make_run(models, name, source=text, cell=name) for name in ("rnn", "gru")]


def test_runs_stand_among_the_orders(runs: list[Run], models: Path, tmp_path: Path, seqmagic: Call) -> None:
    result = seqmagic("measure", "ngram", "rnn", "gru", "--json", "--max-order", "4")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", "ngram")
    assert [one["order"] for one in document["orders"]] == [0, 1, 2, 3, 4]
    assert [model["run"] for model in document["models"]] == ["rnn", "gru"]
    exact = json.loads(seqmagic("evaluate", "gru", "--json").stdout)["bits_per_character"]
    assert document["models"][1]["loss_bits"] == pytest.approx(exact, abs=2e-3)
    arguments = ["measure", "ngram", "rnn", "gru", "--plot", str(tmp_path / "x.svg")]
    shown = CliRunner(env={"SEQMAGIC_MODELS": str(models), "COLUMNS": "60"}).invoke(main, arguments)
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert [line for line in lines[1:-1] if cell_len(line) > 60] == []
    assert lines[-1].startswith("rnn is worse than the unigram and gru is worse than the unigram; the best n-gram is ")


def test_a_text_needs_no_run(tmp_path: Path, seqmagic: Call) -> None:
    path = make_text(tmp_path, LONG)
    result = seqmagic("measure", "ngram", path, "--max-order", "3")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("The best n-gram is the 3-gram with ")
    assert json.loads(seqmagic("measure", "ngram", path, "--json").stdout)["models"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nobody"], 1, "there is no run 'nobody'"),
        (["rnn", "nobody"], 1, "there is no run 'nobody'"),
        (["rnn", "--max-order", "0"], 2, "--max-order must be from 1 to 24; received 0; see:"),
        ([], 2, "Missing argument 'RUN...|TEXT'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, words: str, runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("measure", "ngram", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith(f"seqmagic: {words}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_name_that_is_neither_and_half_a_run_are_refused(models: Path, seqmagic: Call) -> None:
    assert seqmagic("measure", "ngram", "nobody").stderr.endswith("nor is there a text of that name\n")
    (models / "half").mkdir()
    (models / "half" / "model.keras").write_bytes(b"")
    result = seqmagic("measure", "ngram", models / "half")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "is half a run" in result.stderr


def test_no_tensorflow_is_imported(runs: list[Run]) -> None:
    from tests.cli.test_imports import HEAVY, loaded_by

    assert not loaded_by(runs[0], "measure", "ngram", "rnn") & set(HEAVY)
