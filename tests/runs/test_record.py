"""run.json, vocabulary.json and history.jsonl that hold something else than they should."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.errors import RunError
from seqmagic.runs.folder import Run
from tests.helpers import make_results, make_run

Call = Callable[..., Result]


def put(run: Run, way: str, value: Any) -> None:
    """Set the value at `way`, `text.test`, in run.json; a string that begins with "raw " stands there as it is."""
    document = json.loads(run.record_path.read_bytes())
    *parents, last = way.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    content = json.dumps(document)
    if isinstance(value, str) and value.startswith("raw "):
        content = content.replace(json.dumps(value), value.removeprefix("raw "))
    run.record_path.write_text(content)


CORRUPT = [
    ("text.test", "raw [0, Infinity]"),
    ("text.test", [0]),
    ("text.test", [0, 1, 2]),
    ("text.test", [2060, 2061]),  # beyond the text
    ("text.train", [-1, 1854]),
    ("text.train", [1854, 0]),
    ("text.validation", [1000, 2060]),  # overlaps the training part
    ("text.characters", 1.5),
    ("text.bytes", 10**30),
    ("text.source", None),
    ("text.source", "a\0b"),
    ("text", "raw " + "[" * 100_000),
    ("seed", -1),
    ("seed", True),
    ("seed", "raw " + "9" * 5000),
    ("argv", "train"),
    ("argv", [1]),
    ("name", 3),
    ("status", "lost"),
    ("status", None),
    ("results.validation_loss", "low"),
    ("results.validation_loss", "raw NaN"),
    ("results.validation_loss", "raw 1e999"),
    ("results.validation_loss", 1e308),
    ("results.parameters", 10**400),
    ("results", []),
    ("notes", [None]),
    ("notes", 'raw ["\\ud800"]'),
    ("environment.device", ["a", "b"]),
    ("environment.process", 10**400),
    ("model.units", 10**400),
    ("model.units", "6"),
    ("model.cell", "transformer"),
    ("training.learning_rate", [0.1]),
    ("data.encoding", 8),
    ("vocabulary_sha256", 1),
]


@pytest.mark.parametrize(("way", "value"), CORRUPT, ids=lambda value: str(value)[:30])
def test_a_record_that_lies_is_one_line_and_in_nobodys_way(
    way: str, value: Any, models: Path, text: Path, seqmagic: Call
) -> None:
    good = make_run(models, "good", source=text, created="2025-01-01T00:00:00+00:00")
    odd = make_run(models, "odd", source=text)
    put(odd, way, value)
    with pytest.raises(RunError, match=r"odd/run\.json is corrupt: .*; remove the run or restore the file$") as caught:
        odd.read_record()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    rows = {row["name"]: row for row in json.loads(seqmagic("runs", "list", "--json").stdout)["runs"]}
    assert (rows["good"]["status"], rows["odd"]["status"]) == ("complete", "corrupt")
    for reference in ("latest", "best"):
        assert seqmagic("runs", "show", reference).stdout.startswith("good")
    unknown = seqmagic("sample", "god")
    assert (unknown.exit_code, "did you mean good" in unknown.stderr) == (1, True)
    for arguments in (["runs", "show", "odd"], ["runs", "diff", "odd", "good"], ["sample", "odd"], ["evaluate", "odd"]):
        result = seqmagic(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"seqmagic: {caught.value}\n"
    assert seqmagic("runs", "remove", "odd", "--yes").exit_code == 0
    assert not odd.path.exists() and good.path.exists()


def test_what_a_later_version_adds_is_left_alone(tiny_run: Run) -> None:
    before = tiny_run.read_record()
    for way in ("added", "text.added", "model.added", "training.added", "data.added"):
        put(tiny_run, way, {"a": [1]})
    assert tiny_run.read_record() == before


@pytest.mark.parametrize("size", [16 * 2**20 + 1, 2**40])
def test_a_record_without_measure_is_not_read(size: int, tiny_run: Run) -> None:
    with open(tiny_run.record_path, "r+b") as file:
        file.truncate(size)
    with pytest.raises(RunError, match=rf"is corrupt: {size:,} bytes, more than the 16,777,216 that it may have"):
        tiny_run.read_record()


@pytest.mark.parametrize(
    "content", ['{"characters": "abc"}', '{"characters": ["a", 1]}', '{"characters": [""]}', '{"unknown": 1, '
                '"characters": ["a"]}', '{"characters": ["\\ud800"]}', '{"characters": ["' + "x" * 10**6 + '"]}']
)  # fmt: skip
def test_a_vocabulary_that_lies_is_one_line(content: str, tiny_run: Run) -> None:
    tiny_run.vocabulary_path.write_text(content)
    with pytest.raises(
        RunError, match=r"vocabulary\.json is corrupt: .*; remove the run or restore the file"
    ) as caught:
        tiny_run.read_vocabulary()
    assert len(str(caught.value)) < 600


def test_all_of_unicode_is_a_vocabulary(tiny_run: Run) -> None:
    from seqmagic.texts.vocabulary import Vocabulary

    everything = Vocabulary(chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000)
    tiny_run.write_vocabulary(everything)
    assert tiny_run.read_vocabulary() == everything


@pytest.mark.parametrize(
    "line",
    ["[1]", "3", "{", '{"validation_loss": "x"}', '{"validation_loss": NaN}', '{"step": 1e999}', '{"epoch": [1]}',
     "[" * 100_000, '{"seconds": 1e308}', "\x00"],
    ids=lambda line: line[:30],
)  # fmt: skip
def test_a_history_is_shown_as_far_as_it_can_be_read(line: str, tiny_run: Run, seqmagic: Call) -> None:
    tiny_run.append_history({"step": 1, "validation_loss": 2.5, "added_later": {}})
    with open(tiny_run.history_path, "a") as file:
        file.write(f"{line}\n")
    tiny_run.append_history({"step": 3, "validation_loss": 1.5})
    result = seqmagic("runs", "show", "tiny")
    assert result.exit_code == 0
    assert "2.5000" in result.stdout and "1.5000" not in result.stdout
    assert f"{tiny_run.history_path} is corrupt from line 2 on: " in result.stderr
    assert result.stderr.count("\n") == 1
    assert json.loads(seqmagic("runs", "show", "tiny", "--json").stdout)["history"] == [
        {"step": 1, "validation_loss": 2.5}
    ]
    assert seqmagic("runs", "list").exit_code == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_in_the_place_of_a_history_does_not_hang(tiny_run: Run) -> None:
    os.mkfifo(tiny_run.history_path)
    rows, trouble = tiny_run.read_history_and_trouble()
    assert rows == []
    assert trouble is not None and "it is a FIFO, no ordinary file" in trouble


def test_names_that_are_no_utf_8_are_kept_as_far_as_they_can_be(tiny_run: Run) -> None:
    import dataclasses

    record = tiny_run.read_record()
    source = os.fsdecode(b"caf\xe9.txt")
    tiny_run.write_record(
        dataclasses.replace(record, argv=("train", source), text=dataclasses.replace(record.text, source=source))
    )
    assert (tiny_run.read_record().text.source, tiny_run.read_record().argv) == (
        "caf\ufffd.txt",
        ("train", "caf\ufffd.txt"),
    )


@pytest.mark.parametrize("figures", [{}, {"validation_loss": 1.5, "seconds": None}, dict(make_results(1.5))])
def test_figures_that_a_file_lacks_are_none_and_stay_out_of_what_is_written(figures: Any, tiny_run: Run) -> None:
    """As its bytes were: null stays null, and what was not there does not appear."""
    document = json.loads(tiny_run.record_path.read_bytes())
    written = {**document, "results": {**figures, "added_later": 1}}
    tiny_run.record_path.write_text(json.dumps(written))
    record = tiny_run.read_record()
    assert record.results is not None
    assert (record.results, dict(record.results), list(record.results)) == (figures, figures, list(figures))
    assert (record.loss, record.results.perplexity) == (figures.get("validation_loss"), figures.get("perplexity"))
    with pytest.raises(KeyError):
        record.results["added_later"]
    tiny_run.write_record(record)
    assert json.loads(tiny_run.record_path.read_bytes()) == {**document, "results": figures}
