"""Export for plain NumPy: the weights without pickles, and a one-file sampler that shows every equation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqmagic.export.bundle import Bundle
from seqmagic.export.readme import example_prompt, write_readme
from seqmagic.export.samplers import check_with_sampler, copy_sampler
from seqmagic.export.weights import cells_of, named_arrays, to_float16
from seqmagic.texts.vocabulary import code_points

CHECK = check_with_sampler("model.npz", versions=("numpy",))


def write(bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Fill `folder` with model.npz, sample.py and README.md.

    model.npz holds `cells` (one name a layer), `characters` (code points, that of id 1 first) and the
    arrays of `seqmagic.export.weights.named_arrays`.
    """
    weights = named_arrays(bundle.network)
    if quantize == "float16":
        weights = to_float16(weights)
    np.savez(
        folder / "model.npz",
        cells=np.array(cells_of(bundle.network)),
        characters=code_points("".join(bundle.vocabulary.characters)),
        **weights,  # type: ignore[arg-type]
    )
    copy_sampler("with_numpy", folder)
    write_readme(
        folder,
        bundle,
        title="NumPy",
        quantize=quantize,
        contents={
            "model.npz": "the weights and the characters; `numpy.load` opens it, without pickles",
            "sample.py": "writes text and scores it; every equation of the network stands in it",
        },
        usage=_usage(example_prompt(bundle)),
    )


def _usage(prompt: str) -> str:
    return f"""
It needs Python 3.10 or newer and NumPy alone.

```sh
python sample.py --prompt "{prompt}" --length 300 --temperature 0.7 --seed 1
python sample.py --score "{prompt} {prompt}"
```

From Python, one character at a time:

```python
from pathlib import Path

from sample import Model

model = Model(Path("model.npz"))
states = model.empty_states()
for id in model.encode("{prompt}"):
    logits, states = model.read(id, states)
print(model.characters[logits[1:].argmax()])  # the likeliest next character
```

At temperature 0 it writes what `seqmagic sample` writes. At other temperatures a seed gives the same text
every time, but another one than in seqmagic, which draws its numbers in another way.
"""
