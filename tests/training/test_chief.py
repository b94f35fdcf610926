"""The chief lets workers in that were started as it was, and hears what becomes of them."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import SeqmagicError, TrainingError
from seqmagic.texts.corpus import read_corpus
from seqmagic.training import chief as module
from seqmagic.training.chief import Chief, asked, gather, hello
from seqmagic.training.cluster import Cluster
from seqmagic.training.lines import Line, LostError, Message, call_chief
from tests.helpers import free_ports, make_text


def nothing() -> None:
    pass


class Office:
    """A cluster of two in this process: the chief here, the worker in a thread."""

    def __init__(self) -> None:
        self.cluster = Cluster(addresses=tuple(f"127.0.0.1:{port}" for port in free_ports(2)), index=0)
        self.line: Line
        self.heard: Message = {}

    def gather(self, mine: Mapping[str, Any] | None, worker: Message | Callable[[Line], None]) -> Chief:
        """The chief of a worker that says `worker`, or does it, once it has called."""
        other = Cluster(addresses=self.cluster.addresses, index=1)

        def call() -> None:
            words = worker if isinstance(worker, dict) else hello(other, mine)
            self.line = call_chief(other, words, while_waiting=nothing)
            self.heard, _ = self.line.receive()
            if callable(worker):
                worker(self.line)
            else:
                self.line.send({"done": "read"})

        thread = threading.Thread(target=call)
        thread.start()
        try:
            return gather(self.cluster, mine, job={"source": "a.txt"}, while_waiting=nothing)
        finally:
            thread.join()

    @property
    def name(self) -> str:
        return f"worker 1 ({self.cluster.addresses[1]})"

    def refusal(self, mine: Mapping[str, Any] | None, worker: Message | Callable[[Line], None]) -> str:
        with pytest.raises(SeqmagicError) as problem:
            self.gather(mine, worker)
        with pytest.raises(LostError, match="it ended"):  # the chief has hung up, and beats no more
            while True:
                self.line.receive()
        self.line.close()
        return str(problem.value).replace(self.name, "W")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def what(text: Path) -> dict[str, Any]:
    return asked(read_corpus(str(text), DataConfig()), ModelConfig(units=8), TrainConfig(threads=1))


def test_what_is_compared_leaves_out_what_may_differ(text: Path, what: dict[str, Any], tmp_path: Path) -> None:
    corpus = read_corpus(str(text), DataConfig())
    assert asked(corpus, ModelConfig(units=8), TrainConfig(threads=4)) == what
    assert asked(corpus, ModelConfig(units=9), TrainConfig(threads=1)) != what
    elsewhere = read_corpus(str(make_text(tmp_path / "elsewhere")), DataConfig())
    assert elsewhere.source != corpus.source  # the same text in another place is the same
    assert asked(elsewhere, ModelConfig(units=8), TrainConfig())["text"] == what["text"]


def test_a_worker_that_was_started_alike_is_let_in(office: Office, what: dict[str, Any]) -> None:
    chief = office.gather(what, lambda line: line.send({"done": "read"}))
    assert office.heard == {"do": "read", "job": {"source": "a.txt"}}
    office.line.send({"done": "give states"}, {"0": np.ones((2, 3))})
    (arrays,) = chief.collect("give states")
    np.testing.assert_array_equal(arrays["0"], np.ones((2, 3)))
    assert office.line.receive()[0] == {"do": "give states"}
    stop = chief.stop_requested(lambda: False)
    assert not stop()
    office.line.send({"stop": True})
    while not stop():
        pass
    office.line.close()
    with pytest.raises(TrainingError, match=r"was lost: it ended; start all workers again, with --resume"):
        while True:
            chief.look()
    chief.end("failed")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"text": "00"}, "W reads another text than the chief (sha256 of its text 00…, the chief's "),
        ({"vocabulary": "00"}, "W reads another text than the chief (sha256 of its vocabulary 00…, the chief's "),
        ({"units": 9}, "W was started with --units 9, the chief with 8; give all workers the same settings"),
        ({"seed": 3}, "W was started with --seed 3, the chief with 1; give all workers the same settings"),
    ],
)
def test_a_worker_with_another_start_is_refused_on_both_sides(
    office: Office, what: dict[str, Any], changed: dict[str, Any], words: str
) -> None:
    other = dataclasses.replace(office.cluster, index=1)
    found = office.refusal(what, hello(other, {**what, **changed}))
    assert found.startswith(words)
    assert office.heard["problem"].replace(office.name, "W") == found


def test_other_workers_versions_and_ways_to_begin_are_refused(office: Office, what: dict[str, Any]) -> None:
    said = hello(dataclasses.replace(office.cluster, index=1), what)
    assert office.refusal(what, {**said, "workers": ["a:1", "b:1"]}).startswith("W was started with other workers")
    assert office.refusal(what, {**said, "versions": {"seqmagic": "0.1"}}).startswith("W has seqmagic 0.1, the chief ")
    assert office.refusal(what, {**said, "versions": {**module.versions(), "tensorflow": "2.0"}}).startswith(
        "W has tensorflow 2.0, the chief "
    )
    begins = "start all workers with --resume, or none"
    assert office.refusal(what, {**said, "asked": None}) == f"W goes on with a run and the chief begins one; {begins}"
    assert office.refusal(None, said) == f"the chief goes on with a run and W begins one; {begins}"


def test_what_a_worker_could_not_do_ends_all(office: Office, what: dict[str, Any]) -> None:
    found = office.refusal(what, lambda line: line.send({"problem": "there is no file x.txt"}))
    assert found == "W: there is no file x.txt"


def test_who_was_lost_is_read_from_what_failed(office: Office, what: dict[str, Any]) -> None:
    chief = office.gather(what, lambda line: line.send({"done": "read"}))
    silent = chief.blamed(RuntimeError("tasks are unhealthy:\n/job:worker/replica:0/task:1\nThe tasks have crashed"))
    assert str(silent).startswith(f"{office.name} was lost: it does not answer; start all workers again")
    unknown = chief.blamed(RuntimeError("first\nlast"))
    assert str(unknown).startswith("a worker was lost (last); start all workers again")
    office.line.close()
    assert "was lost: it ended" in str(chief.blamed(RuntimeError("anything")))
    chief.end("failed")
