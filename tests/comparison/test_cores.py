"""Cores are divided evenly, nobody gets another's, and more than there are is refused."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.comparison.cores import cores_each, divided, own_cores
from seqmagic.errors import ConfigError

SKIP = pytest.mark.skipif(os.name == "nt", reason="processes can't share an open file there")


@SKIP
@given(cores=st.sets(st.integers(0, 300), min_size=1), data=st.data())
def test_every_row_gets_as_many_and_nobody_gets_anothers(cores: set[int], data: st.DataObject) -> None:
    jobs = data.draw(st.integers(1, len(cores)))
    each = cores_each(jobs, available=len(cores))
    shares = divided(sorted(cores), jobs, each)
    assert [len(share) for share in shares] == [each] * jobs and each >= 1
    taken = [core for share in shares for core in share]
    assert len(set(taken)) == len(taken) and set(taken) <= cores
    assert len(cores) - len(taken) < jobs  # another core for each is not there


@SKIP
@given(jobs=st.integers(1, 50), available=st.integers(1, 50), threads=st.none() | st.integers(1, 50))
def test_more_than_there_are_is_refused_and_what_is_advised_is_not(
    jobs: int, available: int, threads: int | None
) -> None:
    if jobs * (threads or 1) <= available:
        each = cores_each(jobs, threads=threads, available=available)
        assert each == threads or (threads is None and each == available // jobs)
        return
    with pytest.raises(ConfigError, match=r"; (a row needs|give at most)") as refused:
        cores_each(jobs, threads=threads, available=available)
    *_, option, number = str(refused.value).removesuffix(", or fewer jobs").split()
    advised = {"--jobs": (int(number), None), "--threads": (jobs, int(number))}[option]
    assert cores_each(advised[0], threads=advised[1], available=available) >= 1


@SKIP
@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs_are_none(jobs: int) -> None:
    with pytest.raises(ConfigError, match="--jobs must be 1 or more; received"):
        cores_each(jobs)


def test_rows_are_bound_to_the_cores_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {7, 2, 5, 3, 9}, raising=False)
    monkeypatch.setattr("seqmagic.comparison.cores.available_cores", lambda: 5)
    assert own_cores(2, 2) == [(2, 3), (5, 7)]


def test_where_a_quota_is_less_than_what_is_seen_nothing_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr("seqmagic.comparison.cores.available_cores", lambda: 4)
    assert own_cores(2, 2) == [None, None]


def test_where_the_system_can_not_bind_nothing_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert own_cores(3, 1) == [None] * 3
