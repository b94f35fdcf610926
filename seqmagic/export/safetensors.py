"""Export as safetensors: every weight under its name, for any library that reads the format. NumPy, no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from seqmagic.export.bundle import Bundle
from seqmagic.export.readme import example_prompt, write_readme
from seqmagic.export.samplers import check_with_sampler, copy_sampler
from seqmagic.export.weights import cells_of, named_arrays, to_float16
from seqmagic.network.cells import CELLS

CHECK = check_with_sampler("model.safetensors", versions=("safetensors", "numpy"))


def write(bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Fill `folder` with model.safetensors, sample.py and README.md.

    The arrays of model.safetensors are those of `seqmagic.export.weights.named_arrays`. Its metadata, which are
    strings, have `cells` (a JSON list, one name a layer) and `characters` (a JSON list, that of id 1 first).
    """
    weights = named_arrays(bundle.network)
    if quantize == "float16":
        weights = to_float16(weights)
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    described = {"cells": cells_of(bundle.network), "characters": list(bundle.vocabulary.characters)}
    metadata = {"format": "np", **{name: json.dumps(value) for name, value in described.items()}}
    save_file(arrays, folder / "model.safetensors", metadata)
    copy_sampler("with_numpy", folder)
    write_readme(
        folder,
        bundle,
        title="safetensors",
        quantize=quantize,
        contents={
            "model.safetensors": "the weights by name; its metadata have the cells and the characters",
            "sample.py": "writes text and scores it; every equation of the network stands in it",
        },
        usage=_usage(example_prompt(bundle), bundle, arrays),
    )


def _usage(prompt: str, bundle: Bundle, arrays: dict[str, np.ndarray]) -> str:
    cell = CELLS[bundle.network.layers[0].cell]
    rows = "\n".join(
        f"| `{name}` | {' × '.join(map(str, array.shape))} | {array.dtype} | {_meaning(name)} |"
        for name, array in arrays.items()
    )
    return f"""
Any library for safetensors reads the weights; from Python with NumPy:

```python
import json

from safetensors import safe_open

with safe_open("model.safetensors", framework="numpy") as file:
    cells = json.loads(file.metadata()["cells"])  # one for each layer
    characters = json.loads(file.metadata()["characters"])  # that of id 1 first
    weights = {{name: file.get_tensor(name) for name in file.keys()}}
print(cells, weights["embedding"].shape)
```

sample.py needs Python 3.10 or newer, NumPy and safetensors:

```sh
python sample.py --prompt "{prompt}" --length 300 --temperature 0.7 --seed 1
python sample.py --score "{prompt} {prompt}"
```

## Weights

| name | shape | type | what it is |
| --- | --- | --- | --- |
{rows}

A vector is multiplied from the left: `x @ kernel`. The gates stand side by side in the columns of a kernel and of a
bias, in this order: {", ".join(cell.gates)}. Equations and order are those of Keras; sample.py has them.
"""


def _meaning(name: str) -> str:
    """What the array called `name` is, for a reader."""
    kind, _, layer = name.rpartition("_")
    meanings = {
        "embedding": "a row for each id",
        "kernel": f"layer {layer}: from the input to the gates",
        "recurrent_kernel": f"layer {layer}: from its own h to the gates",
        "bias": f"layer {layer}: of the gates; of a gru a row for the input and one for h",
        "dense_kernel": "from h of the last layer to the logits",
        "dense_bias": "of the logits",
    }
    return meanings.get(name) or meanings[kind]
