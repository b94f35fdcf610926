"""How well plain counting predicts the same text: uniform, unigram, interpolated Kneser-Ney n-grams.

They answer "is a loss of 1.5 good?". V is how many characters can occur: those of the vocabulary, and the
unknown one where a text has such characters. A model never writes it, and learns at once that it never comes.

Kneser & Ney 1995, interpolated as in Chen & Goodman 1999, with one discount per order (the three of the
"modified" kind need counts of counts that texts of few distinct characters don't have):

    P_n(w|c) = max(N(cw) - D_n, 0) / N(c) + D_n * T(c) / N(c) * P_{n-1}(w|c')      P_0 = 1 / V

N(cw) counts how often w follows the context c; below the highest order, how many different characters
were seen before cw instead. N(c) is its sum over w, T(c) the number of different w, c' is c without its
first character. D_n = n1 / (n1 + 2 * n2) from the numbers of n-grams counted once and twice. A context that
never went on leaves P_{n-1} as it is, and so does one cut short by the start of the text.

No dictionaries and no hashes: the distinct n-grams of a length are numbered from 0, an n-gram's key is made
of its last character and the number of the (n-1)-gram before it, and one stable sort by character takes
the order of all (n-1)-grams to that of all n-grams (as in sorting cards digit by digit). Keys are exact for
every V and order.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.evaluation import units
from seqmagic.texts.builtin import known_surprise
from seqmagic.texts.vocabulary import UNKNOWN

MOST_CHARACTERS = 20_000_000
_DISCOUNT_RANGE = (0.1, 0.95)
_DISCOUNT_WITHOUT_COUNTS = 0.5
_UNSEEN = -1


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A loss to hold others against, in nats per character: of a model that only counts, or the lowest there is.

    `order` 0 is uniform, 1 unigram, n n-gram; None is "best possible", on a text that was made by a known rule.
    `test_loss` is that of the test part, where it was read.
    """

    name: str
    order: int | None
    loss: float
    test_loss: float | None = None

    def loss_on(self, part: str) -> float | None:
        """Of the validation or the test part."""
        return self.test_loss if part == "test" else self.loss

    @property
    def bits_per_character(self) -> float:
        return units.bits(self.loss)


def measure_baselines(
    train: np.ndarray,
    validation: np.ndarray,
    vocabulary_size: int,
    *,
    max_order: int = 12,
    limit: int = MOST_CHARACTERS,
    boundary: int | None = None,
) -> list[Baseline]:
    """Uniform, unigram and Kneser-Ney n-grams of growing order, scored on all of `validation` but its first.

    The order stops growing once the loss has risen twice in a row: on a text it does not fall again. Of a
    longer text the last `limit` characters of `train` are counted and the first `limit` of `validation`
    are scored, which bounds the work: 20 million take some 30 seconds of one core and 1.5 GB, one million 0.6.

    Args:
        train, validation: (n,) integer ids below `vocabulary_size`.
        vocabulary_size: How many ids there are, the unknown one included, whether it occurs or not.
        max_order: Highest order tried.
        limit: Most characters used of each part.
        boundary: Id of the end of a record, where the parts are records (`texts.records`): no context goes over one.

    Raises:
        CorpusError: nothing to score.
    """
    symbols = validation[:limit]
    if len(symbols) < 2:
        raise CorpusError(f"a validation part of {len(symbols)} characters can't be scored; give 2 or more")
    counted = train[-limit:]
    possible = possible_characters(vocabulary_size, counted, symbols)
    rows = [Baseline(name="uniform", order=0, loss=math.log(possible))]
    found = ngram_probabilities(counted, symbols, possible, max_order=max_order, boundary=boundary)
    for order, probabilities in enumerate(found, 1):
        name = "unigram" if order == 1 else f"{order}-gram"
        rows.append(Baseline(name=name, order=order, loss=_mean_nats(probabilities)))
        if order > 2 and rows[-1].loss > rows[-2].loss > rows[-3].loss:
            break
    return rows


def ngram_probabilities(
    train: np.ndarray, symbols: np.ndarray, possible: int, *, max_order: int, boundary: int | None = None
) -> Iterator[np.ndarray]:
    """P of each of `symbols` (n,) given those before it, under Kneser-Ney n-grams of `train`: (n,) float64.

    For the orders 1 ... `max_order`, one after the other; less where `train` is shorter than that.
    `possible` is how many characters can occur. With records nothing before the `boundary` that one begins after is
    known: such contexts are never counted, so one that is looked up has never gone on.
    """
    reading = _Reading(symbols, possible)
    for below, top in _count_tables(train, max_order, boundary):
        if below is not None:
            reading.climb(below)
        reading.find(top.grams)
        yield reading.under(top)


