"""`seqmagic measure repeats`: tables for people, no number for a handful of words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from seqmagic.cli.main import main
from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text
from tests.insight.test_measure_repeats import words_that_come_twice

Call = Callable[..., Result]


@pytest.fixture
def runs(models: Path, tmp_path: Path) -> list[Run]:
    text = make_text(tmp_path, words_that_come_twice(300), "花.txt")
    return [make_run(models, name, source=text, cell=name) for name in ("rnn", "gru")]


def test_a_reader_gets_a_table_a_chart_and_a_sentence_in_sixty_columns(
    runs: list[Run], models: Path, tmp_path: Path
) -> None:
    arguments = ["measure", "repeats", "rnn", "gru", "--plot", str(tmp_path / "x.svg")]
    shown = CliRunner(env={"SEQMAGIC_MODELS": str(models), "COLUMNS": "60"}).invoke(main, arguments)
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert [line for line in lines[1:-1] if cell_len(line) > 60 and "┤" not in line] == []
    assert "saving" in lines[-1] or "save" in lines[-1]
    assert (tmp_path / "x.svg").exists()


def test_the_document_names_what_it_can_not_say(runs: list[Run], seqmagic: Call) -> None:
    document = json.loads(seqmagic("measure", "repeats", "rnn", "gru", "--json").stdout)
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", "repeats")
    for model in document["models"]:
        assert np.isfinite(model["by_distance"][0]["saving_bits"])
        assert all(one["reason"] for one in model["by_distance"] if one["saving_bits"] is None)
    assert document["differences"][0]["saving_bits_interval"]


def test_a_text_without_rare_words_is_said_to_have_none(models: Path, tmp_path: Path, seqmagic: Call) -> None:
    make_run(models, "plain", source=make_text(tmp_path, "no such word here. " * 300))
    result = seqmagic("measure", "repeats", "plain")
    assert result.exit_code == 0, result.stderr
    assert "┤" not in result.stdout  # no chart of nothing
    assert result.stdout.splitlines()[-1] == "The held-out text has too few rare words that come again for a figure."


def test_a_setting_out_of_range_is_refused_in_one_line(runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("measure", "repeats", "rnn", "--pairs", "3")
    assert result.exit_code == 2
    assert result.stderr.startswith("seqmagic: --pairs must be from 20 to 10,000; received 3; see:")
    assert result.stderr.count("\n") == 1
