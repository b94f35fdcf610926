"""Ctrl-C as a request to end well: the first one asks, the second one insists."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Within the block, SIGINT and SIGTERM set a flag; the function given tells whether it is set.

    A second signal raises KeyboardInterrupt at once. Outside the main thread, where Python allows no
    signal handlers, the flag is never set.
    """
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    watched = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in watched}
    try:
        yield requested.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
