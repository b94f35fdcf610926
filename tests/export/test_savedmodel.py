"""The SavedModel: in a process with TensorFlow alone it writes, scores and steps as the network does."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.export.check import reference_loss, reference_probabilities
from tests.export.tiny import (
    PROMPTS,
    SHAPES,
    VOCABULARY,
    greedy,
    lively_network,
    make_bundle,
    random_network,
    readme_blocks,
)

pytestmark = pytest.mark.tf

SERVING = Path(__file__).parents[2] / "docs" / "serving.md"
TEXTS = ("the bear 你好", "a", "", "zzz unknown \x07", "😀🎉人之初性本善")
DEFAULTS = {"length": 60, "temperature": 0.8, "top_k": 0, "top_p": 1.0, "seed": 3}
TYPES = {"length": "int32", "temperature": "float32", "top_k": "int32", "top_p": "float32", "seed": "int32"}

# run with TensorFlow alone: seqmagic, Keras and h5py can't be imported
STRANGER = """
import json, sys
for name in ("seqmagic", "keras", "h5py"):
    sys.modules[name] = None
import tensorflow as tf

folder, request = sys.argv[1], json.load(open(sys.argv[2]))
answers = {}
for name in request["names"]:
    model = tf.saved_model.load(folder + "/" + name)
    signatures = model.signatures
    greedy = signatures["generate"](
        prompts=tf.constant(request["prompts"]), length=tf.constant(200), temperature=tf.constant(0.0),
        top_k=tf.constant(0), top_p=tf.constant(1.0), seed=tf.constant(1),
    )
    scores = signatures["score"](texts=tf.constant(request["texts"]))
    states = signatures["initial_state"](batch_size=tf.constant(2))
    pieces = []
    for ids in request["ids"]:  # in pieces, so that the states are known to be carried
        states = signatures["step"](ids=tf.constant(ids), **states)
        pieces.append(states.pop("probabilities"))
    answers[name] = {
        "greedy": [text.decode() for text in greedy["texts"].numpy()],
        "score": {key: value.numpy().tolist() for key, value in scores.items()},
        "probabilities": tf.concat(pieces, 1).numpy().tolist(),
        "vocabulary": [
            one.decode() for one in signatures["vocabulary"](unknown=tf.constant("?"))["characters"].numpy()
        ],
    }
