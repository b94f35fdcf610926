"""Whether the validation part is like the training part: a sorted list, cut at its end, is not.

Two samples of counts are compared by the statistic of the G-test (Sokal & Rohlf 1981), G = 2 n I, where n is
the number of counts and I, in nats, what a count says about the sample that it is from. By chance G is about
the number of degrees of freedom. What it is beyond that, divided by twice the length of the validation part,
is how unlike the parts are in nats per character, whatever the length of the text.

Measured: 0.09 nats for the documentation of Python, whose last part is lists of options, 0.03 for its source,
0.01 for plays, none for the generated texts; 0.14 and more for sorted lists of names. Their lines moreover
begin with other characters: 2.8 nats, where the lines of other texts have 0.2.
"""

from __future__ import annotations

import numpy as np

from seqmagic.texts.spool import Spool
from seqmagic.texts.vocabulary import Vocabulary

Span = tuple[int, int]

_RATES = (0.12, 4.0)  # more nats per character, and more times what G would be by chance
_STARTS = (1.0, 8.0)  # the same for lines, by the characters that they begin with
_LEAST_CHARACTERS = 100  # of the validation part: fewer can't tell
_LEAST_LINES = 20
_STRETCHES = 32  # of the training part, where lines are looked at: bounds the work on a long text
_STRETCH = 2**18


def unlikeness(
    spool: Spool, vocabulary: Vocabulary, parts: tuple[Span, Span], counts: tuple[np.ndarray, np.ndarray]
) -> list[str]:
    """A notice where the validation part is far less like the training part than chance would have it.

    Args:
        spool: The ids of the text.
        vocabulary: Theirs.
        parts: The spans of the training and of the validation part.
        counts: How often each id occurs in them, (V,) each.
    """
    train, validation = parts
    if min(counts[0].sum(), counts[1].sum()) < _LEAST_CHARACTERS:
        return []
    how = ""
    if _is_unlike(*counts, *_RATES):
        how = "its characters occur at other rates"
    line_break = int(vocabulary.encode("\n")[0])
    starts = _line_starts(spool, validation, line_break, vocabulary.size)
    before = _line_starts(spool, train, line_break, vocabulary.size)
    if min(starts.sum(), before.sum()) >= _LEAST_LINES and _is_unlike(before, starts, *_STARTS):
        how = "its lines begin with other characters, as in a sorted list"
    if not how:
        return []
    return [
        f"the validation part, the last of the text, is unlike the training part: {how}; so the validation loss says "
        "little. Where the lines do not depend on each other, train with --records line, which draws lines to validate"
    ]


def _is_unlike(first: np.ndarray, second: np.ndarray, nats: float, times: float) -> bool:
    """Whether two samples, counts (V,), differ by `nats` per count of the second and by `times` what chance does."""
    statistic, freedom = g_test(first, second)
    excess = (statistic - freedom) / (2 * second.sum())
    return bool(statistic > times * freedom and excess > nats)


def g_test(first: np.ndarray, second: np.ndarray) -> tuple[float, int]:
    """The statistic G of two samples, counts (V,) each and not all zero, and its degrees of freedom."""
    table = np.stack([first, second]).astype(np.float64)
    table = table[:, table.any(axis=0)]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    ratios = np.log(table / expected, where=table > 0, out=np.zeros_like(table))
    return float(2 * (table * ratios).sum()), table.shape[1] - 1


def _line_starts(spool: Spool, span: Span, line_break: int, size: int) -> np.ndarray:
    """How often a line begins with each id, (size,) int64, in stretches spread over `span`."""
    start, stop = span
    counts = np.zeros(size, np.int64)
    for place in np.linspace(start, max(start, stop - _STRETCH), _STRETCHES).astype(int).tolist():
        end = min(place + _STRETCH, stop)
        for block in spool.blocks(max(place, start), end):
            counts += np.bincount(block[1:][block[:-1] == line_break], minlength=size)
        start = end  # stretches of a short span would overlap
    return counts
