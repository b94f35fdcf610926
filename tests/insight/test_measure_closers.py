"""`measure closers` on a model that knows all about brackets and on one that knows nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqmagic.errors import CorpusError
from seqmagic.insight.costs import text_bits
from seqmagic.insight.measure_closers import BINS, measure_closers
from seqmagic.insight.passages import held_out
from seqmagic.insight.settings import ClosersConfig
from seqmagic.insight.subjects import Subject, open_subject
from tests.helpers import make_run, make_text

CONFIG = ClosersConfig(max_order=6)


def bracket_text(lines: int) -> str:
    """Parentheses around 3 letters and brackets around 14, all of them random."""
    rng = np.random.default_rng(0)
    letters = np.array(list("ab"))

    def some(count: int) -> str:
        return "".join(rng.choice(letters, count))

    return "".join(f"{some(9)} ({some(3)}) {some(4)} [{some(14)}]\n" for _ in range(lines))


@pytest.fixture
def subjects(tmp_path: Path) -> list[Subject]:
    source = make_text(tmp_path, bracket_text(1000), "brackets.txt")
    runs = [make_run(tmp_path / "models", name, source=source, cell=name) for name in ("rnn", "gru")]
    return [open_subject(run, held_out(run)) for run in runs]


def test_figures_are_those_of_the_closers_at_their_places(subjects: list[Subject]) -> None:
    document = measure_closers(subjects, CONFIG)
    first = document["models"][0]
    ids = subjects[0].passage.ids
    text = subjects[0].run.read_vocabulary().decode(ids)
    bits = text_bits(subjects[0].network, ids)
    for sign, number in ((")", 0), ("]", 2)):
        places = [place for place in range(200, len(text)) if text[place] == sign]
        entry = first["by_distance"][number]
        assert entry["cases"] == len(places) == first["closers"][sign]
        assert entry["bits"] == pytest.approx(np.mean([bits[place - 1] for place in places]), abs=1e-4)
        assert entry["probability"] == pytest.approx(np.mean([0.5 ** bits[place - 1] for place in places]), abs=1e-4)
        low, high = entry["bits_interval"]
        assert low < entry["bits"] < high
    assert [(one["from"], one["to"]) for one in first["by_distance"]] == list(BINS)
    assert first["by_distance"][4]["reason"].startswith("0 cases")
    assert first["all"]["cases"] == sum(one["cases"] for one in first["by_distance"])


def test_an_n_gram_knows_of_the_opener_as_far_as_it_sees(subjects: list[Subject]) -> None:
    ngram = measure_closers(subjects[:1], CONFIG)["models"][0]["ngram"]
    near, far = ngram["by_distance"][0], ngram["by_distance"][2]
    assert ngram["order"] in (5, 6)  # four characters and the opener are in sight
    assert near["probability"] > 0.8
    assert far["probability"] < 0.2


def test_differences_turn_round_with_the_runs(subjects: list[Subject]) -> None:
    [there] = measure_closers(subjects, CONFIG)["differences"]
    [back] = measure_closers(subjects[::-1], CONFIG)["differences"]
    for name in ("probability", "bits"):
        assert there[name] == -back[name] != 0
        assert there[f"{name}_interval"] == [-end for end in reversed(back[f"{name}_interval"])]


def test_a_text_without_brackets_and_one_too_short(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", "plain", source=make_text(tmp_path, "no brackets here. " * 300, "plain.txt"))
    model = measure_closers([open_subject(run, held_out(run))], CONFIG)["models"][0]
    assert (model["closers"], model["all"]["probability"], model["all"]["cases"]) == ({}, None, 0)
    run = make_run(tmp_path / "b", "short", source=make_text(tmp_path, "too short. " * 150, "short.txt"))
    with pytest.raises(CorpusError, match="has 165 characters, and measuring closers needs 201"):
        measure_closers([open_subject(run, held_out(run))], CONFIG)
