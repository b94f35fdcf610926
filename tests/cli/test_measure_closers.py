"""`seqmagic measure closers`: tables for people, no number for a handful of cases, refusals in one line."""

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
LONG = "".join(f"{number} 《株の花》 (hanging on the wall) and [{number}] more.\n" for number in range(600))


@pytest.fixture
def runs(models: Path, tmp_path: Path) -> list[Run]:
    text = make_text(tmp_path, LONG, "花.txt")
    return [make_run(models, name, source=text, cell=name) for name in ("rnn", "gru")]


def test_a_reader_gets_a_table_a_chart_and_a_sentence_in_sixty_columns(
    runs: list[Run], models: Path, tmp_path: Path
) -> None:
    arguments = ["measure", "closers", "rnn", "gru", "--plot", str(tmp_path / "x.svg")]
    shown = CliRunner(env={"SEQMAGIC_MODELS": str(models), "COLUMNS": "60"}).invoke(main, arguments)
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert [line for line in lines[1:-1] if cell_len(line) > 60] == []
    assert lines[-1].startswith("20–39 characters back from the closer, the right one has a probability of 0.")
    assert "-gram" in lines[-1]
    assert (tmp_path / "x.svg").exists()


def test_the_document_names_what_it_can_not_say(runs: list[Run], seqmagic: Call) -> None:
    document = json.loads(seqmagic("measure", "closers", "rnn", "gru", "--json").stdout)
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", "closers")
    for model in document["models"]:
        assert set(model["closers"]) == {")", "]", "》"}
        assert all(one["reason"] for one in model["by_distance"] if one["bits"] is None)
    assert document["differences"][0]["probability_interval"]


def test_a_text_without_closers_is_said_to_have_none(models: Path, tmp_path: Path, seqmagic: Call) -> None:
    make_run(models, "plain", source=make_text(tmp_path, "no brackets here. " * 300))
    result = seqmagic("measure", "closers", "plain")
    assert result.exit_code == 0, result.stderr
    assert "┤" not in result.stdout  # no chart of nothing
    assert result.stdout.splitlines()[-1] == "The held-out text has too few closing brackets and quotes for a figure."


def test_a_short_text_is_refused_in_one_line(models: Path, tmp_path: Path, seqmagic: Call) -> None:
    make_run(models, "short", source=make_text(tmp_path, "too short. " * 150))
    result = seqmagic("measure", "closers", "short")
    assert result.exit_code == 1
    assert result.stderr.startswith("seqmagic: the validation part has 165 characters, and measuring closers needs ")
    assert result.stderr.count("\n") == 1
