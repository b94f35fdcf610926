"""Records: cut without losing one, drawn whole by the seed, each part an end and its records with theirs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.config import DataConfig
from seqmagic.errors import ConfigError, CorpusError
from seqmagic.texts import records
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.texts.records import RECORD_END, draw, first_records, last_records, starts, text_lines

NAMES = [f"{first}{second}{third}" for first in "bdfgkl" for second in "aeiou" for third in ("n", "ra", "lino")]


def read(path: Path, content: str, **settings: Any) -> Corpus:
    path.write_text(content, encoding="utf-8", newline="")
    return read_corpus(str(path), DataConfig(**settings))


def texts_of(corpus: Corpus, part: str) -> list[str]:
    """The records of a part; it begins with an end, and ends with that of its last record."""
    end = "\n" if corpus.config.records == "line" else RECORD_END
    text = corpus.vocabulary.decode(corpus.part(part))
    assert text[:1] == end and text[-1:] == end
    return text[1:-1].split(end)


def all_texts(corpus: Corpus) -> list[str]:
    return [text for part in ("train", "validation") for text in texts_of(corpus, part)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "text"


def test_lines_are_records_and_empty_ones_are_none(path: Path) -> None:
    corpus = read(path, "\n".join(NAMES[:40]) + "\n\n  \n" + "\r\n".join(NAMES[40:]), records="line")
    assert sorted(all_texts(corpus)) == sorted(NAMES)
    assert corpus.boundary == corpus.vocabulary.encode("\n")[0]
    assert "2 empty lines left out" in corpus.notices
    assert any("90 records" in line and "drawn with seed 1" in line for line in corpus.notices)


def test_stanzas_keep_their_line_breaks(path: Path) -> None:
    stanzas = [f"{name}\n{name} sings\n" for name in NAMES]
    corpus = read(path, "\n\n" + "\n \n\n".join(stanzas), records="blank-line")
    assert sorted(all_texts(corpus)) == sorted(stanza.strip("\n") for stanza in stanzas)
    assert corpus.boundary == corpus.vocabulary.encode(RECORD_END)[0] != corpus.vocabulary.encode("\n")[0]


def test_chinese_lines(path: Path) -> None:
    lines = [f"{a}{b}{c}" for a in "春夏秋冬" for b in "风花雪月" for c in "山水云"]
    corpus = read(path, "\n".join(lines), records="line")
    assert sorted(all_texts(corpus)) == sorted(lines)


@given(st.lists(st.text("ab\n", max_size=4)))
def test_lines_come_whole_out_of_any_pieces(pieces: list[str]) -> None:
    text = "".join(pieces)
    expected = text.split("\n")
    assert list(text_lines(pieces)) == (expected[:-1] if not expected[-1] else expected)


def test_the_seed_decides_and_parts_share_no_record(path: Path) -> None:
    drawn = [read(path, "\n".join(NAMES), records="line", split_seed=seed) for seed in (1, 1, 2)]
    validation = [texts_of(corpus, "validation") for corpus in drawn]
    assert validation[0] == validation[1] != validation[2]
    for corpus in drawn:
        parts = [set(texts_of(corpus, part)) for part in ("train", "validation")]
        assert not parts[0] & parts[1] and parts[0] | parts[1] == set(NAMES)
        # in the order of the text, from all of it and not from its end
        assert [name for name in NAMES if name in parts[1]] == texts_of(corpus, "validation")
        assert parts[1] != set(NAMES[-len(parts[1]) :])
    assert drawn[0].sha256 == drawn[2].sha256


def test_validation_and_test_have_the_characters_asked_for(path: Path) -> None:
    corpus = read(path, "\n".join(NAMES), records="line", validation=0.2, test=0.3)
    total = sum(len(name) + 1 for name in NAMES)
    for part, share in (("validation", 0.2), ("test", 0.3)):
        assert share * total <= len(corpus.part(part)) - 1 < share * total + 8
    found = Counter(texts_of(corpus, "train") + texts_of(corpus, "validation") + texts_of(corpus, "test"))
    assert found == Counter(NAMES)


def test_a_record_that_stands_twice_may_be_in_both_parts(path: Path) -> None:
    corpus = read(path, "anna\n" * 50, records="line")
    assert set(texts_of(corpus, "train")) == set(texts_of(corpus, "validation")) == {"anna"}


def test_min_count_leaves_the_end_of_a_record(path: Path) -> None:
    corpus = read(path, "ababab\n\nbababa\n\nabab\n\n" * 3, records="blank-line", min_count=15)
    assert set(corpus.vocabulary.characters) == {RECORD_END, "a", "b"}


@pytest.mark.parametrize("extension", ["csv", "semicolon", "tab", "jsonl"])
def test_cells_of_a_table_keep_quotes_and_line_breaks(path: Path, extension: str) -> None:
    import csv
    import io
    import json

    cells = [f'{name} said "{name}, yes";\nand\tleft\n\n{name}' for name in NAMES]
    table = io.StringIO()
    if extension == "jsonl":
        table.write("".join(json.dumps({"id": number, "body": cell}) + "\n" for number, cell in enumerate(cells)))
        table.write('{"id": 90}\n{"id": 91, "body": null}\n\n{"id": 92, "body": " "}\n')
    else:
        delimiter = {"csv": ",", "semicolon": ";", "tab": "\t"}[extension]
        writer = csv.writer(table, delimiter=delimiter)
        writer.writerow(["id", "body"])
        writer.writerows([number, cell] for number, cell in enumerate(cells))
        writer.writerows([[90], [91, ""], [92, " "]])
    corpus = read(path, table.getvalue(), column="body")
    assert sorted(all_texts(corpus)) == sorted(cells)
    assert any("3 rows" in line and "nothing in column body" in line for line in corpus.notices)


def test_numbers_in_json_are_read_as_they_stand_there(path: Path) -> None:
    corpus = read(path, "".join(f'{{"n": {number}}}\n' for number in range(100, 190)), column="n")
    assert sorted(all_texts(corpus)) == [str(number) for number in range(100, 190)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,title,body\n1,a,b\n", "has no column 'name'; it has 'id', 'title', 'body'"),
        ("id;title\n1;a\n", "has no column 'name'; it has 'id', 'title'"),
        ('{"id": 1, "body": "x"}\n', "has no column 'name'; it has 'id', 'body'"),
        ('{"name": "x"}\n{"name": \n', "no JSON at line 2"),
        ('{"name": "x"}\n[1]\n', "line 2 of"),
        ('{"name": ["x"]}\n', "is no text at line 1"),
        ('[{"name": "x"}]', "jq -c '.[]'"),
        ('name\n"never closed\nand so on\n', "no CSV at line 3"),
        ("name\n\n", "no record that is not empty"),
        ("name\na\x1eb\nc\n", "record 1 of"),
        ("", "is empty"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(path: Path, content: str, words: str) -> None:
    with pytest.raises(CorpusError) as found:
        read(path, content, column="name")
    assert words in str(found.value) and "\n" not in str(found.value)


def test_a_cell_may_be_longer_than_python_reads_by_itself(path: Path) -> None:
    corpus = read(path, "name\n" + "\n".join(["ab" * 100_000, *NAMES]), column="name", validation=0.001)
    assert any(len(text) == 200_000 for text in all_texts(corpus))


def test_too_few_records_are_refused(path: Path) -> None:
    with pytest.raises(CorpusError, match="has 1 records, too few to split"):
        read(path, "one line alone", records="line")
    with pytest.raises(CorpusError, match="no record that is not empty"):
        read(path, "\n \n\t\n", records="blank-line")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="--column reads one table"):
        read_corpus(str(tmp_path), DataConfig(column="name"))


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="two ways"):
        DataConfig(records="line", column="body")
    with pytest.raises(ConfigError, match="must be one of line, blank-line"):
        DataConfig(records="page")
    assert DataConfig().drawn_with(3) == DataConfig()
    assert DataConfig(records="line").drawn_with(3).split_seed == 3
    assert DataConfig(records="line", split_seed=4).drawn_with(3).split_seed == 4


def test_another_text_is_not_split_and_needs_a_model_of_records(path: Path) -> None:
    model = read(path, "\n".join(NAMES), records="line").vocabulary
    other = read_corpus(str(path), DataConfig(records="line"), vocabulary=model)
    assert texts_of(other, "train") == NAMES and len(other.part("validation")) == 0
    with pytest.raises(ConfigError, match="was not trained on records"):
        read_corpus(str(path), DataConfig(records="blank-line"), vocabulary=model)


def test_draw_takes_one_at_least_and_no_more_than_it_needs() -> None:
    lengths = np.array([10] * 20)
    assert np.bincount(draw(lengths, (0, 0), 1)).tolist() == [20]
    assert np.bincount(draw(lengths, (1, 1), 1)).tolist() == [18, 1, 1]
    assert np.bincount(draw(lengths, (20, 41), 1)).tolist() == [13, 2, 5]


def part(texts: Sequence[str]) -> np.ndarray:
    return np.frombuffer("".join(f"|{text}" for text in [*texts, ""]).encode(), np.uint8)


def test_first_and_last_records_are_whole() -> None:
    ids, bar = part(["ann", "bob", "cy"]), ord("|")
    assert starts(ids, bar).tolist() == [0, 4, 8, 11]
    assert first_records(ids, bar, 9).tobytes() == b"|ann|bob|"
    assert first_records(ids, bar, 1).tobytes() == b"|ann|"
    assert first_records(ids, bar, 100).tobytes() == ids.tobytes()
    assert last_records(ids, bar, 7).tobytes() == b"|bob|cy|"
    assert last_records(ids, bar, 1).tobytes() == b"|cy|"
    assert last_records(ids, bar, 100).tobytes() == ids.tobytes()


def test_pieces_are_handed_on_before_the_text_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_PIECE", 5)
    mixed = random.Random(1).sample(NAMES, len(NAMES))
    assert sorted(all_texts(read(path, "\n".join(mixed), records="line"))) == sorted(NAMES)
