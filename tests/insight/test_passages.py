"""Passages: the held-out characters of a run's own text or of any other, and a text that is too short."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmagic.errors import CorpusError
from seqmagic.insight import passages
from seqmagic.insight.passages import held_out, of_text
from tests.helpers import TEXT, make_run, make_text


def test_a_run_and_its_text_are_cut_alike(models: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(models, "tiny", source=text)
    own, (other, vocabulary) = held_out(run), of_text(str(text))
    assert (own.ids == other.ids).all()
    assert (own.train == other.train).all()
    assert vocabulary.decode(own.train) + vocabulary.decode(own.ids) == TEXT
    assert (own.sha256, own.part) == (other.sha256, other.part)
    monkeypatch.setattr(passages, "MOST_CHARACTERS", 100)
    assert (held_out(run).train == own.train[-100:]).all()


def test_the_head_of_a_passage_is_as_long_as_was_asked_or_as_there_is(tmp_path: Path) -> None:
    passage, _ = of_text(str(make_text(tmp_path)))
    length = len(passage.ids)
    assert len(passage.head(100, fewest=50, purpose="this")) == 100
    assert len(passage.head(10_000, fewest=50, purpose="this")) == length
    with pytest.raises(CorpusError, match=rf"the validation part has {length} characters, and this needs 2,000;"):
        passage.head(10_000, fewest=2000, purpose="this")
