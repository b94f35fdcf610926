"""What was copied, against a search by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.errors import RunError
from seqmagic.runs.folder import Run
from seqmagic.sampling import novelty as module
from seqmagic.sampling.novelty import GRAM, measure_novelty, training_ids
from seqmagic.texts.vocabulary import Vocabulary
from tests.helpers import TEXT

ABC = Vocabulary("abc")


def by_hand(texts: list[str], training: str) -> tuple[int, int, int]:
    """Length of the longest copied run, n-grams, new ones among them."""
    runs = {text[i:j] for text in texts for i in range(len(text)) for j in range(i + 1, len(text) + 1)}
    longest = max((len(run) for run in runs if run in training), default=0)
    grams = [text[i : i + GRAM] for text in texts for i in range(len(text) - GRAM + 1)]
    return longest, len(grams), sum(gram not in training for gram in grams)


@given(
    st.lists(st.text("abc", max_size=40), max_size=4),
    st.text("abc", max_size=200),
    st.integers(1, 200),
    st.integers(0, 60),
)
def test_it_finds_what_a_search_finds(texts: list[str], training: str, block: int, copied: int) -> None:
    texts = [*texts, "c" + training[20 : 20 + copied] + "a"]
    original, module._BLOCK = module._BLOCK, block  # the training text is looked at in blocks
    try:
        found = measure_novelty(texts, ABC.encode(training), ABC)
    finally:
        module._BLOCK = original
    longest, grams, new = by_hand(texts, training)
    assert (found.longest, found.grams) == (longest, grams)
    assert found.new_share == (pytest.approx(new / grams) if grams else None)
    assert len(found.copied) == longest
    assert found.copied in training and any(found.copied in text for text in texts)


def test_runs_do_not_reach_from_one_text_into_the_next() -> None:
    training = ABC.encode("abcabcabcabc")
    assert measure_novelty(["abca", "bcab"], training, ABC).longest == 4
    assert measure_novelty(["abca", "bcab"], training, ABC).grams == 0


def test_a_larger_text_by_its_own_words() -> None:
    rng = np.random.default_rng(1)
    training = rng.integers(1, 60, 1_300_000)
    vocabulary = Vocabulary([chr(64 + number) for number in range(60)])
    across = vocabulary.decode(training[2**20 - 50 : 2**20 + 50])  # over the edge of a block
    found = measure_novelty(["@" + across + "@", "@" * 30], training, vocabulary)
    assert found.longest in (100, 101, 102) and across in found.copied
    assert found.new_share == pytest.approx((9 - 7 + 23) / (95 + 23), abs=0.02)


def test_the_training_text_is_read_again(tiny_run: Run) -> None:
    ids = training_ids(tiny_run)
    start, stop = tiny_run.read_record().text.train
    assert tiny_run.read_vocabulary().decode(ids) == TEXT[start:stop]


def test_a_text_that_is_gone_or_changed_is_one_line(tiny_run: Run, text: Path) -> None:
    text.write_text(TEXT + "!", encoding="utf-8")
    with pytest.raises(RunError, match=r"--novelty needs the text that tiny was trained on: .* has changed"):
        training_ids(tiny_run)
    text.unlink()
    with pytest.raises(RunError, match="--novelty needs the text that tiny was trained on: ") as caught:
        training_ids(tiny_run)
    assert "\n" not in str(caught.value)
