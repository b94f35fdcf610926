"""Streams of records: each character of each record predicted once a round, and no record met within a window."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from seqmagic.errors import CorpusError
from seqmagic.texts.record_streams import NOT_PREDICTED, RecordStreams, fitted_window, record_lengths

END = 1


def a_part(count: int = 40, longest: int = 30) -> np.ndarray:
    chance = np.random.default_rng(7)
    records = [[*chance.integers(2, 250, chance.integers(1, longest)), END] for _ in range(count)]
    return np.array([END, *np.concatenate(records)], np.uint8)


def read_rounds(ids: np.ndarray, streams: RecordStreams, steps: int) -> list[Counter[tuple[int, ...]]]:
    """Of each stream the records that it read to their ends, put together again from windows."""
    inputs, targets, restarts = streams.windows(0, steps)
    found = []
    for row in range(inputs.shape[1]):
        begun: list[int] = []
        records: Counter[tuple[int, ...]] = Counter()
        for step in range(steps):
            real = targets[step, row] != NOT_PREDICTED
            assert real.any() and (np.diff(real.astype(int)) <= 0).all()  # filled up at the end alone
            assert restarts[step, row] == (not begun) == (inputs[step, row, 0] == END)
            assert END not in inputs[step, row, 1:][real[1:]]
            begun += targets[step, row][real].tolist()
            if begun[-1] == END:
                records[tuple(begun)] += 1
                begun = []
        found.append(records)
    return found


@pytest.mark.parametrize("length", [4, 7, 64])
def test_each_record_is_read_once_a_round(length: int) -> None:
    ids = a_part()
    streams = RecordStreams(ids, END, batch_size=1, sequence_length=length, seed=3)
    expected = Counter((*record, END) for record in _records(ids))
    windows = sum(-(-len(record) // length) for record in expected.elements())
    [once] = read_rounds(ids, streams, windows)
    assert once == expected
    assert streams.characters_per_step == pytest.approx((len(ids) - 1) / windows)


def test_some_of_the_readers_read_what_they_read_among_all() -> None:
    def made(**rows: slice) -> RecordStreams:
        return RecordStreams(a_part(), END, batch_size=4, sequence_length=7, seed=3, **rows)

    streams, part = made(), made(rows=slice(2, 4))
    for all_of_them, here in zip(streams.windows(3, 20), part.windows(3, 20), strict=True):
        np.testing.assert_array_equal(here, all_of_them[:, 2:])
    assert part.characters_per_step == streams.characters_per_step


def _records(ids: np.ndarray) -> list[list[int]]:
    records: list[list[int]] = []
    for one in ids.tolist()[1:]:
        if not records or records[-1][-1:] == [END]:
            records.append([])
        records[-1].append(one)
    return [record[:-1] for record in records]


def test_streams_share_the_records_and_their_windows() -> None:
    ids = a_part(200)
    streams = RecordStreams(ids, END, batch_size=8, sequence_length=10, seed=3)
    rows = [set(records) for records in read_rounds(ids, streams, 200)]
    assert set.union(*rows) == {(*record, END) for record in _records(ids)}
    assert sum(map(len, rows)) == len(set.union(*rows))  # no record in two streams
    loads = streams._windows
    assert loads.max() - loads.min() <= 1


def test_windows_follow_from_step_and_seed_alone() -> None:
    ids = a_part()
    made = [RecordStreams(ids, END, batch_size=4, sequence_length=10, seed=seed) for seed in (3, 3, 4)]
    together = made[0].windows(0, 90)
    made[1].windows(70, 5)
    for step in (80, 3, 0, 55):
        for one, all_of_them in zip(made[1].windows(step, 1), together, strict=True):
            np.testing.assert_array_equal(one[0], all_of_them[step])
    assert not np.array_equal(made[2].windows(0, 90)[0], together[0])


def test_the_order_changes_from_round_to_round() -> None:
    ids = a_part(30, longest=5)
    streams = RecordStreams(ids, END, batch_size=1, sequence_length=5, seed=3)
    first, second = (streams.windows(begin, 30)[0].tolist() for begin in (0, 30))
    assert first != second and sorted(first) == sorted(second)


def test_more_streams_than_records_are_refused() -> None:
    with pytest.raises(CorpusError, match="a part of 3 records can't be read in 4 streams"):
        RecordStreams(a_part(3), END, batch_size=4, sequence_length=5, seed=1)


def test_the_window_holds_most_records_whole() -> None:
    lengths = np.array([5] * 50 + [9] * 48 + [40] * 2)
    assert fitted_window(lengths, 64) == 9
    assert fitted_window(lengths * 10, 64) == 90
    # 120 and 210 characters: two and three windows of 70 waste 20 and none
    assert fitted_window(np.array([120, 210]), 64) == 70
    assert fitted_window(np.array([1]), 64) == 1
    assert record_lengths(np.array([1, 5, 6, 1, 7, 1]), 1).tolist() == [3, 2]
