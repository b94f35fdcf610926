"""Writing as a whole: reproducible, independent of how many texts there are, ended where asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqmagic.config import SampleConfig
from seqmagic.errors import SampleError
from seqmagic.network.network import Network
from seqmagic.network.probabilities import softmax
from seqmagic.sampling import writer
from seqmagic.sampling.pieces import gather
from seqmagic.sampling.stepper import FoldedNetwork
from seqmagic.sampling.writer import with_seed, write, write_text
from seqmagic.texts.vocabulary import Vocabulary
from tests.helpers import random_weights

VOCABULARY = Vocabulary("\n abcdefgh.")
NETWORK = Network.from_weights(
    "lstm", random_weights("lstm", vocabulary_size=VOCABULARY.size, units=8, layers=2, seed=4)
)
FOLDED = FoldedNetwork.of(NETWORK)


def texts(*prompts: str, surprise: bool = False, **settings: Any) -> list[str]:
    config = SampleConfig(**{"length": 40, "seed": 5, **settings})
    pieces = write(FOLDED, VOCABULARY, config, prompts, surprise=surprise)
    return [text.characters for text in gather(pieces)]


def by_hand(prompt: str, length: int) -> str:
    """The greedy continuation by the reference network."""
    ids = VOCABULARY.encode(prompt).tolist()
    for _ in range(length):
        logits, _ = NETWORK.forward(np.array([ids]), NETWORK.initial_states(1))
        ids.append(1 + int(logits[0, -1, 1:].argmax()))
    return VOCABULARY.decode(ids[len(prompt) :])


def test_greedy_is_what_the_network_says() -> None:
    assert texts("abc", temperature=0) == [by_hand("abc", 40)]
    assert texts(temperature=0, length=12) == [by_hand("\n", 12)]
    assert texts("abc", temperature=0, count=7)[6] == by_hand("abc", 40)
    assert texts("abc", top_k=1) == texts("abc", temperature=0)


def test_a_seed_writes_its_text_again() -> None:
    assert texts("ab") == texts("ab")
    assert texts("ab", seed=6) != texts("ab")
    assert len(texts("ab")[0]) == 40


@pytest.mark.parametrize("count", [2, 4, 5, 12])
def test_a_text_does_not_depend_on_how_many_there_are(count: int) -> None:
    first, second = texts("ab", count=2)
    together = texts("ab", count=count)
    assert len(together) == count == len(set(together))
    assert together[:2] == [first, second]


def test_nor_on_the_groups_they_are_written_in(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = texts("ab", count=11)
    monkeypatch.setattr(writer, "GROUP", 3)
    assert texts("ab", count=11) == expected


@pytest.mark.parametrize("count", [1, 4])
def test_nor_on_the_other_prompts(count: int) -> None:
    several = texts("ab", "hgfedcba hgf", "d", count=count)
    assert several == [text for prompt in ("ab", "hgfedcba hgf", "d") for text in texts(prompt, count=count)]


def test_a_stop_text_ends_each_text_on_its_own() -> None:
    whole = texts("ab", count=12, length=200)
    cut = texts("ab", count=12, length=200, stop=("d",), min_length=2)
    assert cut == [text[: text.index("d", 2)] if "d" in text[2:] else text for text in whole]
    assert len({len(text) for text in cut}) > 4  # so that texts were dropped from the batch on the way
    assert texts("ab", stop=("d",), min_length=2, length=200) == cut[:1]


def test_a_blank_line_and_a_sentence_end_a_text() -> None:
    (whole,) = texts("ab", length=3000, temperature=2)
    assert texts("ab", length=3000, temperature=2, stop_at="blank-line") == [whole[: whole.index("\n\n")]]
    end = min(whole.index(sign) for sign in (". ", ".\n"))
    assert texts("ab", length=3000, temperature=2, stop_at="sentence") == [whole[: end + 1]]


@pytest.mark.parametrize("count", [1, 6])
def test_probabilities_are_the_models_own(count: int) -> None:
    config = SampleConfig(length=30, seed=5, temperature=2, top_k=5, count=count, stop=("dd",))
    for text in gather(write(FOLDED, VOCABULARY, config, ["ab"], surprise=True)):
        ids = VOCABULARY.encode("ab" + text.characters)
        logits, _ = NETWORK.forward(ids[np.newaxis].astype(int), NETWORK.initial_states(1))
        expected = softmax(logits[0])[np.arange(1, len(ids) - 1), ids[2:]]
        np.testing.assert_allclose(text.probabilities, expected, atol=1e-5)
        assert len(text.probabilities) == len(text.characters)
    assert gather(write(FOLDED, VOCABULARY, config, ["ab"]))[0].probabilities == ()


def test_pieces_come_while_it_is_written() -> None:
    pieces = write(FOLDED, VOCABULARY, SampleConfig(length=0, seed=5), ["ab"])
    begun = [next(pieces) for _ in range(50)]
    assert [len(piece.characters) for piece in begun] == [1, 2, 4, 8, *[16] * 46]  # the first one at once
    assert "".join(piece.characters for piece in begun)[:40] == texts("ab")[0]
    assert not any(piece.last for piece in begun)


@pytest.mark.parametrize("length", [1, 2, 3, 15, 31, 32, 100])
def test_a_text_has_its_length(length: int) -> None:
    (text,) = texts("ab", length=length)
    assert text == texts("ab", length=200)[0][:length]
    assert texts("ab", length=length, stop=("no such",)) == [text]
    assert texts("ab", length=length, surprise=True) == [text]


def test_every_text_has_one_last_piece() -> None:
    pieces = list(write(FOLDED, VOCABULARY, SampleConfig(length=9, seed=5, count=6, stop=("d",)), ["ab"]))
    assert sorted(piece.text for piece in pieces if piece.last) == list(range(6))
    for number in range(6):
        assert [piece.last for piece in pieces if piece.text == number].index(True) == sum(
            piece.text == number for piece in pieces
        ) - 1


def test_what_is_banned_is_never_written() -> None:
    assert not set("abc") & set(texts(temperature=5, ban="abc", length=2000)[0])
    assert "\ufffd" not in texts(temperature=5, length=3000)[0]


def test_a_whole_text_in_one_call() -> None:
    assert write_text(NETWORK, VOCABULARY, SampleConfig(length=40, seed=5), "ab") == texts("ab")[0]
    assert write_text(FOLDED, VOCABULARY, SampleConfig(length=40, seed=5)) == texts()[0]


def test_without_a_seed_one_is_drawn() -> None:
    assert with_seed(SampleConfig(seed=3)).seed == 3
    drawn = {with_seed(SampleConfig()).seed for _ in range(5)}
    assert None not in drawn and len(drawn) == 5


@pytest.mark.parametrize(
    ("settings", "prompts", "words"),
    [
        ({"length": 0, "count": 2}, ["ab"], "--length 0 writes one text until Ctrl-C, not 2"),
        ({"length": 0}, ["ab", "c"], "--length 0 writes one text until Ctrl-C, not 2"),
        ({"length": 10, "min_length": 11}, ["ab"], "--min-length 11 is more than --length 10"),
        ({"ban": "\n abcdefgh."}, ["ab"], "leaves none"),
        ({}, ["xyz"], "never saw: 'x'"),
        ({}, [""], "the prompt is empty"),
        ({"count": 10**9}, ["ab"], "1,000,000,000 texts of 500 characters need about 4,000.0 GB of memory and "),
    ],
)
def test_contradictions_are_refused_at_once(settings: dict[str, Any], prompts: list[str], words: str) -> None:
    with pytest.raises(SampleError) as caught:
        write(FOLDED, VOCABULARY, SampleConfig(**settings), prompts)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
