"""`seqmagic compare --budget both`: one table with two blocks, killed and taken up, shown in every format."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import seqmagic
from seqmagic.cli.main import main
from seqmagic.comparison.blocks import Both, read_kept
from seqmagic.comparison.curves import Curve
from seqmagic.comparison.record import read_comparison, write_comparison
from seqmagic.machine import available_cores
from tests.cli.test_compare_resume import TodaysTraining, kill_once, start
from tests.helpers import FakeTraining, make_text

Call = Callable[..., Result]
LOSSES = {"rnn": 1.93, "lstm": 1.52, "gru": 1.64}
SMALL = (
    "--units", "6", "--layers", "1", "--minutes", "1s", "--embedding", "4", "--batch-size", "4",
    "--sequence-length", "16", "--threads", "1", "--cells", "rnn,gru", "--budget", "both", "--name", "one",
)  # fmt: skip
BOTH = ("--units", "6", "--layers", "1", "--minutes", "1", "--budget", "both", "--name", "mine")


class BetterByData(TodaysTraining):
    """One in which a budget of epochs turns the order of lstm and gru round."""

    def __call__(self, corpus: Any, **asked: Any) -> Any:
        by_data = asked["training"].epochs is not None
        self.losses = {"rnn": 1.77, "lstm": 1.36, "gru": 1.28} if by_data else LOSSES
        return super().__call__(corpus, **asked)


@pytest.fixture
def made(text: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeTraining, Result]:
    fake = BetterByData(LOSSES)
    monkeypatch.setattr("seqmagic.training.train.train", fake)
    monkeypatch.setattr("seqmagic.training.train.start", lambda training: None)
    return fake, seqmagic("compare", text, *BOTH)


def one_line(words: str) -> str:
    return " ".join(words.split())


def test_both_blocks_killed_and_taken_up(tmp_path: Path) -> None:
    text, models = make_text(tmp_path), tmp_path / "models"
    first, second = (models / name / "comparison.json" for name in ("one", "one-data"))
    kill_once(start(models, text, *SMALL), first, lambda rows: bool(rows[0].get("unfinished")))
    assert read_comparison(first.parent).status == "died" and not second.exists()
    kill_once(start(models, "--resume", "one"), second, lambda rows: rows[1]["status"] == "running")
    kept = read_kept(first.parent)
    assert isinstance(kept, Both) and (kept.time.status, kept.status) == ("complete", "died")
    with start(models, "--resume", "one") as process:
        shown, errors = process.communicate()
        assert process.returncode == 0, errors
    assert "1 row to train, 1 there already" in errors and "block 1 of 2" not in errors
    kept = read_kept(first.parent)
    assert isinstance(kept, Both) and kept.is_whole and kept.data is not None
    by_time, by_data = ([row.results for row in one.rows if row.results] for one in (kept.time, kept.data))
    least = min(one.epochs for one in by_time if one.epochs)
    assert {one.parameters for one in by_time} == {one.parameters for one in by_data}
    for one in by_data:  # the last step goes over the edge
        assert one.epochs == pytest.approx(least, rel=0.02)
    assert f"each row {kept.data.budget}, as many as the row that read the least" in one_line(shown)


def test_one_table_has_both_blocks(made: tuple[FakeTraining, Result], models: Path, seqmagic: Call) -> None:
    fake, result = made
    assert result.exit_code == 0, result.stderr
    assert len(fake.calls) == 6
    assert one_line(result.stdout.split("\n\n")[0]).endswith(
        "; equal time: each row 1 minute; equal data: each row 2.5 epochs, as many as the row that read the least in "
        "its time; seed 1; same units"
    )
    table = result.stdout.split("\n\n")[1]
    order = ["equal time", "1.9310", "1.5210", "1.6410", "equal data", "1.7710", "1.3610", "1.2810", "uniform"]
    assert re.findall("|".join(map(re.escape, order)), table) == order
    assert table.count("uniform") == 1 and len(re.findall(r"\d-gram", table)) == 1
    words = one_line(result.stdout)
    assert "Equal time: In these runs lstm 1×6 is best at 1.521" in words
    assert "Equal data: In these runs gru 1×6 is best at 1.281" in words
    assert "The order of the rows is not the same: from the best lstm 1×6, gru 1×6 and rnn 1×6 by time, gru" in words
    assert "block 2 of 2, equal data: mine-data, 2.5 epochs each" in result.stderr
    assert f"kept in {models / 'mine'} and {models / 'mine-data'}; again: seqmagic compare mine" in result.stderr
    for again in (("compare", "mine"), ("compare", "show", "mine"), ("compare", "--resume", "mine")):
        assert seqmagic(*again).stdout == result.stdout
    assert len(fake.calls) == 6
    alone = seqmagic("compare", "mine-data").stdout
    assert "each row 2.5 epochs, seed 1" in one_line(alone) and "equal" not in alone


@pytest.mark.parametrize("width", [40, 59, 60, 79, 80, 100])
def test_it_fits(width: int, made: Any, models: Path) -> None:
    runner = CliRunner(env={"SEQMAGIC_MODELS": str(models), "COLUMNS": str(width)})
    table = runner.invoke(main, ["compare", "mine"]).stdout.split("\n\n")[1]
    assert max(map(len, table.splitlines())) <= width
    assert [line for line in table.splitlines() if line in ("equal time", "equal data")] == ["equal time", "equal data"]
    for loss in ("1.5210", "1.2810"):
        assert loss in table


def test_all_formats_have_the_same_numbers(made: Any, seqmagic: Call, models: Path) -> None:
    document = json.loads(seqmagic("compare", "mine", "--format", "json").stdout)
    assert document == json.loads(seqmagic("compare", "mine", "--json").stdout)
    wanted = [
        (block["block"], row["cell"], row["validation_loss"]) for block in document["blocks"] for row in block["rows"]
    ]
    assert wanted[0] == ("time", "rnn", pytest.approx(1.931)) and wanted[-1] == ("data", "gru", pytest.approx(1.281))
    rows = list(csv.DictReader(io.StringIO(seqmagic("compare", "mine", "--format", "csv").stdout)))
    figures = [(row["block"], row["cell"], float(row["validation_loss"])) for row in rows]
    assert figures[:6] == wanted and [row["block"] for row in rows[6:]] == [""] * (len(rows) - 6)
    shown = [f"{loss:.4f}" for _, _, loss in wanted]
    order = ["equal time: each row 1 minute", *shown[:3], "equal data: each row 2.5 epochs", *shown[3:]]
    for form in ("markdown", "latex", "html"):
        written = seqmagic("compare", "mine", "--format", form).stdout
        body = written.partition("valid loss")[2]
        assert re.findall("|".join(map(re.escape, order)), body)[:8] == order, form
        assert written.count("uniform") == 1 and "The order of the rows is not the same" in written
    lines = seqmagic("compare", "mine", "--format", "markdown").stdout.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1


def test_each_block_has_its_own_curves(made: Any, seqmagic: Call, models: Path, tmp_path: Path) -> None:
    none = seqmagic("compare", "mine", "--plot", tmp_path / "c.svg")
    assert none.exit_code == 1 and "--plot has no curve to draw" in none.stderr
    curve = Curve(seconds=(1.0, 2.0), characters=(10, 20), losses=(3.0, 2.0))
    for folder in (models / "mine", models / "mine-data"):
        comparison = read_comparison(folder)
        write_comparison(folder, dataclasses.replace(comparison, curves={str(comparison.rows[0].run): curve}))
    result = seqmagic("compare", "mine", "--plot", tmp_path / "c.svg")
    assert result.exit_code == 0, result.stderr
    drawn = result.stdout.partition("\n\nequal time\n")[2]
    assert drawn.index("seconds of training") < drawn.index("\nequal data\n") < drawn.index("characters read")
    assert "seconds of training" in (tmp_path / "c.svg").read_text()
    assert "characters read" in (tmp_path / "c-data.svg").read_text()


def test_what_it_refuses(made: tuple[FakeTraining, Result], text: Path, seqmagic: Call) -> None:
    fake, _ = made
    for arguments, code, words in (
        ([text, "--budget", "both", "--epochs", "1"], 2, "--budget both takes --minutes"),
        ([text, "--budget", "time"], 2, "--budget"),
        (["mine", "--budget", "both"], 2, "--budget both is for a TEXT to train on; mine was trained already"),
        (["bottles-rnn-1x6", "bottles-gru-1x6", "--budget", "both"], 2, "was trained already"),
        (["--resume", "mine", "--budget", "both"], 2, "leave out --budget"),
        ([text, *BOTH], 1, "mine exists already"),
    ):
        result = seqmagic("compare", *arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.stderr
        assert words in result.stderr
    assert len(fake.calls) == 6


def test_a_name_that_goes_leaves_no_broken_link(made: Any, models: Path, seqmagic: Call) -> None:
    assert seqmagic("runs", "rename", "mine-data", "second").stderr == "mine-data is called second now, also in mine\n"
    assert seqmagic("runs", "rename", "mine", "first").stderr == "mine is called first now, also in second\n"
    assert "equal data" in seqmagic("compare", "first").stdout
    removed = seqmagic("runs", "remove", "second", "--yes")
    assert (removed.exit_code, removed.stderr) == (0, "removed second\n")
    alone = seqmagic("compare", "first")
    assert alone.exit_code == 0
    assert "Its block of equal data, second, is not there; train it: seqmagic compare --resume first" in one_line(
        alone.stdout
    )
    assert seqmagic("compare", "--resume", "first").exit_code == 0
    removed = seqmagic("runs", "remove", "first", "--yes")
    assert "its block of equal data stays as a comparison of its own; see: seqmagic compare second" in removed.stderr
    assert seqmagic("compare", "second").exit_code == 0


def test_python_gives_both(made: Any, text: Path, models: Path) -> None:
    small: dict[str, Any] = {"units": 6, "layers": 1, "models": models}
    both = seqmagic.compare(text, budget="both", cells=("rnn", "lstm"), minutes=1, name="ours", **small)
    assert isinstance(both, seqmagic.Both) and both.data is not None
    assert [one.loss for one in both.data.summaries] == pytest.approx([1.771, 1.361])
    assert seqmagic.compare(resume="ours", models=models) == both
    for given, words in (
        ({"budget": "time"}, "budget must be both"),
        ({"budget": "both", "epochs": 1}, "takes minutes"),
    ):
        with pytest.raises(seqmagic.SeqmagicError, match=words):
            seqmagic.compare(text, **given)  # type: ignore[call-overload]
    with pytest.raises(seqmagic.SeqmagicError, match="leave out budget"):
        seqmagic.compare(resume="ours", budget="both", models=models)


@pytest.mark.skipif(available_cores() < 2, reason="two rows need two cores")
def test_both_blocks_with_two_rows_at_a_time(tmp_path: Path) -> None:
    text, models = make_text(tmp_path), tmp_path / "models"
    with start(models, text, *SMALL, "--jobs", "2") as process:
        shown, errors = process.communicate()
    assert process.returncode == 0, errors
    assert errors.count("2 rows to train, 2 at a time") == 2
    assert one_line(shown).count("2 rows at a time, 1 core each") == 1
    kept = read_kept(models / "one")
    assert isinstance(kept, Both) and kept.is_whole and kept.data is not None
    assert [one.plan.jobs for one in (kept.time, kept.data) if one.plan] == [2, 2]
