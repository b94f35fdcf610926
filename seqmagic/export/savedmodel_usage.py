"""The examples in the README.md of a SavedModel."""

from __future__ import annotations

import json

from seqmagic.export.graph import GraphNetwork

_REST = "http://localhost:8501/v1/models/seqmagic"


def usage(prompt: str, network: GraphNetwork, vocabulary_size: int, *, limits: str) -> str:
    """Markdown with examples for Python, TensorFlow Serving and the command line, and the signatures.

    Args:
        prompt: A text of the model's characters, without quotes.
        network: What was exported.
        vocabulary_size: V.
        limits: A sentence with the sizes that a request may have.
    """
    request = {
        "signature_name": "generate",
        "inputs": {
            "prompts": [prompt],
            "length": 200,
            "temperature": 0.7,
            "top_k": 0,
            "top_p": 1.0,
            "seed": 1,
        },
    }
    body = json.dumps(request, ensure_ascii=False)
    states = network.state_specs(None)
    listed = ", ".join(f"`{state.name}` (B, {state.shape[1]})" for state in states)
    return f"""
In Python, with TensorFlow alone, started in this folder:

```python
import tensorflow as tf

model = tf.saved_model.load(".")
texts = model.generate(["{prompt}"], length=200, temperature=0.7, seed=1)["texts"]
print("{prompt}" + texts[0].numpy().decode())
```

With TensorFlow Serving (the folder name `1` in the container is the model's version):

```sh
docker run --rm -p 8501:8501 -e MODEL_NAME=seqmagic -v "$PWD:/models/seqmagic/1" tensorflow/serving
```

```sh
curl -X POST {_REST}:predict -d '{body}'
```

On the command line, with what TensorFlow installs:

```sh
saved_model_cli run --dir . --tag_set serve --signature_def generate \\
  --input_exprs 'prompts=["{prompt}"];length=200;temperature=0.7;top_k=0;top_p=1.0;seed=1'
```

### Signatures

B texts in a request, T characters read, V = {vocabulary_size} ids.

| signature | in | out |
| --- | --- | --- |
| `generate` | `prompts` (B,) string, `length` () int32, `temperature` () float32, `top_k` () int32, `top_p` () \
float32, `seed` () int32 | `texts` (B,) string, without the prompts |
| `score` | `texts` (B,) string | `loss` (B,) nats per character, `bits_per_character` (B,), `characters` (B,) \
how many were predicted |
| `step` | `ids` (B, T) int32, the states | `probabilities` (B, T, V) of what comes after each id, the states |
| `initial_state` | `batch_size` () int32 | the states of B empty texts |
| `vocabulary` | `unknown` () string, to stand for id 0 | `characters` (V,) string, that of each id |

The states are {listed}, float32. `serving_default` is `generate`.

- Temperature 0 takes the likeliest character each time. `top_k` 0 and `top_p` 1 leave nothing out; top-k is
  applied before top-p, both after the temperature.
- The same prompts, settings and seed give the same texts. A text depends on its own prompt, its place in the
  request and the seed, not on what else is asked for; a longer one starts like a shorter one.
- A prompt may hold any Unicode in UTF-8. A character that the model does not know is read as id 0; id 0 is
  never written. An empty prompt stands for the start of a line.
- `score` does not predict the first character of a text, which nothing comes before, and scores an unknown
  character as id 0. A text of fewer than two characters has no loss: NaN.
- {limits}
- Settings out of range end the request with INVALID_ARGUMENT, before anything is computed, and say what is
  allowed.
"""
