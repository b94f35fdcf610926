"""`seqmagic measure memory`: the document, the tables for people, refusals in one line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from seqmagic.cli.main import main
from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]
QUICK = ("--max-context", "16", "--targets", "40")
LONG = "".join(f"{number} 株の花, hanging on the wall; and {number} more.\n" for number in range(400))


@pytest.fixture
def runs(models: Path, tmp_path: Path) -> list[Run]:
    text = make_text(tmp_path, LONG, "花.txt")
    return [make_run(models, name, source=text, cell=name) for name in ("rnn", "gru")]


def test_the_document_has_what_it_says_of_each_model(runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("measure", "memory", "rnn", "gru", *QUICK, "--json", "--variant", "foreign,shuffle-words")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", "memory")
    for model in document["models"]:
        assert model["k"] == list(range(17))
        assert {"loss_bits", "interval", "k50", "k90", "k99", "effective_context", "unlimited_bits"} <= set(model)
        assert list(model["variants"]) == ["zero", "foreign", "shuffle-words"]
        for name in ("k50", "k90", "k99", "effective_context"):
            assert model[name] is not None or name in model["reasons"]
    assert [entry["run"] for entry in document["differences"]] == ["gru"]


def test_a_reader_gets_tables_a_chart_and_a_sentence_in_sixty_columns(
    runs: list[Run], models: Path, tmp_path: Path
) -> None:
    path = tmp_path / "memory.svg"
    arguments = ["measure", "memory", "rnn", "gru", *QUICK, "--variant", "foreign,shuffle-words", "--plot", str(path)]
    result = CliRunner(env={"SEQMAGIC_MODELS": str(models), "COLUMNS": "60"}).invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("loss by characters read, 40 predictions in the validation part of ")
    assert max(cell_len(line) for line in lines[1:-1]) <= 60
    assert "against rnn" in result.stdout
    assert "words shuffled" in result.stdout
    assert "\x1b" not in result.stdout
    assert ET.fromstring(path.read_text(encoding="utf-8")).tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["rnn", "--max-context", "3"], 2, "--max-context must be from 16 to 4,096; received 3; see:"),
        (["rnn", "--max-context", "1800"], 1, "the held-out part has 1,"),
        (["rnn", "--variant", "zero,none"], 2, "--variant must be one of zero, foreign, shuffle-chars, "),
        (["nobody"], 1, "there is no run 'nobody'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, words: str, runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("measure", "memory", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith(f"seqmagic: {words}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_no_tensorflow_is_imported(runs: list[Run]) -> None:
    from tests.cli.test_imports import HEAVY, loaded_by

    assert not loaded_by(runs[0], "measure", "memory", "rnn", *QUICK) & set(HEAVY)
