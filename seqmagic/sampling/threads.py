"""How many threads the matrix products use: chosen by timing the work while it is done.

One character of one text is too little work for many cores, and it depends on the moment: on an idle machine
two threads write up to twice as fast as one, on a busy one several times slower, as each waits for the other
at every product. So both are tried, the faster one goes on, and the choice is looked at again from time to
time. It moves no result by more than rounding.

The threads are those of the library that multiplies NumPy's matrices, found and set by threadpoolctl (4 ms at
start). Where it knows none (Apple's Accelerate) nothing is changed.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from threadpoolctl import ThreadpoolController

from seqmagic.machine import available_cores

WORTH_SHARING = 1_500_000  # bytes read per step below which a second thread never paid
_CALLS = 16  # a block: so many calls are timed together
_WARM_UP = 8  # calls before a trial that are not timed
_LONGEST_WARM_UP = 0.02  # seconds that they may take together
_PATIENCE = 16  # blocks before a choice is looked at again; doubled each time that it stands
_LONGEST_PATIENCE = 1024
_MARGIN = 0.9  # the share of the time that a better number of threads has to need
_DISTURBED = 1.5  # so many times slower than one thread was: somebody else needs the core
_CALM = 64  # blocks after which a disturbance is forgotten


class Threads(Protocol):
    """What sets the number of threads."""

    def get(self) -> int: ...
    def set(self, count: int) -> None: ...


class _Pools:
    """The thread pools of the libraries that multiply matrices in this process (OpenBLAS, MKL, BLIS)."""

    def __init__(self, pools: Sequence[Any]) -> None:
        self._pools = pools

    def get(self) -> int:
        return max(int(pool.get_num_threads()) for pool in self._pools)

    def set(self, count: int) -> None:
        for pool in self._pools:
            pool.set_num_threads(count)


@functools.cache
def blas_threads() -> Threads | None:
    """The threads of NumPy's matrix products; None where they can't be set (Apple's Accelerate)."""
    pools = ThreadpoolController().select(user_api="blas").lib_controllers
    return _Pools(pools) if pools else None


def available_threads() -> int:
    """The cores that this process may use, or fewer where the environment says so."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return max(1, int(os.environ[name]))
    return available_cores()


def idle_cores() -> int:
    """How many cores of this machine nobody else wants right now; all of them where the system does not say.

    One runnable thread is overlooked: on an idle machine there is often one, for a moment.
    """
    cores = os.cpu_count() or 1
    try:
        running = int(Path("/proc/loadavg").read_text(encoding="utf-8").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return cores
    return min(cores, cores - running + 2)  # one of those that run is this process


class ThreadChooser:
    """Runs a piece of work again and again, with the number of threads that is fastest at the time.

    Calls are timed in blocks. A block with more than one thread ends at once when it takes longer than
    sharing could be worth, so that a core which somebody else needs costs one call and not many.
    """

    def __init__(
        self,
        threads: Threads | None,
        limit: int,
        *,
        idle: Callable[[], int] = idle_cores,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Choose among 1, 2, 4 ... up to `limit` threads; more are tried only while as many cores are idle."""
        self._threads = threads
        self._choices = [2**power for power in range(max(1, limit).bit_length())] if threads else [1]
        self._idle = idle
        self._clock = clock
        self._best = 0
        self._trying: int | None = None
        self._seconds: dict[int, float] = {}  # per call, by choice, when last seen
        self._patience = _PATIENCE
        self._blocks_left = 1
        self._retreat = 1  # blocks to stay with one thread after a disturbance
        self._calm = 0  # blocks without a disturbance; below 0, those of one

    @property
    def count(self) -> int:
        """Threads in use."""
        return self._choices[self._best if self._trying is None else self._trying]

    def wrap(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """`work` with its calls timed; `work` itself where there is nothing to choose."""
        if len(self._choices) == 1:
            return work
        self._apply()
        clock, seconds = self._clock, 0.0
        calls, most = self._new_block()

        def timed(*arguments: Any) -> Any:
            nonlocal calls, seconds, most
            start = clock()
            result = work(*arguments)
            seconds += clock() - start
            calls += 1
            if calls == _CALLS or seconds > most:
                self._judge(seconds / calls if calls > 0 else math.inf)
                calls, most = self._new_block()
                seconds = 0.0
            elif calls == 0:
                seconds, most = 0.0, self._most_seconds()
            return result

        return timed

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Within the block this object sets the threads; afterwards they are as they were."""
        if self._threads is None:
            yield
            return
        before = self._threads.get()
        self._apply()
        try:
            yield
        finally:
            self._threads.set(before)

    def _new_block(self) -> tuple[int, float]:
        """The number of the first call of a block, below 0 where some are not counted; and what they may take.

        A trial begins with calls for the threads to be made or to wake up in: the first takes as long as a
        hundred later ones.
        """
        return (-_WARM_UP, _LONGEST_WARM_UP) if self._trying is not None else (0, self._most_seconds())

    def _most_seconds(self) -> float:
        """What the counted calls of a block may take before it is judged early."""
        if self._trying is not None:
            return _CALLS * self._seconds[self._best]
        return _CALLS * _DISTURBED * self._seconds[0] if self._best > 0 else math.inf

    def _judge(self, seconds: float) -> None:
        """A block took `seconds` a call: go on, try another number of threads, or judge the one tried."""
        if self._trying is not None:
            self._judge_trial(self._trying, seconds)
        elif self._best > 0 and seconds > _DISTURBED * self._seconds[0]:
            self._calm = min(self._calm, 0) - 1
            if self._calm <= -2:  # one such block may be chance
                self._best, self._calm = 0, 0
                self._blocks_left = self._retreat
                self._retreat = min(2 * self._retreat, _LONGEST_PATIENCE)
        else:
            self._seconds[self._best] = seconds
            self._calm = max(self._calm, 0) + 1
            if self._calm == _CALM:
                self._retreat = 1
            self._blocks_left -= 1
            if self._blocks_left <= 0:
                self._try_another()
        self._apply()

    def _judge_trial(self, tried: int, seconds: float) -> None:
        self._trying = None
        better = seconds < _MARGIN * self._seconds[self._best]
        self._seconds[tried] = seconds
        if not better:
            self._patience = min(2 * self._patience, _LONGEST_PATIENCE)
            self._blocks_left = self._patience
            return
        still_more = self._best < tried < len(self._choices) - 1
        self._best, self._patience = tried, _PATIENCE
        self._blocks_left = 1 if still_more else _PATIENCE

    def _try_another(self) -> None:
        """Try the next larger number of threads if as many cores are idle, or else the next smaller one."""
        more, fewer = self._best + 1, self._best - 1
        worse = self._seconds.pop(more, 0.0) > self._seconds[self._best]  # the last time it was tried
        possible = more < len(self._choices) and self._choices[more] <= self._idle()
        if possible and not (worse and fewer >= 0):
            self._trying = more
        elif fewer >= 0:
            self._trying = fewer
        else:
            self._blocks_left = _PATIENCE

    def _apply(self) -> None:
        if self._threads is not None:
            self._threads.set(self.count)
