"""Two processes that train together, over the loopback address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqmagic
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.network.trained import read_trained
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.chief import asked, gather
from seqmagic.training.cluster import Cluster
from tests.helpers import free_ports, make_text

ROOT = Path(seqmagic.__file__).parents[1]
# 7,111 characters are 6,400 to train on: 50 steps of 8 streams by 16 read them once.
LINES = "".join(f"{n} green bottles, hanging on the wall; and {n * n} more.\n" for n in range(200))[:7111]
SMALL = ["--units", "12", "--batch-size", "8", "--sequence-length", "16", "--dropout", "0.2", "--epochs", "1"]
SMALL += ["--learning-rate", "0.003", "--weight-decay", "0.1", "--reset-probability", "0.1", "--threads", "1"]
# A checkpoint after every call.
CHILD = """
import sys
from seqmagic.cli.main import main
if "--often" in sys.argv:
    sys.argv.remove("--often")
    import seqmagic.training.train as train
    begun = train.start
    def start(*given, **more):
        device = begun(*given, **more)
        from seqmagic.training import checkpoint
        checkpoint.LEAST_SECONDS, checkpoint.SHARE = 0.0, 1e9
        return device
    train.start = start
sys.argv[0] = "seqmagic"
main()
"""


class Workers:
    """Processes by index; all of them are gone in the end."""

    def __init__(self, folder: Path, count: int = 2) -> None:
        self.folder = folder
        self.ports = free_ports(count)
        self.addresses = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, index: int | None, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """`seqmagic train` with `arguments`; as a worker where it has an index."""
        which = [] if index is None else ["--workers", self.addresses, "--worker-index", str(index)]
        models = self.folder / f"models{index or 0}"  # a folder of its own: workers need no common disk
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, "--models", str(models), "train", *arguments, *which],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.processes.append(process)
        return process

    def both(self, *arguments: str) -> list[tuple[int, str, str]]:
        """Exit code, standard output and standard error of the chief and of a worker."""
        return [ended(process) for process in [self.start(index, *arguments) for index in (0, 1)]]


def ended(process: subprocess.Popen[str], seconds: float = 240.0) -> tuple[int, str, str]:
    out, errors = process.communicate(timeout=seconds)
    return process.returncode, out, errors


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    found = Workers(tmp_path)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def bottles(tmp_path: Path) -> str:
    return str(make_text(tmp_path, LINES))


def weights_of(run: Run) -> list[np.ndarray]:
    return list(read_trained(run).network.arrays)


def assert_alike(one: Run, other: Run, tolerance: float = 1e-5) -> None:
    for mine, theirs in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance)
    rows = [[(row["step"], row["validation_loss"]) for row in run.read_history()] for run in (one, other)]
    np.testing.assert_allclose(*rows, rtol=0, atol=tolerance)


def last_step(run: Run) -> Any:
    return run.read_history()[-1]["step"]


def test_two_workers_compute_what_one_process_computes(workers: Workers, bottles: str, tmp_path: Path) -> None:
    (code, out, errors), (other_code, other_out, other_errors) = workers.both(bottles, "--name", "two", *SMALL)
    assert (code, other_code) == (0, 0), errors + other_errors
    assert "\ntwo: validation loss" in out and other_out == ""
    assert "2 workers, 1 device each, 4 of the 8 streams on every device" in errors
    assert other_errors == (
        f"worker 1 of 2; the chief (127.0.0.1:{workers.ports[0]}) keeps the run\n"
        "the training is over: complete; the chief has the run\n"
    )
    assert not (tmp_path / "models1").exists()  # the chief alone keeps the run
    code, _, errors = ended(workers.start(None, bottles, "--name", "one", *SMALL))
    assert code == 0, errors
    one, two = (open_run(tmp_path / "models0", name) for name in ("one", "two"))
    assert last_step(one) == last_step(two) == 50
    assert two.read_record().environment["replicas"] == 2
    assert_alike(one, two)


def test_a_killed_worker_ends_the_other_and_any_number_goes_on(workers: Workers, bottles: str, tmp_path: Path) -> None:
    longer = [*SMALL, "--epochs", "3"]
    chief, worker = (workers.start(index, bottles, "--name", "two", *longer, "--often") for index in (0, 1))
    run = Run(tmp_path / "models0" / "two")
    while not run.has_checkpoint:
        assert chief.poll() is None and worker.poll() is None, ended(chief)
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    code, out, errors = ended(chief, 60)
    assert time.monotonic() - killed < 60
    assert (code, out) == (1, "")
    last = errors.splitlines()[-1]
    assert last.startswith(f"seqmagic: worker 1 (127.0.0.1:{workers.ports[1]}) was lost: ")
    assert last.endswith("start all workers again, with --resume and the run's name in place of the text")
    assert "Traceback" not in errors
    assert run.read_record().status == "failed" and run.has_checkpoint

    code, _, errors = ended(workers.start(None, "--resume", "two", "--threads", "1"))  # one process, then
    assert code == 0, errors
    assert "replicas 1 (2 before)" in errors
    code, _, errors = ended(workers.start(None, bottles, "--name", "one", *longer))
    assert code == 0, errors
    one = open_run(tmp_path / "models0", "one")
    assert last_step(one) == last_step(run) == 150
    assert_alike(one, run, 1e-4)


def test_a_worker_that_is_asked_to_stop_stops_all_and_they_go_on_together(
    workers: Workers, bottles: str, tmp_path: Path
) -> None:
    begin = [bottles, "--name", "two", *SMALL, "--epochs", "4000"]
    chief, worker = (workers.start(index, *begin) for index in (0, 1))
    run = Run(tmp_path / "models0" / "two")
    while not run.has_model:
        assert chief.poll() is None and worker.poll() is None, ended(chief)
        time.sleep(0.01)
    worker.send_signal(signal.SIGTERM)
    assert ended(worker)[0] == 130
    assert ended(chief)[0] == 130
    assert run.read_record().status == "interrupted"
    more = ["--resume", "two", "--more-epochs", "0.5", "--threads", "1"]
    (code, _, errors), (other_code, _, other_errors) = workers.both(*more)
    assert (code, other_code) == (0, 0), errors + other_errors
    assert "goes on from step" in errors and run.read_record().status == "complete"


def test_a_chief_that_is_lost_while_all_start_ends_the_worker(workers: Workers, bottles: str) -> None:
    worker = workers.start(1, bottles, *SMALL)
    corpus = read_corpus(bottles, DataConfig())
    cluster = Cluster(addresses=tuple(workers.addresses.split(",")), index=0)
    model = ModelConfig(units=12, dropout=0.2)
    training = TrainConfig(
        batch_size=8, sequence_length=16, epochs=1.0, learning_rate=0.003, weight_decay=0.1, reset_probability=0.1
    )
    what = asked(corpus, model, training)
    chief = gather(cluster, what, while_waiting=lambda: None)
    chief.collect("start")  # from now on the worker waits for TensorFlow, which waits for the chief
    for line in chief._lines.values():  # as when it is killed: nothing is said
        line._connection.close()
    code, out, errors = ended(worker, 120)  # TensorFlow left to itself would wait for an hour
    assert (code, out) == (1, "")
    assert errors.splitlines()[-1].startswith(f"seqmagic: the chief ({cluster.addresses[0]}) was lost: ")
