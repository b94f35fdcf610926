"""`seqmagic inspect neurons` and `inspect errors`: documents, tables at 60 columns, refusals in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len

from seqmagic.runs.folder import Run
from tests.helpers import make_run, make_text

Call = Callable[..., Result]
LONG = "".join(f'{number} 株の花, "hanging ({number})" on the wall; and [{number}] more.\n' for number in range(700))


@pytest.fixture
def runs(models: Path, tmp_path: Path) -> list[Run]:
    source = make_text(tmp_path, LONG, "花.txt")
    return [
        make_run(models, name, source=source, cell=name, layers=layers) for name, layers in (("rnn", 1), ("lstm", 2))
    ]


@pytest.mark.parametrize("kind", ["neurons", "errors"])
def test_one_document_the_same_for_a_seed(kind: str, runs: list[Run], seqmagic: Call) -> None:
    texts = [seqmagic("inspect", kind, "rnn", "lstm", "--json", "--seed", seed).stdout for seed in (1, 1, 2)]
    document = json.loads(texts[0], parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", kind)
    assert [model["run"] for model in document["models"]] == ["rnn", "lstm"]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


@pytest.mark.parametrize("kind", ["neurons", "errors"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_sixty_columns_and_a_pipe_hold_it(kind: str, encoding: str, runs: list[Run]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seqmagic", "--models", str(runs[0].path.parent), "inspect", kind, "rnn", "lstm"],
        capture_output=True,
        env={**os.environ, "COLUMNS": "60", "PYTHONIOENCODING": encoding},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert any(line.startswith("lstm: ") for line in lines)
    assert "\x1b" not in "".join(lines)
    if encoding == "utf-8":
        assert max(map(cell_len, lines)) <= 60


def test_a_reader_of_errors_gets_a_table_a_finding_and_a_funnel(runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("inspect", "errors", "rnn", "lstm")
    assert result.exit_code == 0
    assert "word-initial letter" in result.stdout
    assert "ideograph" in result.stdout
    assert "rnn pays " in result.stdout
    assert "an n-gram of up to 9 characters had it" in result.stdout
    assert "times the parameters" in result.stderr


def test_a_reader_of_neurons_gets_a_table_and_a_finding(runs: list[Run], seqmagic: Call) -> None:
    result = seqmagic("inspect", "neurons", "lstm", "--quiet")
    assert result.exit_code == 0
    assert "inside quotes" in result.stdout
    assert "layer " in result.stdout
    assert "in a URL: 0 characters of a half have it; 20 or more are needed." in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["neurons", "rnn", "--characters", "1999"],
            2,
            "--characters must be from 2,000 to 100,000; received 1999; see: ",
        ),
        (["neurons", "rnn", "--feature", "none.tsv"], 2, "none.tsv"),
        (["neurons", "rnn", "--feature", "."], 2, "."),
        (["neurons", "rnn", "--feature", "own.tsv"], 2, "--feature own.tsv has 1 lines below its names, and the text"),
        (["neurons", "rnn", "--text", "ab", "--at", "3"], 2, "--text gives the characters themselves"),
        (["neurons", "nobody"], 1, "there is no run 'nobody'"),
        (["neurons", "small"], 1, "the held-out part of the text of run small has "),
        (["errors", "small"], 1, "the held-out part of the text of run small has "),
        (["errors"], 2, "Missing argument 'RUN...'"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    code: int,
    words: str,
    runs: list[Run],
    models: Path,
    tmp_path: Path,
    seqmagic: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(models, "small", source=make_text(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.tsv").write_text("a\n1\n", encoding="utf-8")
    result = seqmagic("inspect", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith(f"seqmagic: {words}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("kind", ["neurons", "errors"])
def test_no_tensorflow_is_imported(kind: str, runs: list[Run]) -> None:
    from tests.cli.test_imports import HEAVY, loaded_by

    assert not loaded_by(runs[0], "inspect", kind, "rnn") & set(HEAVY)


def test_a_document_is_whole_for_programs(runs: list[Run], seqmagic: Call) -> None:
    document: dict[str, Any] = json.loads(seqmagic("inspect", "neurons", "lstm", "--json").stdout)
    [model] = document["models"]
    for feature in model["features"]:
        assert {
            "feature", "statistic", "reason", "unit", "sign", "score", "null_95", "p", "stands_out",
            "away_from_delimiters", "character_alone", "echo", "probe", "lesion",
        } == set(feature)  # fmt: skip
    assert document["text"]["searched"] >= 2000
