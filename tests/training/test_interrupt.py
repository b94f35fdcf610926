"""Ctrl-C asks once, insists the second time, and leaves the handlers as they were."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from seqmagic.training.interrupt import stop_on_signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_second_insists(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signal() as requested:
        assert not requested()
        os.kill(os.getpid(), number)
        assert requested()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 0.5)
    assert signal.getsignal(number) is before


def test_outside_the_main_thread_nothing_is_touched() -> None:
    seen = []

    def body() -> None:
        with stop_on_signal() as requested:
            seen.append(requested())

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [False]
    assert signal.getsignal(signal.SIGINT) is before
