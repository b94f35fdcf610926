"""A text as it is looked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts.corpus import read_corpus
from seqmagic.texts.whole import read_whole


def test_every_character_has_an_id_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("ab" * 500 + "é" * 3, encoding="utf-8")
    text = read_whole(str(path), DataConfig())
    assert text.vocabulary.characters == ("a", "b", "é")
    assert text.counts.tolist() == [0, 500, 500, 3]
    assert text.train_counts.tolist() == [0, 451, 451, 0]
    assert text.vocabulary.decode(text.ids) == "ab" * 500 + "é" * 3
    corpus = read_corpus(str(path), DataConfig())
    assert (text.train, text.validation, text.test) == (corpus.train, corpus.validation, corpus.test)
    assert (text.sha256, text.bytes) == (corpus.sha256, corpus.bytes)
    assert len(text.part(text.validation)) == len(corpus.part("validation"))


def test_an_empty_text_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(CorpusError, match=r"empty\.txt is empty; give a longer text"):
        read_whole(str(tmp_path / "empty.txt"), DataConfig())
