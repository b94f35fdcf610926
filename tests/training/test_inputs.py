"""What steps are given does not depend on how many are asked for at once, nor on what was made ahead."""

from __future__ import annotations

import numpy as np
import pytest

from seqmagic.texts.streams import Streams
from seqmagic.training.inputs import InputReader


def reader(length: int = 50) -> InputReader:
    streams = Streams(np.arange(length, dtype=np.uint8), batch_size=3, sequence_length=4)
    return InputReader(streams, seed=5, reset_probability=0.2)


@pytest.mark.parametrize("counts", [(30,), (1,) * 30, (4, 4, 4, 18), (10, 2, 8, 10), (1, 12, 3, 14)])
def test_any_cut_gives_the_same(counts: tuple[int, ...]) -> None:
    """With more, as many and fewer steps than were made ahead."""
    one, expected = reader(), [reader().inputs(step, 1) for step in range(30)]
    first, found = 0, []
    for count in counts:
        found.append(one.inputs(first, count))
        assert {len(array) for array in found[-1]} == {count}
        first += count
    for ours, theirs in zip(zip(*found, strict=True), zip(*expected, strict=True), strict=True):
        np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))
    assert {array.dtype.name for array in found[0]} == {"int32", "float32"}


def test_steps_may_be_asked_for_anew_and_elsewhere() -> None:
    """As after a state was put back."""
    one = reader()
    for first in (0, 3, 0, 20, 3):
        for ours, theirs in zip(one.inputs(first, 3), reader().inputs(first, 3), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_windows_resets_and_seeds() -> None:
    ids, targets, keep, seeds = reader().inputs(0, 400)
    assert (ids.shape, targets.shape, keep.shape) == ((400, 3, 4), (400, 3, 4), (400, 3, 1))
    np.testing.assert_array_equal(targets, (ids + 1) % 50)
    assert not keep[0].any()  # nothing is carried into the first window
    assert 0.7 < keep.mean() < 0.8  # a fifth at random, and where a reader came round
    assert len(set(seeds.tolist())) == 400 and (seeds >= 0).all()
