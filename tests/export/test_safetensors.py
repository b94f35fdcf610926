"""The safetensors export: the library reads every weight by its name, and the sampler beside it writes the same."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="needs the extra safetensors")

from safetensors import safe_open

from seqmagic.errors import ExportError
from seqmagic.export import safetensors as safetensors_format
from seqmagic.export.check import check
from seqmagic.export.formats import FORMATS
from seqmagic.export.weights import named_arrays
from tests.export.tiny import (
    SHAPES,
    VOCABULARY,
    greedy,
    lively_network,
    make_bundle,
    random_network,
    readme_blocks,
)


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_the_library_reads_every_weight_by_its_name(cell: str, layers: int, tmp_path: Path) -> None:
    network = random_network(cell, layers)
    safetensors_format.write(make_bundle(network, tmp_path), tmp_path, quantize="none")
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    with safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        assert json.loads(file.metadata()["cells"]) == [cell] * layers
        assert json.loads(file.metadata()["characters"]) == list(VOCABULARY.characters)
        expected = named_arrays(network)
        assert set(file.keys()) == set(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(file.get_tensor(name), array)
            assert f"| `{name}` | {' × '.join(map(str, array.shape))} | float32 | " in readme


@pytest.mark.parametrize("quantize", ["none", "float16"])
def test_the_self_check_passes_and_reports(quantize: str, tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("gru", 2), tmp_path)
    folder = tmp_path / "export"
    folder.mkdir()
    safetensors_format.write(bundle, folder, quantize=quantize)
    report = check(bundle, folder, FORMATS["safetensors"], quantize)
    assert report.max_difference < report.tolerance
    assert list(report.versions) == ["safetensors", "numpy"]
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.safetensors", "sample.py"]


def test_the_self_check_notices_a_wrong_weight(tmp_path: Path) -> None:
    network = random_network("lstm", 1)
    safetensors_format.write(make_bundle(network, tmp_path), tmp_path, quantize="none")
    network.dense_bias[3] += 1.0
    with pytest.raises(ExportError, match="does not agree"):
        check(make_bundle(network, tmp_path), tmp_path, FORMATS["safetensors"], "none")


def test_the_examples_of_the_readme_run_and_the_sampler_writes_what_the_network_does(tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("lstm", 1), tmp_path)
    safetensors_format.write(bundle, tmp_path, quantize="none")
    (commands,) = readme_blocks(tmp_path, "sh")
    (program,) = readme_blocks(tmp_path, "python")
    commands = commands.replace("python ", f"{shlex.quote(sys.executable)} ")
    for command in (["sh", "-ec", commands], [sys.executable, "-c", program]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    written = subprocess.run(
        [sys.executable, "sample.py", "--prompt", "the ", "--length", "200", "--temperature", "0"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert written.stdout.decode("utf-8") == "the " + greedy(bundle.network, "the ", 200) + "\n"