assert not [name for name in sys.modules if name.startswith("seqmagic.")]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one export for each cell and number of layers, named `lstm-2`."""
    from seqmagic.export import savedmodel

    folder = tmp_path_factory.mktemp("savedmodels")
    for cell, layers in SHAPES:
        target = folder / f"{cell}-{layers}"
        target.mkdir()
        savedmodel.write(make_bundle(lively_network(cell, layers), folder), target, quantize="none")
    return folder


def step_ids() -> np.ndarray:
    return np.random.default_rng(5).integers(0, VOCABULARY.size, size=(2, 12)).astype(np.int32)


def ask_stranger(exports: Path, folder: Path, python: str = sys.executable) -> Any:
    request = folder / "request.json"
    content = {
        "names": [f"{cell}-{layers}" for cell, layers in SHAPES],
        "prompts": PROMPTS,
        "texts": TEXTS,
        "ids": [piece.tolist() for piece in np.split(step_ids(), [5, 6], axis=1)],
    }
    request.write_text(json.dumps(content), "utf-8")
    script = folder / "stranger.py"
    script.write_text(STRANGER, "utf-8")
    done = subprocess.run(
        [python, "-I", str(script), str(exports), str(request)], capture_output=True, encoding="utf-8", cwd=folder
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def answers(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return ask_stranger(exports, tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def model(exports: Path) -> Any:
    import tensorflow as tf

    return tf.saved_model.load(str(exports / "lstm-2"))


def generate(model: Any, *prompts: str | bytes, **settings: float) -> list[str]:
    import tensorflow as tf

    typed = {name: tf.constant(value, tf.as_dtype(TYPES[name])) for name, value in {**DEFAULTS, **settings}.items()}
    texts = model.signatures["generate"](prompts=tf.constant(prompts, tf.string), **typed)["texts"]
    return [text.decode() for text in texts.numpy()]


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_greedy_text_is_that_of_the_network(answers: Any, cell: str, layers: int) -> None:
    network = lively_network(cell, layers)
    assert answers[f"{cell}-{layers}"]["greedy"] == [greedy(network, prompt, 200) for prompt in PROMPTS]


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_steps_and_states_are_those_of_the_network(answers: Any, cell: str, layers: int) -> None:
    network = lively_network(cell, layers)
    found = np.array(answers[f"{cell}-{layers}"]["probabilities"])
    for row, ids in enumerate(step_ids()):
        np.testing.assert_allclose(found[row], reference_probabilities(network, ids), atol=1e-5)


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_each_text_is_scored_by_itself(answers: Any, cell: str, layers: int) -> None:
    score = answers[f"{cell}-{layers}"]["score"]
    assert score["characters"] == [max(0, len(text) - 1) for text in TEXTS]
    for text, loss, bits in zip(TEXTS, score["loss"], score["bits_per_character"], strict=True):
        if len(text) < 2:
            assert math.isnan(loss) and math.isnan(bits)
        else:
            assert loss == pytest.approx(
                reference_loss(lively_network(cell, layers), VOCABULARY.encode(text)), rel=1e-5
            )
            assert bits == pytest.approx(loss / math.log(2), rel=1e-6)


def test_vocabulary_is_in_order_of_id(answers: Any) -> None:
    assert answers["gru-1"]["vocabulary"] == ["?", *VOCABULARY.characters]


def test_a_seed_gives_the_same_text_and_another_seed_another(model: Any) -> None:
    assert generate(model, "the ", seed=3) == generate(model, "the ", seed=3)
    assert generate(model, "the ", seed=3) != generate(model, "the ", seed=4)
    assert generate(model, "the ", seed=-7) == generate(model, "the ", seed=-7)


def test_a_text_depends_on_its_prompt_and_place_alone(model: Any) -> None:
    together = generate(model, "the ", "你好，人之初 😀🎉", "", "the ")
    assert together[:2] == generate(model, "the ", "你好，人之初 😀🎉")
    assert together[0] != together[3]  # the same prompt, but another place
    assert [len(text) for text in together] == [60] * 4
    assert generate(model, "the ", length=20)[0] == together[0][:20]


def test_no_prompts_give_no_texts(model: Any) -> None:
    assert generate(model) == []


def test_narrow_filters_are_greedy(model: Any) -> None:
    (expected,) = generate(model, "the ", temperature=0.0)
    assert generate(model, "the ", top_k=1) == [expected]
    assert generate(model, "the ", top_p=1e-6) == [expected]
    assert generate(model, "the ", temperature=1e-4) == [expected]
    assert generate(model, "the ", temperature=1e-40) == [expected]
    assert generate(model, "the ", top_k=10_000) == generate(model, "the ", top_k=VOCABULARY.size)


def test_unknown_characters_are_read_as_id_0(model: Any) -> None:
    assert generate(model, "the Ω") == generate(model, "the 龍") == generate(model, b"the \xff")
    assert generate(model, "the Ω") != generate(model, "the ")


def test_an_empty_prompt_is_a_line_break(model: Any) -> None:
    assert generate(model, "") == generate(model, "\n")


def test_the_unknown_character_is_never_written(tmp_path: Path) -> None:
    """Even by a model that finds it likelier than all others together."""
    import tensorflow as tf

    from seqmagic.export.savedmodel import TextServer

    network = random_network("gru", 1)
    network.dense_bias[0] = 50.0
    server = TextServer(network, VOCABULARY)
    for temperature, top_k in ((0.0, 0), (1.0, 0), (1.0, 5)):
        texts = server.generate(
            tf.constant(["the "] * 4), 100, tf.constant(temperature), tf.constant(top_k), tf.constant(1.0), 1
        )["texts"]
        written = b"".join(texts.numpy()).decode()
        assert len(written) == 400 and "\ufffd" not in written


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"length": 0}, "length must be from 1 to 1000000; received.*0"),
        ({"temperature": -0.5}, "temperature must be 0 or more; received.*-0.5"),
        ({"temperature": math.nan}, "temperature must be 0 or more"),
        ({"top_k": -2}, "top_k must be 0, which keeps all, or more; received.*-2"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1; received.*1.5"),
        ({"length": 1_000_001}, "length must be from 1 to 1000000; received.*1000001"),
    ],
)
def test_settings_out_of_range_are_refused(model: Any, settings: dict[str, float], words: str) -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        generate(model, "the ", **settings)


# Asks for what must be refused, then prints by how many MB the process has grown.
TOO_MUCH = """
import resource, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1]).signatures
model["generate"](prompts=tf.constant(["the "]), length=tf.constant(3), temperature=tf.constant(1.0),
                  top_k=tf.constant(0), top_p=tf.constant(1.0), seed=tf.constant(0))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
