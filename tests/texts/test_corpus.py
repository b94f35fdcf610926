"""The corpus: encoded in one reading, cut without a gap, read in streams that miss nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.config import DataConfig
from seqmagic.errors import CorpusError
from seqmagic.texts import corpus as corpus_module
from seqmagic.texts import decoding as reading
from seqmagic.texts import spool
from seqmagic.texts.corpus import Corpus, check_trainable, read_corpus, split
from seqmagic.texts.streams import Streams
from seqmagic.texts.vocabulary import Vocabulary

TEXTS = st.text(st.sampled_from("abc\r\né中") | st.characters(exclude_categories=("Cs",), min_codepoint=1), min_size=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "text"


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For hypothesis, which calls a test many times with one fixture."""
    return tmp_path_factory.mktemp("corpus") / "text"


def read(path: Path, text: str, vocabulary: Vocabulary | None = None, **settings: float) -> Corpus:
    path.write_bytes(text.encode("utf-8"))
    return read_corpus(str(path), DataConfig(**settings), vocabulary=vocabulary)  # type: ignore[arg-type]


def spelled(corpus: Corpus, part: str) -> str:
    return corpus.vocabulary.decode(corpus.part(part))


@pytest.mark.parametrize("threshold", [1, 10**6], ids=["file", "memory"])
@given(text=TEXTS, data=st.data())
def test_against_the_text_as_a_whole(shared_path: Path, threshold: int, text: str, data: st.DataObject) -> None:
    """Whatever the pieces: vocabulary, ids, spans and sum as they follow from the text in one string."""
    text = text.removeprefix("\ufeff")
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(set(plain)) < 2:
        return
    min_count = data.draw(st.integers(1, 3))
    shares = {"validation": data.draw(st.floats(0.001, 0.5)), "test": data.draw(st.floats(0, 0.5))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PIECE_BYTES", data.draw(st.integers(1, 9)))
        patch.setattr(spool, "SPOOL_BYTES", threshold)
        patch.setattr(spool, "BLOCK_BYTES", 8)
        corpus = read(shared_path, text, min_count=min_count, **shares)

    assert isinstance(corpus.ids, np.memmap) == (threshold == 1)
    assert corpus.sha256 == hashlib.sha256(plain.encode()).hexdigest()
    assert corpus.bytes == len(text.encode())
    assert (corpus.train, corpus.validation, corpus.test) == split(len(plain), **shares)
    counts = Counter(plain[: corpus.train[1]])
    characters = sorted(character for character, count in counts.items() if count >= min_count)
    assert corpus.vocabulary == Vocabulary(characters)
    assert corpus.ids.dtype == corpus.vocabulary.dtype
    assert corpus.ids.tolist() == corpus.vocabulary.encode(plain).tolist()
    unknown = corpus.ids == 0
    assert any("--min-count" in notice for notice in corpus.notices) == bool(unknown[: corpus.train[1]].any())
    assert any("after the training" in notice for notice in corpus.notices) == bool(unknown[corpus.train[1] :].any())


@given(text=TEXTS, known=st.text(st.sampled_from("abcé中\n")))
def test_with_a_given_vocabulary(shared_path: Path, text: str, known: str) -> None:
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(plain) < 2:
        return
    vocabulary = Vocabulary(dict.fromkeys(known))
    corpus = read(shared_path, text, vocabulary)
    assert corpus.vocabulary is vocabulary
    assert corpus.ids.tolist() == vocabulary.encode(plain).tolist()
    assert corpus.notices == ()


def test_many_characters_in_many_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids widen from one byte to four on the way, and narrow again for the vocabulary, in memory and file."""
    characters = [chr(point) for point in range(32, 0x14000) if not 0xD800 <= point < 0xE000 and point != 0xFEFF]
    assert len(characters) > 65_536
    text = "".join(characters) + "the same few letters again and again " * 20_000
    wide = read(path, text)
    assert wide.ids.dtype == np.uint32
    assert spelled(wide, "train") + spelled(wide, "validation") == text
    narrow = read(path, text, min_count=2)
    assert narrow.ids.dtype == np.uint8
    assert narrow.vocabulary == Vocabulary(sorted(set("the same few letters again and again ")))
    monkeypatch.setattr(spool, "SPOOL_BYTES", 100_000)
    for in_memory, settings in ((wide, {}), (narrow, {"min_count": 2})):
        in_file = read(path, text, **settings)
        assert isinstance(in_file.ids, np.memmap)
        assert np.array_equal(in_file.ids, in_memory.ids)
        assert in_file.vocabulary == in_memory.vocabulary


def test_one_text_in_every_wrapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, its Windows edition, in UTF-16, compressed, from a pipe, in a folder: one and the same text."""
    text = "One line,\nanother one;\nça suffit 中文.\n" * 20
    wrappings = {
        "plain": text.encode(),
        "windows": text.replace("\n", "\r\n").encode(),
        "mac": text.replace("\n", "\r").encode(),
        "marked": text.encode("utf-8-sig"),
        "wide": text.encode("utf-16"),
        "packed.gz": gzip.compress(text.encode()),
        "folder/file": text.encode(),
    }
    (tmp_path / "folder").mkdir()
    for name, content in wrappings.items():
        (tmp_path / name).write_bytes(content)
    sources = [str(tmp_path / name.removesuffix("/file")) for name in wrappings]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    corpora = [read_corpus(source, DataConfig()) for source in [*sources, "-"]]
    for corpus in corpora:
        assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert np.array_equal(corpus.ids, corpora[0].ids)
        assert corpus.vocabulary == corpora[0].vocabulary
    assert [corpus.source for corpus in corpora] == [*sources, "-"]
    assert [corpus.bytes for corpus in corpora] == [len(content) for content in (*wrappings.values(), text.encode())]


def test_spans_by_hand() -> None:
    assert split(1000, 0.1, 0.0) == ((0, 900), (900, 1000), (1000, 1000))
    assert split(1000, 0.25, 0.25) == ((0, 500), (500, 750), (750, 1000))
    assert split(1000, None, 0.5) == ((0, 400), (400, 500), (500, 1000))
    # the split that nanoGPT and others use on the Shakespeare text of this length
    assert split(1_115_394, None, 0.0)[1] == (1_003_854, 1_115_394)
    # a longer validation part would cost time and tell no more
    assert split(10**9, None, 0.0)[1] == (10**9 - 10**6, 10**9)
    assert split(10**9, 0.1, 0.0)[1] == (9 * 10**8, 10**9)


@given(st.integers(0, 10**10), st.none() | st.floats(0.001, 0.5), st.floats(0, 0.5))
def test_spans_have_no_gap(characters: int, validation: float | None, test: float) -> None:
    (start, a), (b, c), (d, stop) = split(characters, validation, test)
    assert 0 == start <= a == b <= c == d <= stop == characters


def test_no_character_of_the_validation_part_gets_into_the_vocabulary(path: Path) -> None:
    corpus = read(path, "ab" * 100 + "z" * 20, validation=0.1)
    assert corpus.vocabulary == Vocabulary("ab")
    assert spelled(corpus, "validation") == "ab" + "\ufffd" * 20
    assert corpus.notices == ("20 of 22 characters after the training part are not in its vocabulary",)


def test_what_min_count_leaves_out_is_said(path: Path) -> None:
    corpus = read(path, "ab" * 100 + "xyzzy" + "ab" * 20, min_count=3)
    assert corpus.vocabulary == Vocabulary("ab")
    assert corpus.notices == ("--min-count 3 makes 5 of 220 training characters unknown",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\ufeff", "is empty"),
        ("a", "has 1 character"),
        ("\r\n\r", "is one character, '\\\\n', repeated"),
    ],
)
def test_texts_that_are_none(path: Path, text: str, words: str) -> None:
    with pytest.raises(CorpusError, match=f"^{path} {words}.*; give "):
        read(path, text)


