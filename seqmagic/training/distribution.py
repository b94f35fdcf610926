"""How a step is divided: the streams over devices and workers, their gradients added by `tf.distribute`.

Every replica (a device of a worker) has the weights, its moments and an equal run of the streams, by their number in
the whole batch. A step adds the gradients of all replicas, once, in one array; then each moves its own weights by the
same update, so that n workers compute what one computes with all the streams.
"""

from __future__ import annotations

import contextlib
import copy
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from seqmagic.errors import ConfigError
from seqmagic.training.chief import Chief
from seqmagic.training.cluster import HERE, Placement, rows_of
from seqmagic.training.lines import LostError
from seqmagic.training.step import Adam, States, Sums

MEETING_SECONDS = 60  # in which all processes that are ready start TensorFlow's runtime
SILENT_SECONDS = 30  # after which a process whose runtime does not answer is lost
PARTING_SECONDS = 10  # in which all come to their end

# What an operation raises that all workers take part in, once one of them is gone.
LOSSES = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def make_strategy(placement: Placement) -> tf.distribute.Strategy | None:
    """TensorFlow's strategy for `placement`, before TensorFlow has run any operation; None for one device.

    Raises:
        ConfigError: this machine has fewer GPUs than asked for.
        LostError: another process of the cluster ended meanwhile.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if placement.gpus > max(1, len(gpus)):
        raise ConfigError(
            f"--gpus {placement.gpus} asks for more than the {len(gpus)} GPUs of this machine that TensorFlow finds"
        )
    if gpus:
        tf.config.set_visible_devices(gpus[: placement.gpus], "GPU")
    cluster = placement.cluster
    if cluster is None:
        return (
            tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(placement.gpus)]) if placement.gpus > 1 else None
        )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}), task_type="worker", task_id=cluster.index
    )
    # Its own waits are an hour for who does not come and 10 s for who is silent, too short for a machine that is busy.
    job = context.coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=len(cluster.addresses))
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=1000 * MEETING_SECONDS,
        heartbeat_timeout_in_ms=1000 * SILENT_SECONDS,
        shutdown_barrier_timeout_in_ms=1000 * PARTING_SECONDS,
        coordinated_jobs=[job],
    )
    heeds_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, heeds_sigterm)  # TensorFlow took it, to tell of preemption
        return strategy
    except LOSSES as problem:
        raise LostError("TensorFlow's own connections did not come about") from problem


class Distribution:
    """The division of one training.

    Args:
        strategy: From `make_strategy`.
        chief: The lines to the workers, where this process is their chief.
    """

    def __init__(
        self,
        placement: Placement = HERE,
        strategy: tf.distribute.Strategy | None = None,
        chief: Chief | None = None,
    ) -> None:
        self._strategy: Any = strategy
        self._chief = chief
        self.replicas = 1 if strategy is None else strategy.num_replicas_in_sync
        self._workers = placement.workers
        self._index = placement.cluster.index if placement.cluster is not None else 0
        self._here = self.replicas // self._workers  # of this process

    def rows(self, batch_size: int) -> slice:
        """The streams of this process. Raises ConfigError where the replicas don't divide the batch."""
        rows_of(0, parts=self.replicas, batch_size=batch_size)
        return rows_of(self._index, parts=self._workers, batch_size=batch_size)

    def lines(self, batch_size: int) -> tuple[str, ...]:
        """The division, in a line where there is one."""
        if self.replicas == 1:
            return ()
        workers = f"{self._workers} workers" if self._workers > 1 else "this process"
        return (
            f"{workers}, {self._here} device{'s' * (self._here > 1)} each, "
            f"{batch_size // self.replicas} of the {batch_size} streams on every device",
        )

    def scope(self) -> AbstractContextManager[Any]:
        """Variables made within are on each device of this process."""
        return contextlib.nullcontext() if self._strategy is None or self._here == 1 else self._strategy.scope()

    def order(self, what: str, **values: Any) -> None:
        """The workers, where there are any, do it as well."""
        if self._chief is not None:
            self._chief.order(what, **values)

    def called(self, call: Callable[[], Any]) -> Any:
        """What `call`, in which all workers take part, returns. Raises TrainingError where one is lost."""
        if self._chief is None:
            return call()
        try:
            return call()
        except LOSSES as problem:
            raise self._chief.blamed(problem) from problem

    # ---------------------------------------------------------------- the step

    def spread(
        self,
        make: Callable[[Sums, Adam], Callable[..., Any]],
        sums: Sums,
        optimizer: Adam,
    ) -> Callable[..., Any]:
        """The step that all replicas take together.

        Args:
            make: Makes the step of one replica, from what computes its gradients and what moves its weights.
            sums: Of its streams; heeds `first_stream`.

        Returns:
            What `make` makes; the streams of its arguments are as from `place`.
        """
        if self._strategy is None:
            return make(sums, optimizer)
        strategy = self._strategy
        steps = [make(self._averaged(sums), self._part_of(optimizer, i)) for i in range(self._here)]

        def on_replica(*arguments: Any) -> Any:
            return steps[_replica() % self._here](*arguments)

        def step(*arguments: Any) -> tuple[tf.Tensor, tf.Tensor, States]:
            loss, norm, states = strategy.run(on_replica, args=arguments)
            return *(strategy.experimental_local_results(figure)[0] for figure in (loss, norm)), states

        return step

    def _part_of(self, optimizer: Adam, replica: int) -> Adam:
        """The optimizer of one device of this process: its own copies of the variables."""

        def own(variables: Sequence[Any]) -> list[Any]:
            return [self._strategy.experimental_local_results(variable)[replica] for variable in variables]

        part = copy.copy(optimizer)
        part.variables, part.first, part.second = map(own, (optimizer.variables, optimizer.first, optimizer.second))
        (part.steps,) = own([optimizer.steps])
        return part

    def _averaged(self, sums: Sums) -> Sums:
        """The sums over the streams of one replica, made the mean over all replicas of theirs; so is their number.

        One divided by the other is the mean over all predictions, the same to the last bit on every replica.
        """

        def averaged(
            weights: Sequence[tf.Tensor], ids: tf.Tensor, targets: tf.Tensor, states: States, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor], States]:
            first = _replica() * ids.shape[0]
            loss, count, gradients, states = sums(weights, ids, targets, states, seed, first_stream=first)
            parts = [loss, count, *gradients]
            flat = tf.concat([tf.reshape(part, (-1,)) for part in parts], axis=0)
            total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, flat)
            pieces = tf.split(total, [part.shape.num_elements() for part in parts])
            loss, count, *gradients = (tf.reshape(piece, part.shape) for piece, part in zip(pieces, parts, strict=True))
            return loss, count, gradients, states

        return averaged

    # ---------------------------------------------------------------- rows, here and everywhere

    def place(self, rows: np.ndarray, *, axis: int = 0) -> Any:
        """The rows of this process, an equal part of them on each of its devices."""
        if self._here == 1:
            return tf.constant(rows)
        parts = np.split(rows, self._here, axis=axis)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group % self._here])
        )

    def place_states(self, states: States) -> States:
        """Carried states of this process, (B, U) each, as the steps take them."""
        return states if self._here == 1 else tf.nest.map_structure(lambda part: self.place(part.numpy()), states)

    def own_states(self, states: States) -> list[np.ndarray]:
        """The arrays of carried states of this process, as one."""
        if self._here == 1:
            return [part.numpy() for part in tf.nest.flatten(states)]
        local = [self._strategy.experimental_local_results(part) for part in tf.nest.flatten(states)]
        return [np.concatenate([value.numpy() for value in values]) for values in local]

    def all_states(self, states: States) -> list[np.ndarray]:
        """The arrays of the carried states of all workers, by the number of the stream."""
        own = self.own_states(states)
        if self._chief is None:
            return own
        others = self._chief.collect("give states")
        return [np.concatenate([part, *(arrays[str(i)] for arrays in others)]) for i, part in enumerate(own)]

    def give_states(self, arrays: Sequence[np.ndarray], like: States) -> States:
        """Carried states of all workers, from `all_states`, back to whom they belong: those of this process."""
        rows = [rows_of(i, parts=self._workers, batch_size=len(arrays[0])) for i in range(self._workers)]
        if self._chief is not None:
            theirs = {
                index: {str(i): array[rows[index]] for i, array in enumerate(arrays)}
                for index in range(1, self._workers)
            }
            self._chief.order("take states", theirs)
        return self.own_from({str(i): array[rows[self._index]] for i, array in enumerate(arrays)}, like)

    def own_from(self, arrays: Mapping[str, np.ndarray], like: States) -> States:
        """Carried states of this process from its arrays, by number."""
        return tf.nest.pack_sequence_as(like, [self.place(arrays[str(i)]) for i in range(len(arrays))])

    def state_shapes(self, states: States) -> list[tf.TensorSpec]:
        """What `all_states` returns for these."""
        own = self.own_states(states)
        return [tf.TensorSpec((len(array) * self._workers, *array.shape[1:])) for array in own]

    def share_weights(self, variables: Sequence[tf.Variable]) -> None:
        """Let all workers have the values of these variables of the chief."""
        if self._chief is not None:
            arrays = {str(i): np.asarray(variable) for i, variable in enumerate(variables)}
            self._chief.order("take weights", dict.fromkeys(range(1, self._workers), arrays))


def _replica() -> int:
    """The number of the replica that is being traced, among those of all workers."""
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return int(tf.get_static_value(number))
