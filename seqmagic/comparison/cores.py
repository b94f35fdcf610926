"""Who computes where: the cores that there are, divided among rows that are trained at once."""

from __future__ import annotations

import os
from collections.abc import Sequence

from seqmagic.errors import ConfigError
from seqmagic.machine import available_cores

LARGEST_JOBS = 1024


def cores_each(jobs: int, *, threads: int | None = None, available: int | None = None) -> int:
    """How many cores each of `jobs` rows gets: the same for all, so that equal time is equal work.

    Args:
        jobs: Rows that are trained at once.
        threads: How many were asked for, for a row; None for as many as there are for it.
        available: The cores that there are; None for those that this process may use.

    Raises:
        ConfigError: there are not so many.
    """
    available = available_cores() if available is None else available
    if jobs < 1:
        raise ConfigError(f"--jobs must be 1 or more; received {jobs}")
    if os.name == "nt":
        raise ConfigError("--jobs needs Linux or macOS, where processes can share an open file; leave it out")
    each = threads or available // jobs
    if jobs > available:
        raise ConfigError(
            f"--jobs {jobs} is more than there are cores here ({available}); a row needs one of its own: "
            f"give at most --jobs {available}"
        )
    if jobs * each > available:
        raise ConfigError(
            f"--jobs {jobs} with --threads {each} takes {jobs * each} cores and there are {available}; "
            f"give at most --threads {available // jobs}, or fewer jobs"
        )
    return each


def divided(cores: Sequence[int], jobs: int, each: int) -> list[tuple[int, ...]]:
    """`jobs` shares of `each` of `cores`, neighbours together, no core in two of them. What is left over rests."""
    return [tuple(cores[number * each : (number + 1) * each]) for number in range(jobs)]


def own_cores(jobs: int, each: int) -> list[tuple[int, ...] | None]:
    """The cores that each of `jobs` rows is bound to; None where the system can't bind it, or must not.

    Where a container may use fewer cores than it sees, which of them is for the system to say.
    """
    try:
        cores = sorted(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return [None] * jobs
    if len(cores) > available_cores():
        return [None] * jobs
    return [*divided(cores, jobs, each)]
