"""Kills trainings at random moments of every phase and looks at what is left.

    python bench/kills.py [--kills 60] [--seed 1] [--commands train,overwrite,compare]

Each kill has a process of its own: `train`, `train --overwrite` or `compare` on a small text, ended by KILL,
TERM, HUP, INT or two INTs within a phase that the process itself reports. Then the ordinary commands say
whether a good run was lost, a name is blocked, a run is not what `runs list` says of it, or something hidden
is left. The last line is "60 of 60" and the exit code 0, or it is not.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqmagic.comparison.record import comparison_folder, runs_of
from seqmagic.errors import SeqmagicError
from seqmagic.runs.making import create_run

TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on; " * 60
SMALL = ["--units", "8", "--epochs", "6", "--batch-size", "4", "--sequence-length", "16"]
COMMANDS = {
    "train": ["train", "fox.txt", "--name", "new", *SMALL],
    "overwrite": ["train", "fox.txt", "--name", "old", "--overwrite", *SMALL],
    "compare": ["compare", "fox.txt", "--name", "both", "--cells", "rnn,gru", *SMALL],
}
SIGNALS = {
    "KILL": [signal.SIGKILL],
    "TERM": [signal.SIGTERM],
    "HUP": [signal.SIGHUP],
    "INT": [signal.SIGINT],
    "INT INT": [signal.SIGINT, signal.SIGINT],
}
PHASES = {  # seconds after their beginning within which the kill falls
    "reading": 0.05, "import": 2.5, "compile": 1.5, "steps": 0.3,
    "write": 0.05, "publish": 0.01, "evaluation": 0.02, "finish": 0.05,
}  # fmt: skip
PATIENCE = 600  # seconds for a process to end, on a machine that does other things too


@dataclass(frozen=True)
class Kill:
    """What is killed, how, and when."""

    command: str
    signals: str
    phase: str
    delay: float  # seconds after the phase began
    pause: float  # seconds between two signals


def plan(kills: int, seed: int, commands: Sequence[str]) -> Iterator[Kill]:
    """Every command with every kind of signal, the phases in turn, the moments at random."""
    chance = random.Random(seed)
    pairs = [(command, signals) for command in commands for signals in SIGNALS]
    phases = list(PHASES)
    for number in range(kills):
        if number % len(pairs) == 0:
            chance.shuffle(pairs)
        if number % len(phases) == 0:
            chance.shuffle(phases)
        command, signals = pairs[number % len(pairs)]
        phase = phases[number % len(phases)]
        yield Kill(command, signals, phase, chance.uniform(0.0, PHASES[phase]), chance.uniform(0.0, 0.5))


# ---------------------------------------------------------------- the process that is killed


def reporting_child(pipe: int, arguments: list[str]) -> None:
    """The command line, with a word in `pipe` at the first beginning of each phase."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    said: set[str] = set()

    def report(owner: Any, name: str, phase: str, then: Callable[[], None] | None = None) -> None:
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def reporting(*positional: Any, **named: Any) -> Any:
            if phase not in said:
                said.add(phase)
                os.write(pipe, f"{phase}\n".encode())
            result = plain(*positional, **named)
            if then is not None:
                then()
            return result

        setattr(owner, name, reporting)

    from seqmagic.cli.main import main
    from seqmagic.runs import checkpoints
    from seqmagic.runs.making import NewRun
    from seqmagic.texts import corpus
    from seqmagic.training import device

    def report_training() -> None:
        from seqmagic.training import trainer
        from seqmagic.training.session import Session

        if "compile" not in said and not hasattr(Session.compile, "__wrapped__"):
            report(Session, "__init__", "compile")
            report(Session, "compile", "compile")
            report(Session, "take_steps", "steps")
            report(Session, "validation_score", "evaluation")
            report(trainer, "save_model", "write")
            report(trainer.Trainer, "_finish", "finish")

    report(corpus, "read_corpus", "reading")
    report(device, "start_tensorflow", "import", report_training)
    report(NewRun, "publish", "publish")
    report(checkpoints, "write", "checkpoint")
    sys.argv = ["seqmagic", *arguments]
    main()


