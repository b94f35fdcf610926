"""Ctrl-C as a request to end well: the first one asks, the second one insists."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

GRACE = 2.0  # seconds in which Python code should have heeded the second signal


class _StopRequest:
    """The handler of the signals that end a training: the first sets a flag, the next raise KeyboardInterrupt."""

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True


class _Postponed:
    """A handler that only counts: what the signals ask for is done later."""

    def __init__(self) -> None:
        self.received: list[int] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.received.append(number)


def _watched() -> list[signal.Signals]:
    """The signals that end a training. A SIGHUP that the process was started to ignore (nohup) stays ignored."""
    watched = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        watched.append(signal.SIGHUP)
    return watched


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Within the block, SIGINT, SIGTERM and SIGHUP set a flag; the function given tells whether it is set.

    A second signal raises KeyboardInterrupt at once. Outside the main thread, where Python allows no
    signal handlers, the flag is never set.
    """
    request = _StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield lambda: request.is_set
        return
    before = {number: signal.signal(number, request) for number in _watched()}
    try:
        yield lambda: request.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def postponed_signals() -> Iterator[None]:
    """Within the block SIGINT does nothing; one that came is sent again at its end.

    For imports of compiled modules: a KeyboardInterrupt in the Python that they call back may end the process, by
    abort.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    postponed = _Postponed()
    before = signal.signal(signal.SIGINT, postponed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        for number in postponed.received:
            signal.raise_signal(number)


@contextlib.contextmanager
def answered_signals(
    first: Callable[[], None], ignored: Callable[[], None], postponed: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Within the block, each request to stop a training is answered at once, from a thread of its own.

    Python runs a handler when the main thread is back from what it called; a compilation takes many
    seconds. The system notes signals in a pipe meanwhile, and this thread reads it.

    Args:
        first: Called at the first signal that a `stop_on_signal` within the block receives.
        ignored: Called when a second one was not heeded for `GRACE` seconds.
        postponed: Called, in place of `first`, at the first one that a `postponed_signals` keeps for later.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    left = threading.Event()

    def answer() -> None:
        asked: _StopRequest | _Postponed | None = None
        while number := os.read(reader, 1)[0]:
            request = signal.getsignal(number)
            if not isinstance(request, _StopRequest | _Postponed):
                continue
            if request is not asked:
                asked = request
                (first if isinstance(request, _StopRequest) else postponed)()
            elif not left.wait(GRACE):
                ignored()

    thread = threading.Thread(target=answer, name="answered signals", daemon=True)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread.start()
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(before)
        os.write(writer, b"\0")
        thread.join(GRACE)
        if not thread.is_alive():  # else it is stuck in writing its answer: the process goes on without it
            os.close(reader)
            os.close(writer)
