"""`seqmagic compare`: a series that is trained (by a stand-in), and runs that are there already."""

from __future__ import annotations

import errno
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from seqmagic.config import DataConfig
from seqmagic.errors import TrainingError
from seqmagic.runs.find import list_runs
from seqmagic.runs.folder import Run
from tests.helpers import FakeTraining, make_results, make_run

Call = Callable[..., Result]
LOSSES = {"rnn": 1.9, "lstm": 0.1, "gru": 0.2}
RESULTS = set(make_results(1.0))


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[Any, Any]], FakeTraining]:
    """Put a stand-in with these losses in the place of the training."""

    def install(losses: Mapping[Any, Any]) -> FakeTraining:
        fake = FakeTraining(losses)
        monkeypatch.setattr("seqmagic.training.train.train", fake)
        monkeypatch.setattr("seqmagic.training.train.start", lambda training: None)
        return fake

    return install


def rows_of(result: Result) -> list[dict[str, Any]]:
    return json.loads(result.stdout)["rows"]


def test_three_cells_on_one_text(training: Any, text: Path, models: Path, seqmagic: Call) -> None:
    training(LOSSES)
    result = seqmagic("compare", text, "--units", "6", "--layers", "1", "--minutes", "1")
    assert result.exit_code == 0, result.stderr
    table, _, rest = result.stdout.partition("\n\nIn these runs ")
    heading = " ".join(table.split("\n\n")[0].split())
    assert heading.startswith(f"{text}: 1,854 characters to train on, 206 to validate (sha256 ")
    assert heading.endswith("; each row 1 minute, seed 1; same units")
    for words in ("rnn", "lstm", "gru", "1×6", "0.1010", "uniform", "unigram", "-gram"):
        assert words in table, words
    sentence = " ".join(rest.split("\n\n")[0].split())
    assert sentence.startswith("lstm 1×6 is best at 0.101 nats per character, 0.100 below gru 1×6; that is ")
    assert "which rnn 1×6 does not beat. No interval for bottles-rnn-1x6: its weights have a validation" in sentence
    for cell in LOSSES:
        assert f"\n--- bottles-{cell}-1x6\n" in rest
    assert "again: seqmagic compare bottles-comparison" in result.stderr
    assert "(2 of 3)" in result.stderr and "| green [bold] bottles" in result.stderr
    assert [run.name for run in list_runs(models)] == [f"bottles-{cell}-1x6" for cell in ("gru", "lstm", "rnn")]


def test_the_comparison_is_kept_and_is_the_json_document(
    training: Any, text: Path, models: Path, seqmagic: Call
) -> None:
    training(LOSSES)
    result = seqmagic("compare", text, "--units", "5,6", "--layers", "1,2", "--cells", "gru,simple_rnn", "--json")
    document = json.loads(result.stdout)
    assert document == json.loads((models / "bottles-comparison" / "comparison.json").read_bytes())
    assert (document["name"], document["status"]) == ("bottles-comparison", "complete")
    assert document["held_equal"] == {"match": "units", "minutes": 3.0, "epochs": None, "seeds": [1]}
    assert [(row["layers"], row["units"], row["cell"]) for row in document["rows"]] == [
        (layers, units, cell) for layers in (1, 2) for units in (5, 6) for cell in ("gru", "rnn")
    ]
    for row in document["rows"]:
        assert set(row["results"]) == RESULTS
        assert row["run"] == f"bottles-{row['cell']}-{row['layers']}x{row['units']}"
    baselines = document["baselines"]
    assert [one["order"] for one in baselines[:3]] == [0, 1, 2]
    assert set(baselines[0]) == {"name", "order", "loss", "bits_per_character"}
    assert set(document["samples"]) == {row["run"] for row in document["rows"]}
    assert result.stderr.count("In these runs") == 0