def probabilities_of_orders(
    train: np.ndarray,
    symbols: np.ndarray,
    vocabulary_size: int,
    orders: Collection[int],
    *,
    boundary: int | None = None,
) -> dict[int, np.ndarray]:
    """P of each of `symbols` (n,) under the n-grams of `train` of these orders, 0 (uniform) or more, as those of
    `measure_baselines`: by order (n,) float64. An order above what `train` has is that of the highest it has.
    """
    possible = possible_characters(vocabulary_size, train, symbols)
    highest, found = np.full(len(symbols), 1 / possible), {}
    every = ngram_probabilities(train, symbols, possible, max_order=max(orders), boundary=boundary)
    for order in range(max(orders) + 1):
        if order:
            highest = next(every, highest)
        if order in orders:
            found[order] = highest
    return found


def ngram_guesses(train: np.ndarray, symbols: np.ndarray, *, order: int) -> np.ndarray:
    """The likeliest character at the place of each of `symbols` (n,) under the n-grams of `train` of this order.

    The best after a context is one that was seen there or the best after the shorter one: so every n-gram of the
    training part is looked at once, and none that is not there.

    Args:
        train, symbols: Integer ids.
        order: 1 or more.

    Returns:
        (n,) int64; 0 where `train` is empty.
    """
    guesses = np.zeros(len(symbols), np.int64)
    reading = _Reading(symbols, 1)
    best, last = _Best.of_nothing(), None
    for below, last in _count_tables(train, order):
        if below is not None:
            best = below.best(best)
            guesses = reading.guess(best, guesses)
            reading.climb(below)
        reading.find(last.grams)
    return guesses if last is None else reading.guess(last.best(best), guesses)


def best_possible(sha256: str, span: tuple[int, int]) -> Baseline | None:
    """What the characters `span` of a text cost who knows the rule that made it; `None` where nobody knows one,
    or nothing is scored.

    Scored as models are, on all but the first. No model's expected loss is lower; on the sample at hand one may be,
    by chance, by a few thousandths.

    Args:
        sha256: Of the whole text's characters.
        span: First character and the one after the last.
    """
    surprise = known_surprise(sha256)
    start, stop = span
    scored = None if surprise is None else surprise[start + 1 : stop]
    if scored is None or not scored.size:
        return None
    return Baseline(name="best possible", order=None, loss=units.nats(float(scored.mean())))


def possible_characters(vocabulary_size: int, *parts: np.ndarray) -> int:
    """How many characters can occur in `parts`, (n,) ids each: the unknown one counts only where it does."""
    least = min(part.min(initial=UNKNOWN + 1) for part in parts)  # a comparison would be as long as the text
    return vocabulary_size - int(least != UNKNOWN)


class KneserNey:
    """An interpolated Kneser-Ney model of one order, kept whole: for its probabilities one by one."""

    def __init__(self, tables: Sequence[_Table], vocabulary_size: int) -> None:
        self._tables = tuple(tables)
        self._vocabulary_size = vocabulary_size

    @classmethod
    def fit(cls, ids: np.ndarray, order: int, vocabulary_size: int) -> KneserNey:
        """Count `ids` (n,) integer, below `vocabulary_size`, up to `order`-grams."""
        tables: list[_Table] = []
        for below, top in _count_tables(ids, order):
            tables[-1:] = [top] if below is None else [below, top]
        return cls(tables, vocabulary_size)

    def probabilities(self, context: np.ndarray) -> np.ndarray:
        """P(next character | context): (k,) integer, any k from 0 -> (V,) float64, which sums to one."""
        everything = np.arange(self._vocabulary_size)
        probabilities = np.full(self._vocabulary_size, 1 / self._vocabulary_size)
        numbers = _empty_grams(context)
        for table in self._tables:
            here = np.full(self._vocabulary_size, numbers[-1])
            probabilities = table.interpolate(here, table.grams.find(here, everything), probabilities)
            numbers = _one_longer(table.grams.find(numbers[:-1], context))
        return probabilities


def _mean_nats(probabilities: np.ndarray) -> float:
    return max(0.0, float(-np.mean(np.log(probabilities[1:]))))  # by rounding a sum to 1 may be a little more


def _empty_grams(symbols: np.ndarray) -> np.ndarray:
    """The number of the empty gram, 0, for the n + 1 places before, between and after n symbols."""
    return np.zeros(len(symbols) + 1, np.int64)


def _one_longer(found: np.ndarray) -> np.ndarray:
    """From the numbers of the grams that end in each of n symbols to those before each of n + 1 places."""
    return np.concatenate(([_UNSEEN], found))


