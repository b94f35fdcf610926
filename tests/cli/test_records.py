"""Records on the command line: trained, sampled one a text, evaluated and compared as they were cut."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqmagic.config import DataConfig
from seqmagic.runs.find import open_run
from tests.helpers import make_run

NAMES = [f"{first}{second}{third}" for first in "bdfgkl" for second in "aeiou" for third in ("n", "ra", "lino")]


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(NAMES) + "\n")
    return path


@pytest.fixture
def run(models: Path, names: Path) -> str:
    return make_run(models, "names", source=names, data=DataConfig(records="line", split_seed=1)).name


def test_evaluate_says_what_records_cost(seqmagic: Callable[..., Any], run: str, names: Path) -> None:
    result = seqmagic("evaluate", run)
    assert result.exit_code == 0
    assert "bits per record on an average" in result.stdout and "the costliest:" in result.stdout
    document = json.loads(seqmagic("evaluate", run, "--json", "--part", "train").stdout)
    records = document["records"]
    assert records["count"] == 80 and len(records["costliest"]) == 5
    assert {one["record"] for one in records["costliest"]} <= set(NAMES)
    total = records["bits_per_record"] * records["count"]
    assert document["bits_per_character"] * document["characters"] == pytest.approx(total)


def test_another_text_is_read_as_the_own_one_in_any_order(
    seqmagic: Callable[..., Any], run: str, names: Path, tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed.txt"
    mixed.write_text("\n\n".join(random.Random(1).sample(NAMES, len(NAMES))))
    first, second = (json.loads(seqmagic("evaluate", run, str(path), "--json").stdout) for path in (names, mixed))
    assert first["loss"] == second["loss"] and first["records"] == second["records"]
    assert first["characters"] == sum(len(name) + 1 for name in NAMES) and first["records"]["count"] == 90


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--records", "blank-line"], "was trained with --records line, received --records blank-line"),
        (["--column", "a"], "was trained with --records line, received --column a"),
        (["--records", "line", "--column", "a"], "give one of them"),
        (["--records", "page"], "must be one of line, blank-line"),
    ],
)
def test_evaluate_refuses_records_that_end_otherwise(
    seqmagic: Callable[..., Any], run: str, names: Path, arguments: list[str], words: str
) -> None:
    result = seqmagic("evaluate", run, str(names), *arguments)
    assert result.exit_code == 2 and words in result.stderr and "Traceback" not in result.stderr


def test_a_model_of_one_text_takes_no_records(seqmagic: Callable[..., Any], tiny_run: Any, text: Path) -> None:
    result = seqmagic("evaluate", tiny_run.name, str(text), "--records", "line")
    assert result.exit_code == 2 and "was trained on one text from start to end" in result.stderr
    assert "records" not in json.loads(seqmagic("evaluate", tiny_run.name, "--json").stdout)


def test_sample_writes_one_record_a_text(seqmagic: Callable[..., Any], run: str) -> None:
    for count in (3, 10):  # one after the other, and side by side
        result = seqmagic("sample", run, "--count", str(count), "--seed", "1", "--temperature", "1", "--length", "2000")
        # the weights are random, so a line break comes now and then, and none is part of a record
        assert result.exit_code == 0 and len(result.stdout.splitlines()) == count
        assert "-----" not in result.stdout
    one = seqmagic("sample", run, "--count", "3", "--seed", "1", "--separator", "=", "--prompt", "ban").stdout
    assert one.splitlines()[1::2] == ["=", "="] and all(line.startswith("ban") for line in one.splitlines()[::2])
    document = json.loads(seqmagic("sample", run, "--json", "--count", "4", "--seed", "1", "--length", "2000").stdout)
    assert all(sample["prompt"] == "" and "\n" not in sample["text"] for sample in document["samples"])


def test_a_prompt_is_the_beginning_of_a_record(seqmagic: Callable[..., Any], run: str, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt"
    prompt.write_text("ban\n")
    settings = ("--seed", "1", "--length", "30")
    from_file = seqmagic("sample", run, "--prompt-file", str(prompt), *settings).stdout
    assert from_file == seqmagic("sample", run, "--prompt", "ban", *settings).stdout
    assert from_file.startswith("ban")
    refused = seqmagic("sample", run, "--prompt", "ban\ndin", *settings)
    assert refused.exit_code == 1 and "the end of a record" in refused.stderr and refused.stdout == ""


def test_stanzas_stand_apart_by_a_blank_line(seqmagic: Callable[..., Any], models: Path, tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_text("\n\n".join(f"{name}\n{name}" for name in NAMES))
    make_run(models, "poems", source=path, data=DataConfig(records="blank-line", split_seed=1))
    written = seqmagic("sample", "poems", "--count", "2", "--seed", "2", "--ban", "\\n", "--length", "50").stdout
    lines = written.split("\n")
    assert len(lines) == 4 and lines[1] == "" and lines[3] == "" and "\x1e" not in written


def test_a_column_of_a_table(seqmagic: Callable[..., Any], models: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,body\n" + "".join(f'{number},"{name},\n""{name}"""\n' for number, name in enumerate(NAMES)))
    make_run(models, "table", source=path, data=DataConfig(column="body", split_seed=1))
    other = tmp_path / "table.jsonl"
    other.write_text("".join(json.dumps({"text": f'{name},\n"{name}"'}) + "\n" for name in NAMES))
    figures = [
        json.loads(seqmagic("evaluate", "table", str(file), "--json", *more).stdout)["records"]["bits_per_record"]
        for file, more in ((path, []), (other, ["--column", "text"]))
    ]
    assert figures[0] == figures[1]
    missing = seqmagic("evaluate", "table", str(path), "--column", "title")
    assert missing.exit_code == 1 and "has no column 'title'; it has 'id', 'body'" in missing.stderr


@pytest.mark.tf
def test_train_and_compare_draw_with_their_seed(seqmagic: Callable[..., Any], models: Path, names: Path) -> None:
    small = ("--units", "4", "--epochs", "1", "--records", "line", "--seed", "5")
    trained = seqmagic("train", str(names), *small, "--cell", "rnn", "--name", "one")
    assert trained.exit_code == 0 and "90 records: 81 to train on, 9 to validate, drawn with seed 5" in trained.stderr
    record = open_run(models, "one").read_record()
    assert record.data == DataConfig(records="line", split_seed=5)
    compared = seqmagic("compare", str(names), *small, "--cells", "rnn", "--seeds", "2", "--name", "both", "--json")
    rows = json.loads(compared.stdout)["rows"]
    # the records are drawn once for all seeds, so that the losses mean the same
    records = [open_run(models, row["run"]).read_record() for row in rows]
    assert [(record.seed, record.data.split_seed) for record in records] == [(5, 5), (6, 5)]
    assert "not comparable" not in seqmagic("compare", "one", *[row["run"] for row in rows]).stdout


def test_an_export_says_that_it_knows_of_no_records(seqmagic: Callable[..., Any], run: str, tmp_path: Path) -> None:
    done = seqmagic("export", run, str(tmp_path / "out"), "--format", "numpy")
    assert done.exit_code == 0 and "knows of no records" in done.stderr and "'\\n'" in done.stderr
