"""The scripts that travel with an export, copied as sample.py and run without seqmagic. For export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_CHECK = """
import importlib, json, runpy, sys
from pathlib import Path
import numpy as np

folder, request = sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes())
sample = runpy.run_path(folder + "/sample.py")
model = sample["Model"](Path(folder, FILE))
states, probabilities = model.empty_states(), []
for id in request["ids"]:
    logits, states = model.read(id, states)
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    probabilities.append((exponentials / exponentials.sum()).tolist())
nats = float(np.mean(sample["nats"](model, request["loss_ids"])))
versions = {name: importlib.import_module(name).__version__ for name in VERSIONS}
print(json.dumps({"probabilities": probabilities, "nats": nats, "versions": versions}))
"""


def copy_sampler(name: str, folder: Path) -> None:
    """Write the script `name` of this package into `folder` as sample.py."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    (folder / "sample.py").write_text(source, encoding="utf-8", newline="\n")


def check_with_sampler(file: str, *, versions: Sequence[str]) -> str:
    """The self-check (`seqmagic.export.check`) of an export with the sampler "with_numpy" and the weights in `file`.

    `versions` are the packages whose versions are reported.
    """
    return _CHECK.replace("FILE", repr(file)).replace("VERSIONS", repr(tuple(versions)))
