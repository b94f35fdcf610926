"""Processes that hold a run and are killed: started as `python -m tests.runs.holding ACT MODELS NAME`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from seqmagic.runs import making
from seqmagic.runs.folder import Run
from seqmagic.runs.making import NewRun, create_run


def train(models: Path, name: str) -> NewRun:
    """As far as a training without its first weights gets."""
    new = create_run(models, name=name, default="x", overwrite=True)
    (new.run.path / "run.json").write_text('{"format": 1}')
    (new.run.path / ".model-0123abcd.keras").write_text("half of the new weights")
    return new


def between_renames(models: Path, name: str) -> None:
    """Killed where the old run is aside and the new one not yet in its place."""
    new = train(models, name)
    new.run.model_path.write_text("new weights")
    replace, done = os.replace, []

    def replace_once(source: Path, target: Path) -> None:
        if done:
            stand_still()
        done.append(replace(source, target))

    os.replace = replace_once  # type: ignore[assignment]
    new.publish()


def before_removal(models: Path, name: str) -> None:
    """Killed where the new run is in its place and the old one not yet removed."""
    new = train(models, name)
    new.run.model_path.write_text("new weights")
    making._remove_tree = lambda path: stand_still()
    new.publish()


def in_a_write(models: Path, name: str) -> NewRun:
    """Killed while better weights are written into a run that is seen."""
    new = train(models, name)
    new.run.model_path.write_text("new weights")
    new.publish()
    (new.run.path / ".model-0123abcd.keras").write_text("half of the better weights")
    return new


def in_a_removal(models: Path, name: str) -> None:
    """Killed while a run is removed."""
    making._refuse_unremovable = lambda path: setattr(making.shutil, "rmtree", lambda path: stand_still())
    making.remove_run(models, name)


ACTS: dict[str, Callable[[Path, str], object]] = {
    act.__name__: act for act in (train, between_renames, before_removal, in_a_write, in_a_removal)
}


def stand_still() -> None:
    print("ready", flush=True)
    time.sleep(600)


def start(act: str, run: Run) -> subprocess.Popen[str]:
    """A process that has got as far as `act` says and stands there."""
    command = [sys.executable, "-m", "tests.runs.holding", act, str(run.path.parent), run.name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


if __name__ == "__main__":
    held = ACTS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])  # with it goes the lock
    stand_still()