def kill_one(kill: Kill, folder: Path) -> tuple[int, str]:
    """The exit code of the process (minus the signal that ended it), and what it wrote."""
    reader, writer = os.pipe()
    child = [sys.executable, __file__, "--child", str(writer), *COMMANDS[kill.command]]
    with open(folder / "output", "wb") as output:
        process = subprocess.Popen(
            child, cwd=folder, pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        os.close(writer)
        with os.fdopen(reader) as phases:
            for line in phases:
                if line.strip() == kill.phase:
                    break
            time.sleep(kill.delay)
            for number in SIGNALS[kill.signals]:
                process.send_signal(number)
                time.sleep(kill.pause if number is signal.SIGINT else 0.0)
            try:
                code = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
                return code, f"it did not end within {PATIENCE} s"
    return code, (folder / "output").read_text(errors="replace")


# ---------------------------------------------------------------- what is left


def seqmagic(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seqmagic", *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )


def faults(kill: Kill, code: int, output: str, folder: Path, good: dict[str, bytes]) -> Iterator[str]:
    """Everything that is not as it should be, one line each; the runs are used up by it."""
    models = folder / "models"
    if "Traceback" in output or "unexpected" in output or "did not end" in output:
        yield f"it said: {output.strip().splitlines()[-1]}"
    if code not in (0, 130, *(-number for number in SIGNALS[kill.signals])):
        yield f"exit code {code}"
    listed = seqmagic(folder, "runs", "list", "--json")
    if listed.returncode != 0:
        yield f"runs list: {listed.stderr.strip()}"
        return
    if hidden := [str(path.relative_to(models)) for path in models.rglob(".*")]:
        yield f"hidden: {', '.join(hidden)}"
    rows = {row["name"]: row for row in json.loads(listed.stdout)["runs"]}
    for name, record in good.items():
        if name not in rows:
            yield f"{name} is lost"
        elif (models / name / "run.json").read_bytes() != record and (name != "old" or kill.command != "overwrite"):
            yield f"{name} is not what it was"
    for name, row in rows.items():
        yield from _faults_of_run(kill, folder, name, row)
    comparisons = [path.parent for path in models.glob("*/comparison.json")]
    for path in comparisons:
        try:
            if strange := set(runs_of(path)) - rows.keys():
                yield f"{path.name} has rows of {', '.join(strange)}, which are not there"
        except SeqmagicError as problem:
            yield f"{path.name}: {problem}"
    yield from _blocked_names(models, rows)
    names = [*rows, *(path.name for path in comparisons)]
    removed = seqmagic(folder, "runs", "remove", "--yes", *names)
    if removed.returncode != 0:
        yield f"runs remove: {removed.stderr.strip()}"
    elif left := [str(path.relative_to(models)) for path in models.rglob("*")]:
        yield f"not removed: {', '.join(left)}"


def _faults_of_run(kill: Kill, folder: Path, name: str, row: dict[str, Any]) -> Iterator[str]:
    """Whether it is what the list says, and can be shown and written with."""
    ends = {"complete", "died"} if kill.signals == "KILL" else {"complete", "interrupted"}
    if kill.signals == "INT INT":
        ends.add("died")  # the second one ends a process that is in the middle of a compilation
    if row["status"] not in ends:
        yield f"{name} is listed as {row['status']}: {row['error']}"
    steps = [["runs", "show", name], ["sample", name, "--length", "20", "--seed", "1"]]
    if row["status"] == "died" and not (folder / "models" / name / "model.keras").exists():
        steps.insert(1, ["train", "--resume", name])  # its first checkpoint came before its first evaluation
    for arguments in steps:
        done = seqmagic(folder, *arguments)
        if done.returncode != 0:
            yield f"{arguments[0]} {name}: {done.stderr.strip()}"


def _blocked_names(models: Path, rows: dict[str, Any]) -> Iterator[str]:
    """The names that no training could take now."""
    for name in sorted({"new", "old", *rows}):
        try:
            create_run(models, name=name, default="x", overwrite=True).end("failed")
        except SeqmagicError as problem:
            yield f"{name} is blocked: {problem}"
    try:
        folder = comparison_folder(models, name="both", text="fox.txt", overwrite=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    except SeqmagicError as problem:
        yield f"both is blocked: {problem}"


def main() -> int:
    """Make two good runs, kill, judge; 0 if every kill left everything right."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", default=",".join(COMMANDS), help="of train, overwrite and compare")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    os.environ.pop("SEQMAGIC_MODELS", None)
    right, ends = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        start = Path(place) / "start"
        start.mkdir()
        (start / "fox.txt").write_text(TEXT)
        made = seqmagic(start, "train", "fox.txt", "--name", "old", *SMALL)
        if made.returncode != 0:
            sys.exit(f"no run to begin with: {made.stderr.strip()}")
        shutil.copytree(start / "models" / "old", start / "models" / "other")
        good = {name: (start / "models" / name / "run.json").read_bytes() for name in ("old", "other")}
        print(f"{'':3} {'command':10} {'signal':8} {'phase':11} {'after':>7}  {'exit':>4}  what is wrong", flush=True)
        for number, kill in enumerate(plan(options.kills, options.seed, options.commands.split(",")), start=1):
            folder = Path(place) / str(number)
            shutil.copytree(start, folder)
            code, output = kill_one(kill, folder)
            wrong = list(faults(kill, code, output, folder, good))
            shutil.rmtree(folder)
            right += not wrong
            ends[str(code)] += 1
            words = "; ".join(wrong) or "-"
            moment = f"{kill.delay:6.3f}s"
            print(
                f"{number:3} {kill.command:10} {kill.signals:8} {kill.phase:11} {moment}  {code:4}  {words}", flush=True
            )
    print("exit codes: " + ", ".join(f"{code} {count}x" for code, count in sorted(ends.items())))
    print(f"{right} of {options.kills}")
    return 0 if right == options.kills else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        reporting_child(int(sys.argv[2]), sys.argv[3:])
    else:
        sys.exit(main())
