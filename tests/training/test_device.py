"""What computes: XLA must keep the reductions of our programs out of libraries that crash when shards run at once."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from seqmagic.training import device
from seqmagic.training.device import measure_flops, xla_flags
from tests.helpers import TEXT, make_text

FLAG = "--xla_cpu_experimental_ynn_fusion_type="
LIBRARY = re.compile(r"__(?:ynn|xnn|onednn)\w*")
CELLS = ("rnn", "lstm", "gru")

# Prints, as JSON, the library fusions in each program of the engine, and how many programs a step has.
READ_PROGRAMS = f"""
import json, re
import tensorflow as tf
from seqmagic.config import DecidedModel
from seqmagic.training.engines.fused import FusedEngine
from seqmagic.training.engines.trial import random_case

def fusions(program, *arguments):
    made = program.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")
    assert "HloModule" in made
    return sorted(set(re.findall({LIBRARY.pattern!r}, made)))

found = {{}}
for cell, layers in SHAPES:
    config = DecidedModel(cell=cell, units=64, layers=layers, embedding=32, dropout=0.1)
    engine = FusedEngine(config, shards=2)
    weights, ids, targets, states, seed = random_case(config, 65, batch=16, steps=32)
    window = (weights, ids, targets, states)
    found[f"{{cell}} {{layers}}"] = {{
        "step": fusions(engine._step_programs[0], *window, seed, tf.constant(0), None),
        "score": fusions(engine._score_programs[0], *window),
        "programs": [len(engine._step_programs), len(engine._score_programs)],
        "losses": [float(FusedEngine(config, shards=n).loss_and_gradients(*window, seed)[0]) for n in SHARDS],
    }}
print(json.dumps(found))
"""
# TensorFlow and XLA are used by somebody else first, so that our flag comes too late
XLA_WAS_USED = """
import tensorflow as tf
tf.function(lambda x: tf.reduce_sum(x), jit_compile=True)(tf.ones((300, 300)))
"""
START = "from seqmagic.training.device import start_tensorflow\nstart_tensorflow(2)\n"


def environment(**changes: str) -> dict[str, str]:
    """That of this process without the flags that tests/conftest.py sets."""
    kept = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", **changes}


def run_python(script: str, **changes: str) -> str:
    """What `script` prints in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(**changes), capture_output=True, encoding="utf-8", timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def read_programs(
    before: str, *, shapes: list[tuple[str, int]], with_losses: bool = False, **changes: str
) -> dict[str, Any]:
    """What READ_PROGRAMS prints for `shapes`, (cell, layers) each, where the code `before` ran first."""
    script = READ_PROGRAMS.replace("SHAPES", repr(shapes)).replace("SHARDS", "(1, 2)" if with_losses else "()")
    return json.loads(run_python(before + script, **changes))


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("", FLAG),
        ("--xla_dump_to=x", f"--xla_dump_to=x {FLAG}"),
        (f"{FLAG} --xla_dump_to=x", f"{FLAG} --xla_dump_to=x"),
        (f"--xla_dump_to=x {FLAG}LIBRARY_FUSION_TYPE_REDUCE", f"--xla_dump_to=x {FLAG}LIBRARY_FUSION_TYPE_REDUCE"),
        ("flags.txt", "flags.txt"),
    ],
    ids=["none", "others", "ours already", "another choice", "a file"],
)
def test_our_flag_is_added_to_those_of_the_user(given: str, flags: str) -> None:
    assert xla_flags(given, tensorflow="2.21.0") == flags
    assert xla_flags(given, tensorflow="2.21.1") == flags


@pytest.mark.parametrize("other", ["2.20.0", "2.22.0", "2.21.0-dev20251201", "2.2.1"])
def test_a_tensorflow_that_does_not_know_the_flag_never_sees_it(other: str) -> None:
    assert xla_flags("", tensorflow=other) == ""
    assert xla_flags("--xla_dump_to=x", tensorflow=other) == "--xla_dump_to=x"


@pytest.mark.tf
def test_no_program_of_ours_holds_a_library_fusion() -> None:
    shapes = [(cell, layers) for cell in CELLS for layers in (1, 2)]
    found = read_programs(START, shapes=shapes)
    assert len(found) == 6
    for shape, programs in found.items():
        assert (shape, programs["step"], programs["score"]) == (shape, [], [])
        assert programs["programs"] == [1, 1]


