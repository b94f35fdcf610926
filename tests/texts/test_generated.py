"""Generated texts: the rule holds in every line, the entropy is that of the rule, no byte ever changes."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from seqmagic.texts import generated


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (generated.recall, "76df4cefe0b5"),
        (generated.brackets, "22964cdf3e47"),
        (generated.markov, "6e79ef287e2a"),
    ],
)
def test_the_same_text_everywhere(make: Callable[[], str], start: str) -> None:
    """A changed text would make old and new losses incomparable without anyone noticing."""
    assert hashlib.sha256(make().encode()).hexdigest().startswith(start)


def test_recall_answers_are_right() -> None:
    lines = generated.recall().splitlines()
    assert len(lines) == generated.RECALL_LINES
    matches = [re.fullmatch(r"([A-H])([abcd]{1,32})\?\1", line) for line in lines]
    assert all(matches)
    lengths = Counter(len(match[2]) for match in matches if match)
    assert set(lengths) == set(range(1, 33))


def test_recall_entropy_from_its_lines() -> None:
    """The surprise of each line under the rule, summed over the sample, over its characters."""
    text = generated.recall()
    lines = text.splitlines()
    bits = sum(math.log2(8) + math.log2(32) + (len(line) - 3) * math.log2(4) for line in lines)
    assert bits / len(text) == pytest.approx(generated.recall_entropy_bits(), abs=0.01)


def test_brackets_are_balanced() -> None:
    text = generated.brackets()
    assert text.count("\n") == generated.BRACKET_LINES
    closing = dict(generated.BRACKETS)
    deepest = 0
    for line in text.splitlines():
        assert line
        stack: list[str] = []
        for character in line:
            if character in closing:
                stack.append(closing[character])
                deepest = max(deepest, len(stack))
            else:
                assert stack.pop() == character
        assert stack == []
    assert deepest == generated.DEEPEST


def test_brackets_entropy_from_its_characters() -> None:
    """The surprise of each character for a reader who keeps the stack."""
    text = generated.brackets()
    bits = depth = 0.0
    start = True
    for character in text:
        if start:
            bits += 2
        elif depth < generated.DEEPEST:
            bits += 3 if character in "([{<" else 1
        depth += 1 if character in "([{<" else -1 if character in ")]}>" else 0
        start = character == "\n"
    assert bits / len(text) == pytest.approx(generated.brackets_entropy_bits(), abs=0.01)


def test_markov_counts_are_probabilities_of_256() -> None:
    counts = generated.markov_counts()
    assert counts.shape == (256, 16)
    assert (counts.sum(axis=1) == 256).all()
    assert counts.min() >= 1


def test_markov_text_follows_its_counts() -> None:
    """Frequencies of the next character in each context, within five standard deviations of the rule."""
    symbols = np.array([generated.MARKOV_ALPHABET.index(character) for character in generated.markov()])
    assert len(symbols) == generated.MARKOV_CHARACTERS
    contexts = symbols[:-2] * 16 + symbols[1:-1]
    seen = np.bincount(contexts * 16 + symbols[2:], minlength=4096).reshape(256, 16)
    visits = seen.sum(axis=1, keepdims=True)
    probabilities = generated.markov_counts() / 256
    deviation = np.sqrt(visits * probabilities * (1 - probabilities))
    assert (np.abs(seen - visits * probabilities) <= 5 * deviation + 1).all()


def test_markov_entropy_two_other_ways() -> None:
    """Blocks of the stationary chain by following it for a long time, and the surprise of the text itself."""
    probabilities = generated.markov_counts() / 256
    share = np.full((16, 16), 1 / 256)
    for _ in range(2000):
        share = np.einsum("ij,ijk->jk", share, probabilities.reshape(16, 16, 16))
    rate = -sum(
        share[i, j] * p * math.log2(p)
        for i, j in itertools.product(range(16), repeat=2)
        for p in probabilities[16 * i + j]
    )
    assert generated.markov_entropy_bits() == pytest.approx(rate, abs=1e-9)

    symbols = np.array([generated.MARKOV_ALPHABET.index(character) for character in generated.markov()])
    surprise = -np.log2(probabilities[symbols[:-2] * 16 + symbols[1:-1], symbols[2:]]).mean()
    assert generated.markov_entropy_bits() == pytest.approx(surprise, abs=0.01)


def test_markov_needs_two_characters_of_memory() -> None:
    """Knowing one character alone must be clearly worse, or the text would teach nothing about memory."""
    text = generated.markov()
    pairs, singles = Counter(itertools.pairwise(text)), Counter(text[:-1])
    one = -sum(count * math.log2(count / singles[first]) for (first, _), count in pairs.items()) / len(text)
    assert one > generated.markov_entropy_bits() + 0.5


def test_what_each_character_costs_sums_to_the_entropies() -> None:
    """By the other ways to it above: lines of `recall`, a stack for `brackets`, contexts of `markov`."""
    recall, brackets = generated.recall(), generated.brackets()
    ends = np.cumsum([len(line) + 1 for line in recall.splitlines()])
    of_lines = np.diff(np.cumsum(generated.recall_surprise())[ends - 1], prepend=0.0)
    assert of_lines == pytest.approx(np.array([8 + 2 * (len(line) - 3) for line in recall.splitlines()]))
    assert (generated.recall_surprise() >= 0).all()

    expected, depth, start = [], 0, True
    for character in brackets:
        opens = character in "([{<"
        expected.append(2 if start else 0 if depth == generated.DEEPEST else 1 + 2 * opens)
        depth += 1 if opens else -1 if character in ")]}>" else 0
        start = character == "\n"
    assert (generated.brackets_surprise() == expected).all()

    symbols = np.array([generated.MARKOV_ALPHABET.index(character) for character in generated.markov()])
    probabilities = generated.markov_counts() / 256
    assert generated.markov_surprise()[2:] == pytest.approx(
        -np.log2(probabilities[symbols[:-2] * 16 + symbols[1:-1], symbols[2:]])
    )
