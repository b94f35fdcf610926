"""`seqmagic evaluate`: the right text, the right figures, and a refusal where the text has changed."""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from seqmagic.config import DataConfig
from seqmagic.network.keras_file import load_network
from seqmagic.runs.folder import Run
from seqmagic.texts import generated
from tests.helpers import TEXT, make_run, make_text

Call = Callable[..., Result]


def by_hand(run: Run, text: str) -> float:
    """Nats per character of all of `text` but its first, one character at a time."""
    network = load_network(run)
    ids = run.read_vocabulary().encode(text)
    states = network.initial_states(1)
    nats = 0.0
    for now, after in itertools.pairwise(ids):
        logits, states = network.forward(np.array([[now]]), states)
        logits = logits[0, 0].astype(np.float64)
        nats += np.log(np.exp(logits).sum()) - logits[after]
    return nats / (len(ids) - 1)


def evaluated(seqmagic: Call, *arguments: Any, input: str | None = None) -> dict[str, Any]:
    result = seqmagic("evaluate", *arguments, "--json", input=input)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_own_validation_part_is_the_default(cell: str, models: Path, text: Path, seqmagic: Call) -> None:
    run = make_run(models, source=text, cell=cell, layers=2)
    document = evaluated(seqmagic, "tiny", "--no-baselines")
    start, stop = run.read_record().text.validation
    assert document == {
        "run": "tiny",
        "text": str(text),
        "part": "validation",
        "loss": pytest.approx(by_hand(run, TEXT[start:stop]), abs=1e-4),
        "bits_per_character": pytest.approx(document["loss"] / math.log(2)),
        "perplexity": pytest.approx(math.exp(document["loss"])),
        "characters": stop - start - 1,
        "unknown_characters": 0,
    }
    assert evaluated(seqmagic, "tiny", "--part", "validation", "--no-baselines") == document
    shown = seqmagic("evaluate", "latest").stdout
    assert f"tiny on the validation part of {text}, characters predicted: {stop - start - 1:,}" in shown
    assert f"loss {document['loss']:.4f} nats per character" in shown


def test_other_parts(models: Path, text: Path, seqmagic: Call) -> None:
    run = make_run(models, source=text, data=DataConfig(validation=0.1, test=0.1))
    record = run.read_record()
    for part in ("train", "test"):
        start, stop = getattr(record.text, part)
        document = evaluated(seqmagic, "tiny", "--part", part)
        assert document["characters"] == stop - start - 1
        assert document["loss"] == pytest.approx(by_hand(run, TEXT[start:stop]), abs=1e-4)


def test_another_text_is_read_whole_and_unknown_characters_are_named(
    tiny_run: Run, tmp_path: Path, seqmagic: Call
) -> None:
    text = "Zwölf grüne bottles, ööö!\n"
    other = make_text(tmp_path, text, "other.txt")
    outside = [character for character in text[1:] if character not in TEXT]
    document = evaluated(seqmagic, "tiny", other)
    assert document["part"] is None
    assert document["characters"] == len(text) - 1
    assert document["unknown_characters"] == len(outside)
    assert document["loss"] == pytest.approx(by_hand(tiny_run, text), abs=1e-4)
    shown = seqmagic("evaluate", "tiny", other).stdout
    assert f"{len(outside)} of them unknown" in shown
    assert "most often 'ö' 4" in shown
    assert evaluated(seqmagic, "tiny", "-", input=text)["loss"] == document["loss"]


def test_a_text_in_another_encoding(tiny_run: Run, tmp_path: Path, seqmagic: Call) -> None:
    (tmp_path / "latin.txt").write_bytes("grün and grün".encode("latin-1"))
    result = seqmagic("evaluate", "tiny", tmp_path / "latin.txt")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    document = evaluated(seqmagic, "tiny", tmp_path / "latin.txt", "--encoding", "latin-1")
    assert document["unknown_characters"] == 2