requests = [
    lambda: model["generate"](prompts=tf.constant(["the "]), length=tf.constant(2147483647), **rest),
    lambda: model["generate"](prompts=tf.constant(["the "] * 11), length=tf.constant(1_000_000), **rest),
    lambda: model["generate"](prompts=tf.constant(["x" * 200_000] + ["the "] * 100), length=tf.constant(1), **rest),
    lambda: model["score"](texts=tf.constant(["x" * 200_000] + ["the "] * 100)),
    lambda: model["initial_state"](batch_size=tf.constant(2147483647)),
    lambda: model["initial_state"](batch_size=tf.constant(-1)),
]
rest = dict(temperature=tf.constant(1.0), top_k=tf.constant(0), top_p=tf.constant(1.0), seed=tf.constant(0))
for request in requests:
    try:
        request()
    except tf.errors.InvalidArgumentError as refusal:
        print(" ".join(str(refusal).split()))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_request_that_is_too_large_is_refused_before_it_takes_memory(exports: Path) -> None:
    command = [sys.executable, "-c", TOO_MUCH, str(exports / "lstm-2")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    *refusals, grown = done.stdout.splitlines()
    words = [
        "length must be from 1 to 1000000; received",
        "prompts times length must be at most 10000000; received",
        "the texts, filled up to the longest, must have at most 10000000 characters; received",
        "the texts, filled up to the longest, must have at most 10000000 characters; received",
        "batch_size must be from 0 to 100000; received",
        "batch_size must be from 0 to 100000; received",
    ]
    assert len(refusals) == len(words)
    assert all(one in refusal for one, refusal in zip(words, refusals, strict=True)), refusals
    assert int(grown) < 300


def test_the_readme_tells_how_much_a_request_may_ask_for(exports: Path) -> None:
    told = " ".join((exports / "lstm-2" / "README.md").read_text("utf-8").split())
    assert "One text may be asked for 1,000,000 characters; all texts of a request together" in told
    assert "for 10,000,000, written or read; `initial_state` gives up to 100,000." in told


def test_nothing_in_it_needs_xla(exports: Path) -> None:
    """A server need not have it, and what XLA makes may crash (tests/training/test_device.py)."""
    for folder in exports.iterdir():
        assert b"_XlaMustCompile" not in (folder / "saved_model.pb").read_bytes()


def test_a_large_vocabulary_is_not_folded_into_the_first_layer() -> None:
    """Both forms of the first layer, with and without its kernel, compute the same."""
    from seqmagic.export.graph import GraphNetwork

    small, large = random_network("lstm", 1), random_network("lstm", 1)
    assert GraphNetwork(small)._layers[0][0] is not None  # 49 characters, but 96 gate columns
    narrow = random_network("lstm", 1, units=2)
    assert GraphNetwork(narrow)._layers[0][0] is None
    for network in (large, narrow):
        import tensorflow as tf

        from seqmagic.export.savedmodel import TextServer

        step = TextServer(network, VOCABULARY).signatures()["step"]
        ids = step_ids()[:1]
        states = [tf.zeros((1, network.units))] * 2
        found = step(tf.constant(ids), *states)["probabilities"][0]
        np.testing.assert_allclose(found, reference_probabilities(network, ids[0]), atol=1e-5)


# --- what others were promised -------------------------------------------------------------------------


def run_saved_model_cli(*arguments: str, folder: Path) -> str:
    command = [str(Path(sys.executable).with_name("saved_model_cli")), *arguments]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def parsed_signatures(shown: str) -> dict[str, dict[str, dict[str, tuple[str, str]]]]:
    """`saved_model_cli show --all` as signature -> inputs|outputs -> name -> (dtype, shape)."""
    found: dict[str, dict[str, dict[str, tuple[str, str]]]] = {}
    for block in shown.split("signature_def['")[1:]:
        name = block.partition("'")[0]
        found[name] = {"inputs": {}, "outputs": {}}
        for side, tensor, dtype, shape in re.findall(
            r"(inputs|outputs)\['(\w+)'\] tensor_info:\s+dtype: (\w+)\s+shape: (.+)", block
        ):
            found[name][side][tensor] = (dtype, shape)
    return found


def test_signatures_are_those_promised(exports: Path) -> None:
    """Names and shapes are an interface: servers and clients break when they change."""
    shown = parsed_signatures(run_saved_model_cli("show", "--dir", ".", "--all", folder=exports / "lstm-2"))
    shown.pop("__saved_model_init_op", None)
    states = dict.fromkeys(("h_1", "c_1", "h_2", "c_2"), ("DT_FLOAT", "(-1, 24)"))
    write = {
        "inputs": {
            "prompts": ("DT_STRING", "(-1)"),
            "length": ("DT_INT32", "()"),
            "temperature": ("DT_FLOAT", "()"),
            "top_k": ("DT_INT32", "()"),
            "top_p": ("DT_FLOAT", "()"),
            "seed": ("DT_INT32", "()"),
        },
        "outputs": {"texts": ("DT_STRING", "(-1)")},
    }
    assert shown == {
        "serving_default": write,
        "generate": write,
        "score": {
            "inputs": {"texts": ("DT_STRING", "(-1)")},
            "outputs": {
                "loss": ("DT_FLOAT", "(-1)"),
                "bits_per_character": ("DT_FLOAT", "(-1)"),
                "characters": ("DT_INT32", "(-1)"),
            },
        },
        "step": {
            "inputs": {"ids": ("DT_INT32", "(-1, -1)"), **states},
            "outputs": {"probabilities": ("DT_FLOAT", f"(-1, -1, {VOCABULARY.size})"), **states},
        },
        "initial_state": {"inputs": {"batch_size": ("DT_INT32", "()")}, "outputs": states},
        "vocabulary": {
            "inputs": {"unknown": ("DT_STRING", "()")},
            "outputs": {"characters": ("DT_STRING", f"({VOCABULARY.size})")},
        },
    }


def test_saved_model_cli_runs_the_line_of_the_readme(exports: Path, model: Any) -> None:
    (line,) = [block for block in readme_blocks(exports / "lstm-2", "sh") if block.startswith("saved_model_cli")]
    arguments = shlex.split(line.replace("\\\n", " "))
    prompt = re.search(r'prompts=\["(.*?)"\]', line)
    assert prompt
    shown = run_saved_model_cli(*arguments[1:], folder=exports / "lstm-2")
    text = eval(shown[shown.index("[b") :])[0].decode()
    assert [text] == generate(model, prompt[1], length=200, temperature=0.7, seed=1)


def rest_requests(document: str) -> list[dict[str, Any]]:
    """The JSON bodies of the curl lines."""
    bodies = [json.loads(body) for body in re.findall(r"-d '(\{.*?\})'$", document, re.DOTALL | re.MULTILINE)]
    return [body for body in bodies if "signature_name" in body]  # the others are for `seqmagic serve`


@pytest.mark.parametrize("where", ["README.md", "docs/serving.md"])
def test_requests_that_are_shown_fit_their_signatures(exports: Path, model: Any, where: str) -> None:
    """TensorFlow Serving makes tensors of JSON by the signature's types; so does this."""
    import tensorflow as tf

    path = SERVING if where.startswith("docs") else exports / "lstm-2" / where
    requests = rest_requests(path.read_text("utf-8"))
    assert len(requests) == (3 if where.startswith("docs") else 1)
    for request in requests:
        signature = model.signatures[request["signature_name"]]
        specs = signature.structured_input_signature[1]
        assert request["inputs"].keys() == specs.keys()  # REST has no defaults
        tensors = {name: tf.constant(value, specs[name].dtype) for name, value in request["inputs"].items()}
        for name, tensor in tensors.items():
            assert specs[name].shape.is_compatible_with(tensor.shape), name
        assert signature(**tensors)


def test_python_of_the_readme_runs(exports: Path, model: Any) -> None:
    (code,) = readme_blocks(exports / "lstm-2", "python")
    code = "import sys\nsys.modules['seqmagic'] = None\n" + code
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=exports / "lstm-2",
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    prompt = re.search(r'generate\(\["(.*?)"\]', code)
    assert prompt
    (text,) = generate(model, prompt[1], length=200, temperature=0.7, seed=1)
    assert done.stdout.decode() == prompt[1] + text + "\n"


def test_streaming_of_the_serving_guide_runs(exports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(import numpy.*?)```", SERVING.read_text("utf-8"), re.DOTALL)
    exec(code.replace("served/1", str(exports / "gru-2")), {})
    written = capsys.readouterr().out
    assert len(written) == 100 and not VOCABULARY.outside(written)


def test_readme_tells_the_vocabulary_and_the_configuration(exports: Path) -> None:
    readme = (exports / "lstm-2" / "README.md").read_text("utf-8")
    assert f"{len(VOCABULARY.characters)} characters have the ids" in readme
    assert "😀" in readme and "\\u2028" in readme and "\u2028" not in readme
    assert "| layers × units | 2 × 24 |" in readme
    assert "1.2500 nats per character" in readme


def test_an_export_knows_no_path_of_this_machine(exports: Path) -> None:
    here = [str(Path(__file__).parents[2]).encode(), str(exports).encode()]
    for path in (exports / "gru-1").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [place for place in here if place in content], path.name


@pytest.mark.slow
def test_in_a_clean_environment_with_tensorflow_alone(exports: Path, tmp_path: Path, answers: Any) -> None:
    """No shortcut: a new virtual environment, TensorFlow from the registry, nothing else."""
    import tensorflow as tf

    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"tensorflow=={tf.__version__}"], check=True)
    assert ask_stranger(exports, tmp_path, python) == answers
