"""Export as ONNX: the graph built from ONNX's own RNN, LSTM and GRU operators, without a converter.

Axes: B batch, T time, V vocabulary, E embedding, U units, D input size, G gate blocks.
Operators: https://onnx.ai/onnx/operators (opset 17).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seqmagic import __version__
from seqmagic.errors import ExportError
from seqmagic.export.bundle import Bundle
from seqmagic.export.readme import example_prompt, write_readme
from seqmagic.export.samplers import copy_sampler
from seqmagic.export.weights import to_float16
from seqmagic.network.cells import Weights, blocks
from seqmagic.network.layout import LAYOUTS
from seqmagic.network.network import Layer, Network

OPSET = 17
IR_VERSION = 8  # what came with opset 17: runtimes since 2022 read it
_BYTES_AT_MOST = 2**31 - 2**20  # protobuf ends at 2 GiB
_OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
_GATES = {
    "rnn": ("candidate",),
    "lstm": ("input", "output", "forget", "candidate"),
    "gru": ("keep", "reset", "candidate"),
}

CHECK = """
import json, sys
from pathlib import Path
import numpy as np
import onnxruntime

folder, request = sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes())
session = onnxruntime.InferenceSession(folder + "/model.onnx", providers=["CPUExecutionProvider"])

def log_probabilities(ids):
    empty = {state.name: np.zeros((1, state.shape[1]), np.float32) for state in session.get_inputs()[1:]}
    logits = session.run(["logits"], {"ids": np.array([ids], np.int64), **empty})[0][0].astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

ids = request["loss_ids"]
foreseen = log_probabilities(ids[:-1])
print(json.dumps({
    "probabilities": np.exp(log_probabilities(request["ids"])).tolist(),
    "nats": float(-foreseen[np.arange(len(foreseen)), ids[1:]].mean()),
    "versions": {"onnxruntime": onnxruntime.__version__},
}))
"""


def write(bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Fill `folder` with model.onnx, sample.py and README.md.

    Raises:
        ExportError: the model is too large for one ONNX file, or for float16.
    """
    model = build_graph(bundle.network, quantize=quantize)
    model.producer_version = __version__
    helper.set_model_props(
        model,
        {
            "name": bundle.record.name,
            "vocabulary": json.dumps({"unknown": 0, "characters": bundle.vocabulary.characters}),
        },
    )
    onnx.checker.check_model(model, full_check=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    copy_sampler("with_onnx", folder)
    write_readme(
        folder,
        bundle,
        title="ONNX",
        quantize=quantize,
        contents={
            "model.onnx": f"the network (opset {OPSET}); its metadata hold the characters as `vocabulary`",
            "sample.py": "writes text with onnxruntime",
        },
        usage=_usage(bundle.network, example_prompt(bundle)),
    )


def build_graph(network: Network, *, quantize: str) -> onnx.ModelProto:
    """`network` as an ONNX model.

    Inputs: `ids` (batch, time) int64, then for each layer n `h_n` and, for an LSTM, `c_n`, (batch, U)
    float32. Outputs: `logits` (batch, time, V) float32, then the states after the last character under
    the same names with `_after`. Batch and time are free.

    Args:
        quantize: "float16" stores the weights in half the space; the runtime computes in float32 even so.

    Raises:
        ExportError: the weights don't fit into one file, or not into float16.
    """
    graph = _Graph(quantize)
    graph.tensors = {"recurrent_axis": np.array([0], np.int64), "direction_axis": np.array([1], np.int64)}
    # the recurrent operators want time first: (T, B, ...)
    graph.add("Transpose", ["ids"], ["ids_by_time"], perm=[1, 0])
    graph.add("Gather", [graph.weight("embedding", network.embedding), "ids_by_time"], ["below_1"], axis=0)
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "time"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "time", network.vocabulary_size])]
    for number, layer in enumerate(network.layers, 1):
        units = layer.weights.recurrent_kernel.shape[0]
        for name in _add_layer(graph, layer, number):
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", units]))
            outputs.append(helper.make_tensor_value_info(f"{name}_after", TensorProto.FLOAT, ["batch", units]))
    graph.add("Transpose", [f"below_{len(network.layers) + 1}"], ["outputs"], perm=[1, 0, 2])
    graph.add("MatMul", ["outputs", graph.weight("dense_kernel", network.dense_kernel)], ["products"])
    graph.add("Add", ["products", graph.weight("dense_bias", network.dense_bias)], ["logits"])
    return graph.model(inputs, outputs)


