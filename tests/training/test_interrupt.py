"""Ctrl-C asks once, insists the second time, and leaves the handlers as they were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from seqmagic.training.interrupt import answered_signals, postponed_signals, stop_on_signal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
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


def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stop_on_signal() as requested:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not requested()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_within_an_import_a_signal_waits_for_its_end() -> None:
    before = signal.getsignal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt), postponed_signals():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("the import")
    assert done == ["the import"] and signal.getsignal(signal.SIGINT) is before
    with stop_on_signal() as requested:
        with postponed_signals():
            os.kill(os.getpid(), signal.SIGINT)
            assert not requested()
        assert requested()


BUSY = """
import hashlib, os
from seqmagic.training import interrupt
interrupt.GRACE = 0.2
say = lambda word: print(word, flush=True)
with interrupt.answered_signals(lambda: say("first"), lambda: (say("ignored"), os._exit(7))):
    say("outside")
    with interrupt.stop_on_signal():
        say("busy")
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # like a compilation: no Python for a long time
"""


def test_a_request_is_answered_while_the_main_thread_runs_no_python() -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = [process.stdout.readline().strip() for _ in range(2)]
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            said.append(process.stdout.readline().strip())
        assert said == ["outside", "busy", "first", "ignored"]
        assert process.wait(60) == 7
    finally:
        process.kill()
        process.communicate()


def test_a_signal_that_waits_is_answered_in_its_own_words() -> None:
    put_off = threading.Event()
    answering = answered_signals(lambda: None, lambda: None, put_off.set)
    with answering, pytest.raises(KeyboardInterrupt), postponed_signals():
        os.kill(os.getpid(), signal.SIGINT)
        assert put_off.wait(60)


def test_requests_that_are_heeded_are_not_insisted_on() -> None:
    answers: list[str] = []
    first = threading.Event()
    before = signal.set_wakeup_fd(-1)
    with answered_signals(first.set, lambda: answers.append("ignored")):
        with stop_on_signal(), pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            assert first.wait(60)
            os.kill(os.getpid(), signal.SIGINT)
            signal.sigtimedwait([], 0.5)
        first.clear()
        with pytest.raises(KeyboardInterrupt):  # nobody waits for it: Python's own handler
            os.kill(os.getpid(), signal.SIGINT)
            signal.sigtimedwait([], 0.5)
    assert not first.is_set() and answers == []
    assert signal.set_wakeup_fd(before) == before


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
