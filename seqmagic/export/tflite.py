"""The TFLite file for LiteRT: one step, and a loop that writes a fixed number of characters.

It knows ids, not text: vocabulary.json lies beside it. Built-in operations only, so that every LiteRT
runs it. Two signatures, one text at a time:

    step      ids (1,), states -> probabilities (1, V), states
    generate  ids (1,), states, temperature (), uniforms (100,) -> ids (100,), states

`generate` reads `ids`, writes 100 characters and stops before reading the last of them, so that its
results are the arguments of the next call. Randomness comes from outside: `uniforms` in [0, 1), one for
each character, so every runtime writes the same text for the same numbers.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from seqmagic.export import choose
from seqmagic.export.bundle import Bundle, write_vocabulary
from seqmagic.export.graph import GraphNetwork
from seqmagic.export.readme import example_prompt, write_readme
from seqmagic.export.samplers import copy_sampler
from seqmagic.network.network import Network

WRITTEN = 100  # characters of one call of `generate`
FILE = "model.tflite"

CHECK = '''
import json
import sys
from importlib.metadata import version

import numpy as np
from ai_edge_litert.interpreter import Interpreter

folder, request = sys.argv[1], json.load(open(sys.argv[2]))
step = Interpreter(folder + "/model.tflite").get_signature_runner("step")
shapes = {name: tuple(detail["shape"]) for name, detail in step.get_input_details().items()}


def read(ids):
    """The probabilities after each of the ids, read from an empty state."""
    result = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "ids"}
    for one in ids:
        states = {name: result[name] for name in shapes if name != "ids"}
        result = step(ids=np.array([one], np.int32), **states)
        yield result["probabilities"][0]


loss_ids = request["loss_ids"]
nats = [-np.log(after[target]) for after, target in zip(read(loss_ids[:-1]), loss_ids[1:])]
print(json.dumps({
    "probabilities": [after.tolist() for after in read(request["ids"])],
    "nats": float(np.mean(nats, dtype=np.float64)),
    "versions": {"ai-edge-litert": version("ai-edge-litert")},
}))
'''


def write(bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Write model.tflite, vocabulary.json, sample.py and README.md into `folder`."""
    (folder / FILE).write_bytes(convert(bundle.network, quantize=quantize))
    write_vocabulary(folder, bundle.vocabulary)
    copy_sampler("with_tflite", folder)
    write_readme(
        folder,
        bundle,
        title="TFLite model for LiteRT",
        quantize=quantize,
        contents={
            FILE: "the model",
            "vocabulary.json": "its characters: that at position i has the id i + 1",
            "sample.py": "writes text; needs ai-edge-litert and NumPy alone",
        },
        usage=_usage(bundle),
    )


def convert(network: Network, *, quantize: str) -> bytes:
    """`network` as the content of a TFLite file.

    Args:
        network: What to convert.
        quantize: "none"; "float16", which stores the weights in half the space; "int8", dynamic-range
            quantization, which stores each large matrix as 8-bit integers with a scale and multiplies
            it by a state that is rounded to 8 bits at each step, while biases, states and gates stay in
            float32.
    """
    module = _Device(network)
    with tempfile.TemporaryDirectory(prefix="seqmagic-tflite-") as name:
        tf.saved_model.save(module, name, signatures={"step": module.step, "generate": module.generate})
        converter = tf.lite.TFLiteConverter.from_saved_model(name, signature_keys=["step", "generate"])
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


class _Device(tf.Module):
    """The network with the two functions that a device calls."""

    def __init__(self, network: Network) -> None:
        super().__init__(name="seqmagic")
        self.network = GraphNetwork(network)
        ids, states = tf.TensorSpec((1,), tf.int32, "ids"), self.network.state_specs(1)
        controls = [
            tf.TensorSpec((), tf.float32, "temperature"),
            tf.TensorSpec((WRITTEN,), tf.float32, "uniforms"),
        ]
        self.step = tf.function(self._step, input_signature=[ids, *states])
        self.generate = tf.function(self._generate, input_signature=[ids, *controls, *states])

    def _step(self, ids: tf.Tensor, *states: tf.Tensor) -> dict[str, tf.Tensor]:
        weights = self.network.read()
        output, after = self.network.step(weights, ids, self.network.nested(states))
        logits = tf.matmul(output, weights.dense_kernel) + weights.dense_bias
        return {"probabilities": tf.nn.softmax(logits), **self.network.named(after)}

    def _generate(
        self, ids: tf.Tensor, temperature: tf.Tensor, uniforms: tf.Tensor, *states: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        is_random = temperature >= choose.COLDEST
        divisor = tf.where(is_random, temperature, 1.0)

        def pick(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
            drawn = choose.by_chance(logits / divisor, uniform)
            return tf.where(is_random, drawn, choose.likeliest(logits, uniform))

        written, after = self.network.write(
            self.network.read(),
            ids,
            self.network.nested(states),
            uniforms=uniforms[:, tf.newaxis, tf.newaxis],
            pick=pick,
        )
        return {"ids": written[0], **self.network.named(after)}


def _usage(bundle: Bundle) -> str:
    states: Any = ", ".join(f"`{name}`" for name in GraphNetwork(bundle.network).state_names())
    return f"""
```sh
pip install ai-edge-litert numpy
python sample.py --prompt "{example_prompt(bundle)}" --length 300 --temperature 0.7
```

The file has two signatures; the states are {states}, zeros at the start of a text, and come out under the
names under which they go in.

| signature | in | out |
| --- | --- | --- |
| `step` | `ids` (1,) int32, states | `probabilities` (1, {bundle.vocabulary.size}) float32, states |
| `generate` | `ids` (1,) int32, states, `temperature` () float32, `uniforms` ({WRITTEN},) float32 | `ids` \
({WRITTEN},) int32, states |

`generate` reads `ids` and writes {WRITTEN} characters, drawn by the random numbers `uniforms`, from 0 to below
1. The last of them and the states that come out are what the next call takes. Temperature 0 takes the
likeliest character each time.
"""
