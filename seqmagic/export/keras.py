"""Export for plain Keras: model.keras as it was trained, the vocabulary beside it, a script that samples."""

from __future__ import annotations

import shutil
from pathlib import Path

from seqmagic.export.bundle import Bundle, write_vocabulary
from seqmagic.export.readme import example_prompt, write_readme
from seqmagic.export.samplers import copy_sampler

CHECK = """
import json, sys
from pathlib import Path
import keras
import numpy as np

folder, request = sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes())
model = keras.saving.load_model(folder + "/model.keras", compile=False)
if keras.config.backend() == "tensorflow":
    model.jit_compile = False  # XLA would only cost time

def log_probabilities(ids):
    logits = model.predict(np.array([ids], np.int32), verbose=0)[0].astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

ids, backend = request["loss_ids"], keras.config.backend()
foreseen = log_probabilities(ids[:-1])
print(json.dumps({
    "probabilities": np.exp(log_probabilities(request["ids"])).tolist(),
    "nats": float(-foreseen[np.arange(len(foreseen)), ids[1:]].mean()),
    "versions": {"keras": keras.__version__, backend: __import__(backend).__version__},
}))
"""


def write(bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Fill `folder` with model.keras, vocabulary.json, sample.py and README.md, without Keras."""
    shutil.copyfile(bundle.run.model_path, folder / "model.keras")
    write_vocabulary(folder, bundle.vocabulary)
    copy_sampler("with_keras", folder)
    write_readme(
        folder,
        bundle,
        title="Keras",
        quantize=quantize,
        contents={
            "model.keras": "stock layers alone: ids (batch, time) to logits (batch, time, vocabulary)",
            "vocabulary.json": "the characters in order of id; the first has id 1",
            "sample.py": "writes text with Keras",
        },
        usage=_usage(example_prompt(bundle)),
    )


def _usage(prompt: str) -> str:
    return f"""
It needs Keras 3.12 or newer and one of its backends (`pip install keras tensorflow`):

```sh
python sample.py --prompt "{prompt}" --length 300 --temperature 0.7 --seed 1
```

From Python:

```python
import json

import keras
import numpy as np

model = keras.saving.load_model("model.keras")
known = json.load(open("vocabulary.json", encoding="utf-8"))["characters"]
ids = [[known.index(character) + 1 for character in "{prompt}"]]
logits = keras.ops.convert_to_numpy(model(np.array(ids)))
print(known[logits[0, -1, 1:].argmax()])  # the likeliest next character
```

At temperature 0 the script writes what `seqmagic sample` writes.
"""
