"""Kills trainings at random moments, goes on with them, and compares the end with a training never killed, bit for bit.

    python bench/resume.py [--kills 20] [--seed 1] [--minutes 0.5]

Each line is a training on a small text that was ended by SIGKILL once or twice, within a phase that the process itself
reports (`bench/kills.py`), and gone on with by `train --resume` until it was done. Its weights, history and samples
must be those of a training never killed; times differ. Checkpoints are written as often as the disk takes them, so that
kills meet them. Then an LSTM of the usual size is trained for some minutes at the usual cadence, for what checkpoints
cost. The last line is "20 of 20" and the exit code 0, or it is not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kills import TEXT, reporting_child, seqmagic

PHASES = {  # seconds after their beginning within which the kill falls
    "compile": 1.5, "steps": 1.0, "checkpoint": 0.4, "evaluation": 0.3, "write": 0.1, "publish": 0.01, "finish": 0.05,
}  # fmt: skip
OF_THE_CLOCK = {"seconds", "characters_per_second"}
TRAIN = ["train", "fox.txt", "--name", "new", "--units", "16", "--epochs", "12", "--batch-size", "4",
         "--sequence-length", "16"]  # fmt: skip
RESUME = ["train", "--resume", "new"]


def child(pipe: int, arguments: list[str]) -> None:
    """The command line of a training that writes checkpoints without a pause and reports its phases."""
    from seqmagic.training.device import start_tensorflow

    start_tensorflow(None)  # `checkpoint` imports it
    from seqmagic.training import checkpoint

    checkpoint.LEAST_SECONDS, checkpoint.SHARE = 0.05, 0.5
    reporting_child(pipe, arguments)


def kill(arguments: list[str], folder: Path, *, phase: str, delay: float) -> bool:
    """Start a training and kill it; whether it still ran."""
    reader, writer = os.pipe()
    command = [sys.executable, __file__, "--child", str(writer), *arguments]
    with open(folder / "output", "ab") as output:
        process = subprocess.Popen(command, cwd=folder, pass_fds=[writer], stdout=output, stderr=output)
        os.close(writer)
        with os.fdopen(reader) as phases:
            for line in phases:
                if line.strip() == phase:
                    break
            time.sleep(delay)
            was_alive = process.poll() is None
            process.kill()
            process.wait()
    return was_alive


def faults(run: Path, whole: Path) -> Iterator[str]:
    """In what a run is not the one that was never killed."""
    import numpy as np

    from seqmagic.network.keras_file import load_network
    from seqmagic.runs.folder import Run

    one, other = Run(run), Run(whole)
    if not one.has_model:
        yield "it has no model"
        return
    pairs = zip(load_network(one).arrays, load_network(other).arrays, strict=True)
    if not all(np.array_equal(a, b) for a, b in pairs):
        yield "its weights differ"

    def timeless(figures: Any) -> dict[str, Any]:
        return {name: figure for name, figure in figures.items() if name not in OF_THE_CLOCK}

    if [timeless(row) for row in one.read_history()] != [timeless(row) for row in other.read_history()]:
        yield "its history differs"
    if timeless(one.read_record().results or {}) != timeless(other.read_record().results or {}):
        yield "its results differ"
    if one.samples_path.read_bytes() != other.samples_path.read_bytes():
        yield "its samples differ"
    if {path.name for path in run.iterdir()} != {path.name for path in whole.iterdir()}:
        yield f"its files are {sorted(path.name for path in run.iterdir())}"


def killed_and_resumed(chance: random.Random, folder: Path, phase: str) -> tuple[list[str], str, list[str]]:
    """Kill once or twice and go on: the phases, from which steps it went on, and what went wrong."""
    from seqmagic.runs.folder import Run

    run = Run(folder / "models" / "new")
    phases, steps, wrong = [], [], []
    for number in range(chance.choice([1, 1, 2])):
        phase = phase if number == 0 else chance.choice(list(PHASES))
        delay = chance.uniform(0.0, PHASES[phase])
        again = RESUME if run.has_checkpoint else TRAIN
        if kill(again, folder, phase=phase, delay=delay):
            phases.append(f"{phase}+{delay:.2f}")
        seqmagic(folder, "runs", "list")  # what any command does about what a kill left
    if not run.has_record:
        done = seqmagic(folder, *TRAIN)
        steps.append("0: killed before the first checkpoint")
    elif run.read_record().status == "complete":
        return phases, "-: was complete", wrong
    else:
        done = seqmagic(folder, *RESUME)
        steps += [line.split(":")[0].rpartition(" ")[2] for line in done.stderr.splitlines() if "from step" in line]
    if done.returncode != 0 or "Traceback" in done.stderr:
        wrong.append(done.stderr.strip().splitlines()[-1])
    return phases, ", ".join(steps), wrong


def measure_cost(minutes: float, folder: Path) -> str:
    """What checkpoints take of a training of the usual size at the usual cadence."""
    from seqmagic.config import DataConfig, ModelConfig, TrainConfig
    from seqmagic.texts.corpus import read_corpus
    from seqmagic.training.train import start, train

    training = TrainConfig(minutes=minutes)
    start(training)
    from seqmagic.training import trainer

    made: list[Any] = []

    class Watched(trainer.Checkpoints):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    trainer.Checkpoints = Watched  # type: ignore[misc]
    corpus = read_corpus("python-docs", DataConfig())
    model = ModelConfig(cell="lstm", units=256)
    for _ in train(corpus, model=model, training=training, models=folder):
        pass
    (ours,) = made
    share = ours.seconds / (60 * minutes)
    return (
        f"lstm 1x256, {minutes:g} minutes: {ours.written} checkpoints in {ours.seconds:.2f} s, {share:.2%} of the time"
    )


def main() -> int:
    """Make a run that is never killed, kill others, compare; 0 if each ended as that one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0.5, help="of the training for costs; 0: none")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    os.environ.pop("SEQMAGIC_MODELS", None)
    right, chance = 0, random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        start = Path(place) / "start"
        start.mkdir()
        (start / "fox.txt").write_text(TEXT)
        made = seqmagic(start, *TRAIN)
        if made.returncode != 0:
            sys.exit(f"no run to compare with: {made.stderr.strip()}")
        whole = start / "models" / "new"
        print(f"{'':3} {'killed in':36} {'went on from step':38} what is wrong", flush=True)
        phases = list(PHASES)
        for number in range(1, options.kills + 1):
            if number % len(phases) == 1:
                chance.shuffle(phases)
            folder = Path(place) / str(number)
            folder.mkdir()
            shutil.copy(start / "fox.txt", folder)
            killed, steps, wrong = killed_and_resumed(chance, folder, phases[number % len(phases)])
            wrong += faults(folder / "models" / "new", whole)
            right += not wrong
            print(f"{number:3} {', '.join(killed) or '-':36} {steps:38} {'; '.join(wrong) or '-'}", flush=True)
            shutil.rmtree(folder)
        if options.minutes:
            print(measure_cost(options.minutes, Path(place) / "cost"))
    print(f"{right} of {options.kills}")
    return 0 if right == options.kills else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]), sys.argv[3:])
    else:
        sys.exit(main())
