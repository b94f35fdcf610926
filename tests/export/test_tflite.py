"""The TFLite file: LiteRT, without TensorFlow, writes and steps as the network does; quantized, nearly so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.errors import ExportError
from seqmagic.export.bundle import read_bundle
from seqmagic.export.check import check, reference_probabilities
from seqmagic.export.formats import FORMATS
from seqmagic.network.network import Network
from seqmagic.runs.folder import Run
from tests.export.tiny import PROMPTS, SHAPES, VOCABULARY, greedy, lively_network, make_bundle, readme_blocks
from tests.helpers import random_weights

pytest.importorskip("ai_edge_litert", reason="needs the extra tflite")
pytestmark = pytest.mark.tf

SMALL = [("rnn", 1), ("lstm", 2)]  # enough for what does not depend on the cell

# run with LiteRT and NumPy alone
STRANGER = """
import json, sys
for name in ("seqmagic", "tensorflow", "keras"):
    sys.modules[name] = None
import numpy as np
from ai_edge_litert.interpreter import Interpreter

folder, request = sys.argv[1], json.load(open(sys.argv[2]))
answers = {}
for name in request["names"]:
    model = Interpreter(folder + "/" + name + "/model.tflite")
    step, generate = model.get_signature_runner("step"), model.get_signature_runner("generate")
    names = [key for key in step.get_input_details() if key != "ids"]
    empty = {key: np.zeros(step.get_input_details()[key]["shape"], np.float32) for key in names}

    def read(ids):
        states, probabilities = empty, []
        for one in ids:
            result = step(ids=np.array([one], np.int32), **states)
            states = {key: result[key] for key in names}
            probabilities.append(result["probabilities"][0].tolist())
        return probabilities, states

    def write(ids, calls, temperature, uniforms):
        _, states = read(ids[:-1])
        last, written = ids[-1:], []
        for call in range(calls):
            result = generate(
                ids=np.array(last, np.int32), temperature=np.float32(temperature),
                uniforms=np.array(uniforms, np.float32), **states,
            )
            states, last = {key: result[key] for key in names}, result["ids"][-1:]
            written += result["ids"].tolist()
        return written

    answers[name] = {
        "greedy": [write(ids, 2, 0.0, [0.5] * 100) for ids in request["prompts"]],
        "drawn": write(request["prompts"][0], 1, 0.7, request["uniforms"]),
        "probabilities": read(request["ids"])[0],
    }
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One export for each cell and number of layers, named `lstm-2`."""
    from seqmagic.export import tflite

    folder = tmp_path_factory.mktemp("tflite")
    for cell, layers in SHAPES:
        target = folder / f"{cell}-{layers}"
        target.mkdir()
        tflite.write(make_bundle(lively_network(cell, layers), folder), target, quantize="none")
    return folder


def some_ids() -> np.ndarray:
    return np.random.default_rng(5).integers(0, VOCABULARY.size, size=40)


def some_uniforms() -> np.ndarray:
    return np.random.default_rng(6).random(100, dtype=np.float32)


@pytest.fixture(scope="module")
def answers(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("stranger")
    content = {
        "names": [f"{cell}-{layers}" for cell, layers in SHAPES],
        "prompts": [VOCABULARY.encode(prompt or "\n").tolist() for prompt in PROMPTS],
        "uniforms": some_uniforms().tolist(),
        "ids": some_ids().tolist(),
    }
    (folder / "request.json").write_text(json.dumps(content), "utf-8")
    (folder / "stranger.py").write_text(STRANGER, "utf-8")
    command = [sys.executable, "-I", str(folder / "stranger.py"), str(exports), str(folder / "request.json")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_greedy_text_is_that_of_the_network(answers: Any, cell: str, layers: int) -> None:
    network = lively_network(cell, layers)
    found = [VOCABULARY.decode(ids) for ids in answers[f"{cell}-{layers}"]["greedy"]]
    assert found == [greedy(network, prompt, 200) for prompt in PROMPTS]


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_steps_and_states_are_those_of_the_network(answers: Any, cell: str, layers: int) -> None:
    expected = reference_probabilities(lively_network(cell, layers), some_ids())
    np.testing.assert_allclose(answers[f"{cell}-{layers}"]["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_random_numbers_decide_by_the_cumulative_distribution(answers: Any, cell: str, layers: int) -> None:
    """The same draws, made here: the first id whose cumulative probability exceeds the number."""
    network, written = lively_network(cell, layers), []
    ids, states = VOCABULARY.encode(PROMPTS[0])[np.newaxis], network.initial_states(1)
    for uniform in some_uniforms():
        logits, states = network.forward(ids, states)
        scores = logits[0, -1].astype(np.float64) / 0.7
        scores[0] = -np.inf
        cumulative = np.cumsum(np.exp(scores - scores.max()))
        written.append(int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right")))
        ids = np.array([[written[-1]]])
    assert answers[f"{cell}-{layers}"]["drawn"] == written


@pytest.mark.parametrize(("cell", "layers"), SMALL)
def test_sampler_beside_it_writes_the_same(exports: Path, cell: str, layers: int) -> None:
    script = exports / f"{cell}-{layers}" / "sample.py"
    for prompt in PROMPTS[1:]:
        arguments = ["--prompt", prompt, "--length", "150", "--temperature", "0"]
        done = subprocess.run([sys.executable, "-I", str(script), *arguments], capture_output=True)
        assert done.stdout.decode() == prompt + greedy(lively_network(cell, layers), prompt, 150) + "\n"


@pytest.mark.parametrize("temperature", ["1e-7", "1e-308"])
def test_the_coldest_temperatures_are_0(exports: Path, temperature: str) -> None:
    arguments = ["--prompt", "the ", "--length", "60", "--temperature", temperature]
    script = exports / "rnn-1" / "sample.py"
    done = subprocess.run([sys.executable, "-I", str(script), *arguments], capture_output=True)
    assert done.stdout.decode() == "the " + greedy(lively_network("rnn", 1), "the ", 60) + "\n"


def test_without_a_line_break_the_sampler_starts_with_the_first_character(exports: Path, tmp_path: Path) -> None:
    """As `seqmagic sample` and the samplers of the other formats do."""
    folder = tmp_path / "export"
    shutil.copytree(exports / "rnn-1", folder)
    characters = ["|" if character == "\n" else character for character in VOCABULARY.characters]
    (folder / "vocabulary.json").write_text(json.dumps({"unknown": 0, "characters": characters}), "utf-8")
    command = [sys.executable, "-I", str(folder / "sample.py"), "--length", "60", "--temperature", "0"]
    first = VOCABULARY.characters[0] if VOCABULARY.characters[0] != "\n" else "|"
    done = subprocess.run(command, capture_output=True)
    again = subprocess.run([*command, "--prompt", first], capture_output=True)
    assert first + done.stdout.decode() == again.stdout.decode()
    assert len(done.stdout.decode()) == 61


def test_command_of_the_readme_runs(exports: Path) -> None:
    (commands,) = readme_blocks(exports / "lstm-2", "sh")
    line = commands.splitlines()[-1].replace("python ", f"{sys.executable} ")
    done = subprocess.run(line, shell=True, capture_output=True, cwd=exports / "lstm-2", check=True)
    assert len(done.stdout.decode()) > 300


@pytest.mark.parametrize("quantize", ["float16", "int8"])
def test_quantized_it_agrees_within_the_bound(tmp_path: Path, quantize: str) -> None:
    from seqmagic.export import tflite

    bundle = make_bundle(lively_network("gru", 2), tmp_path)
    folder = tmp_path / "export"
    folder.mkdir()
    tflite.write(bundle, folder, quantize=quantize)
    report = check(bundle, folder, FORMATS["tflite"], quantize)
    assert 1e-6 < report.max_difference < report.tolerance  # it is quantized, and not too much
    assert report.loss_after is not None and report.loss_after != report.loss_before
    assert report.versions.keys() == {"ai-edge-litert"}


def test_an_int8_export_fails_the_check_of_a_float32_one(tmp_path: Path) -> None:
    from seqmagic.export import tflite

    bundle = make_bundle(lively_network("gru", 2), tmp_path)
    folder = tmp_path / "export"
    folder.mkdir()
    tflite.write(bundle, folder, quantize="int8")
    with pytest.raises(ExportError, match=r"does not agree with the model: a probability differs by 0\.0"):
        check(bundle, folder, FORMATS["tflite"], "none")


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_sizes(cell: str) -> None:
    """Of a network of an ordinary size: half and somewhat over a quarter."""
    from seqmagic.export import tflite

    network = Network.from_weights(cell, random_weights(cell, vocabulary_size=66, units=256, embedding=64))
    whole, half, quarter = (len(tflite.convert(network, quantize=one)) for one in ("none", "float16", "int8"))
    assert half <= 0.52 * whole
    assert quarter <= 0.30 * whole


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_losses_of_a_trained_model(tmp_path: Path, cell: str) -> None:
    from seqmagic.config import DataConfig, ModelConfig, TrainConfig
    from seqmagic.export import tflite
    from seqmagic.texts.corpus import read_corpus
    from seqmagic.training.train import train

    data = DataConfig()
    for _ in train(
        read_corpus("python-docs", data),
        model=ModelConfig(cell=cell, units=256, layers=1),
        training=TrainConfig(minutes=1.0),
        models=tmp_path,
        name="trained",
        overwrite=False,
        argv=(),
    ):
        pass
    bundle = read_bundle(Run(tmp_path / "trained"))
    for quantize, worse in (("float16", 0.001), ("int8", 0.02)):
        folder = tmp_path / quantize
        folder.mkdir()
        tflite.write(bundle, folder, quantize=quantize)
        report = check(bundle, folder, FORMATS["tflite"], quantize)
        assert report.loss_before < 2.5  # it has learnt something
        assert report.loss_after is not None and abs(report.loss_after - report.loss_before) <= worse
