"""The chief of several workers: sees that all have the same text and settings, tells them what comes next.

All of them hold the same weights and compute the same updates; what a clock decides, the chief alone decides.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import seqmagic
from seqmagic.config import ModelConfig, TrainConfig, option_name
from seqmagic.errors import ConfigError, TrainingError
from seqmagic.runs.record import vocabulary_sum
from seqmagic.texts.corpus import Corpus
from seqmagic.training.cluster import Cluster
from seqmagic.training.lines import Arrays, Line, LostError, Message, await_workers

_OWN_OF_A_WORKER = ("threads",)  # settings that may differ


def versions() -> dict[str, str]:
    """What must be the same everywhere."""
    return {"seqmagic": seqmagic.__version__, "tensorflow": version("tensorflow")}


def asked(corpus: Corpus, model: ModelConfig, training: TrainConfig) -> dict[str, Any]:
    """What a worker was started with, as it is compared: sums of the text, and every setting."""
    settings = {**corpus.config.to_json(), **model.to_json(), **training.to_json()}
    return {
        "text": corpus.sha256,
        "vocabulary": vocabulary_sum(corpus.vocabulary),
        **{name: value for name, value in settings.items() if name not in _OWN_OF_A_WORKER},
    }


def hello(cluster: Cluster, what: Mapping[str, Any] | None) -> Message:
    """What a worker says first; `what` is from `asked`, or None where it goes on with a run."""
    return {"hello": cluster.index, "workers": list(cluster.addresses), "versions": versions(), "asked": what}


class Chief:
    """The lines to the workers of a training.

    Attributes:
        stop_asked: Whether a worker was told to stop.
    """

    def __init__(self, cluster: Cluster, lines: Mapping[int, Line]) -> None:
        self.cluster = cluster
        self.stop_asked = False
        self._lines = dict(sorted(lines.items()))

    def order(self, what: str, arrays: Mapping[int, Arrays] | None = None, **values: Any) -> None:
        """Tell every worker what comes next.

        Args:
            arrays: What goes with it, by the index of the worker.

        Raises:
            TrainingError: one is lost.
        """
        for index, line in self._lines.items():
            try:
                line.send({"do": what, **values}, arrays[index] if arrays is not None else None)
            except LostError as problem:
                raise self.loss(index, problem) from problem

    def collect(self, what: str) -> list[Arrays]:
        """The arrays that every worker answers the order `what` with, by index. Raises TrainingError."""
        self.order(what)
        return [self._answer(index, line, what) for index, line in self._lines.items()]

    def _answer(self, index: int, line: Line, what: str) -> Arrays:
        while True:
            try:
                message, arrays = line.receive()
            except LostError as problem:
                raise self.loss(index, problem) from problem
            self._heed(index, message)
            if message.get("done") == what:
                return arrays

    def look(self) -> None:
        """Heed what workers have said of themselves. Raises TrainingError where one failed or is lost."""
        for index, line in self._lines.items():
            try:
                line.poll()
                while line.unread:
                    self._heed(index, line.receive()[0])
            except LostError as problem:
                raise self.loss(index, problem) from problem

    def stop_requested(self, own: Callable[[], bool]) -> Callable[[], bool]:
        """Whether this process or a worker was told to stop."""

        def requested() -> bool:
            self.look()
            return own() or self.stop_asked

        return requested

    def _heed(self, index: int, message: Message) -> None:
        if "problem" in message:
            raise TrainingError(f"{self.cluster.name(index)}: {message['problem']}")
        self.stop_asked = self.stop_asked or "stop" in message

    def loss(self, index: int, problem: object) -> TrainingError:
        """What a lost worker means for the training."""
        return TrainingError(
            f"{self.cluster.name(index)} was lost: {problem}; start all workers again, with --resume and the run's "
            f"name in place of the text"
        )

    def blamed(self, problem: Exception) -> TrainingError:
        """Which worker an operation failed for that all take part in."""
        for index, line in self._lines.items():
            try:
                line.poll(0.5)
            except LostError as found:
                return self.loss(index, found)
        named = re.search(r"/task:(\d+)", str(problem))
        if named and int(named[1]) in self._lines:
            return self.loss(int(named[1]), "it does not answer")
        return TrainingError(
            f"a worker was lost ({_first_line(problem)}); start all workers again, with --resume and the run's name"
        )

    def end(self, status: str, problem: str | None = None) -> None:
        """Send the workers home. A second time does nothing."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            with contextlib.suppress(LostError):  # it knows, or is gone
                line.send({"do": "end", "status": status, "problem": problem})
        for line in lines.values():
            line.close()


def gather(
    cluster: Cluster,
    what: Mapping[str, Any] | None,
    *,
    job: Mapping[str, Any] | None = None,
    while_waiting: Callable[[], None],
) -> Chief:
    """Wait for all workers and let them in.

    Args:
        what: From `asked`; None where a run is gone on with.
        job: What such workers are told: which text to read.

    Raises:
        ConfigError: a worker was started with other settings or another text.
        TrainingError: one has not called in time, or could not read its text.
    """

    def accept(line: Line, message: Message) -> int | None:
        index = message.get("hello")
        if type(index) is not int or not 0 < index < len(cluster.addresses):
            return None
        if problem := _difference(cluster, index, message, hello(cluster, what)):
            line.send({"problem": problem})
            raise ConfigError(problem)
        return index

    lines = await_workers(cluster, accept=accept, while_waiting=while_waiting)
    chief = Chief(cluster, lines)
    try:
        chief.order("read", job=job)
        for index, line in lines.items():
            chief._answer(index, line, "read")
    except BaseException as problem:
        chief.end("failed", str(problem))
        raise
    return chief


def _difference(cluster: Cluster, index: int, theirs: Message, ours: Message) -> str | None:
    """What a worker was started with that the chief was not, in a sentence; None where all is the same."""
    name = cluster.name(index)
    if theirs.get("workers") != ours["workers"]:
        return f"{name} was started with other workers than the chief; give all of them the same list"
    for package, number in ours["versions"].items():
        other = theirs.get("versions", {}).get(package)
        if other != number:
            return f"{name} has {package} {other}, the chief {number}; install the same version everywhere"
    mine, other = ours["asked"], theirs.get("asked")
    if (mine is None) != (other is None):
        begins, goes_on = ("the chief", name) if other is None else (name, "the chief")
        return f"{goes_on} goes on with a run and {begins} begins one; start all workers with --resume, or none"
    if mine is None or other is None:
        return None
    for key in mine:
        if mine[key] == other.get(key):
            continue
        if key in ("text", "vocabulary"):
            return f"{name} reads another text than the chief (sha256 of its {key} {_sums(other.get(key), mine[key])})"
        return (
            f"{name} was started with {option_name(key)} {other.get(key)}, the chief with {mine[key]}; "
            f"give all workers the same settings"
        )
    return None


def _sums(theirs: object, ours: object) -> str:
    return f"{str(theirs)[:12]}…, the chief's {str(ours)[:12]}…"


def _first_line(problem: Exception) -> str:
    lines: Sequence[str] = str(problem).strip().splitlines()
    return lines[-1][:160] if lines else type(problem).__name__
