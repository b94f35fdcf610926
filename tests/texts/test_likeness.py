"""A validation part unlike the training part is noticed: sorted lists are, ordinary texts are not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from seqmagic.config import DataConfig
from seqmagic.texts.corpus import read_corpus
from seqmagic.texts.likeness import g_test


def unlike(source: str, **settings: float) -> list[str]:
    notices = read_corpus(source, DataConfig(**settings)).notices  # type: ignore[arg-type]
    return [line for line in notices if "is unlike the training part" in line]


def names(count: int) -> list[str]:
    chance = random.Random(count)
    syllables = [first + second for first in "bcdfghjklmnprstvwz" for second in "aeiou"]
    return ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(count)]


@pytest.mark.parametrize("count", [300, 3000])
@pytest.mark.parametrize("capitals", [True, False])
def test_a_sorted_list_is_noticed_and_a_shuffled_one_is_not(tmp_path: Path, count: int, capitals: bool) -> None:
    lines = [name.capitalize() if capitals else name for name in names(count)]
    path = tmp_path / "names.txt"
    path.write_text("\n".join(lines))
    assert unlike(str(path)) == []
    path.write_text("\n".join(sorted(lines)))
    [notice] = unlike(str(path))
    assert "its lines begin with other characters" in notice and "--records line" in notice and "\n" not in notice
    assert unlike(str(path), test=0.1)  # the test part is not looked at, and changes nothing


def test_another_language_at_the_end_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("the quick brown fox jumps over the lazy dog " * 90 + "быстрая лиса прыгает через собаку " * 12)
    [notice] = unlike(str(path))
    assert "its characters occur at other rates" in notice


@pytest.mark.parametrize("source", ["python-docs", "markov", "recall", "brackets"])
def test_ordinary_texts_are_not(source: str) -> None:
    assert unlike(source) == []


def test_code_is_not() -> None:
    assert unlike(str(Path(__file__).parents[2] / "seqmagic" / "texts")) == []


def test_the_statistic_by_hand() -> None:
    # two samples of two, each of one kind: every count says ln 2 about its sample, G = 2 * 4 * ln 2
    assert g_test(np.array([2, 0, 0]), np.array([0, 2, 0])) == (pytest.approx(8 * np.log(2)), 1)
    assert g_test(np.array([5, 10]), np.array([1, 2])) == (pytest.approx(0, abs=1e-12), 1)
