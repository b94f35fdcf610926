"""Scripts in bench/ that nobody runs for months: whether they still work, at sizes where their figures mean nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqmagic.machine import available_cores

ROOT = Path(__file__).resolve().parents[1]


def bench(script: str, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"bench/{script}", *arguments]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds)


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_gpu_bench_runs_dry_on_a_cpu(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    done = bench("gpu.py", "--device", "cpu", "--quick", "--minutes", "4", "--json", str(path), seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("DRY RUN")
    found = json.loads(path.read_text())
    assert found["dry_run"] is True
    rows = [row for row in found["engines"] if "milliseconds" in row]
    assert {"stock float32", "fused float32"} <= {row["engine"] for row in rows}
    assert all("wrong" not in row.get("problem", "") for row in found["engines"])
    assert found["trainings"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--text", "LICENSE", "--device", "gpu"], "TensorFlow finds no GPU here; for a dry run: --device cpu --quick"),
        (["--device", "cpu"], "--device cpu is for a dry run"),
        ([], "give the text to train on with --text"),
        (["--text", "nowhere.txt"], "there is no file nowhere.txt"),
    ],
)
def test_what_the_gpu_bench_can_not_do_is_said(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = bench("gpu.py", *arguments, "--json", str(tmp_path / "gpu.json"), seconds=250)
    assert done.returncode == 2 and not (tmp_path / "gpu.json").exists()
    assert words in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_peers_that_are_installed_are_trained_and_scored(tmp_path: Path) -> None:
    text, path = tmp_path / "text.txt", tmp_path / "peers.json"
    text.write_text("".join(f"{number} times {number} is {number * number}.\n" for number in range(600)))
    arguments = ["--minutes", "0.02", "--threads", "1", "--json", str(path)]
    done = bench("peers.py", str(text), *arguments, seconds=650)
    assert done.returncode == 0, done.stderr
    assert "nanoGPT, its CPU configuration: left out: give a checkout of it with --nanogpt DIR" in done.stderr
    found = json.loads(path.read_text())
    for who in ("seqmagic", "stock Keras", "TensorFlow tutorial"):
        assert 0 < min(loss for _, loss in found[who]["history"]) < 6, who


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_every_cut_into_shards_is_timed(tmp_path: Path) -> None:
    path = tmp_path / "threads.json"
    arguments = ["--threads", "1,2", "--cells", "rnn", "--batches", "8", "--size", "1x16", "--rounds", "2"]
    done = bench("threads.py", *arguments, "--json", str(path), seconds=600)
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())
    assert [list(row["shards"]) for row in rows] == [["1"], ["1", "2"]]
    assert all(0 < row["share_of_best"] <= 1 for row in rows)


@pytest.mark.slow
@pytest.mark.skipif(available_cores() < 2, reason="two rows need two cores")
def test_comparisons_with_several_jobs_are_timed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.json"
    done = bench("jobs.py", "--quick", "--json", str(path), seconds=250)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(path.read_text())
    assert row["medians"].keys() == {"1", "2"} and min(row["medians"].values()) > 0
    assert done.stdout.count("\n") == 3 and done.stdout.splitlines()[-1].startswith("| 16 | ")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_a_training_reaches_is_told_for_each_seed(tmp_path: Path) -> None:
    text, path = tmp_path / "text.txt", tmp_path / "reached.json"
    text.write_text("".join(f"{number} and {number + 1} is {2 * number + 1}.\n" for number in range(800)))
    done = bench("reached.py", str(text), "--minutes", "0.02", "--seeds", "2", "--json", str(path), seconds=250)
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())
    assert [row["seed"] for row in rows] == [1, 2] and len({row["loss"] for row in rows}) == 2
    assert done.stdout.rstrip().endswith(f"**{sum(row['loss'] for row in rows) / 2:.4f}** |")