def test_a_text_that_has_changed_is_refused(tiny_run: Run, text: Path, seqmagic: Call) -> None:
    text.write_text(TEXT.replace("green", "brown"))
    result = seqmagic("evaluate", "tiny")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"seqmagic: the text of run tiny, {text}, has changed since the training")
    assert result.stderr.endswith("give the text instead: seqmagic evaluate tiny TEXT\n")


def test_other_line_breaks_are_no_change(tiny_run: Run, text: Path, seqmagic: Call) -> None:
    before = evaluated(seqmagic, "tiny")
    text.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert evaluated(seqmagic, "tiny") == before


def test_a_text_that_is_gone_is_named(tiny_run: Run, text: Path, seqmagic: Call) -> None:
    text.unlink()
    result = seqmagic("evaluate", "tiny")
    assert result.exit_code == 1
    assert result.stderr.startswith("seqmagic: the text of run tiny can't be read again: there is no text")
    assert str(text) in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_text_from_standard_input_can_not_be_read_again(tiny_run: Run, seqmagic: Call) -> None:
    values = json.loads(tiny_run.record_path.read_bytes())
    values["text"]["source"] = "-"
    tiny_run.record_path.write_text(json.dumps(values))
    assert "from standard input" in seqmagic("evaluate", "tiny").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nobody"], 1, "there is no run 'nobody'"),
        (
            ["tiny", "--part", "test"],
            1,
            "run tiny has no test part; the parts it has: train (1,854 characters), v",
        ),
        (["tiny", "missing.txt"], 1, "there is no text 'missing.txt'"),
        (["tiny", "x", "--part", "train"], 2, "--part chooses a part of the run's own text"),
        (["tiny", "--part", "all"], 2, "--part must be one of train, validation, test"),
        (["tiny", "-"], 1, "standard input is empty"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, words: str, tiny_run: Run, seqmagic: Call) -> None:
    result = seqmagic("evaluate", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith(f"seqmagic: {words}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("file", ["model.keras", "vocabulary.json", "run.json"])
def test_a_damaged_run_is_one_line(file: str, tiny_run: Run, seqmagic: Call) -> None:
    (tiny_run.path / file).write_bytes(b"{damaged")
    result = seqmagic("evaluate", "tiny")
    assert result.exit_code == 1
    assert f"{file} is corrupt" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_same_text_with_its_letters_in_the_other_form(models: Path, tmp_path: Path, seqmagic: Call) -> None:
    composed = "L'été, l'élève rêve à Noël.\n" * 20
    make_run(models, "french", source=make_text(tmp_path, composed, name="own.txt"))
    other = make_text(tmp_path, unicodedata.normalize("NFD", composed), name="other.txt")
    result = seqmagic("evaluate", "french", other, "--json")
    own = evaluated(seqmagic, "french", tmp_path / "own.txt")
    assert json.loads(result.stdout)["loss"] == pytest.approx(own["loss"])
    assert "letters were read in the composed form, which the model knows" in result.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_the_own_text_is_a_pipe_now(tiny_run: Run, text: Path, seqmagic: Call) -> None:
    text.unlink()
    os.mkfifo(text)
    result = seqmagic("evaluate", "tiny")
    assert result.exit_code == 1
    assert f"{text} is a pipe, which can be read only once" in result.stderr


def test_a_text_made_by_a_known_rule_has_a_best_possible_loss(models: Path, seqmagic: Call) -> None:
    run = make_run(models, source="recall")
    start, stop = run.read_record().text.validation
    document = evaluated(seqmagic, "tiny")
    surprise = generated.recall_surprise()
    assert document["best_possible"]["bits_per_character"] == pytest.approx(surprise[start + 1 : stop].mean())
    assert document["best_possible"]["loss"] == pytest.approx(surprise[start + 1 : stop].mean() * math.log(2))
    assert "best possible 1.38" in seqmagic("evaluate", "tiny").stdout

    shown = seqmagic("runs", "show", "tiny")
    assert shown.exit_code == 0, shown.stderr
    assert "best possible" in shown.stdout and "1.38" in shown.stdout
    assert json.loads(seqmagic("runs", "show", "tiny", "--json").stdout)["best_possible"] == document["best_possible"]

    compared = seqmagic("compare", "tiny", "tiny", "--json")
    assert json.loads(compared.stdout)["baselines"][-1]["loss"] == document["best_possible"]["loss"]


def test_several_runs_on_several_texts_are_a_table(models: Path, text: Path, tmp_path: Path, seqmagic: Call) -> None:
    other = tmp_path / "other.txt"
    other.write_text("ten green bottles\n" * 40, encoding="utf-8")
    for name, cell in (("a", "rnn"), ("b", "gru")):
        make_run(models, name, source=text, cell=cell)
    documents = evaluated(seqmagic, "a", "b", text, other)["evaluations"]
    assert [(one["run"], Path(one["text"]).name) for one in documents] == [
        ("a", text.name), ("b", text.name), ("a", "other.txt"), ("b", "other.txt"),
    ]  # fmt: skip
    alone = evaluated(seqmagic, "b", other)
    assert alone == documents[3]
    shown = seqmagic("evaluate", "a", "b", text, "--on", other).stdout
    assert f"on {text.name}" in shown and "on other.txt" in shown and f"{alone['loss']:.4f}" in shown
    assert {row["name"] for row in alone["baselines"]} >= {"uniform", "unigram", "2-gram"}


def test_a_name_that_is_no_run_begins_the_texts(models: Path, text: Path, seqmagic: Call) -> None:
    make_run(models, "a", source=text)
    assert len(evaluated(seqmagic, "a", text, text)["evaluations"]) == 2
    result = seqmagic("evaluate", "a", text, "a")  # texts go on, and no text has this name
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1) and "a" in result.stderr
    assert seqmagic("evaluate", "a", "--part", "train", "--on", text).exit_code == 2


def test_the_baselines_have_counted_what_the_model_has_read(models: Path, text: Path, seqmagic: Call) -> None:
    from seqmagic.evaluation.baselines import measure_baselines

    run = make_run(models, source=text)
    record, vocabulary = run.read_record(), run.read_vocabulary()
    ids = np.array(vocabulary.encode(TEXT))
    train, validation = (ids[slice(*getattr(record.text, part))] for part in ("train", "validation"))
    rows = measure_baselines(train, validation, vocabulary.size)
    found = evaluated(seqmagic, "tiny")["baselines"]
    assert [(row["name"], row["loss"]) for row in found] == [(row.name, pytest.approx(row.loss)) for row in rows]
    assert "that only counts" in seqmagic("evaluate", "tiny").stdout
    for whole in (("--part", "train"), (text,)):  # they would know it by heart
        assert "baselines" not in evaluated(seqmagic, "tiny", *whole)
    text.unlink()
    other = text.with_name("other.txt")
    other.write_text("ten green bottles", encoding="utf-8")
    result = seqmagic("evaluate", "tiny", other)
    assert result.exit_code == 0 and "no n-gram to hold it against" in result.stderr


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_every_character_has_its_line(suffix: str, models: Path, text: Path, tmp_path: Path, seqmagic: Call) -> None:
    run = make_run(models, source=text)
    path = tmp_path / f"costs{suffix}"
    document = evaluated(seqmagic, "tiny", "--per-character", path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file)) if suffix == ".csv" else [json.loads(line) for line in file]
    start, stop = run.read_record().text.validation
    assert [int(row["position"]) for row in rows] == list(range(start + 1, stop))
    assert "".join(row["character"] for row in rows) == TEXT[start + 1 : stop]
    bits = [float(row["bits"]) for row in rows]
    assert np.mean(bits) == pytest.approx(document["bits_per_character"], abs=1e-5)
    assert [2.0**-cost for cost in bits] == pytest.approx([float(row["probability"]) for row in rows], rel=1e-4)
    assert {bool(int(row["known"])) for row in rows} == {True}


def test_a_file_of_costs_says_its_form(models: Path, text: Path, tmp_path: Path, seqmagic: Call) -> None:
    make_run(models, source=text)
    result = seqmagic("evaluate", "tiny", "--per-character", tmp_path / "costs.txt")
    assert (result.exit_code, result.stdout) == (2, "") and ".csv or .jsonl" in result.stderr