def test_short_texts_can_be_evaluated(path: Path) -> None:
    vocabulary = Vocabulary("ab")
    assert read(path, "ab", vocabulary).ids.tolist() == [1, 2]
    assert read(path, "zz", vocabulary).ids.tolist() == [0, 0]
    with pytest.raises(CorpusError, match="has 1 character; a loss needs at least 2"):
        read(path, "a", vocabulary)


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("ab" * 99 + "c", {}, "has 199 characters; training needs 200, so give a longer text"),
        (
            "ab" * 250,
            {"validation": 0.002},
            "the validation part has 1 of the 500 characters .* raise --validation",
        ),
        (
            "ab" * 250,
            {"validation": 0.5, "test": 0.5},
            "the train part has 0 of the 500 characters .* or --test",
        ),
        ("ab" * 250, {"min_count": 300}, "leaves 0 of the 2 distinct characters .* lower --min-count"),
        ("a" * 450 + "b" * 50, {}, "leaves 1 of the 2 distinct characters .* give another text"),
    ],
)
def test_what_can_not_be_trained_on(path: Path, text: str, settings: dict[str, float], words: str) -> None:
    corpus = read(path, text, **settings)
    with pytest.raises(CorpusError, match=words) as caught:
        check_trainable(corpus)
    assert "\n" not in str(caught.value)


