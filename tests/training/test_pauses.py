"""A clock that stands still while the process is stopped, and whoever else is to answer Ctrl-Z."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from seqmagic.training.pauses import answered_pauses, not_counted, working_seconds

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="there is no Ctrl-Z there")
PAUSED = """
import signal, sys, time
from seqmagic.training.pauses import answered_pauses, working_seconds

with answered_pauses():
    before = time.monotonic(), working_seconds()
    for _ in range(2):
        print("here", flush=True)
        sys.stdin.readline()
    after = time.monotonic(), working_seconds()
print(signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL, after[0] - before[0], after[1] - before[1])
"""


def test_the_clock_stands_still_where_nothing_is_counted() -> None:
    apart = time.monotonic() - working_seconds()
    with pytest.raises(ValueError, match="no"), not_counted():
        time.sleep(0.05)
        raise ValueError("no")
    assert time.monotonic() - working_seconds() >= apart + 0.05


def test_a_stopped_process_counts_no_time() -> None:
    # In a group of its own within this session, as a shell does it: the system stops no group that nobody looks after.
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
    )
    with process:
        assert process.stdin and process.stdout
        for _ in range(2):
            assert process.stdout.readline() == b"here\n"
            process.send_signal(signal.SIGTSTP)
            assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
            time.sleep(0.2)
            process.send_signal(signal.SIGCONT)
            process.stdin.write(b"\n")
            process.stdin.flush()
        restored, passed, worked = process.stdout.read().split()
    assert restored == b"True"
    assert float(passed) - float(worked) >= 0.4


def test_another_answer_and_the_handler_before() -> None:
    before, heard = signal.getsignal(signal.SIGTSTP), list[str]()
    with answered_pauses(lambda: heard.append("pause")):
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.raise_signal(signal.SIGTSTP)
    assert heard == ["pause", "pause"] and signal.getsignal(signal.SIGTSTP) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before, heard = signal.signal(signal.SIGTSTP, signal.SIG_IGN), list[str]()
    try:
        with answered_pauses(lambda: heard.append("pause")):
            signal.raise_signal(signal.SIGTSTP)
        assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN and not heard
    finally:
        signal.signal(signal.SIGTSTP, before)


def test_a_thread_leaves_the_signal_alone() -> None:
    found = []

    def look() -> None:
        with answered_pauses():
            found.append(signal.getsignal(signal.SIGTSTP))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTSTP)]
