"""The ONNX export: onnxruntime computes what the network does, states in and out, at any batch and time."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

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

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

from seqmagic.errors import ExportError  # noqa: E402
from seqmagic.export import onnx as onnx_format  # noqa: E402
from seqmagic.export.check import check  # noqa: E402
from seqmagic.export.formats import FORMATS  # noqa: E402
from seqmagic.network.network import Network  # noqa: E402


def open_session(network: Network, quantize: str = "none") -> Any:
    content = onnx_format.build_graph(network, quantize=quantize).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
@pytest.mark.parametrize(("batch", "time"), [(1, 1), (3, 7)])
def test_logits_and_states_are_those_of_the_network(cell: str, layers: int, batch: int, time: int) -> None:
    """From states that are not empty, so that every state is known to go in, not only to come out."""
    network = random_network(cell, layers, seed=batch)
    session = open_session(network)
    random = np.random.default_rng(time)
    ids = random.integers(0, network.vocabulary_size, size=(batch, time))
    names = [one.name for one in session.get_inputs()[1:]]
    flat = [random.uniform(-1, 1, size=(batch, 24)).astype(np.float32) for _ in names]
    outputs = session.run(None, {"ids": ids, **dict(zip(names, flat, strict=True))})
    remaining = iter(flat)
    states = tuple(type(state)(*(next(remaining) for _ in state)) for state in network.initial_states(batch))
    logits, after = network.forward(ids, states)
    np.testing.assert_allclose(outputs[0], logits, atol=1e-4)
    for found, expected in zip(outputs[1:], (array for state in after for array in state), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_two_short_readings_are_one_long() -> None:
    session = open_session(random_network("lstm", 2))
    ids = np.random.default_rng(0).integers(0, VOCABULARY.size, size=(2, 9))
    states = {one.name: np.zeros((2, 24), np.float32) for one in session.get_inputs()[1:]}
    whole = session.run(None, {"ids": ids, **states})
    first = session.run(None, {"ids": ids[:, :4], **states})
    second = session.run(None, {"ids": ids[:, 4:], **dict(zip(states, first[1:], strict=True))})
    np.testing.assert_allclose(np.concatenate([first[0], second[0]], axis=1), whole[0], atol=1e-5)


def test_batch_and_time_are_free_and_the_names_are_fixed() -> None:
    """Clients write these names into their programs."""
    session = open_session(random_network("lstm", 2))
    size = VOCABULARY.size
    assert {one.name: (one.type, one.shape) for one in session.get_inputs()} == {
        "ids": ("tensor(int64)", ["batch", "time"]),
        **{name: ("tensor(float)", ["batch", 24]) for name in ("h_1", "c_1", "h_2", "c_2")},
    }
    assert {one.name: one.shape for one in session.get_outputs()} == {
        "logits": ["batch", "time", size],
        **{f"{name}_after": ["batch", 24] for name in ("h_1", "c_1", "h_2", "c_2")},
    }


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_the_script_writes_what_the_network_writes(cell: str, layers: int, tmp_path: Path) -> None:
    bundle = make_bundle(lively_network(cell, layers), tmp_path)
    onnx_format.write(bundle, tmp_path, quantize="none")
    prompt = PROMPTS[layers]
    written = sample(tmp_path, "--prompt", prompt, "--length", "200", "--temperature", "0")
    assert written == prompt + greedy(bundle.network, prompt, 200) + "\n"


def sample(folder: Path, *options: str) -> str:
    alone = "import runpy, sys; sys.modules['seqmagic'] = None; sys.argv = sys.argv[1:]; "
    command = [sys.executable, "-P", "-c", alone + "runpy.run_path(sys.argv[0], run_name='__main__')"]
    done = subprocess.run([*command, str(folder / "sample.py"), *options], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8")


def test_a_seed_repeats_the_text_and_another_changes_it(tmp_path: Path) -> None:
    onnx_format.write(make_bundle(random_network("gru", 1), tmp_path), tmp_path, quantize="none")
    options = ("--prompt", "the ", "--length", "60", "--temperature", "1.5")
    first = sample(tmp_path, *options, "--seed", "1")
    assert sample(tmp_path, *options, "--seed", "1") == first != sample(tmp_path, *options, "--seed", "2")


@pytest.mark.parametrize("temperature", ["1e-7", "1e-308", "5e-324"])
def test_the_coldest_temperatures_are_0(temperature: str, tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("gru", 1), tmp_path)
    onnx_format.write(bundle, tmp_path, quantize="none")
    written = sample(tmp_path, "--prompt", "the ", "--length", "60", "--temperature", temperature)
    assert written == "the " + greedy(bundle.network, "the ", 60) + "\n"


def test_the_example_of_the_readme_runs(tmp_path: Path) -> None:
    onnx_format.write(make_bundle(lively_network("gru", 1), tmp_path), tmp_path, quantize="none")
    (commands,) = readme_blocks(tmp_path, "sh")
    commands = commands.replace("python ", f"{shlex.quote(sys.executable)} ")
    done = subprocess.run(["sh", "-ec", commands], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout.decode()) > 300


def test_the_metadata_hold_the_vocabulary(tmp_path: Path) -> None:
    onnx_format.write(make_bundle(random_network("rnn", 1), tmp_path), tmp_path, quantize="none")
    model = onnx.load(tmp_path / "model.onnx")
    metadata = {one.key: one.value for one in model.metadata_props}
    assert json.loads(metadata["vocabulary"]) == {"unknown": 0, "characters": list(VOCABULARY.characters)}
    assert metadata["name"] == "tiny"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "model.onnx", "sample.py"]


@pytest.mark.parametrize("quantize", ["none", "float16"])
def test_the_self_check_passes_and_reports(quantize: str, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    bundle = make_bundle(random_network("lstm", 2), tmp_path)
    onnx_format.write(bundle, folder, quantize=quantize)
    report = check(bundle, folder, FORMATS["onnx"], quantize)
    assert report.max_difference < report.tolerance
    assert report.loss_after == pytest.approx(report.loss_before, abs=1e-4 if quantize == "none" else 0.05)
    assert report.versions == {"onnxruntime": onnxruntime.__version__}


def test_float16_halves_the_file_and_computes_with_the_rounded_weights() -> None:
    network = random_network("lstm", 1, units=128)
    sizes = [len(onnx_format.build_graph(network, quantize=name).SerializeToString()) for name in ("none", "float16")]
    assert sizes[1] < 0.52 * sizes[0]
    ids = np.arange(20)[np.newaxis]
    states = {name: np.zeros((1, 128), np.float32) for name in ("h_1", "c_1")}
    found = open_session(network, "float16").run(["logits"], {"ids": ids, **states})[0]
    rounded = rounded_to_float16(network)
    np.testing.assert_allclose(found, rounded.forward(ids, rounded.initial_states(1))[0], atol=1e-4)


def test_a_model_that_no_file_can_hold_is_refused_before_it_is_built() -> None:
    array = SimpleNamespace(nbytes=3 * 2**30)
    with pytest.raises(ExportError, match=r"3\.0 GiB, an ONNX file holds at most 2 GiB; use"):
        onnx_format._refuse_too_large({"embedding": array})