def test_what_can_be_trained_on(path: Path) -> None:
    check_trainable(read(path, "ab" * 100))


def test_half_a_surrogate_pair_is_refused(path: Path) -> None:
    path.write_text(r"abc\ud800")
    with pytest.raises(CorpusError, match=r"half a surrogate pair, U\+D800 at character 3"):
        read_corpus(str(path), DataConfig(encoding="unicode_escape"))


def test_an_error_in_the_middle_leaves_no_file(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 1)
    folder = tmp_path / "spool"
    folder.mkdir()
    path.write_bytes(b"ab" * reading.PIECE_BYTES + b"\xff")
    with pytest.raises(CorpusError, match=f"byte 0xff at offset {2 * reading.PIECE_BYTES} "):
        read_corpus(str(path), DataConfig(), spool_folder=folder)
    assert list(folder.iterdir()) == []


def test_nothing_is_written_into_the_ids(path: Path) -> None:
    corpus = read(path, "ab" * 100)
    assert corpus.part("train").base is not None
    with pytest.raises(ValueError, match="read-only"):
        corpus.part("validation")[0] = 1


SHAPES = st.tuples(st.integers(2, 120), st.integers(1, 9), st.integers(1, 30)).filter(lambda s: s[0] >= s[1])


def positions_read(length: int, batch_size: int, sequence_length: int, windows: int) -> np.ndarray:
    """Where each input stood, (B, windows·T), from a part in which every id is its own position."""
    streams = Streams(np.arange(length, dtype=np.uint16), batch_size, sequence_length)
    read = [streams.window(step) for step in range(windows)]
    inputs = np.concatenate([inputs for inputs, _, _ in read], axis=1)
    targets = np.concatenate([targets for _, targets, _ in read], axis=1)
    assert np.array_equal(targets, (inputs + 1) % length)
    return inputs


