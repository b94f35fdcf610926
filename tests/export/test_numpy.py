"""The NumPy export: its sampler runs in a process with NumPy alone and does what the network does."""

from __future__ import annotations

import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from seqmagic.config import SampleConfig
from seqmagic.errors import ExportError
from seqmagic.export import numpy_format
from seqmagic.export.check import check, reference_loss
from seqmagic.export.formats import FORMATS
from seqmagic.sampling.writer import write_text
from tests.export.tiny import (
    PROMPTS,
    SHAPES,
    VOCABULARY,
    greedy,
    lively_network,
    make_bundle,
    random_network,
    readme_blocks,
    rounded_to_float16,
)

# a process that imports nothing but the standard library and NumPy
ONLY_NUMPY = """
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy"}:
            raise ImportError(f"{name} is not there")

sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def sample(folder: Path, *options: str) -> str:
    command = [sys.executable, "-P", "-c", ONLY_NUMPY, str(folder / "sample.py"), *options]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8")


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_greedy_text_is_that_of_the_network(cell: str, layers: int, tmp_path: Path) -> None:
    bundle = make_bundle(lively_network(cell, layers), tmp_path)
    numpy_format.write(bundle, tmp_path, quantize="none")
    for prompt in PROMPTS:
        written = sample(tmp_path, "--prompt", prompt, "--length", "200", "--temperature", "0")
        assert written == prompt + greedy(bundle.network, prompt, 200) + "\n"


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_the_reference_of_all_these_tests_is_what_sample_writes(cell: str, layers: int) -> None:
    network = lively_network(cell, layers)
    config = SampleConfig(length=200, temperature=0.0)
    for prompt in PROMPTS:
        assert write_text(network, VOCABULARY, config, prompt or None) == greedy(network, prompt, 200)


def test_the_examples_of_the_readme_run(tmp_path: Path) -> None:
    numpy_format.write(make_bundle(lively_network("gru", 1), tmp_path), tmp_path, quantize="none")
    (commands,) = readme_blocks(tmp_path, "sh")
    (program,) = readme_blocks(tmp_path, "python")
    commands = commands.replace("python ", f"{shlex.quote(sys.executable)} ")
    for command in (["sh", "-ec", commands], [sys.executable, "-c", program]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().rstrip("\n") in VOCABULARY.characters


def test_the_self_check_passes_and_reports(tmp_path: Path) -> None:
    bundle = make_bundle(random_network("gru", 2), tmp_path)
    folder = tmp_path / "export"
    folder.mkdir()
    numpy_format.write(bundle, folder, quantize="none")
    report = check(bundle, folder, FORMATS["numpy"], "none")
    assert report.max_difference < 1e-5
    assert report.loss_after == pytest.approx(report.loss_before, abs=1e-5)
    assert report.versions == {"numpy": np.__version__}
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.npz", "sample.py"]


def test_the_self_check_notices_a_wrong_weight(tmp_path: Path) -> None:
    network = random_network("lstm", 1)
    numpy_format.write(make_bundle(network, tmp_path), tmp_path, quantize="none")
    network.dense_bias[3] += 1.0
    with pytest.raises(ExportError, match="does not agree"):
        check(make_bundle(network, tmp_path), tmp_path, FORMATS["numpy"], "none")


def test_float16_halves_the_file_and_computes_with_the_rounded_weights(tmp_path: Path) -> None:
    network = random_network("lstm", 1, units=128)
    for quantize in ("none", "float16"):
        (tmp_path / quantize).mkdir()
        numpy_format.write(make_bundle(network, tmp_path), tmp_path / quantize, quantize=quantize)
    sizes = [(tmp_path / quantize / "model.npz").stat().st_size for quantize in ("none", "float16")]
    assert sizes[1] < 0.52 * sizes[0]
    written = sample(tmp_path / "float16", "--prompt", "the ", "--length", "200", "--temperature", "0")
    assert written == "the " + greedy(rounded_to_float16(network), "the ", 200) + "\n"


def test_the_file_opens_without_pickles_and_holds_the_weights(tmp_path: Path) -> None:
    network = random_network("lstm", 2)
    numpy_format.write(make_bundle(network, tmp_path), tmp_path, quantize="none")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        assert "".join(map(chr, file["characters"])) == "".join(VOCABULARY.characters)
        assert file["cells"].tolist() == ["lstm", "lstm"]
        np.testing.assert_array_equal(file["recurrent_kernel_2"], network.layers[1].weights.recurrent_kernel)
    assert zipfile.is_zipfile(tmp_path / "model.npz")


def test_a_seed_repeats_the_text_and_another_changes_it(tmp_path: Path) -> None:
    numpy_format.write(make_bundle(random_network("lstm", 1), tmp_path), tmp_path, quantize="none")
    options = ("--prompt", "the ", "--length", "100", "--temperature", "1.5")
    first = sample(tmp_path, *options, "--seed", "1")
    assert sample(tmp_path, *options, "--seed", "1") == first
    assert sample(tmp_path, *options, "--seed", "2") != first
    assert len(first) == len("the ") + 100 + 1


@pytest.mark.parametrize("temperature", ["1e-7", "1e-308", "5e-324"])
def test_the_coldest_temperatures_are_0(temperature: str, tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("gru", 1), tmp_path)
    numpy_format.write(bundle, tmp_path, quantize="none")
    written = sample(tmp_path, "--prompt", "the ", "--length", "60", "--temperature", temperature)
    assert written == "the " + greedy(bundle.network, "the ", 60) + "\n"


def test_draws_follow_softmax_at_a_temperature() -> None:
    from seqmagic.export.samplers.with_numpy import choose

    random = np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.1, 0.3, 0.1], np.float32))  # id 0 is left out, however likely
    counts = np.bincount([choose(logits, 2.0, random) for _ in range(20_000)], minlength=4)
    expected = np.sqrt([0.1, 0.3, 0.1]) / np.sqrt([0.1, 0.3, 0.1]).sum()
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:] / 20_000, expected, atol=0.015)
    assert choose(logits, 1e-300, random) == choose(logits, 0.0, random) == 2


def test_the_score_is_the_loss_of_the_network(tmp_path: Path) -> None:
    network = random_network("gru", 1)
    numpy_format.write(make_bundle(network, tmp_path), tmp_path, quantize="none")
    text = "the 人之初 😀 unknown: ÆØ"
    loss = reference_loss(network, VOCABULARY.encode(text))
    assert sample(tmp_path, "--score", text).startswith(f"loss {loss:.4f} nats")


@pytest.mark.parametrize("options", [("--length", "-1"), ("--temperature", "-0.5"), ("--seed", "-1"), ("--score", "a")])
def test_what_makes_no_sense_is_refused_in_one_line(options: tuple[str, ...], tmp_path: Path) -> None:
    numpy_format.write(make_bundle(random_network("rnn", 1), tmp_path), tmp_path, quantize="none")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "sample.py"), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_weight_beyond_float16_is_refused(tmp_path: Path) -> None:
    network = random_network("rnn", 1)
    network.dense_bias[0] = 1e6
    with pytest.raises(ExportError, match=r"dense_bias has a weight of 1e\+06"):
        numpy_format.write(make_bundle(network, tmp_path), tmp_path, quantize="float16")