@dataclass(frozen=True, kw_only=True)
class _Grams:
    """The distinct n-grams of one length in a text, numbered in the order of their keys.

    keys: (M,) int64, ascending: last character * contexts + number of the (n-1)-gram before it.
    contexts: How many distinct (n-1)-grams there are.
    counts: (M,) how often each n-gram occurs.
    suffixes: (M,) number of the (n-1)-gram that is left without the first character.
    opens: (M,) whether it begins with the boundary that a record begins after; None without records.
    """

    keys: np.ndarray
    contexts: int
    counts: np.ndarray
    suffixes: np.ndarray
    opens: np.ndarray | None = None

    def find(self, contexts: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """The number of each n-gram (context, symbol), (k,) int64, -1 where it is not in the text.

        Args:
            contexts: (k,) numbers of (n-1)-grams, -1 for one that is not in the text.
            symbols: (k,) integer.
        """
        found = np.full(len(symbols), _UNSEEN, np.int64)
        known = np.flatnonzero(contexts >= 0)
        if self.keys.size == 0 or known.size == 0:
            return found
        keys = symbols[known].astype(np.int64) * self.contexts + contexts[known]
        ascending = np.argsort(keys)  # so that the search walks through memory instead of jumping
        keys, known = keys[ascending], known[ascending]
        places = np.minimum(np.searchsorted(self.keys, keys), self.keys.size - 1)
        hits = self.keys[places] == keys
        found[known[hits]] = places[hits]
        return found

    def count_continuations(self, shorter: _Grams) -> np.ndarray:
        """How many different characters were seen before each of the (n-1)-grams `shorter`.

        Before one that opens a record nothing ever is, so that it counts as often as it occurs.
        """
        counts = np.bincount(self.suffixes, minlength=shorter.keys.size)
        return counts if shorter.opens is None else np.where(shorter.opens, shorter.counts, counts)


@dataclass(frozen=True, kw_only=True)
class _Best:
    """The likeliest character after each context of an order, and what every n-gram of it has.

    Probabilities are without the share of P_0: it is the same for all characters after a context.

    probabilities: (M,) float64, P_n of the last character of each n-gram after the others.
    symbols: (contexts,) int64, the likeliest character after each context.
    chances: (contexts,) float64, its P_n.
    suffixes: (M,) number of the (n-1)-gram that is left of an n-gram without its first character.
    """

    probabilities: np.ndarray
    symbols: np.ndarray
    chances: np.ndarray
    suffixes: np.ndarray

    @classmethod
    def of_nothing(cls) -> _Best:
        """Below order 1, where no character is likelier than another."""
        one = np.zeros(1)
        return cls(probabilities=one, symbols=one.astype(np.int64), chances=one, suffixes=one.astype(np.int64))


class _Table:
    """One order of the model: how P_n is made from P_{n-1}.

    `counts` (M,) are the counts N(cw) that this order goes by; n-grams counted 0 times count as unseen.
    """

    def __init__(self, grams: _Grams, counts: np.ndarray) -> None:
        self.grams = grams
        self._counts = counts
        context = grams.keys % grams.contexts
        self._totals = np.bincount(context, weights=counts, minlength=grams.contexts)
        self._distinct = np.bincount(context, weights=counts > 0, minlength=grams.contexts)
        once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
        self._discount = _DISCOUNT_WITHOUT_COUNTS
        if once and twice:
            self._discount = float(np.clip(once / (once + 2 * twice), *_DISCOUNT_RANGE))

    def interpolate(self, contexts: np.ndarray, found: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """P_n from P_{n-1}, for k pairs of a context and a character.

        Args:
            contexts: (k,) numbers of the contexts, -1 for one that is not in the text.
            found: (k,) numbers of the n-grams, as `_Grams.find` gives them.
            lower: (k,) float64, P_{n-1} of the same characters.
        """
        total = np.where(contexts >= 0, self._totals[contexts], 0)
        usable = total > 0
        context, found, total = contexts[usable], found[usable], total[usable]
        count = np.where(found >= 0, self._counts[found], 0)
        result = lower.copy()
        result[usable] = (
            np.maximum(count - self._discount, 0) + self._discount * self._distinct[context] * lower[usable]
        ) / total
        return result

    def best(self, lower: _Best) -> _Best:
        """The likeliest characters of this order from those of the order below."""
        grams = self.grams
        symbols, context = np.divmod(grams.keys, grams.contexts)
        total, weight = self._totals, np.zeros(grams.contexts)
        np.divide(self._discount * self._distinct, total, out=weight, where=total > 0)
        found = np.maximum(self._counts - self._discount, 0) / np.maximum(total, 1)[context]
        found += weight[context] * lower.probabilities[grams.suffixes]
        shorter = lower.suffixes  # of each context, without its first character
        best, chances = lower.symbols[shorter], np.where(total > 0, weight, 1) * lower.chances[shorter]
        ascending = np.lexsort((found, context))
        last = ascending[np.flatnonzero(np.diff(context[ascending], append=-1))]  # the likeliest after each context
        last = last[(found[last] >= chances[context[last]]) & (total[context[last]] > 0)]
        best[context[last]], chances[context[last]] = symbols[last], found[last]
        return _Best(probabilities=found, symbols=best, chances=chances, suffixes=grams.suffixes)


class _Reading:
    """`symbols` (n,), each looked up after those before it in one order of a model after the other."""

    def __init__(self, symbols: np.ndarray, possible: int) -> None:
        self._symbols = symbols
        self._lower = np.full(len(symbols), 1 / possible)
        self._contexts = _empty_grams(symbols)
        self._found = self._contexts

    def find(self, grams: _Grams) -> None:
        """Look up all n-grams that end in a symbol; n is one more than the last time."""
        self._found = grams.find(self._contexts[:-1], self._symbols)

    def under(self, table: _Table) -> np.ndarray:
        """P of each symbol under the order that was looked up last, (n,) float64."""
        return table.interpolate(self._contexts[:-1], self._found, self._lower)

    def guess(self, best: _Best, shorter: np.ndarray) -> np.ndarray:
        """The likeliest character at each place, (n,) int64; `shorter` has those of the order below."""
        contexts = self._contexts[:-1]
        return np.where(contexts >= 0, best.symbols[contexts], shorter)

    def climb(self, table: _Table) -> None:
        """Take the order that was looked up last as the one below those to come."""
        self._lower = self.under(table)
        self._contexts = _one_longer(self._found)


def _count_tables(
    ids: np.ndarray, max_order: int, boundary: int | None = None
) -> Iterator[tuple[_Table | None, _Table]]:
    """For n = 1 ... `max_order`: order n - 1 as it is below others (`None` for n = 1), and order n as the highest."""
    shorter: _Grams | None = None
    for grams in _count_grams(ids, max_order, boundary):
        below = None if shorter is None else _Table(shorter, grams.count_continuations(shorter))
        yield below, _Table(grams, grams.counts)
        shorter = grams


def _count_grams(ids: np.ndarray, max_order: int, boundary: int | None = None) -> Iterator[_Grams]:
    """The n-grams of `ids` for n = 1 ... max_order, as long as there are any.

    A gap g is the place before character g. `numbers[g]` is the number of the (n-1)-gram that ends at gap
    g, and `gaps` holds all gaps with one, sorted by that number. Grams that hold a
    `boundary` elsewhere than at their ends are left out.
    """
    ids = ids.astype(np.min_scalar_type(int(ids.max(initial=0))))  # up to 16 bits are sorted by radix
    gaps = np.arange(len(ids) + 1, dtype=np.int32)
    numbers = np.zeros(len(ids) + 1, np.int32)
    contexts = 1
    known = None if boundary is None else _since(ids, boundary)
    for length in range(min(max_order, len(ids))):
        gaps = gaps[gaps < len(ids)]
        if known is not None:
            gaps = gaps[known[gaps] >= length]
            if not gaps.size:
                return
        symbols = ids[gaps]
        by_symbol = np.argsort(symbols, kind="stable")
        gaps, symbols = gaps[by_symbol], symbols[by_symbol]
        context = numbers[gaps]
        is_new = np.ones(len(gaps), bool)
        is_new[1:] = (symbols[1:] != symbols[:-1]) | (context[1:] != context[:-1])
        first = np.flatnonzero(is_new)
        opens = None if known is None else (known[gaps[first]] == length) & (length > 0)
        gaps += 1
        yield _Grams(
            keys=symbols[first].astype(np.int64) * contexts + context[first],
            contexts=contexts,
            counts=np.diff(first, append=len(gaps)),
            suffixes=numbers[gaps[first]],
            opens=opens,
        )
        numbers[gaps] = np.cumsum(is_new, dtype=np.int32) - 1
        contexts = len(first)


def _since(ids: np.ndarray, boundary: int) -> np.ndarray:
    """How many characters before each gap are of its record, the boundary that it begins after included: (n + 1,)."""
    places = np.arange(len(ids) + 1)
    last = np.where(np.concatenate([[False], ids == boundary]), places - 1, 0)  # of the boundary before each gap
    return places - np.maximum.accumulate(last)