@given(SHAPES)
def test_each_window_continues_where_the_last_ended(shape: tuple[int, int, int]) -> None:
    length, batch_size, sequence_length = shape
    windows = 2 * length // sequence_length + 2
    positions = positions_read(*shape, windows)
    starts = np.arange(batch_size) * (length // batch_size)
    expected = (starts[:, None] + np.arange(windows * sequence_length)) % length
    assert np.array_equal(positions, expected)


@given(SHAPES)
def test_an_epoch_reads_every_transition_once(shape: tuple[int, int, int]) -> None:
    """All readers together over one share each, and each reader alone over one whole round."""
    length, batch_size, sequence_length = shape
    share = length // batch_size
    positions = positions_read(*shape, length // sequence_length + 1)
    together = positions[:, :share].ravel()
    assert sorted(together) == list(range(batch_size * share))
    for reader in positions[:, :length]:
        assert sorted(reader) == list(range(length))


@given(SHAPES)
def test_restarts_where_a_reader_began_or_came_round(shape: tuple[int, int, int]) -> None:
    length, batch_size, sequence_length = shape
    streams = Streams(np.arange(length, dtype=np.uint16), batch_size, sequence_length)
    travelled = np.arange(batch_size) * (length // batch_size)
    rounds = travelled // length
    for step in range(3 * length // sequence_length + 2):
        restarts = streams.window(step)[2]
        expected = (travelled // length > rounds) if step else np.ones(batch_size, bool)
        assert restarts.tolist() == expected.tolist()
        rounds = travelled // length
        travelled = travelled + sequence_length


def test_windows_by_hand() -> None:
    streams = Streams(np.array([10, 11, 12, 13, 14], np.uint8), batch_size=2, sequence_length=2)
    expected = [
        ([[10, 11], [12, 13]], [[11, 12], [13, 14]], [True, True]),
        ([[12, 13], [14, 10]], [[13, 14], [10, 11]], [False, False]),
        ([[14, 10], [11, 12]], [[10, 11], [12, 13]], [False, True]),
        ([[11, 12], [13, 14]], [[12, 13], [14, 10]], [True, False]),
    ]
    for step, (inputs, targets, restarts) in enumerate(expected):
        window = streams.window(step)
        assert [array.tolist() for array in window] == [inputs, targets, restarts]
        assert [array.dtype for array in window] == [np.int32, np.int32, np.bool_]


def test_windows_far_out_and_in_any_order() -> None:
    """A long run of a long part: the step number alone decides, without overflow."""
    streams = Streams(np.arange(1000, dtype=np.uint16), batch_size=3, sequence_length=7)
    far = 10**12
    assert streams.window(far)[0][1, 0] == (333 + 7 * far) % 1000
    first = streams.window(5)
    streams.window(far)
    assert all(np.array_equal(a, b) for a, b in zip(first, streams.window(5), strict=True))


@given(st.data())
def test_windows_of_a_map_are_those_of_an_array(shared_path: Path, data: st.DataObject) -> None:
    ids = np.array(data.draw(st.lists(st.integers(0, 65_535), min_size=4, max_size=50)), np.uint16)
    shared_path.write_bytes(ids.tobytes())
    mapped = np.memmap(shared_path, np.uint16, mode="r")
    for step in range(5):
        # a part in the middle, as the validation part is
        in_memory = Streams(ids[1:], 2, 3).window(step)
        in_file = Streams(mapped[1:], 2, 3).window(step)
        for expected, found in zip(in_memory, in_file, strict=True):
            assert type(found) is np.ndarray
            assert np.array_equal(expected, found)


@pytest.mark.parametrize(("length", "batch_size"), [(1, 1), (0, 1), (3, 4)])
def test_a_part_too_short_for_its_readers(length: int, batch_size: int) -> None:
    with pytest.raises(CorpusError, match=f"a part of {length} characters .* lower --batch-size"):
        Streams(np.zeros(length, np.uint8), batch_size, 1)


def test_counting_pairs_is_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two-at-a-time count against NumPy's, over blocks of even and odd length."""
    ids = np.random.default_rng(1).integers(0, 256, 1001).astype(np.uint8)
    monkeypatch.setattr(spool, "BLOCK_BYTES", 7)
    with spool.Spool(None) as kept:
        kept.append(ids)
        counts = corpus_module.count_ids(kept, (3, 1000), 256)
    assert counts.tolist() == np.bincount(ids[3:1000], minlength=256).tolist()


@pytest.mark.parametrize("size", [1, 5, 2**18])
def test_what_a_given_vocabulary_lacks_is_counted(path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", size)
    text = "öfter als öl: zwei, drei ö"
    vocabulary = Vocabulary("abcdefghijklmnopqrstuvwxy ")
    expected = Counter(character for character in text if character not in vocabulary.characters)
    assert read(path, text, vocabulary).unknown == expected
    assert Counter(read(path, text, vocabulary).unknown).most_common(1) == [("ö", 3)]
    assert read(path, text * 20, min_count=2).unknown == {}


def test_a_vocabulary_counts_nothing_itself(path: Path) -> None:
    """One may serve two texts."""
    vocabulary = Vocabulary("ab")
    assert [read(path, text, vocabulary).unknown for text in ("abcc", "abd")] == [{"c": 2}, {"d": 1}]
