"""How cells learned: the texts of their evaluations, in the order in which they were written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.comparison.learning import how_it_learned
from seqmagic.comparison.record import Comparison, write_comparison
from seqmagic.comparison.rows import row_of
from seqmagic.errors import RunError
from seqmagic.runs.folder import Run, sample_heading
from seqmagic.runs.record import HistoryRow
from tests.helpers import make_run, on_terminal

Call = Callable[..., Result]


def evaluations(run: Run, texts: list[str]) -> None:
    """What a training of so many evaluations leaves."""
    for number, text in enumerate(texts, start=1):
        row = HistoryRow(step=1000 * number, epoch=number / 2, seconds=3.0 * number, validation_loss=3 - number / 4)
        run.append_history(row)
        run.append_sample(sample_heading(row), text)


def keep(models: Path, runs: list[Run]) -> Comparison:
    comparison = Comparison(name="mine", rows=tuple(row_of(run.name, run.read_record()) for run in runs))
    (models / "mine").mkdir()
    write_comparison(models / "mine", comparison)
    return comparison


@pytest.fixture
def runs(models: Path, text: Path) -> list[Run]:
    made = [make_run(models, name, source=text, cell=cell) for name, cell in (("a", "rnn"), ("b", "lstm"))]
    evaluations(made[0], ["one\n", "two\n--- step 3,000, validation loss 2.2500\nin the text", ""])
    evaluations(made[1], ["\n\neins", "zwei 字", "\x1b[31mdrei"])
    return made


def test_texts_come_back_as_they_were_written(runs: list[Run]) -> None:
    assert runs[1].read_samples(runs[1].read_history()) == ["\n\neins", "zwei 字", "\x1b[31mdrei"]
    assert runs[0].read_samples(runs[0].read_history())[0] == "one\n"


def test_what_was_not_kept_is_none(models: Path, text: Path) -> None:
    run = make_run(models, "c", source=text)
    row = HistoryRow(step=5, validation_loss=1.5)
    assert run.read_samples([row]) == [None]
    run.append_sample("step 9, validation loss 9.0000", "of another time")
    assert run.read_samples([row]) == [None]


def test_old_runs_say_that_none_was_kept(runs: list[Run], models: Path, text: Path) -> None:
    old = make_run(models, "old", source=text, cell="gru")
    old.append_history(HistoryRow(step=1, validation_loss=2.0))
    found = how_it_learned(keep(models, [*runs, old]), models)
    assert [one.run for one in found.learners] == ["a", "b"] and found.moments == 3
    assert found.notes == ("old kept no text of its evaluations.",)
    for run in runs:
        run.samples_path.unlink()
    with pytest.raises(RunError, match="nothing can be shown of how the rows of mine learned: a kept no text"):
        how_it_learned(keep_again(models, runs), models)


def keep_again(models: Path, runs: list[Run]) -> Comparison:
    (models / "mine" / "comparison.json").unlink()
    (models / "mine").rmdir()
    return keep(models, runs)


def test_rows_of_one_seed_stand_side_by_side(runs: list[Run], models: Path, text: Path) -> None:
    other = make_run(models, "d", source=text, cell="gru", seed=2)
    evaluations(other, ["never shown"])
    assert [one.run for one in how_it_learned(keep(models, [*runs, other]), models).learners] == ["a", "b"]


def test_a_pipe_gets_all_at_once(runs: list[Run], models: Path, seqmagic: Call) -> None:
    keep(models, runs)
    result = seqmagic("compare", "show", "mine", "--learning")
    assert result.exit_code == 0, result.stderr
    shown = [line for line in result.stdout.splitlines() if line.startswith("evaluation ")]
    assert shown == [f"evaluation {n} of 3: {n / 2:.2f} epochs, {3 * n} seconds" for n in (1, 2, 3)]
    assert "zwei 字" in result.stdout and "\x1b" not in result.stdout
    document = json.loads(seqmagic("compare", "show", "mine", "--learning", "--json").stdout)
    assert document["learners"][1]["moments"][2]["text"] == "\x1b[31mdrei"


def test_a_terminal_waits_for_a_key_and_ends_at_q(runs: list[Run], models: Path) -> None:
    keep(models, runs)
    shown, code = on_terminal(["compare", "show", "mine", "--learning"], models=models, typed=" q")
    assert code == 0 and "evaluation 2 of 3" in shown and "evaluation 3 of 3" not in shown
    shown, code = on_terminal(["compare", "show", "mine", "--learning", "--delay", "0"], models=models, columns=60)
    assert code == 0 and "evaluation 3 of 3" in shown
