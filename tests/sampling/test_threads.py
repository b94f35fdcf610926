"""The number of threads follows the time that the work takes, on a clock of the test's own."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from seqmagic.sampling import threads
from seqmagic.sampling.threads import ThreadChooser, available_threads, blas_threads


class Machine:
    """A machine whose work takes `cost(threads)` seconds of its own time."""

    def __init__(self, cost: Callable[[int], float], *, limit: int = 8, idle: int = 8) -> None:
        self.now, self.count, self.cost, self.idle = 0.0, 3, cost, idle
        self.used: list[int] = []
        self.waking = 0.0  # what the first call after a change of threads takes longer
        self.chooser = ThreadChooser(self, limit, idle=lambda: self.idle, clock=lambda: self.now)

    def get(self) -> int:
        return self.count

    def set(self, count: int) -> None:
        self.count = count

    def step(self, given: int) -> int:
        self.now += self.cost(self.count) + (self.waking if self.used[-1:] != [self.count] else 0.0)
        self.used.append(self.count)
        return given + 1

    def run(self, calls: int) -> list[int]:
        """The threads used in the next calls."""
        before = len(self.used)
        with self.chooser.at_work():
            work = self.chooser.wrap(self.step)
            for _ in range(calls):
                assert work(1) == 2
        assert self.count == 3  # as before
        return self.used[before:]


def test_more_threads_are_taken_as_long_as_they_help() -> None:
    machine = Machine(lambda count: {1: 8e-5, 2: 5e-5, 4: 3e-5, 8: 2.9e-5}[count])
    used = machine.run(3000)
    # a trial is eight calls to wake up in and sixteen that count
    assert used[: 16 + 24 + 16 + 24] == [1] * 16 + [2] * 24 + [2] * 16 + [4] * 24
    assert used.count(4) > 0.9 * len(used)


def test_threads_may_be_slow_to_wake_up() -> None:
    machine = Machine(lambda count: 8e-5 / count, limit=2)
    machine.waking = 5e-3
    assert machine.run(2000)[-1] == 2


def test_where_one_is_fastest_the_trials_are_few_and_short() -> None:
    machine = Machine(lambda count: 1e-4 if count == 1 else 5e-3)
    used = machine.run(20_000)
    assert used[:22] == [1] * 16 + [2] * 5 + [1]  # 25 ms are enough to know
    assert used.count(2) == sum(count != 1 for count in used) <= 40
    slower = Machine(lambda count: 1e-4 if count == 1 else 1.5e-4)
    assert slower.run(1000)[16:48].count(2) == 8 + 11  # eleven calls take longer than sixteen did


def test_a_busy_machine_is_left_alone() -> None:
    machine = Machine(lambda count: 1e-4 / count, limit=2, idle=1)
    assert set(machine.run(2000)) == {1}
    machine.idle = 2
    assert machine.run(2000)[-1] == 2


def test_sharing_ends_soon_when_somebody_takes_the_core() -> None:
    machine = Machine(lambda count: 1e-4 if count == 1 else 6e-5, limit=2)
    assert machine.run(1000)[-1] == 2
    machine.cost = lambda count: 1e-4 if count == 1 else 1e-2
    after = machine.run(20_000)
    assert after[:4].count(2) <= 3  # two slow calls in a row are no chance
    assert after.count(2) < 100  # and each further trial waits twice as long
    machine.cost = lambda count: 1e-4 if count == 1 else 6e-5
    assert machine.run(60_000)[-1] == 2


def test_a_hiccup_changes_nothing_for_long() -> None:
    machine = Machine(lambda count: 1e-4 / count, limit=2)
    machine.run(1000)
    for _ in range(30):
        machine.waking, machine.used[-1] = 5e-3, 0  # the next call takes longer
        assert machine.run(1)
        machine.waking = 0.0
        assert machine.run(2000).count(2) > 1800


def test_no_choice_adds_nothing() -> None:
    def work(given: int) -> int:
        return given

    assert ThreadChooser(None, 8).wrap(work) is work
    assert ThreadChooser(Machine(lambda count: 1.0), 1).wrap(work) is work
    with ThreadChooser(None, 8).at_work():
        pass


def test_the_library_under_numpy_can_be_set() -> None:
    library = blas_threads()
    if library is None:
        pytest.skip("this NumPy does not use OpenBLAS")
    before = library.get()
    try:
        library.set(1)
        assert library.get() == 1
        matrix, vector = np.ones((400, 300), np.float32), np.ones(300, np.float32)
        one = matrix @ vector
        library.set(2)
        assert library.get() == 2
        np.testing.assert_array_equal(matrix @ vector, one)
    finally:
        library.set(before)


def test_the_environment_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert available_threads() == 3
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert available_threads() == 1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "0")
    assert available_threads() == 1
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "many")
    assert available_threads() >= 1


def test_the_system_is_asked_who_else_is_at_work() -> None:
    assert threads.idle_cores() <= (os.cpu_count() or 1) + 1
