"""The processes of rows: what they say is heard, whatever else they write, and none outlives its time."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqmagic.comparison import processes, worker
from seqmagic.comparison.entries import Entry
from seqmagic.comparison.messages import Job, Message, Problem, Ready, from_line, text_facts
from seqmagic.comparison.processes import Ended, Workers, shared_ids
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.training.device import Device

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes can't share an open file there")
READY = "import os, signal, sys, time\nsys.stdin.readline()\nos.write(1, b'{\"Ready\": {}}\\n')\n"


@pytest.fixture
def corpus(text: Path) -> Corpus:
    return read_corpus(str(text), DataConfig())


@pytest.fixture
def job(corpus: Corpus, models: Path) -> Job:
    return Job(
        text=text_facts(corpus),
        entry=Entry(cell="rnn", layers=1, units=5, seed=1),
        model=ModelConfig(),
        training=TrainConfig(epochs=1.0),
        models=models,
        name=None,
        argv=(),
    )


@pytest.fixture
def workers(corpus: Corpus, models: Path) -> Iterator[Workers]:
    with shared_ids(corpus, models) as ids, Workers(corpus, ids) as made:
        yield made


def runs(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the processes run `program` in the place of `comparison.worker`."""
    (folder / "stand_in_worker.py").write_text(program)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(processes, "_MODULE", "stand_in_worker")


def heard(workers: Workers) -> list[tuple[int, Message | Ended]]:
    """All until every process is over."""
    found = []
    while workers:
        found += workers.listen(60)
    return found


def test_the_last_words_of_one_that_fails_are_kept(
    workers: Workers, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(READY + "print('noise', file=sys.stderr)\nraise ImportError('no such thing')", tmp_path, monkeypatch)
    workers.start(3, job, None)
    assert heard(workers) == [(3, Ready()), (3, Ended(code=1, words="ImportError: no such thing"))]


def test_one_that_heeds_nothing_is_killed(
    workers: Workers, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = "for number in (2, 15): signal.signal(number, signal.SIG_IGN)\n"
    runs("import signal\n" + deaf + READY + "time.sleep(600)", tmp_path, monkeypatch)
    monkeypatch.setattr(processes, "GRACE", 0.2)
    workers.start(0, job, None)
    assert workers.listen(60) == [(0, Ready())]
    workers.end_now()
    assert heard(workers) == [(0, Ended(code=-signal.SIGKILL, words=""))]


def test_each_signal_is_sent_once(workers: Workers, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = "got = []\nfor number in (2, 15): signal.signal(number, lambda number, frame: got.append(number))\n"
    wait = "while len(got) < 2: time.sleep(0.01)\ntime.sleep(0.1)\nprint(*sorted(got), file=sys.stderr)\nsys.exit(5)"
    runs("import signal\n" + count + READY + wait, tmp_path, monkeypatch)
    workers.start(0, job, None)
    workers.listen(60)
    for ask in (workers.ask_to_stop, workers.ask_to_stop, workers.end_now, workers.end_now):
        ask()
    assert heard(workers) == [(0, Ended(code=5, words="2 15"))]


def test_one_that_is_not_ready_yet_is_ended_at_once(
    workers: Workers, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("import time\ntime.sleep(600)", tmp_path, monkeypatch)
    workers.start(0, job, None)
    workers.ask_to_stop()
    assert heard(workers) == [(0, Ended(code=-signal.SIGKILL, words=""))]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes can't be bound to cores there")
def test_it_keeps_to_its_cores_and_prints_where_nobody_listens(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    program = (
        "import os, sys\nfrom seqmagic.comparison import worker\n"
        f"sys.argv = ['worker', '0', '{core}']\n"
        "def work(line, ids, answers, may_work):\n"
        "    print('printed', flush=True)\n"
        "    answers.write(f'{line.decode()}{sorted(os.sched_getaffinity(0))} {\"numpy\" in sys.modules}'.encode())\n"
        "    answers.flush()\n"
        "worker._work = work\nworker.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(b"job\n")
        process.stdin.flush()
        assert process.stdout.read() == f"job\n[{core}] False".encode()
        assert process.stderr.read() == b"printed\n"
    assert process.returncode == 0


def test_it_ends_when_nobody_wants_it_any_more() -> None:
    command = [sys.executable, "-m", "seqmagic.comparison.worker", "0", ""]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (worker.ABANDONED, b"", b"")


def test_a_gpu_is_not_divided(job: Job, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Device(kind="gpu", name="one", threads=1)
    monkeypatch.setattr("seqmagic.training.train.start", lambda training: gpu)
    answers: Any = io.BytesIO()
    worker._work(job.to_line(), 0, answers, threading.Event())
    ready, problem = (from_line(line, corpus) for line in answers.getvalue().splitlines())
    assert ready == Ready() and isinstance(problem, Problem)
    assert "--jobs divides the cores of a processor" in str(problem.error)
