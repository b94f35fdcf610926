"""The statistics of a text, against what is known of it."""

from __future__ import annotations

import bz2
import importlib
import json
import lzma
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from seqmagic.config import DataConfig
from seqmagic.evaluation.baselines import measure_baselines
from seqmagic.evaluation.text_statistics import text_statistics
from seqmagic.texts.corpus import read_corpus
from seqmagic.texts.whole import WholeText, read_whole

SENTENCE = "this sentence of some 50 characters stands in both; "
CONTENT = "".join(chr(97 + number) for number in np.random.default_rng(1).integers(0, 26, 4000))
CONTENT = CONTENT[:1000] + SENTENCE + CONTENT[1000:] + "é" + SENTENCE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(CONTENT, encoding="utf-8")
    return path


@pytest.fixture
def whole(path: Path) -> WholeText:
    return read_whole(str(path), DataConfig())


def test_the_statistics_of_a_text_of_which_all_is_known(whole: WholeText) -> None:
    found = text_statistics(whole)
    assert json.loads(json.dumps(found)) == found
    assert (found["characters"], found["bytes"]) == (len(CONTENT), len(CONTENT) + 1)
    counts = {one["character"]: one["count"] for one in found["vocabulary"]}
    assert counts == {character: CONTENT.count(character) for character in CONTENT}
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert found["longest_repeat"] == {
        "length": len(SENTENCE),
        "times": 2,
        "places": [1000, len(CONTENT) - len(SENTENCE)],
        "begins": SENTENCE,
    }
    validation = len(CONTENT) - found["parts"]["train"][1]
    assert found["word_for_word"]["share"] == pytest.approx(len(SENTENCE) / validation)
    encoded = CONTENT.encode()
    assert found["compression"] == {
        "xz": 8 * len(lzma.compress(encoded)) / len(CONTENT),
        "bzip2": 8 * len(bz2.compress(encoded)) / len(CONTENT),
    }


def test_the_baselines_are_those_of_compare(path: Path, whole: WholeText) -> None:
    corpus = read_corpus(str(path), DataConfig())
    rows = measure_baselines(corpus.part("train"), corpus.part("validation"), corpus.vocabulary.size)
    found = text_statistics(whole)["baselines"]
    assert [row["name"] for row in found] == [row.name for row in rows]
    assert [row["bits_per_character"] for row in found] == pytest.approx([row.bits_per_character for row in rows])


def test_of_a_long_text_the_start_is_looked_at(whole: WholeText) -> None:
    found = text_statistics(whole, limit=1000)
    assert (found["looked_at"], found["characters"]) == (1000, len(CONTENT))
    assert found["longest_repeat"]["length"] < len(SENTENCE)
    assert found["word_for_word"]["compared_with"] == 1000
    assert found["word_for_word"]["share"] == 0.0


def test_what_can_not_be_had_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "short.txt").write_text("x")
    whole = read_whole(str(tmp_path / "short.txt"), DataConfig())
    real = importlib.import_module

    def without_lzma(name: str) -> ModuleType:
        if name == "lzma":
            raise ImportError
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without_lzma)
    found = text_statistics(whole)
    assert found["baselines"] == []
    assert found["compression"]["xz"] is None
    assert found["longest_repeat"] == {"length": 0, "times": 0, "places": [], "begins": ""}
    assert found["word_for_word"]["share"] == 0.0