@pytest.mark.tf
@pytest.mark.parametrize("case", ["XLA was used before", "the user wants them", "a file of flags"])
def test_shards_have_programs_of_their_own_where_the_flag_has_no_effect(case: str, tmp_path: Path) -> None:
    has_fault = version("tensorflow").startswith("2.21.")
    if case == "the user wants them" and not has_fault:
        pytest.skip("this TensorFlow does not know the flag")
    (tmp_path / "flags.txt").write_text("--xla_cpu_enable_fast_math=false\n")
    before = XLA_WAS_USED if case == "XLA was used before" else ""
    flags = {
        "XLA was used before": {},
        "the user wants them": {"XLA_FLAGS": FLAG + "LIBRARY_FUSION_TYPE_REDUCE"},
        "a file of flags": {"XLA_FLAGS": str(tmp_path / "flags.txt")},
    }[case]
    programs = read_programs(before, shapes=[("rnn", 1)], with_losses=True, **flags)["rnn 1"]
    assert programs["programs"] == ([2, 2] if has_fault else [1, 1])
    assert programs["step"] == programs["score"] == (["__ynn_fusion"] if has_fault else [])
    assert programs["losses"][0] == pytest.approx(programs["losses"][1], rel=1e-5)


@pytest.mark.tf
@pytest.mark.parametrize("given", [None, "--xla_cpu_enable_fast_math=false"])
def test_the_flags_of_the_user_are_there_again_afterwards(given: str | None) -> None:
    """Other programs that read XLA_FLAGS may not know our flag, and would end at once."""
    script = START + "import os, json; print(json.dumps(os.environ.get('XLA_FLAGS')))"
    assert json.loads(run_python(script, **({} if given is None else {"XLA_FLAGS": given}))) == given


@pytest.mark.tf
@pytest.mark.parametrize("command", ["compare", "train"])
def test_what_xla_makes_in_a_command(command: str, tmp_path: Path) -> None:
    """Everything that XLA compiles, written out by XLA itself: choice of engines, steps, scoring."""
    text = make_text(tmp_path, TEXT * 3)
    cells = ["--cells", "rnn,lstm,gru"] if command == "compare" else ["--cell", "gru", "--dropout", "0.1"]
    rest = ["--epochs", "1", "--models", str(tmp_path / "models")]
    done = subprocess.run(
        [sys.executable, "-m", "seqmagic", command, str(text), *cells, "--units", "64", "--layers", "1", *rest],
        env=environment(XLA_FLAGS=f"--xla_dump_to={tmp_path / 'dump'} --xla_dump_hlo_as_text"),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    programs = list((tmp_path / "dump").glob("*after_optimizations.txt"))
    assert len(programs) >= {"compare": 6, "train": 2}[command]
    for program in programs:
        assert not LIBRARY.findall(program.read_text("utf-8")), program.name


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.timeout(1800)
def test_thirty_trainings_end_well(tmp_path: Path) -> None:
    """In processes of their own, of all cells, one and two layers: fifteen one after another, fifteen three at once."""
    text = make_text(tmp_path, TEXT * 4)
    shapes = itertools.cycle((cell, layers) for layers in (1, 2) for cell in CELLS)

    def train(number: int, cell: str, layers: int) -> tuple[int, str]:
        size = f"--layers {layers} --units 48 --batch-size 16 --sequence-length 32 --epochs 2 --threads 2".split()
        place = ["--seed", str(number), "--name", f"run-{number}", "--models", str(tmp_path / "models")]
        done = subprocess.run(
            [sys.executable, "-m", "seqmagic", "--quiet", "train", str(text), "--cell", cell, *size, *place],
            env=environment(),
            capture_output=True,
            encoding="utf-8",
        )
        return done.returncode, done.stderr

    jobs = [(number, *next(shapes)) for number in range(30)]
    results = [train(*job) for job in jobs[:15]]
    with concurrent.futures.ThreadPoolExecutor(3) as together:
        results += together.map(lambda job: train(*job), jobs[15:])
    assert [(job, result) for job, result in zip(jobs, results, strict=True) if result[0] != 0] == []
    assert len(list((tmp_path / "models").glob("*/model.keras"))) == 30


@pytest.mark.tf
def test_the_speed_is_that_of_the_product_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that happened to be fast says nothing about minutes of training."""
    readings = iter(itertools.accumulate(itertools.chain.from_iterable((0.0, taken) for taken in (4, 0.5, 3, 1, 9))))
    monkeypatch.setattr(device.time, "perf_counter", lambda: next(readings))
    assert measure_flops(size=2, trials=5) == 2.0 * 2**3 / 3.0
