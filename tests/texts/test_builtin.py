"""Built-in texts: there on every Python, the same each time, and a clear line where one is not."""

from __future__ import annotations

import hashlib
import pydoc_data.topics
import sys
import sysconfig
from pathlib import Path

import pytest

from seqmagic.errors import CorpusError
from seqmagic.texts import builtin as catalog
from seqmagic.texts.decoding import Tallied, Tally


def read(name: str) -> tuple[str, Tally]:
    pieces = Tallied(catalog.builtin_pieces(name))
    return "".join(pieces), pieces.tally


def test_names_and_descriptions() -> None:
    assert catalog.builtin_names() == ("python-docs", "python-source", "recall", "brackets", "markov")
    for text in catalog.BUILTIN_TEXTS.values():
        assert "\n" not in text.description
        assert len(text.description) <= 100


@pytest.mark.parametrize("name", catalog.builtin_names())
def test_same_each_time_and_counted(name: str) -> None:
    text, tally = read(name)
    assert len(text) > 100_000
    assert text.isascii() or not name.startswith(("recall", "brackets", "markov"))
    assert read(name)[0] == text
    assert "\r" not in text
    if name != "python-source":
        assert tally.bytes == len(text.encode())


def test_known_entropies() -> None:
    known = {name for name, text in catalog.BUILTIN_TEXTS.items() if text.entropy_bits is not None}
    assert known == {"recall", "brackets", "markov"}
    for name in known:
        entropy_bits = catalog.BUILTIN_TEXTS[name].entropy_bits
        assert entropy_bits is not None
        assert 1.5 < entropy_bits() < 2.5


def test_python_docs_holds_every_topic() -> None:
    text, _ = read("python-docs")
    for topic in pydoc_data.topics.topics.values():
        assert topic.strip("\n") in text


def test_python_docs_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(CorpusError, match=r"there is no python-docs: .*without pydoc_data\.topics; try python-source"):
        read("python-docs")


def test_python_source_is_the_library_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "abc.py": "abc",
        "json/tool.py": "tool\n",
        "Zen.py": "zen",
        "site-packages/numpy/core.py": "no",
        "test/test_abc.py": "no",
        "lib2to3/tests/a.py": "no",
        "idlelib/idle.py": "no",
        "abc.txt": "no",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    text, tally = read("python-source")
    assert text == "zen\nabc\ntool\n"
    assert tally.notices == ["3 text files read"]
    assert tally.bytes == 11


def test_python_source_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "lib"))
    with pytest.raises(CorpusError, match=r"there is no python-source: .*; try python-docs"):
        read("python-source")


def test_texts_whose_rule_is_known_are_found_by_their_characters() -> None:
    for text in catalog.BUILTIN_TEXTS.values():
        assert (text.surprise is None) == (text.entropy_bits is None) == (text.sha256 is None)
        if text.surprise is not None and text.sha256 is not None:
            characters = "".join(text.pieces(Tally()))
            assert hashlib.sha256(characters.encode()).hexdigest() == text.sha256
            found = catalog.known_surprise(text.sha256)
            assert found is not None and len(found) == len(characters)
    assert catalog.known_surprise("0" * 64) is None
