"""Shares of bits and the funnel of errors, on texts small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqmagic.errors import CorpusError
from seqmagic.evaluation.classes import CLASSES, classify
from seqmagic.insight.inspect_errors import FUNNEL, inspect_errors, remedies
from seqmagic.insight.passages import held_out
from seqmagic.insight.settings import WARM_UP, ErrorsConfig
from seqmagic.insight.streams import read_bits
from seqmagic.insight.subjects import Subject, open_subject
from seqmagic.texts.vocabulary import code_points
from tests.helpers import TEXT, make_run, make_text

LONG = "".join(f"{number} 株の花, (hanging) on the wall; and {number} more.\n" for number in range(400))
NGRAM, MEMORY, RARE, FIRST, AFTER, REST = range(6)


def read(models: Path, source: Path, name: str, **shape: int) -> Subject:
    run = make_run(models, name, source=source, **shape)
    return open_subject(run, held_out(run))


def test_the_first_remedy_that_helps() -> None:
    head = "." * WARM_UP
    text = head + ".sea x. sea, gull (7 gull of"
    points = code_points(text)
    frequency = {"sea": 6, "x": 6, "of": 6, "gull": 5}
    ngram = np.zeros(len(text) - WARM_UP - 1)
    ngram[0] = 0.5
    found = remedies(points, classify(points), frequency, ngram).tolist()
    assert found == [
        NGRAM, REST, REST, REST,  # sea: the first time, and no rare word
        FIRST, REST, AFTER,  # x . and what follows the stop
        FIRST, MEMORY, MEMORY, REST, AFTER,
        RARE, RARE, RARE, RARE, REST,  # gull
        AFTER, AFTER, REST,
        RARE, MEMORY, MEMORY, MEMORY, REST,  # its first letter is not to be known from memory
        FIRST, REST,
    ]  # fmt: skip


def test_a_word_is_forgotten_after_a_thousand_characters() -> None:
    near, far = (code_points("sea" + "." * gap + "sea") for gap in (WARM_UP + 600, 1100))
    for points, expected in ((near, MEMORY), (far, REST)):
        ngram = np.zeros(len(points) - WARM_UP - 1)
        assert remedies(points, classify(points), {"sea": 9}, ngram)[-1] == expected


def test_shares_sum_to_one_and_differences_turn_round(models: Path, tmp_path: Path) -> None:
    source = make_text(tmp_path, LONG, "花.txt")
    one, other = read(models, source, "one", seed=1), read(models, source, "other", seed=2)
    document = inspect_errors([one, other], ErrorsConfig())
    assert (document["schema"], document["kind"]) == ("seqmagic.insight/1", "errors")
    first, second = document["models"]
    for model in (first, second):
        *rows, everything = model["classes"]
        assert [row["class"] for row in rows] == list(CLASSES)
        assert everything["class"] == "all"
        assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-5)
        assert sum(row["share_of_bits"] for row in rows) == pytest.approx(1, abs=1e-5)
        assert sum(row["characters"] for row in rows) == everything["characters"] == document["text"]["counted"]
        assert [step["remedy"] for step in model["funnel"]["steps"]] == list(FUNNEL)
        assert sum(step["errors"] for step in model["funnel"]["steps"]) == model["funnel"]["errors"] > 0
        for row in model["classes"]:
            assert (row["bits"] is None) == (row["characters"] < 20) == (row["reason"] is not None)
    bits, hits = read_bits(one.network, one.passage.ids, stop=len(one.passage.ids) - 1)
    assert first["classes"][-1]["bits"] == pytest.approx(bits.mean(), rel=1e-5)
    assert first["classes"][-1]["accuracy"] == pytest.approx(hits.mean(), rel=1e-5)
    assert first["funnel"]["errors"] == (bits > 1).sum()
    for row, turned in zip(first["classes"], second["classes"], strict=True):
        there, back = row["versus"]["other"], turned["versus"]["one"]
        if row["reason"] is None:
            assert there["difference"] == -back["difference"]
            assert there["interval"][0] == pytest.approx(-back["interval"][1], rel=1e-3, abs=1e-5)
            assert there["interval"][0] <= there["difference"] <= there["interval"][1]
        assert set(row["versus"]) == {first["ngram"], "other"}


def test_a_class_of_few_characters_gets_no_figure(models: Path, tmp_path: Path) -> None:
    [model] = inspect_errors([read(models, make_text(tmp_path, TEXT * 3), "few")], ErrorsConfig())["models"]
    ideographs = next(row for row in model["classes"] if row["class"] == "ideograph")
    assert (ideographs["characters"], ideographs["bits"], ideographs["accuracy"]) == (0, None, None)
    assert ideographs["reason"] == "fewer than 20 characters"


def test_runs_of_other_texts_are_not_subtracted(models: Path, tmp_path: Path) -> None:
    one = read(models, make_text(tmp_path, LONG, "a.txt"), "one")
    other = read(models, make_text(tmp_path, LONG.replace("wall", "hall"), "b.txt"), "other")
    document = inspect_errors([one, other], ErrorsConfig())
    assert all(set(row["versus"]) == {model["ngram"]} for model in document["models"] for row in model["classes"])
    assert any("their figures are not of the same characters" in line for line in document["warnings"])


def test_a_short_text_is_refused(models: Path, tmp_path: Path) -> None:
    subject = read(models, make_text(tmp_path), "short")
    with pytest.raises(CorpusError, match=r"has \d+ characters, and 401 are needed") as caught:
        inspect_errors([subject], ErrorsConfig())
    assert "\n" not in str(caught.value)
