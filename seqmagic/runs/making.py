"""How a run comes and goes: made out of sight, seen with its first weights, removed in one step.

A training works in a hidden folder beside the runs and holds the lock of its name. The folder becomes the
run in one rename. Where that replaces a run, the old one is moved aside just before; a process killed
between the two renames leaves it hidden, and `recover`, which every command that looks for runs calls,
puts it back. Hidden names carry a random token: process numbers come again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import secrets
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from seqmagic import files
from seqmagic.errors import RunError, SeqmagicError
from seqmagic.runs import checkpoints, locks
from seqmagic.runs.folder import Run, check_name, is_half_written, is_removable, refuse_taken

_IN_TRAINING, _RETIRED, _REMOVED = "training", "retired", "removed"
_HIDDEN = re.compile(rf"\.(?P<name>.+)\.(?P<kind>{_IN_TRAINING}|{_RETIRED}|{_REMOVED})-[0-9a-f]{{8}}")


class NewRun:
    """A run in the making. Its name is locked until `release`.

    Attributes:
        name: What it will be called.
        run: Where it is now: hidden until `publish`.
        is_published: Whether it is to be seen under its name.
    """

    def __init__(self, models: Path, name: str, lock: locks.NameLock, *, is_published: bool = False) -> None:
        self.name = name
        self.is_published = is_published
        self._models, self._lock = models, lock
        if is_published:
            self.run = self.final
        else:
            self.run = Run(_hidden(models / name, _IN_TRAINING))
            self.run.path.mkdir()

    @property
    def final(self) -> Run:
        """The run as it will be found."""
        return Run(self._models / self.name)

    def publish(self) -> None:
        """It has weights: let it be seen. What it replaces is removed. A second time does nothing."""
        if self.is_published:
            return
        final = self.final.path
        retired = None
        if os.path.lexists(final):
            retired = _hidden(final, _RETIRED)
            os.replace(final, retired)
        os.replace(self.run.path, final)
        self.run, self.is_published = self.final, True
        if retired is not None:
            _remove_tree(retired)

    def show(self) -> None:
        """It has a checkpoint: let it be seen. What it would replace stays until it has weights."""
        if not self.is_published and not os.path.lexists(self.final.path):
            self.publish()

    def end(self, status: str) -> None:
        """The training ended before it came to results of its own: a run that is seen says how, any other goes.

        One that has neither weights nor a checkpoint goes as well.
        """
        try:
            if self.is_published and not (self.run.has_model or self.run.has_checkpoint):
                _vanish(self.run.path)
            elif self.is_published:
                record = self.run.read_record()
                if record.status == "running":
                    self.run.write_record(dataclasses.replace(record, status=status))
            else:
                _settle(self._models, self.name)
        except (OSError, SeqmagicError):
            pass  # a full disk: what is on it is told from the lock, which goes now
        finally:
            self.release()

    def release(self) -> None:
        """The run is whole: others may overwrite or remove it. A second time does nothing."""
        self._lock.release()


def create_run(models: Path, *, name: str | None, default: str, overwrite: bool) -> NewRun:
    """A new, empty run for `models`, not to be seen yet, its name locked.

    Without a name the default is used, with -2, -3 ... when taken or being trained. With `overwrite` the
    run that is there stays until the new one is published.

    Raises:
        RunError: the name is taken or being trained, or nothing can be written in `models`.
    """
    if name is not None:
        check_name(name)
    try:
        models.mkdir(parents=True, exist_ok=True)
        if name is None:
            return files.first_free(default, partial(_take, models))
        lock = locks.hold(models, name)
        if lock is None:
            raise in_training(name)
        try:
            _settle(models, name)
            refuse_taken(models, name, overwrite=overwrite)
            return NewRun(models, name, lock)
        except BaseException:
            lock.release()
            raise
    except OSError as problem:
        raise RunError(
            f"no run can be made in {models}: {problem.strerror or problem}; choose another folder with --models"
        ) from problem


def reopen_run(run: Run) -> NewRun:
    """An existing run, to be trained on; its name locked.

    Raises:
        RunError: it is being trained, or may not be written.
    """
    real = run.path.resolve()
    try:
        lock = locks.hold(real.parent, real.name)
    except OSError as problem:
        raise RunError(f"run {run.name} can't be trained on: {problem.strerror or problem}") from problem
    if lock is None:
        raise RunError(f"run {run.name} is being trained; stop that training first, or let it come to its end")
    return NewRun(real.parent, real.name, lock, is_published=True)


def _take(models: Path, name: str) -> NewRun | None:
    """A new run called `name`; None where that is taken or being trained."""
    lock = locks.hold(models, name) if not os.path.lexists(models / name) else None
    if lock is None:
        return None
    try:
        _settle(models, name)
        if not os.path.lexists(models / name):
            return NewRun(models, name, lock)
    except BaseException:
        lock.release()
        raise
    lock.release()
    return None


def check_free(models: Path, name: str, *, overwrite: bool) -> None:
    """Raise unless a training may take `name` now: the check before minutes go into reading and compiling.

    Raises:
        ConfigError: no folder can be called that.
        RunError: the name is taken, or being trained.
    """
    check_name(name)
    recover(models)
    if locks.is_held(models, name):
        raise in_training(name)
    refuse_taken(models, name, overwrite=overwrite)


def in_training(name: str) -> RunError:
    return RunError(f"run {name} is being trained; choose another --name, or stop that training first")


# ---------------------------------------------------------------- what was left behind


def recover(models: Path) -> None:
    """Put back and sweep what killed processes left below `models`; nothing that a living one owns.

    Nothing is done, and nothing said, where it can't be done: in a folder that is only read it need not be.
    """
    with contextlib.suppress(OSError):
        entries = [entry for entry in os.listdir(models) if entry.startswith(".")]
        left = [match for entry in entries if (match := _HIDDEN.fullmatch(entry) or locks.LOCK_FILE.fullmatch(entry))]
        for name in sorted({match["name"] for match in left}):
            with contextlib.suppress(OSError):
                lock = locks.hold(models, name, seconds=0)
                if lock is not None:
                    try:
                        _settle(models, name)
                    finally:
                        lock.release()


def _settle(models: Path, name: str) -> None:
    """Under the lock of `name`: put back the run that was to be replaced, remove what is hidden and unfinished."""
    final = models / name
    hidden = [(match["kind"], models / entry) for entry in os.listdir(models) if (match := _HIDDEN.fullmatch(entry))
              and match["name"] == name]  # fmt: skip
    retired = [path for kind, path in hidden if kind == _RETIRED]
    if retired and not os.path.lexists(final):
        os.replace(retired.pop(), final)
    for kind, path in hidden:
        if kind != _RETIRED or (path in retired and Run(final).has_model):
            _remove_tree(path)


def sweep(run: Run) -> None:
    """Remove what a killed training left in `run`, unless it is being trained.

    That is halves of files and, where the kill fell after its end, the checkpoints that nothing goes on from.
    """
    with contextlib.suppress(OSError):
        left = [entry for entry in os.listdir(run.path) if is_half_written(entry)]
        if not (left or _is_past_its_checkpoints(run)) or _is_trained_without_lock(run):
            return
        real = run.path.resolve()
        lock = locks.hold(real.parent, real.name, seconds=0)
        if lock is not None:
            try:
                for entry in left:
                    (run.path / entry).unlink(missing_ok=True)
                if _is_past_its_checkpoints(run):  # nobody has begun to make it longer meanwhile
                    checkpoints.remove(run)
            finally:
                lock.release()


def _is_past_its_checkpoints(run: Run) -> bool:
    try:
        return run.checkpoint_path.is_dir() and run.read_record().status == "complete"
    except SeqmagicError:
        return False


def _is_trained_without_lock(run: Run) -> bool:
    """Whether a seqmagic that knows no locks may be writing here: the process that it noted lives."""
    try:
        record = run.read_record()
    except SeqmagicError:
        return False
    process = record.environment.get("process")
    if record.status != "running" or not isinstance(process, int) or process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


# ---------------------------------------------------------------- removal


def remove_run(models: Path, name: str) -> None:
    """Remove the run `name` below `models`; it vanishes in one rename, so a kill leaves no half run.

    A link to a run goes, the run that it leads to stays. Where not everything can be removed, nothing is.

    Raises:
        RunError: it is being trained, or it can't be removed.
    """
    path = models / name
    try:
        lock = locks.hold(models, name)
        if lock is None:
            raise RunError(f"run {name} is still being trained; stop that first")
        try:
            if path.is_symlink():
                path.unlink()
                return
            if not is_removable(path):
                raise RunError(f"{path} is not a run: it has no run.json")
            _refuse_unremovable(path)
            _vanish(path)
        finally:
            lock.release()
    except OSError as problem:
        raise RunError(f"run {name} can't be removed: {problem.strerror or problem}") from problem


def rename_run(models: Path, old: str, new: str, *, before: Callable[[], None]) -> None:
    """Call the run `old` below `models` `new`. The folder is moved last: what a kill leaves undone is done again.

    Args:
        models, old, new: The folder of the runs, and names in it.
        before: Called while nobody can train either, before anything is moved.

    Raises:
        RunError: the new name is taken, one of them is in use, or the system doesn't let the run be moved.
    """
    if os.path.lexists(models / new):
        raise RunError(f"{new} exists already; choose another name, or remove that first")
    try:
        with contextlib.ExitStack() as held:
            for name in (old, new):
                lock = locks.hold(models, name)
                if lock is None:
                    raise in_training(name)
                held.callback(lock.release)
            before()
            run = Run(models / old)
            with contextlib.suppress(RunError):  # a corrupt one says of itself what it says
                run.write_record(dataclasses.replace(run.read_record(), name=new))
            os.rename(models / old, models / new)
    except OSError as problem:
        raise RunError(f"{models / old} can't be renamed: {problem.strerror or problem}") from problem


def _vanish(path: Path) -> None:
    """Remove the run `path`: out of sight in one rename, whatever comes then."""
    hidden = _hidden(path, _REMOVED)
    os.replace(path, hidden)
    shutil.rmtree(hidden)


def _refuse_unremovable(path: Path) -> None:
    """Raise PermissionError where a folder below `path` lets nothing be removed from it."""
    for folder, _, _ in os.walk(path):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} may not be written in")


def _hidden(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}-{secrets.token_hex(4)}")


def _remove_tree(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
