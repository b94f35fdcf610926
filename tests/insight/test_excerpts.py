"""Which characters are looked at, and what is read before them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.errors import ConfigError, CorpusError, RunError
from seqmagic.insight.excerpts import open_reader, read_excerpt, remarks
from seqmagic.insight.settings import ExcerptConfig
from seqmagic.runs.folder import Run
from tests.helpers import TEXT, make_run, make_text


def excerpt_of(run: Run, length: int = 400, **values: Any) -> Any:
    return read_excerpt(run, ExcerptConfig(**values), length=length)


def test_the_own_text_from_its_held_out_part_on(tiny_run: Run, text: Path) -> None:
    start, stop = tiny_run.read_record().text.validation
    found = excerpt_of(tiny_run, length=30)
    assert (found.part, found.at, found.source) == ("validation", 0, str(text))
    assert found.text == TEXT[start : start + 30]
    assert found.before == TEXT[start - 200 : start]
    later = excerpt_of(tiny_run, at=50)
    assert later.text == TEXT[start + 50 : stop]
    assert later.before == TEXT[start - 150 : start + 50]


def test_a_file_from_any_place_on(tiny_run: Run, tmp_path: Path) -> None:
    path = make_text(tmp_path / "other", TEXT, "other.txt")
    assert excerpt_of(tiny_run, file=str(path), length=20).before == ""
    found = excerpt_of(tiny_run, file=str(path), at=300, length=20)
    assert (found.text, found.before, found.part) == (TEXT[300:320], TEXT[100:300], None)
    short = excerpt_of(tiny_run, file=str(path), at=10, length=20)
    assert short.before == TEXT[:10]
    assert any("only 10 characters" in line for line in remarks([open_reader(tiny_run, short)], short))


def test_typed_characters_have_nothing_before_them(tiny_run: Run) -> None:
    found = excerpt_of(tiny_run, text="3 green")
    assert (found.text, found.before) == ("3 green", "")
    [line] = remarks([open_reader(tiny_run, found)], found)
    assert line.startswith("nothing was read before the first character")
    assert excerpt_of(tiny_run, text="3 green", length=ExcerptConfig(length=3).length).text == "3 green"
    assert read_excerpt(tiny_run, ExcerptConfig(text="3 green", length=3), length=400).text == "3 g"


def test_characters_that_a_run_does_not_know_are_named(tiny_run: Run) -> None:
    found = excerpt_of(tiny_run, text="3 gräßn")
    subject = open_reader(tiny_run, found)
    assert "tiny does not know 'ä', 'ß': read as its unknown character" in remarks([subject], found)
    assert list(subject.passage.ids == 0) == [False, False, False, False, True, True, False]
    with pytest.raises(CorpusError, match=r"^run tiny knows none of the characters looked at \('ä', 'ö'\); "):
        open_reader(tiny_run, excerpt_of(tiny_run, text="äöä"))


def test_a_letter_in_another_form_is_read_in_the_one_that_the_run_knows(models: Path, tmp_path: Path) -> None:
    run = make_run(models, "é", source=make_text(tmp_path, TEXT.replace("o", "é")))
    assert excerpt_of(run, text="be\u0301ttles").text == "béttles"


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"text": "abc", "at": 3}, ConfigError, "--text gives the characters themselves; leave out --at"),
        ({"text": "abc", "file": "x"}, ConfigError, "--text gives the characters themselves; leave out --file"),
        ({"text": "a"}, ConfigError, "--text needs 2 characters or more"),
        ({"text": ""}, ConfigError, "--text needs 2 characters or more"),
        ({"at": 100_000}, ConfigError, "--at must be from 0 to "),
        ({"file": "nowhere.txt"}, CorpusError, "nowhere.txt"),
    ],
)
def test_what_cannot_be_is_named(values: Any, error: type[Exception], words: str, tiny_run: Run) -> None:
    with pytest.raises(error, match=words):
        excerpt_of(tiny_run, **values)


def test_an_empty_file_is_named(tiny_run: Run, tmp_path: Path) -> None:
    with pytest.raises(CorpusError):
        excerpt_of(tiny_run, file=str(make_text(tmp_path, "", "empty.txt")))
    with pytest.raises(CorpusError, match="has 1 character; 2 or more are needed"):
        excerpt_of(tiny_run, file=str(make_text(tmp_path, "a", "one.txt")))


def test_an_own_text_that_is_gone_says_what_to_do(tiny_run: Run, text: Path) -> None:
    text.unlink()
    with pytest.raises(RunError, match="give characters with --text or --file"):
        excerpt_of(tiny_run)


def test_ids_are_those_of_each_run(models: Path, tiny_run: Run, tmp_path: Path) -> None:
    other = make_run(models, "other", source=make_text(tmp_path, "!?" + TEXT, "other.txt"))
    found = excerpt_of(tiny_run, text="3 green")
    one, another = open_reader(tiny_run, found), open_reader(other, found)
    assert one.vocabulary.decode(one.passage.ids) == another.vocabulary.decode(another.passage.ids) == "3 green"
    assert not np.array_equal(one.passage.ids, another.passage.ids)
