"""What a comparison says: rows of runs, means over seeds, what can't be compared, and the sentence."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from seqmagic.comparison.comparable import incomparable, unequal_settings
from seqmagic.comparison.rows import Row, best_baseline, label_of, row_of, separately, shown_baselines, summarise
from seqmagic.comparison.verdict import verdict
from seqmagic.config import DataConfig
from seqmagic.evaluation.baselines import Baseline
from seqmagic.runs.record import Results
from tests.helpers import make_results, make_run

BASELINES = [
    Baseline(name="uniform", order=0, loss=4.0),
    Baseline(name="unigram", order=1, loss=3.0),
    Baseline(name="2-gram", order=2, loss=2.5),
    Baseline(name="5-gram", order=5, loss=1.7),
    Baseline(name="6-gram", order=6, loss=1.8),
]


def row(cell: str, loss: float | None, *, units: int = 256, seed: int = 1, **more: Any) -> Row:
    results = None if loss is None else make_results(loss)
    return Row(cell=cell, layers=1, units=units, seed=seed, run=f"{cell}-{seed}", results=results, **more)


def sentence(*losses: tuple[str, float | None], baselines: list[Baseline] = BASELINES) -> str:
    return verdict(summarise([row(cell, loss) for cell, loss in losses]), baselines)


def test_labels() -> None:
    assert label_of("gru", 2, 128) == "gru 2×128"
    assert label_of("gru", None, 128) == "gru"


def test_the_row_of_a_run_has_its_figures(models: Path, text: Path) -> None:
    run = make_run(models, source=text, cell="gru", results={**make_results(1.5), "later": 3})
    found = row_of("tiny", run.read_record())
    assert (found.label, found.run, found.seed, found.status, found.loss) == (
        "gru 1×6",
        "tiny",
        1,
        "complete",
        1.5,
    )
    assert set(found.results or {}) == set(make_results(1.5))
    assert found.error is None


@pytest.mark.parametrize("results", [None, {}, {"validation_loss": math.nan}, {"validation_loss": None}])
def test_a_run_without_a_loss_says_why(results: Any, models: Path, text: Path) -> None:
    record = make_run(models, source=text, notes=("it exploded",), status="failed").read_record()
    found = row_of("tiny", dataclasses.replace(record, results=None if results is None else Results(**results)))
    assert found.loss is None
    assert found.error == "it exploded"


def test_a_failed_run_with_a_loss_keeps_it_and_says_what_happened(models: Path, text: Path) -> None:
    run = make_run(models, source=text, notes=("read in 1 s", "it exploded"), status="failed")
    found = row_of("tiny", run.read_record())
    assert found.loss is not None
    assert found.error == "it exploded"


def test_an_interrupted_run_keeps_its_loss_and_is_said_to_be_one(models: Path, text: Path) -> None:
    found = row_of("tiny", make_run(models, source=text, status="interrupted").read_record())
    assert found.loss is not None
    assert found.error == "interrupted before its budget was spent"


def test_seeds_are_taken_together() -> None:
    rows = [
        row("lstm", 1.5),
        row("gru", 1.7),
        row("lstm", 1.6, seed=2),
        row("gru", None, seed=2, error="boom"),
    ]
    lstm, gru = summarise(rows)
    assert lstm.loss == pytest.approx(1.55)
    assert lstm.deviation == pytest.approx(0.1 / math.sqrt(2))
    assert lstm.results["train_loss"] == pytest.approx(1.45)
    assert (gru.loss, gru.deviation, gru.error) == (1.7, None, "1 of 2 failed: boom")
    assert [one.loss for one in separately(rows)] == [1.5, 1.7, 1.6, None]


def test_the_best_n_gram_and_what_stands_below_the_table() -> None:
    best = best_baseline(BASELINES)
    assert best is not None and best.name == "5-gram"
    assert [one.name for one in shown_baselines(BASELINES)] == ["uniform", "unigram", "5-gram"]
    assert best_baseline(BASELINES[:2]) is None


def test_the_sentence_names_the_best_and_the_gap() -> None:
    assert sentence(("rnn", 1.6), ("lstm", 1.5), ("gru", 1.52)) == (
        "In these runs lstm 1×256 is best at 1.500 nats per character, 0.020 below gru 1×256; "
        "that is 0.200 below the best n-gram (5-gram, 1.700)."
    )


def test_the_sentence_names_those_that_do_not_beat_the_n_gram() -> None:
    found = sentence(("rnn", 1.9), ("lstm", 1.5), ("gru", 1.8))
    assert found.endswith("(5-gram, 1.700), which gru 1×256 and rnn 1×256 do not beat.")


def test_the_sentence_where_no_cell_beats_the_n_gram() -> None:
    found = sentence(("rnn", 2.0), ("lstm", 1.9))
    assert "the best n-gram (5-gram, 1.700) is still 0.200 better" in found
    assert "--minutes" in found


def test_the_sentence_where_losses_are_level() -> None:
    assert sentence(("lstm", 1.500), ("gru", 1.504), ("rnn", 1.6)).startswith(
        "In these runs lstm 1×256 and gru 1×256 are level at 1.500"
    )
    assert "that is level with the best n-gram" in sentence(("lstm", 1.701))


def test_the_sentence_of_one_row_of_failed_rows_and_of_none() -> None:
    assert sentence(("lstm", 1.5), baselines=[]) == "lstm 1×256 reaches 1.500 nats per character."
    assert sentence(("lstm", 1.5), ("gru", None)).endswith("; gru 1×256 gave no loss.")
    assert sentence(("lstm", None), ("gru", None)) == "No row has a loss, so there is nothing to compare."


def test_the_sentence_takes_the_spread_of_seeds_for_the_measure() -> None:
    near = [row("lstm", 1.50), row("lstm", 1.60, seed=2), row("gru", 1.52), row("gru", 1.62, seed=2)]
    assert verdict(summarise(near), []).startswith("Over 2 seeds lstm 1×256 and gru 1×256 are level")
    far = [row("lstm", 1.500), row("lstm", 1.501, seed=2), row("gru", 1.520), row("gru", 1.521, seed=2)]
    assert verdict(summarise(far), []).startswith("Over 2 seeds lstm 1×256 is best")


def test_losses_on_other_texts_splits_or_vocabularies_are_not_comparable(
    models: Path, text: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("another text entirely, of some length. " * 30)
    records = {
        name: make_run(models, name, source=source, data=data).read_record()
        for name, source, data in [
            ("a", text, DataConfig()),
            ("b", text, DataConfig()),
            ("other", other, DataConfig()),
            ("split", text, DataConfig(validation=0.2)),
            ("rare", text, DataConfig(min_count=3)),
        ]
    }
    assert incomparable([("a", records["a"]), ("b", records["b"])]) == []
    assert incomparable([(name, records[name]) for name in ("a", "b", "other")]) == [
        "their texts differ (a, b | other)"
    ]
    assert incomparable([(name, records[name]) for name in ("a", "split")]) == [
        "the text was split differently (a | split)"
    ]
    assert "--min-count" in incomparable([(name, records[name]) for name in ("a", "rare")])[0]


def test_what_was_not_held_equal_is_named(models: Path, text: Path) -> None:
    record = make_run(models, source=text).read_record()
    longer = dataclasses.replace(record, training=dataclasses.replace(record.training, minutes=None, epochs=3.0))
    assert unequal_settings([record, record]) == []
    assert unequal_settings([record, longer]) == ["minutes: 1, none", "epochs: none, 3"]


def test_the_best_possible_stands_below_the_table_and_is_no_n_gram() -> None:
    best = Baseline(name="best possible", order=None, loss=1.2)
    assert [one.name for one in shown_baselines([*BASELINES, best])][-2:] == ["5-gram", "best possible"]
    assert best_baseline([*BASELINES, best]) == best_baseline(BASELINES)
