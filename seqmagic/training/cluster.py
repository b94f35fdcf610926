"""Which processes train together: their addresses, and which of them this one is. Read, not yet contacted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqmagic.errors import ConfigError

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\s:,\[\]]+):(?P<port>\d{1,5})")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The workers of a training, each a process.

    Attributes:
        addresses: HOST:PORT of every worker; the first is the chief, which alone keeps the run.
        index: Which of them this process is.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    @property
    def port(self) -> int:
        """Where this process listens."""
        return split_address(self.addresses[self.index])[1]

    def name(self, index: int) -> str:
        """A worker as a message calls it."""
        role = "the chief" if index == 0 else f"worker {index}"
        return f"{role} ({self.addresses[index]})"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a training computes.

    Attributes:
        cluster: The processes that share it; None for this one alone.
        gpus: How many of its GPUs each process uses.
    """

    cluster: Cluster | None = None
    gpus: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process keeps the run."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def workers(self) -> int:
        return 1 if self.cluster is None else len(self.cluster.addresses)


HERE = Placement()


def placement(*, workers: str | None, worker_index: int | None, gpus: int, environ: Mapping[str, str]) -> Placement:
    """Where to compute, from the options and TF_CONFIG.

    Args:
        workers: HOST:PORT,HOST:PORT,… as typed; None to take what TF_CONFIG says, where it is set.
        worker_index: Which of them this process is.
        gpus: GPUs of this machine.
        environ: The environment of the process.

    Raises:
        ConfigError: they contradict each other, or make no cluster.
    """
    if gpus < 1:
        raise ConfigError(f"--gpus is 1 or more; received {gpus}")
    tf_config = environ.get("TF_CONFIG", "").strip()
    if workers is None and worker_index is not None:
        raise ConfigError(f"--worker-index {worker_index} picks one of the addresses of --workers; give these as well")
    if workers is None:
        cluster = from_tf_config(tf_config) if tf_config else None
    elif tf_config:
        raise ConfigError("--workers and TF_CONFIG both name the workers; leave one of them out")
    else:
        cluster = from_options(workers, worker_index)
    return Placement(cluster=cluster, gpus=gpus)


def refuse_workers(placement: Placement, what: str) -> None:
    """Raise ConfigError where several processes are to do `what`, which only one can."""
    if placement.cluster is not None:
        raise ConfigError(f"{what} goes with one process alone; leave out --workers and unset TF_CONFIG")


def from_options(workers: str, index: int | None) -> Cluster | None:
    """The cluster that `--workers` and `--worker-index` describe; None where it is this process alone."""
    addresses = tuple(word.strip() for word in workers.split(","))
    _check_addresses(addresses, "--workers")
    if index is None and len(addresses) > 1:
        raise ConfigError(
            f"--workers names {len(addresses)} processes; say with --worker-index which of them this is, from 0 to "
            f"{len(addresses) - 1}"
        )
    return _cluster(addresses, index or 0, "--worker-index")


def from_tf_config(text: str) -> Cluster | None:
    """The cluster that TF_CONFIG describes, as TensorFlow's own strategies read it; None for this process alone.

    Raises:
        ConfigError: it is not JSON, lacks a key, or its task is none of its cluster.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ConfigError(f"TF_CONFIG is not JSON ({problem}); received {_brief(text)}") from None
    cluster, task = _object(values, "cluster"), _object(values, "task")
    if other := sorted(set(cluster) - {"chief", "worker"}):
        raise ConfigError(
            f"TF_CONFIG has {_brief(other[0])} in its cluster; a training has workers, and may call one of them chief"
        )
    chiefs, workers = (_addresses(cluster, job) for job in ("chief", "worker"))
    if len(chiefs) > 1:
        raise ConfigError(f"TF_CONFIG names {len(chiefs)} chiefs; there is one, and the others are workers")
    kind, index = task.get("type"), task.get("index")
    if kind not in list(cluster):  # it may be anything, also what no key can be
        jobs = " or ".join(sorted(cluster)) or "worker"
        raise ConfigError(f"TF_CONFIG needs {jobs} as the type of its task; received {_brief(kind)}")
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    if type(index) is not int:
        raise ConfigError(f"TF_CONFIG needs a number as the index of its task; received {_brief(index)}")
    own = chiefs if kind == "chief" else workers
    if not 0 <= index < len(own):
        raise ConfigError(
            f"TF_CONFIG gives this process index {index}, but its cluster has {len(own)} of type {kind}, from 0 on"
        )
    addresses = (*chiefs, *workers)
    _check_addresses(addresses, "TF_CONFIG")
    return _cluster(addresses, index + (len(chiefs) if kind == "worker" else 0), "TF_CONFIG")


def rows_of(index: int, *, parts: int, batch_size: int) -> slice:
    """The streams of part `index` of `parts` equal ones of a batch.

    Raises:
        ConfigError: they don't divide it.
    """
    if batch_size % parts:
        below, above = batch_size // parts * parts, (batch_size // parts + 1) * parts
        near = f"{below} or {above}" if below else str(above)
        raise ConfigError(
            f"a batch of {batch_size} streams can't be divided equally among {parts} devices; use --batch-size {near}"
        )
    rows = batch_size // parts
    return slice(index * rows, (index + 1) * rows)


def split_address(address: str) -> tuple[str, int]:
    """`10.0.0.1:2222` -> ("10.0.0.1", 2222); brackets around an IPv6 address go."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _cluster(addresses: tuple[str, ...], index: int, what: str) -> Cluster | None:
    if not 0 <= index < len(addresses):
        if len(addresses) == 1:
            raise ConfigError(f"{what} {index} is no worker: there is one alone, and its number is 0")
        raise ConfigError(
            f"{what} {index} is none of the {len(addresses)} workers; they are counted from 0 to {len(addresses) - 1}"
        )
    return Cluster(addresses=addresses, index=index) if len(addresses) > 1 else None


def _check_addresses(addresses: tuple[str, ...], what: str) -> None:
    if not addresses:
        raise ConfigError(f"{what} names no worker; give HOST:PORT of each")
    for address in addresses:
        match = _ADDRESS.fullmatch(address)
        if match is None or not 0 < int(match["port"]) < 65536:
            raise ConfigError(f"{what} needs HOST:PORT for each worker; received {_brief(address)}")
    if doubled := [address for address in addresses if addresses.count(address) > 1]:
        raise ConfigError(f"{what} names {doubled[0]} twice; each worker listens at an address of its own")


def _object(values: Any, key: str) -> Mapping[str, Any]:
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, dict):
        raise ConfigError(
            f'TF_CONFIG needs {{"cluster": {{"worker": ["HOST:PORT", …]}}, "task": {{"type": "worker", "index": 0}}}}; '
            f"its {key} is {_brief(found) if found is not None else 'missing'}"
        )
    return found


def _addresses(cluster: Mapping[str, Any], job: str) -> tuple[str, ...]:
    found = cluster.get(job, [])
    if not isinstance(found, list) or not all(isinstance(address, str) for address in found):
        raise ConfigError(f'TF_CONFIG needs a list of "HOST:PORT" as {job} of its cluster; received {_brief(found)}')
    return tuple(found)


def _brief(value: Any) -> str:
    words = value if isinstance(value, str) else json.dumps(value)
    words = " ".join(words.split())
    return repr(words if len(words) <= 60 else words[:57] + "…")