def _add_layer(graph: _Graph, layer: Layer, number: int) -> list[str]:
    """Add one recurrent layer, from `below_n` to `below_n+1`; return the names of its states."""
    kernel, recurrent_kernel, bias = operator_weights(layer)
    names = [f"{state}_{number}" for state in LAYOUTS[layer.cell].states]
    for name in names:
        graph.add("Unsqueeze", [name, "recurrent_axis"], [f"{name}_before"])
    attributes: dict[str, Any] = {"hidden_size": layer.weights.recurrent_kernel.shape[0]}
    if layer.cell == "gru":
        attributes["linear_before_reset"] = 1  # Keras calls it reset_after
    graph.add(
        _OPERATORS[layer.cell],
        [
            f"below_{number}",
            graph.weight(f"kernel_{number}", kernel),
            graph.weight(f"recurrent_kernel_{number}", recurrent_kernel),
            graph.weight(f"bias_{number}", bias),
            "",  # all sequences of a batch are equally long
            *(f"{name}_before" for name in names),
        ],
        [f"all_{number}", *(f"{name}_last" for name in names)],
        **attributes,
    )
    graph.add("Squeeze", [f"all_{number}", "direction_axis"], [f"below_{number + 1}"])
    for name in names:
        graph.add("Squeeze", [f"{name}_last", "recurrent_axis"], [f"{name}_after"])
    return names


def operator_weights(layer: Layer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W (1, G*U, D), R (1, G*U, U) and B (1, 2*G*U) of ONNX's operator, float32.

    ONNX transposes the kernels, has the LSTM's blocks in the order i, o, f, c where Keras has i, f, c, o,
    and a second bias, added to the recurrent product, which in Keras only the GRU has.
    """
    units = layer.weights.recurrent_kernel.shape[0]

    def arrange(array: np.ndarray) -> np.ndarray:
        gates = dict(zip(LAYOUTS[layer.cell].gates, blocks(array, units), strict=True))
        return np.concatenate([gates[name] for name in _GATES[layer.cell]], axis=-1)

    kernel, recurrent_kernel, bias = Weights(*map(arrange, layer.weights))
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return kernel.T[np.newaxis], recurrent_kernel.T[np.newaxis], biases.reshape(1, -1)


class _Graph:
    """An ONNX graph that grows node by node."""

    def __init__(self, quantize: str) -> None:
        self.half = quantize == "float16"
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, np.ndarray] = {}

    def add(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))

    def weight(self, name: str, array: np.ndarray) -> str:
        """Store `array`; return the name under which the graph has it as float32."""
        if not self.half:
            self.tensors[name] = array
            return name
        self.tensors |= {f"{name}_half": half for half in to_float16({name: array}).values()}
        self.add("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT)
        return name

    def model(self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        _refuse_too_large(self.tensors)
        tensors = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in self.tensors.items()]
        graph = helper.make_graph(self.nodes, "seqmagic", inputs, outputs, tensors)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="seqmagic")


def _refuse_too_large(tensors: Mapping[str, np.ndarray]) -> None:
    total = sum(array.nbytes for array in tensors.values())
    if total > _BYTES_AT_MOST:
        raise ExportError(
            f"the weights take {total / 2**30:.1f} GiB, an ONNX file holds at most 2 GiB; "
            "use --quantize float16 or --format savedmodel"
        )


def _usage(network: Network, prompt: str) -> str:
    states = [
        f"`{name}_{number}` (batch, {layer.weights.recurrent_kernel.shape[0]})"
        for number, layer in enumerate(network.layers, 1)
        for name in LAYOUTS[layer.cell].states
    ]
    return f"""
The script needs `pip install onnxruntime` alone:

```sh
python sample.py --prompt "{prompt}" --length 300 --temperature 0.7 --seed 1
```

Any other ONNX runtime works as well, in the browser, on a phone or in C++:

| | name and shape | type |
| --- | --- | --- |
| in | `ids` (batch, time), at least one of each | int64 |
| in | {", ".join(states)}: zeros at the start of a text, later what came out | float32 |
| out | `logits` (batch, time, {network.vocabulary_size}) of the character after each one read | float32 |
| out | the states after the last character, named like those that go in, with `_after` | float32 |

Probabilities are softmax(logits / temperature); leave id 0 out when choosing a character to write. At
temperature 0 the script writes what `seqmagic sample` writes.
"""
