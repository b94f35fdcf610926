"""Names in use: a lock beside the runs that the system releases when its process is gone, however it went."""

from __future__ import annotations

import contextlib
import errno
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK_FILE = re.compile(r"\.(?P<name>.+)\.training\.lock")
PATIENCE = 0.2  # seconds: someone who only looks whether a name is locked holds its lock for a moment


class NameLock:
    """The right to change what has a name below a models folder. Given back by `release`, or by any death."""

    def __init__(self, path: Path, lock: BaseFileLock) -> None:
        self._path, self._lock = path, lock

    def release(self) -> None:
        """Give the name back; its lock file goes first, while it is still ours. A second time does nothing."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._lock.release()


def hold(models: Path, name: str, *, seconds: float = PATIENCE) -> NameLock | None:
    """The lock of `name` below `models`; `None` where another has it, and still after so many `seconds`.

    Raises:
        OSError: there can be no lock there: no such folder, or none that may be written in.
    """
    from filelock import FileLock, Timeout  # 60 ms, which only what trains and what was left behind shall cost

    path = _lock_file(models, name)
    # The thread that ends a training need not be the one that began it.
    lock = FileLock(path, timeout=seconds, poll_interval=0.01, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return NameLock(path, lock)


def is_held(models: Path, name: str) -> bool:
    """Whether a living process has the lock of `name`. Without a lock file that is known at once."""
    if not _lock_file(models, name).exists():
        return False
    try:
        lock = hold(models, name, seconds=PATIENCE / 4)
    except OSError as problem:
        # Nobody trains on a read-only disk. In a folder of someone else, who left a lock file there, one can't tell.
        return problem.errno != errno.EROFS
    if lock is None:
        return True
    lock.release()
    return False


def _lock_file(models: Path, name: str) -> Path:
    return models / f".{name}.training.lock"
