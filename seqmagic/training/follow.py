"""A worker that is not the chief: it reads its part of the text and steps when the chief says so; it keeps no run."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seqmagic.config import DataConfig, DecidedModel, DecidedTraining, ModelConfig, TrainConfig
from seqmagic.errors import SeqmagicError, TrainingError
from seqmagic.texts.corpus import Corpus, read_trainable
from seqmagic.training.chief import asked, hello
from seqmagic.training.cluster import Cluster, Placement
from seqmagic.training.interrupt import stop_on_signal
from seqmagic.training.lines import Arrays, Line, LostError, Message, call_chief, check_port
from seqmagic.training.recipe import Plan
from seqmagic.training.train import start

if TYPE_CHECKING:
    from seqmagic.training.session import Session

PARTING_SECONDS = 15.0  # in which the chief says why it ended, where a step failed because it or another did


def follow(
    placement: Placement,
    corpus: Corpus | None,
    *,
    model: ModelConfig,
    training: TrainConfig,
    say: Callable[[str], None],
    text: str | None = None,
) -> str:
    """Take part in a training to its end.

    Args:
        placement: This process is not the chief there.
        corpus: What is trained on; None where the chief goes on with a run, and says what it is.
        model, training: As given, for comparison with the chief's; of these only `threads` counts here.
        say: Is given a line about what goes on.
        text: Where the text of a run that is gone on with is found here; None for where the chief found it.

    Returns:
        How it ended: complete, interrupted or failed.

    Raises:
        TrainingError: the chief, or another worker, failed or was lost, or was started with something else.
    """
    cluster = placement.cluster
    if cluster is None:
        raise TrainingError("a process alone follows nobody; name the workers of the training")
    what = None if corpus is None else asked(corpus, model, training)
    with stop_on_signal() as stop_requested:
        check_port(cluster)
        say(f"worker {cluster.index} of {len(cluster.addresses)}; {cluster.name(0)} keeps the run")

        def stop_if_asked() -> None:
            if stop_requested():
                raise KeyboardInterrupt

        line = call_chief(cluster, hello(cluster, what), while_waiting=stop_if_asked)
        try:
            with _reported(cluster, line):
                message, _ = line.receive(while_waiting=stop_if_asked)
                if "problem" in message:
                    raise TrainingError(message["problem"])
                if corpus is None:
                    corpus = _text_of(message["job"], text)
                check_port(cluster)
                line.send({"done": "read"})
                return _Worker(placement, line, corpus, training.threads, stop_requested).work()
        finally:
            line.close()


@contextlib.contextmanager
def _reported(cluster: Cluster, line: Line) -> Iterator[None]:
    """What goes wrong here is told to the chief; a chief that is lost is an error as others are."""
    try:
        yield
    except LostError as problem:
        raise TrainingError(
            f"{cluster.name(0)} was lost: {problem}; start all workers again, with --resume and the run's name in "
            f"place of the text"
        ) from problem
    except (SeqmagicError, KeyboardInterrupt) as problem:
        with contextlib.suppress(LostError):
            line.send({"problem": str(problem) or "was interrupted"})
        raise


def _text_of(job: Message, text: str | None) -> Corpus:
    """The text that the chief goes on with, as it is found here."""
    source = text or job["source"]
    corpus = read_trainable(source, DataConfig(**job["data"]))
    if corpus.sha256 != job["sha256"]:
        raise TrainingError(
            f"{source} is another text here than the one that the run was begun with (sha256 {corpus.sha256[:12]}…, "
            f"needed is {job['sha256'][:12]}…); name the right one before --resume"
        )
    train, validation, test = (tuple(job[name]) for name in ("train", "validation", "test"))
    return dataclasses.replace(corpus, train=train, validation=validation, test=test)


class _Worker:
    """The session of a worker, and the orders of its chief."""

    def __init__(
        self,
        placement: Placement,
        line: Line,
        corpus: Corpus,
        threads: int | None,
        stop_requested: Callable[[], bool],
    ) -> None:
        self._line = line
        self._corpus = corpus
        self._stop_requested = stop_requested
        self._stop_said = False
        self._device = start(TrainConfig(threads=threads), placement, meet=self._meet)
        from seqmagic.training.distribution import Distribution

        self._distribution = Distribution(placement, self._device.strategy)
        self._session: Session

    def _meet(self) -> None:
        """Wait for the chief to start TensorFlow."""
        order, _ = self._line.receive(while_waiting=self._pass_on_stop)
        if order["do"] == "end":
            _status(order)
        self._line.send({"done": order["do"]})

    def work(self) -> str:
        """Do what is ordered until the order to end comes; its status."""
        import tensorflow as tf

        from seqmagic.training.distribution import LOSSES

        while True:
            order, arrays = self._line.receive(while_waiting=self._pass_on_stop)
            if order["do"] == "end":
                return _status(order)
            try:
                self._obey(order, arrays)
            except LOSSES as problem:
                return self._parted(problem)
            except tf.errors.OpError as problem:
                raise TrainingError(f"a step failed here: {str(problem).strip().splitlines()[0][:160]}") from problem

    def _parted(self, problem: Exception) -> str:
        """A step failed that all take part in: what the chief says of it."""
        self._line.silent_seconds = PARTING_SECONDS
        while True:
            order, _ = self._line.receive()
            if order["do"] == "end":
                return _status(order)

    def _obey(self, order: Message, arrays: Arrays) -> None:
        what = order["do"]
        if what == "build":
            self._build(order)
        elif what == "compile":
            self._session.compile_steps()
        elif what == "take weights":
            for number, variable in enumerate(self._session.state.variables):
                variable.assign(arrays[str(number)])
        elif what == "take states":
            state = self._session.state
            state.carried = self._distribution.own_from(arrays, state.carried)
        elif what == "give states":
            own = self._distribution.own_states(self._session.state.carried)
            self._line.send({"done": what}, {str(number): array for number, array in enumerate(own)})
        elif what == "begin":
            self._session.state.step = order["step"]
        elif what == "step":
            self._session.take_steps(order["learning_rates"])
        else:
            raise TrainingError(f"the chief ordered {what!r}, which this version does not know")

    def _build(self, order: Message) -> None:
        from seqmagic.training.session import EngineRequest, Session

        plan = Plan(model=DecidedModel(**order["model"]), training=DecidedTraining(**order["training"]), notes=())
        engine: Any = order["engine"]
        self._session = Session(
            self._corpus,
            plan,
            threads=self._device.threads,
            engine=None if engine is None else EngineRequest(**engine),
            distribution=self._distribution,
        )

    def _pass_on_stop(self) -> None:
        if self._stop_requested() and not self._stop_said:
            self._stop_said = True
            self._line.send({"stop": True})


def _status(order: Message) -> str:
    if order["problem"] is not None:
        raise TrainingError(f"the training has ended: {order['problem']}")
    return str(order["status"])
