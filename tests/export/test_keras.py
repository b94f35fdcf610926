"""The Keras export: plain Keras opens it, and its script writes what the network writes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqmagic.export import keras as keras_format
from seqmagic.export.bundle import Bundle
from seqmagic.export.check import check
from seqmagic.export.formats import FORMATS
from seqmagic.export.weights import named_arrays
from tests.export.tiny import PROMPTS, SHAPES, VOCABULARY, greedy, lively_network, make_bundle, readme_blocks
from tests.helpers import write_archive

pytestmark = pytest.mark.tf

# runs the scripts of several exports one after another, as starting Keras takes longer than they do
ONE_AFTER_ANOTHER = """
import runpy, sys

sys.modules["seqmagic"] = None
_, temperature, prompt, *folders = sys.argv
sys.argv = ["sample.py", "--prompt", prompt, "--length", "200", "--temperature", temperature]
for folder in folders:
    runpy.run_path(folder + "/sample.py", run_name="__main__")
    sys.stdout.write("\\0")
"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, int], Bundle]]:
    """For each shape a bundle of a lively network with its model.keras, exported beside the run."""
    made = {}
    for cell, layers in SHAPES:
        network = lively_network(cell, layers)
        bundle = make_bundle(network, tmp_path_factory.mktemp(f"{cell}-{layers}"))
        bundle.run.path.mkdir()
        write_archive(bundle.run.model_path, cell, list(named_arrays(network).values()))
        export_of(bundle).mkdir()
        keras_format.write(bundle, export_of(bundle), quantize="none")
        made[cell, layers] = bundle
    yield made


def export_of(bundle: Bundle) -> Path:
    return bundle.run.path.with_name("export")


@pytest.mark.parametrize(
    ("shapes", "temperature"),
    [(SHAPES[3:5], "0"), (SHAPES[4:5], "1e-308"), pytest.param(SHAPES, "0", marks=pytest.mark.slow)],
    ids=["an lstm and a gru", "so cold that it is 0", "all"],
)
def test_the_script_writes_what_the_network_writes(
    shapes: list[tuple[str, int]], temperature: str, bundles: dict[tuple[str, int], Bundle]
) -> None:
    prompt = PROMPTS[1]
    folders = [str(export_of(bundles[shape])) for shape in shapes]
    done = subprocess.run(
        [sys.executable, "-P", "-c", ONE_AFTER_ANOTHER, temperature, prompt, *folders],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    written = done.stdout.decode("utf-8").split("\0")[:-1]
    expected = [prompt + greedy(bundles[shape].network, prompt, 200) + "\n" for shape in shapes]
    assert dict(zip(shapes, written, strict=True)) == dict(zip(shapes, expected, strict=True))


@pytest.mark.slow
def test_the_examples_of_the_readme_run(bundles: dict[tuple[str, int], Bundle]) -> None:
    folder = export_of(bundles["gru", 1])
    (commands,) = readme_blocks(folder, "sh")
    (program,) = readme_blocks(folder, "python")
    commands = commands.replace("python ", f"{shlex.quote(sys.executable)} ")
    for command in (["sh", "-ec", commands], [sys.executable, "-c", program]):
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().rstrip("\n") in VOCABULARY.characters


def test_the_self_check_passes_and_reports(bundles: dict[tuple[str, int], Bundle]) -> None:
    bundle = bundles["gru", 2]
    report = check(bundle, export_of(bundle), FORMATS["keras"], "none")
    assert report.max_difference < 1e-4
    assert report.loss_after == pytest.approx(report.loss_before, abs=1e-4)
    assert list(report.versions) == ["keras", "tensorflow"]


def test_the_vocabulary_lies_beside_the_model(bundles: dict[tuple[str, int], Bundle]) -> None:
    folder = export_of(bundles["rnn", 1])
    assert json.loads((folder / "vocabulary.json").read_bytes())["characters"] == list(VOCABULARY.characters)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "model.keras",
        "sample.py",
        "vocabulary.json",
    ]
