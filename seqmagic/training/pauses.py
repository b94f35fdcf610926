"""Ctrl-Z: a clock that stands still while a training is stopped, so that a pause costs no part of its budget."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

_left_out = 0.0  # seconds so far. It belongs to the process, as the clock does that it is taken from.


def working_seconds() -> float:
    """A monotonic clock, in seconds, that stands still within `not_counted` and so in a pause."""
    return time.monotonic() - _left_out


@contextlib.contextmanager
def not_counted() -> Iterator[None]:
    """Within the block `working_seconds` stands still, as it will have done when the block is left."""
    global _left_out
    began = time.monotonic()
    try:
        yield
    finally:
        _left_out += time.monotonic() - began


def pause() -> None:
    """Stop this process, as Ctrl-Z does where nobody handles it, until it is continued."""
    handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    try:
        with not_counted():
            signal.raise_signal(signal.SIGTSTP)
    finally:
        signal.signal(signal.SIGTSTP, handler)


@contextlib.contextmanager
def answered_pauses(answer: Callable[[], None] = pause) -> Iterator[None]:
    """Within the block `answer` is called where SIGTSTP would stop the process.

    Not so outside the main thread, where Python allows no signal handlers, nor where the signal is ignored or the
    system has none.
    """
    number = getattr(signal, "SIGTSTP", None)
    is_main = threading.current_thread() is threading.main_thread()
    if number is None or not is_main or signal.getsignal(number) is signal.SIG_IGN:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        answer()

    before = signal.signal(number, handle)
    try:
        yield
    finally:
        signal.signal(number, before)
