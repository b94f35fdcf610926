"""Texts made by a known rule, so that the best loss that any model can reach on them is known exactly.

Their draws are the bytes of SHAKE-256 of the text's name, and every probability in them is a count of
such bytes: the same text on every machine, Python and NumPy. Entropies are those of the rule, in bits per
character; a finite sample differs from them by chance, here by less than 0.01 bits. What each character of the
sample itself costs who knows the rule is its surprise, in bits: no model does better but by chance.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

RECALL_LINES = 50_000
RECALL_SYMBOLS = "ABCDEFGH"
RECALL_NOISE = "abcd"
RECALL_LONGEST = 32

BRACKET_LINES = 30_000
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))
DEEPEST = 8

MARKOV_CHARACTERS = 1_000_000
MARKOV_ALPHABET = "\nabcdefghijklmno"
_MARKOV_RUNS = 5  # likely next characters in a context


def _draws(name: str, count: int) -> bytes:
    """`count` uniform bytes, always the same for a name."""
    return hashlib.shake_256(f"seqmagic {name}".encode()).digest(count)


def recall() -> str:
    """Lines like `Fabcacd?F`: a capital, 1 to 32 letters of noise, a question mark, the same capital.

    The right answer after the question mark is the capital at the start of the line, however far back:
    a model that remembers it has loss 0 there, one that forgot it ln 8 nats. All else is chance: the
    capital is one of 8, the noise one of 4, its length uniform.
    """
    lines = []
    noise = bytes(ord(RECALL_NOISE[byte % 4]) for byte in range(256))
    draws = _draws("recall", RECALL_LINES * (2 + RECALL_LONGEST))
    for start in range(0, len(draws), 2 + RECALL_LONGEST):
        symbol = RECALL_SYMBOLS[draws[start] % 8]
        length = 1 + draws[start + 1] % RECALL_LONGEST
        filler = draws[start + 2 : start + 2 + length].translate(noise).decode("ascii")
        lines.append(f"{symbol}{filler}?{symbol}\n")
    return "".join(lines)


def recall_entropy_bits() -> float:
    """Best bits per character on `recall`: entropy of a line over its mean length.

    A model that never remembers the capital pays log2(8) bits more per line, 0.15 bits per character.
    """
    mean_length = (1 + RECALL_LONGEST) / 2
    line = math.log2(len(RECALL_SYMBOLS) * RECALL_LONGEST) + mean_length * math.log2(len(RECALL_NOISE))
    return line / (mean_length + 4)


def recall_surprise() -> np.ndarray:
    """-log2 of the probability of each character of `recall` after those before it, (n,) float64.

    The capital costs 3 bits, a letter of noise 2, and after k of them whether another follows has odds of
    32 - k to 1; the answer and the end of the line are known.
    """
    text = np.frombuffer(recall().encode("ascii"), np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    starts = np.concatenate(([0], ends[:-1] + 1))
    places = np.arange(len(text)) - np.repeat(starts, ends + 1 - starts)  # in the line, from 0: the capital
    bits = np.full(len(text), math.log2(len(RECALL_NOISE)))
    later = (places >= 2) & (places <= RECALL_LONGEST)
    bits[later] -= np.log2(1 - 1 / (RECALL_LONGEST + 2 - places[later]))
    bits[ends - 2] = np.log2(RECALL_LONGEST + 2 - places[ends - 2])  # the question mark
    bits[ends - 1] = bits[ends] = 0.0
    bits[starts] = math.log2(len(RECALL_SYMBOLS))
    return bits


def brackets() -> str:
    """Lines of balanced brackets of four kinds, at most 8 deep, like `[()]<{}>`.

    Below depth 8 a bracket opens, of any kind, with probability 1/2; else the innermost one closes. After
    a group at depth 0 the line ends with probability 1/2. The right answer when a bracket closes is the
    kind of the innermost open one: a model that keeps the stack knows it, others guess among four.
    """
    characters = []
    stack: list[str] = []
    lines = 0
    at_start = True
    draws = iter(_draws("brackets", 64 * BRACKET_LINES))
    while lines < BRACKET_LINES:
        draw = next(draws)
        if at_start or (len(stack) < DEEPEST and draw < 128):
            opening, closing = BRACKETS[draw % 4]
            characters.append(opening)
            stack.append(closing)
            at_start = False
        elif stack:
            characters.append(stack.pop())
        else:
            characters.append("\n")
            lines += 1
            at_start = True
    return "".join(characters)


def brackets_entropy_bits() -> float:
    """Best bits per character on `brackets`: what a model with a perfect stack reaches.

    The states are the start of a line, then the depths 0 to 8.
    """
    states = DEEPEST + 2
    transition = np.zeros((states, states))
    transition[0, 2] = 1.0
    transition[1, [0, 2]] = 0.5
    for state in range(2, states - 1):
        transition[state, [state - 1, state + 1]] = 0.5
    transition[-1, -2] = 1.0
    kind = math.log2(len(BRACKETS))
    bits = np.full(states, 1.0 + kind / 2)  # to open or not, and then of which kind
    bits[0] = kind
    bits[-1] = 0.0
    return float(_stationary(transition) @ bits)


def brackets_surprise() -> np.ndarray:
    """-log2 of the probability of each character of `brackets` after those before it, (n,) float64."""
    text = np.frombuffer(brackets().encode("ascii"), np.uint8)
    opens, closes = (np.isin(text, [ord(pair[side]) for pair in BRACKETS]) for side in (0, 1))
    depths = np.cumsum(opens.astype(np.int64) - closes)
    depths = np.concatenate(([0], depths[:-1]))  # before each character
    kind = math.log2(len(BRACKETS))
    bits = np.where(depths == DEEPEST, 0.0, 1.0 + kind * opens)
    at_start = np.concatenate(([True], text[:-1] == ord("\n")))
    bits[at_start] = kind
    return bits


def markov() -> str:
    """A Markov chain of order 2 over 16 characters; nothing before the last two characters matters.

    The right answer is the probability of each next character: see `markov_counts`.
    """
    symbols = len(MARKOV_ALPHABET)
    following = [np.repeat(np.arange(symbols), counts).tolist() for counts in markov_counts()]
    context = 0
    indices = bytearray()
    for draw in _draws("markov", MARKOV_CHARACTERS):
        index = following[context][draw]
        indices.append(index)
        context = context % symbols * symbols + index
    return indices.decode("latin-1").translate(dict(enumerate(MARKOV_ALPHABET)))


def markov_counts() -> np.ndarray:
    """The chain's probabilities as counts of 256, (256, 16) int64: a row for each context of two characters.

    Row 16·i + j is the context of character i followed by character j. Each character has at least 1 of
    256; the other 240 go to a few in runs between random cuts.
    """
    symbols = len(MARKOV_ALPHABET)
    contexts = symbols * symbols
    draws = np.frombuffer(_draws("markov counts", contexts * 2 * _MARKOV_RUNS), np.uint8).astype(np.int64)
    chosen, cuts = draws.reshape(2, contexts, _MARKOV_RUNS)
    free = 256 - symbols
    edges = np.sort(cuts[:, 1:] % (free + 1), axis=1)
    runs = np.diff(edges, prepend=0, append=free, axis=1)
    counts = np.ones((contexts, symbols), np.int64)
    np.add.at(counts, (np.arange(contexts)[:, None], chosen % symbols), runs)
    return counts


def markov_entropy_bits() -> float:
    """The entropy rate of `markov` in bits per character: no model's expected loss is below it.

    The entropy of the next character in each context, averaged over the stationary distribution of the
    contexts (Shannon 1948, §7; Cover & Thomas, Elements of Information Theory, theorem 4.2.4).
    """
    probabilities = markov_counts() / 256
    contexts, symbols = probabilities.shape
    transition = np.zeros((contexts, contexts))
    here = np.arange(contexts)[:, None]
    transition[here, here % symbols * symbols + np.arange(symbols)] = probabilities
    bits = -(probabilities * np.log2(probabilities)).sum(axis=1)
    return float(_stationary(transition) @ bits)


def markov_surprise() -> np.ndarray:
    """-log2 of the probability of each character of `markov` after those before it, (n,) float64."""
    symbols = len(MARKOV_ALPHABET)
    numbers = np.full(256, -1)
    numbers[np.frombuffer(MARKOV_ALPHABET.encode("ascii"), np.uint8)] = np.arange(symbols)
    indices = numbers[np.frombuffer(markov().encode("ascii"), np.uint8)]
    before = np.concatenate(([0, 0], indices))  # the chain starts as after two of the first character
    return -np.log2(markov_counts()[before[:-2] * symbols + before[1:-1], indices] / 256)


def _stationary(transition: np.ndarray) -> np.ndarray:
    """The share of time in each state, (S,) float64, of a chain with one recurrent class, (S, S) float64."""
    balance = transition.T - np.eye(len(transition))
    balance[-1] = 1.0  # any one of the equations follows from the others; in its place: the shares sum to 1
    return np.linalg.solve(balance, np.eye(len(transition))[-1])