def test_a_kill_loses_no_row_that_is_done(
    training: Any, text: Path, models: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = training(LOSSES)
    found: list[list[tuple[str, str]]] = []

    def train(corpus: Any, **asked: Any) -> Any:
        document = json.loads((models / "bottles-comparison" / "comparison.json").read_bytes())
        found.append([(row["cell"], row["status"]) for row in document["rows"]])
        assert document["status"] == "running" and document["baselines"]
        return fake(corpus, **asked)

    monkeypatch.setattr("seqmagic.training.train.train", train)
    seqmagic("compare", text, "--units", "6", "--layers", "1")
    assert found == [
        [("rnn", "running"), ("lstm", "planned"), ("gru", "planned")],
        [("rnn", "complete"), ("lstm", "running"), ("gru", "planned")],
        [("rnn", "complete"), ("lstm", "complete"), ("gru", "running")],
    ]


def test_one_failing_row_is_reported_in_its_place(training: Any, text: Path, seqmagic: Call) -> None:
    training({**LOSSES, "lstm": TrainingError("the loss exploded; lower --learning-rate")})
    result = seqmagic("compare", text, "--units", "6", "--layers", "1")
    assert result.exit_code == 0
    assert "failed" in result.stdout
    assert "lstm 1×6: the loss exploded; lower --learning-rate" in result.stdout
    assert "lstm 1×6 gave no loss" in " ".join(result.stdout.split())
    rows = rows_of(seqmagic("compare", text, "--units", "6", "--layers", "1", "--json"))
    assert [(row["status"], row["run"] is None) for row in rows] == [
        ("complete", False),
        ("failed", True),
        ("complete", False),
    ]


def test_where_all_fail_for_one_reason_that_is_the_message(
    training: Any, text: Path, models: Path, seqmagic: Call
) -> None:
    problem = TrainingError("no device")
    training(dict.fromkeys(LOSSES, problem))
    result = seqmagic("compare", text, "--units", "6", "--layers", "1", "--quiet")
    assert result.exit_code == 1
    assert result.stderr == "seqmagic: nothing could be trained: no device\n"
    assert list(models.iterdir()) == []


def test_where_all_fail_for_several_reasons_the_table_says_so(training: Any, text: Path, seqmagic: Call) -> None:
    training({cell: TrainingError(f"no {cell}") for cell in LOSSES})
    result = seqmagic("compare", text, "--units", "6", "--layers", "1")
    assert result.exit_code == 1
    assert "No row has a loss" in result.stdout
    assert "rnn 1×6: no rnn" in result.stdout


@pytest.mark.parametrize("how", ["interrupted", KeyboardInterrupt()])
def test_ctrl_c_shows_what_there_is(how: Any, training: Any, text: Path, models: Path, seqmagic: Call) -> None:
    training({**LOSSES, "lstm": how})
    result = seqmagic("compare", text, "--units", "6", "--layers", "1")
    assert result.exit_code == 130
    assert "1.9010" in result.stdout and "gru" not in result.stdout
    document = json.loads((models / "bottles-comparison" / "comparison.json").read_bytes())
    assert document["status"] == "interrupted"
    assert [row["status"] for row in document["rows"]] == ["complete", "interrupted"]


def test_ctrl_c_before_anything_is_trained_leaves_nothing(
    training: Any, text: Path, models: Path, seqmagic: Call
) -> None:
    training({"lstm": KeyboardInterrupt()})
    assert seqmagic("compare", text).exit_code == 130
    assert list(models.iterdir()) == []


def test_seeds_give_a_mean_and_a_spread(training: Any, text: Path, seqmagic: Call) -> None:
    train = training(LOSSES)
    result = seqmagic(
        "compare", text, "--units", "6", "--layers", "1", "--seeds", "3", "--seed", "5", "--cells", "lstm,gru"
    )
    assert [call["training"].seed for call in train.calls] == [5, 6, 7] * 2
    assert "0.1060 ±0.0010" in result.stdout
    assert "Over 3 seeds lstm 1×6 is best" in result.stdout
    assert result.stdout.count("\n--- ") == 2


def test_parameters_can_be_held_equal(training: Any, text: Path, seqmagic: Call) -> None:
    training(LOSSES)
    rows = rows_of(seqmagic("compare", text, "--units", "100", "--layers", "1", "--match", "parameters", "--json"))
    assert rows[1]["units"] == 100 < rows[2]["units"] < rows[0]["units"]
    counts = [row["results"]["parameters"] for row in rows]
    assert counts == [pytest.approx(counts[1], rel=0.02)] * 3


def test_names_are_checked_before_anything_is_trained(
    training: Any, text: Path, tiny_run: Run, models: Path, seqmagic: Call
) -> None:
    train = training(LOSSES)
    for arguments, code, words in (
        (["--name", "tiny"], 1, "exists already"),
        (["--name", "a/b"], 2, "--name must"),
        (["--seeds", "0"], 2, "--seeds"),
        (["--cells", "lstm,transformer"], 2, "--cell must be one of rnn, lstm, gru"),
        (["--units", "0"], 2, "--units must be"),
        (["--minutes", "1", "--epochs", "2"], 2, "two budgets"),
    ):
        result = seqmagic("compare", text, *arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.stderr
        assert words in result.stderr
    assert train.calls == []
    seqmagic("compare", text, "--units", "6", "--layers", "1", "--cells", "gru", "--name", "mine")
    assert "add --overwrite" in seqmagic("compare", text, "--name", "mine").stderr
    assert (
        seqmagic(
            "compare",
            text,
            "--units",
            "6",
            "--layers",
            "1",
            "--cells",
            "gru",
            "--name",
            "mine",
            "--overwrite",
        ).exit_code
        == 0
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no text"),
        ("", "is empty"),
        ("aaaa" * 100, "one character"),
        ("short", "needs 200"),
    ],
)
def test_a_text_that_can_not_be_used_is_one_line(
    content: str | None, words: str, training: Any, tmp_path: Path, models: Path, seqmagic: Call
) -> None:
    path = tmp_path / "some.txt"
    if content is not None:
        path.write_text(content)
    result = seqmagic("compare", path)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(models.iterdir()) == []


# ---------------------------------------------------------------- runs that are there


@pytest.fixture
def three_runs(models: Path, text: Path) -> Path:
    for cell, loss in LOSSES.items():
        make_run(models, cell, source=text, cell=cell, results=make_results(loss))
    return models


def test_runs_side_by_side(three_runs: Path, seqmagic: Call) -> None:
    result = seqmagic("compare", "rnn", "lstm", "gru")
    assert result.exit_code == 0, result.stderr
    assert "In these runs lstm 1×6 is best at 0.100" in result.stdout
    assert "uniform" in result.stdout and "--- gru" in result.stdout
    rows = rows_of(seqmagic("compare", "rnn", "lstm", "gru", "--json"))
    assert [(row["run"], row["cell"]) for row in rows] == [(name, name) for name in ("rnn", "lstm", "gru")]
    assert sorted(entry.name for entry in three_runs.iterdir()) == ["gru", "lstm", "rnn"]


def test_a_comparison_stands_for_its_runs(training: Any, text: Path, seqmagic: Call) -> None:
    training(LOSSES)
    seqmagic("compare", text, "--units", "6", "--layers", "1")
    rows = rows_of(seqmagic("compare", "bottles-comparison", "--json"))
    assert [row["run"] for row in rows] == [f"bottles-{cell}-1x6" for cell in LOSSES]


ONE_SIZE = ("--units", "6", "--layers", "1")


@pytest.mark.parametrize(
    ("losses", "options", "code"),
    [
        (LOSSES, ["--prompt", "green"], 0),
        (LOSSES, ["--seeds", "2", "--minutes", "0.5"], 0),
        (LOSSES, ["--seeds", "2", "--epochs", "2", "--match", "parameters"], 0),
        ({**LOSSES, "lstm": TrainingError("the loss exploded")}, [], 0),
        ({**LOSSES, "lstm": 50.0}, ["--seeds", "2"], 0),
        ({**LOSSES, "lstm": 800.0}, [], 0),
        ({**LOSSES, "lstm": 708.9}, ["--seeds", "3"], 0),
        ({**LOSSES, "lstm": "interrupted"}, [], 130),
        ({**LOSSES, "lstm": KeyboardInterrupt()}, [], 130),
    ],
)
def test_a_comparison_comes_back_as_it_was_printed(
    losses: Any, options: list[str], code: int, training: Any, text: Path, models: Path, seqmagic: Call
) -> None:  # fmt: skip
    training(losses)
    made = seqmagic("compare", text, *ONE_SIZE, *options)
    assert made.exit_code == code, made.stderr
    document = (models / "bottles-comparison" / "comparison.json").read_bytes()
    text.unlink()
    for run in list_runs(models):
        shutil.rmtree(run.path)  # nothing is read or measured again
    again = seqmagic("compare", "bottles-comparison")
    assert (again.exit_code, again.stdout, again.stderr) == (0, made.stdout, "")
    assert json.loads(seqmagic("compare", "bottles-comparison", "--json").stdout) == json.loads(document)


def test_a_loss_worse_than_uniform_gets_a_note_and_no_infinity(training: Any, text: Path, seqmagic: Call) -> None:
    training({**LOSSES, "lstm": 800.0, "gru": 20.0})
    result = seqmagic("compare", text, *ONE_SIZE)
    assert result.exit_code == 0, result.stderr
    shown = " ".join(result.stdout.split())
    for label, loss in (("lstm", "800.001"), ("gru", "20.001")):
        words = f"{label} 1×6: its validation loss is worse than uniform ({loss} nats against "
        assert words in shown and "lower --learning-rate." in shown
    assert "rnn 1×6: its" not in shown
    assert next(line.split()[6] for line in result.stdout.splitlines() if line.startswith("lstm")) == "–"
    document = json.loads(seqmagic("compare", text, *ONE_SIZE, "--json").stdout)
    assert document["rows"][1]["perplexity"] is None


def test_a_full_disk_ends_the_series_in_one_line(training: Any, text: Path, models: Path, seqmagic: Call) -> None:
    fake = training({**LOSSES, "lstm": OSError(errno.ENOSPC, "No space left on device", "model.keras")})
    result = seqmagic("compare", text, *ONE_SIZE, "--quiet")
    assert result.exit_code == 1
    assert result.stderr == (
        "seqmagic: model.keras: No space left on device; free some space, or choose another disk with --models\n"
    )
    assert [call["model"].cell for call in fake.calls] == ["rnn", "lstm"]
    shown = seqmagic("compare", "bottles-comparison")
    assert "1.9010" in shown.stdout and "lstm 1×6: model.keras: No space left on device" in shown.stdout
    document = json.loads((models / "bottles-comparison" / "comparison.json").read_bytes())
    assert (document["status"], [row["status"] for row in document["rows"]]) == ("failed", ["complete", "failed"])


def test_an_overwritten_comparison_stays_until_there_is_something_better(
    training: Any, text: Path, models: Path, seqmagic: Call
) -> None:
    training(LOSSES)
    assert seqmagic("compare", text, *ONE_SIZE, "--name", "mine").exit_code == 0
    before = (models / "mine" / "comparison.json").read_bytes()
    training({"rnn": KeyboardInterrupt()})
    assert seqmagic("compare", text, *ONE_SIZE, "--name", "mine", "--overwrite").exit_code == 130
    assert (models / "mine" / "comparison.json").read_bytes() == before
    training({"rnn": 1.0, "lstm": KeyboardInterrupt()})
    seqmagic("compare", text, *ONE_SIZE, "--name", "mine", "--overwrite")
    assert json.loads((models / "mine" / "comparison.json").read_bytes())["status"] == "interrupted"


KILLED = """
import sys, time
from tests.helpers import FakeTraining
fake = FakeTraining({{"rnn": 1.5, "lstm": 1.4, "gru": 1.3}})
def train(corpus, **asked):
    if asked["model"].cell == "lstm":
        print("in the second row", flush=True)
        time.sleep(600)
    return fake(corpus, **asked)
from seqmagic.training import train as door
door.train, door.start = train, lambda training: None
sys.argv = ["seqmagic", "--models", {models!r}, "compare", {text!r}, "--units", "6", "--layers", "1"]
from seqmagic.cli.main import main
main()
"""


def test_one_that_is_killed_says_so_when_nobody_makes_it_any_more(text: Path, models: Path, seqmagic: Call) -> None:
    script = KILLED.format(models=str(models), text=str(text))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "in the second row\n", process.stderr.read()
        alive = seqmagic("compare", "bottles-comparison")
        assert "lstm 1×6: being trained" in alive.stdout and "gru 1×6: not trained yet" in alive.stdout
        assert "This comparison is still being made." in alive.stdout
        taken = seqmagic("compare", text, "--name", "bottles-comparison", "--overwrite")
        assert (taken.exit_code, taken.stderr.splitlines()[-1]) == (
            1,
            "seqmagic: bottles-comparison is being made; choose another --name, or stop that first",
        )
        process.kill()
    dead = seqmagic("compare", "bottles-comparison")
    assert dead.exit_code == 0, dead.stderr
    assert "This comparison ended before all of its rows were trained: its process died." in dead.stdout
    assert "lstm 1×6: its process died before it had a result" in dead.stdout
    rows = rows_of(seqmagic("compare", "bottles-comparison", "--json"))
    assert [(row["cell"], row["status"]) for row in rows] == [
        ("rnn", "complete"), ("lstm", "died"), ("gru", "planned"),
    ]  # fmt: skip


def test_two_runs_alike_are_two_rows(three_runs: Path, text: Path, seqmagic: Call) -> None:
    make_run(three_runs, "lstm-again", source=text, results=make_results(0.7))
    document = json.loads(seqmagic("compare", "lstm", "lstm-again", "--json").stdout)
    assert "summaries" not in document
    assert seqmagic("compare", "lstm", "lstm-again").stdout.count("\nlstm ") == 2


def test_losses_that_are_not_comparable_are_said_to_be(three_runs: Path, text: Path, seqmagic: Call) -> None:
    make_run(three_runs, "other", source=text, data=DataConfig(validation=0.3))
    result = seqmagic("compare", "lstm", "gru", "other")
    assert result.exit_code == 0
    assert "These losses can't be ranked against each other." in result.stdout
    assert "not comparable: the text was split differently (lstm, gru | other)." in result.stdout
    assert "is best" not in result.stdout and "uniform" not in result.stdout
    assert json.loads(seqmagic("compare", "lstm", "other", "--json").stdout)["comparable"] is False


def test_without_the_text_there_are_no_baselines_but_a_table(three_runs: Path, text: Path, seqmagic: Call) -> None:
    text.unlink()
    result = seqmagic("compare", "lstm", "gru")
    assert result.exit_code == 0
    assert "In these runs lstm 1×6 is best" in result.stdout
    assert "No baselines: the text of run lstm can't be read again" in result.stdout


def test_a_run_without_weights_has_no_sample_but_a_row(three_runs: Path, seqmagic: Call) -> None:
    (three_runs / "gru" / "model.keras").write_bytes(b"damaged")
    result = seqmagic("compare", "lstm", "gru")
    assert result.exit_code == 0
    assert "No sample of gru:" in result.stdout and "--- lstm" in result.stdout


def test_several_arguments_are_runs_all(three_runs: Path, text: Path, seqmagic: Call) -> None:
    result = seqmagic("compare", "lstm", "gruu")
    assert result.exit_code == 1
    assert "did you mean gru" in result.stderr
    assert "compare takes one text or several runs" in result.stderr


def test_a_series_on_a_text_of_a_known_rule_has_the_best_possible_below(training: Any, seqmagic: Call) -> None:
    training(LOSSES)
    options = ("--cells", "rnn", "--units", "6", "--layers", "1", "--minutes", "1")
    result = seqmagic("compare", "brackets", *options)
    assert result.exit_code == 0, result.stderr
    assert "best possible" in result.stdout.partition("\n\nrnn 1×6")[0]
    kept = json.loads(seqmagic("compare", "brackets-comparison", "--json").stdout)["baselines"][-1]
    assert (kept["name"], kept["order"]) == ("best possible", None)
    assert kept["bits_per_character"] == pytest.approx(1.879, abs=0.01)


def test_the_best_possible_loss_has_its_test_loss_too(training: Any, seqmagic: Call) -> None:
    training(LOSSES)
    options = ("--cells", "rnn", "--units", "6", "--layers", "1", "--minutes", "1", "--test", "0.1")
    document = json.loads(seqmagic("compare", "brackets", *options, "--json").stdout)
    best = document["baselines"][-1]
    assert best["name"] == "best possible" and best["test_loss"] == pytest.approx(1.879 * math.log(2), abs=0.02)
    assert document["rows"][0]["test_loss"] > best["test_loss"]


@pytest.mark.parametrize("data", [DataConfig(validation=0.3), DataConfig(min_count=3)])
def test_no_way_of_showing_ranks_what_is_not_comparable(
    data: DataConfig, three_runs: Path, text: Path, seqmagic: Call
) -> None:
    make_run(three_runs, "other", source=text, data=data)
    for form in ("table", "markdown", "latex", "html"):
        shown = " ".join(seqmagic("compare", "lstm", "other", "--format", form).stdout.split())
        assert "can't be ranked against each other" in shown.replace("&#x27;", "'") and "not comparable: " in shown
        assert "is best" not in shown and "±" not in shown and "level" not in shown
    document = json.loads(seqmagic("compare", "lstm", "other", "--json").stdout)
    assert "chance" not in document and document["comparable"] is False


OLD = """a.txt: 900 characters to train on, 100 to validate (sha256 000000000000); each row 1 minute, seed 1,
2; same units

                            train           valid  bits/   perp-      vs
cell     size  parameters    loss            loss   char  lexity  n-gram  char/s  seconds
─────────────────────────────────────────────────────────────────────────────────────────
lstm     1×8        1,000  1.2812  1.5312 ±0.0442  2.209    4.50  −0.469   1,234     60.0
gru      1×8        1,000  1.5312  1.7812 ±0.0442  2.570    4.50  −0.219   1,234     60.0
─────────────────────────────────────────────────────────────────────────────────────────
uniform                 –       –          3.0000  4.328   20.09  +1.000       –        –
4-gram                  –       –          2.0000  2.885    7.39       –       –        –

Over 2 seeds lstm 1×8 is best at 1.531 nats per character, 0.250 below gru 1×8; that is 0.469 below
the best n-gram (4-gram, 2.000).
A note.

--- lstm-1
abc
"""


def test_a_comparison_of_an_older_release_prints_what_it_printed(models: Path, seqmagic: Call) -> None:
    def row(cell: str, loss: float, seed: int) -> dict[str, Any]:
        results = {
            "train_loss": loss - 0.25, "validation_loss": loss, "bits_per_character": loss / math.log(2),
            "perplexity": 4.5, "parameters": 1000, "epochs": 2.5, "characters": 5000,
            "characters_per_second": 1234.5, "seconds": 60.0,
        }  # fmt: skip
        known = {"cell": cell, "layers": 1, "units": 8, "seed": seed, "run": f"{cell}-{seed}"}
        return {**known, "status": "complete", "results": results, "error": None, **results}

    (models / "kept").mkdir()
    document = {
        "format": 1, "name": "kept", "created": "2026-01-02T03:04:05.678+00:00", "argv": ["compare", "a.txt"],
        "status": "complete", "comparable": True, "sentence": "", "notes": ["A note."], "prompt": None,
        "samples": {"lstm-1": "abc"},
        "text": {
            "source": "a.txt", "sha256": "0" * 64, "characters": 1000,
            "train": [0, 900], "validation": [900, 1000], "test": [1000, 1000],
        },
        "held_equal": {"match": "units", "minutes": 1.0, "epochs": None, "seeds": [1, 2]},
        "rows": [row("lstm", 1.5, 1), row("lstm", 1.5625, 2), row("gru", 1.75, 1), row("gru", 1.8125, 2)],
        "baselines": [
            {"name": "uniform", "order": 0, "loss": 3.0, "bits_per_character": 4.328},
            {"name": "4-gram", "order": 4, "loss": 2.0, "bits_per_character": 2.885},
        ],
    }  # fmt: skip
    (models / "kept" / "comparison.json").write_text(json.dumps(document))
    assert seqmagic("compare", "kept").stdout == OLD
