"""`seqmagic compare --jobs`: through real processes, which are interrupted and killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import seqmagic as library
from seqmagic.comparison.compare import compare
from seqmagic.comparison.record import read_comparison
from seqmagic.comparison.series import OfRow
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError
from seqmagic.machine import available_cores
from seqmagic.runs.find import list_runs
from seqmagic.runs.folder import Run
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.events import Started
from tests.helpers import make_text

pytestmark = [
    pytest.mark.tf,
    pytest.mark.skipif(os.name == "nt", reason="processes can't share an open file there"),
    pytest.mark.skipif(available_cores() < 2, reason="two rows need two cores"),
]
TINY = ("--units", "6", "--layers", "1", "--embedding", "4", "--batch-size", "4", "--sequence-length", "16")
SCRIPT = """
import sys
import seqmagic

kinds = set()
comparison = seqmagic.compare(
    sys.argv[1], cells=("rnn", "gru"), units=6, layers=1, epochs=2, embedding=4, batch_size=4, sequence_length=16,
    threads=1, test=0.1, jobs=2, name="two", models=sys.argv[2], on_event=lambda event: kinds.add(type(event).__name__),
)
print(comparison.status, *sorted(kinds))
"""


@contextlib.contextmanager
def start(models: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "seqmagic", "--models", str(models), "compare", *map(str, arguments)]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def rows_in(models: Path) -> list[dict[str, Any]]:
    record = models / "two" / "comparison.json"
    rows: list[dict[str, Any]] = json.loads(record.read_bytes())["rows"] if record.exists() else []
    return rows


def once_trained(models: Path, process: subprocess.Popen[str], *cells: str) -> dict[str, int]:
    """By the name of the run the processes of the rows that are on, as soon as the rows of `cells` have weights."""
    while process.poll() is None:
        runs = [Run(models / row["unfinished"]) for row in rows_in(models) if row.get("unfinished")]
        if {f"bottles-{cell}-1x6" for cell in cells} <= {run.name for run in runs if run.has_model}:
            seen = [run for run in runs if run.has_record]
            return {run.name: int(str(run.read_record().environment["process"])) for run in seen}
        time.sleep(0.01)
    raise AssertionError(process.communicate())


def is_there(process: int) -> bool:
    """Whether there is such a process, or one that is over and that nobody has waited for."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def is_alive(process: int) -> bool:
    """Whether it still runs: one whose parent was killed may wait long for somebody to wait for it."""
    if not is_there(process) or sys.platform != "linux":
        return is_there(process)
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def figures(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows without what a clock measured, and without the threads that one process has and the other not."""
    timed = ("seconds", "characters_per_second", "results")
    return [{key: value for key, value in row.items() if key not in timed} for row in document["rows"]]


def test_a_script_trains_two_at_a_time_to_the_same_losses(tmp_path: Path) -> None:
    text = make_text(tmp_path)
    one, two, elsewhere = tmp_path / "one", tmp_path / "two", tmp_path / "elsewhere"
    make_text(elsewhere, "raise SystemExit('the wrong module')", "select.py")
    (elsewhere / "json.py").write_text("raise SystemExit('the wrong module')")
    with start(
        one, text, *TINY, "--epochs", 2, "--threads", 1, "--test", 0.1, "--cells", "rnn,gru", "--name", "two"
    ) as process:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    # no `if __name__ == "__main__"`, and modules beside it that are none of ours
    script = make_text(tmp_path / "scripts", SCRIPT, "script.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(library.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, str(script), str(text), str(two)],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "complete BaselinesMeasured Compared OfRow Planned RowFinished RowStarted Waiting\n"
    found, wanted = (json.loads((folder / "two" / "comparison.json").read_bytes()) for folder in (two, one))
    assert figures(found) == figures(wanted)
    for key in ("baselines", "chance", "sentence", "samples", "notes"):
        assert found[key] == wanted[key], key
    assert found["held_equal"] == {**wanted["held_equal"], "cores": 1}
    assert (found["plan"], wanted["plan"]["jobs"]) == ({**wanted["plan"], "jobs": 2}, 1)
    assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in one.iterdir())  # nothing hidden


def test_a_killed_row_says_so_and_the_other_goes_on(tmp_path: Path) -> None:
    models = tmp_path / "models"
    arguments = (make_text(tmp_path), *TINY, "--minutes", "0.08", "--cells", "rnn,gru", "--jobs", 2, "--name", "two")
    with start(models, *arguments) as process:
        processes = once_trained(models, process, "rnn")
        os.kill(processes["bottles-rnn-1x6"], signal.SIGKILL)
        shown, said = process.communicate()
    assert process.returncode == 0, said
    assert "rnn 1×6: its process was ended by signal 9 (SIGKILL)" in shown and "is the run bottles-rnn-1x6" in shown
    assert "2 rows at a time, 1 core each" in " ".join(shown.split()) or available_cores() > 3
    assert "\x1b" not in said and "2 rows to train, 2 at a time: 0:05 in all" in said
    assert "\nrnn 1×6 (" in said and "\ngru 1×6 (" in said
    assert "\ngru 1×6: epoch " in said  # the other may have been killed between its weights and the word of them
    comparison = read_comparison(models / "two")
    assert [(row.status, row.loss is None) for row in comparison.rows] == [("died", True), ("complete", False)]
    assert sorted(run.name for run in list_runs(models)) == ["bottles-gru-1x6", "bottles-rnn-1x6"]
    assert not any(map(is_alive, processes.values()))


def test_rows_die_with_the_one_that_started_them_and_are_trained_anew(tmp_path: Path) -> None:
    models = tmp_path / "models"
    arguments = (make_text(tmp_path), *TINY, "--minutes", "0.1", "--cells", "rnn,gru", "--jobs", 2, "--name", "two")
    with start(models, *arguments) as process:
        processes = once_trained(models, process, "rnn")
        process.kill()
    with start(models, "--resume", "two") as process:  # at once
        shown, said = process.communicate()
    assert process.returncode == 0, said
    assert "2 rows to train, 2 at a time" in said and "2 rows at a time" in " ".join(shown.split())
    assert not any(map(is_alive, processes.values()))
    assert {row.status for row in read_comparison(models / "two").rows} == {"complete"}
    # each in the place of the one that was killed, so none was still locked
    assert sorted(path.name for path in models.iterdir()) == ["bottles-gru-1x6", "bottles-rnn-1x6", "two"]


def test_ctrl_c_ends_all_rows_whole(tmp_path: Path) -> None:
    models = tmp_path / "models"
    arguments = (make_text(tmp_path), *TINY, "--minutes", "1", "--jobs", 2, "--name", "two")
    with start(models, *arguments) as process:
        processes = once_trained(models, process, "rnn", "lstm")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of its group
        shown, said = process.communicate()
    assert process.returncode == 130, said
    assert said.count("stopping: what the rows have reached is kept; again to stop now") == 1
    assert "go on with: seqmagic compare --resume two" in said and "gru" not in shown.split("validation loss,")[0]
    comparison = read_comparison(models / "two")
    assert [(row.cell, row.status, row.loss is None) for row in comparison.rows] == [
        ("rnn", "interrupted", False), ("lstm", "interrupted", False),
    ]  # fmt: skip
    for run in list_runs(models):
        assert run.read_record().status == "interrupted" and run.has_model
    assert not any(map(is_alive, processes.values()))


def test_whoever_asks_for_no_more_events_ends_the_processes(tmp_path: Path) -> None:
    events = compare(
        read_corpus(str(make_text(tmp_path)), DataConfig()),
        cells=["rnn", "gru"],
        units=[6],
        layers=[1],
        jobs=2,
        model=ModelConfig(embedding=4),
        training=TrainConfig(minutes=9.0, batch_size=4, sequence_length=16),
        models=tmp_path / "models",
        name="two",
    )
    started = (event.event for event in events if isinstance(event, OfRow) and isinstance(event.event, Started))
    run = next(started).run
    while not run.has_record:
        next(events)
    process = int(str(run.read_record().environment["process"]))
    assert is_alive(process)
    events.close()
    assert not is_there(process)
    assert run.read_record().status == "interrupted"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--jobs", "999"], "--jobs 999 is more than there are cores here"),
        (["--jobs", "2", "--threads", "999"], "takes 1998"),
    ],
)
def test_more_than_there_are_is_refused_before_a_text_is_read(
    more: list[str], words: str, models: Path, seqmagic: Any
) -> None:
    result = seqmagic("compare", "no-such-text.txt", *more)
    assert result.exit_code == 2 and words in result.stderr and result.stderr.count("\n") == 1
    assert not any(models.iterdir())


def test_python_refuses_it_too(text: Path, models: Path) -> None:
    with pytest.raises(ConfigError, match=r"^jobs 999 is more than there are cores here .*give at most jobs"):
        library.compare(text, epochs=1, jobs=999, models=models)
    with pytest.raises(ConfigError, match="jobs must be 1 or more; received 0"):
        library.compare(text, epochs=1, jobs=0, models=models)
    with pytest.raises(ConfigError, match="leave out jobs"):
        library.compare(resume="two", jobs=2, models=models)
