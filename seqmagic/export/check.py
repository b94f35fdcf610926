"""The self-check: a fresh process of the target's own runtime must agree with the network that was exported.

The script of a format (`CHECK`) is run as `python SCRIPT FOLDER REQUEST [PROGRAM]`. PROGRAM is the path of
the other program that the format needs (`Format.programs`), REQUEST is a JSON file

    {"ids": [..], "text": "..", "loss_ids": [..], "loss_text": ".."}   a text and its ids; the same, longer

and prints, as its last line, one JSON object

    {"probabilities": [[..], ..], "nats": 1.23, "versions": {"runtime": "1.0"}}

`probabilities`, (n, V), holds what the model predicts after each of the n ids, read from an empty state;
`nats` is the mean of -ln p(loss_ids[i + 1]), or null where the format does not measure it. The script can't
import seqmagic: that is the point.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic.errors import ExportError
from seqmagic.evaluation.scorer import cross_entropy
from seqmagic.export.bundle import Bundle
from seqmagic.export.formats import Format, find_program
from seqmagic.network.network import Network
from seqmagic.network.probabilities import softmax

TOLERANCES = {"none": 1e-4, "float16": 2e-2, "int8": 1e-1}  # largest difference of a probability allowed
_SECONDS = 600
_SCORING = 512  # characters scored at a time, so that the logits of a large vocabulary fit into memory
_ALONE = "import sys\nsys.modules['seqmagic'] = None  # an export must work without it\n"


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a self-check found.

    Attributes:
        max_difference: Largest difference of a probability from the NumPy network's.
        tolerance: The bound that it kept.
        characters: How many characters were read for it.
        text_source: What they were.
        loss_before: Nats per character of the network, over `loss_characters` predictions.
        loss_after: The same of the export; None where the format does not measure it.
        versions: Name and version of the runtime's parts.
    """

    max_difference: float
    tolerance: float
    characters: int
    text_source: str
    loss_before: float
    loss_after: float | None
    loss_characters: int
    versions: Mapping[str, str]


def check(bundle: Bundle, folder: Path, format: Format, quantize: str) -> CheckReport:
    """Compare the export in `folder` with `bundle.network` on `bundle.check_text`.

    Raises:
        ExportError: they disagree, or the runtime can't read the export.
    """
    ids, loss_ids = bundle.vocabulary.encode(bundle.check_text), bundle.vocabulary.encode(bundle.loss_text)
    request = {
        "ids": ids.tolist(),
        "text": bundle.check_text,
        "loss_ids": loss_ids.tolist(),
        "loss_text": bundle.loss_text,
    }
    answer = _ask(format, folder, request)
    expected = reference_probabilities(bundle.network, ids)
    try:
        found = np.asarray(answer["probabilities"], np.float64)
        nats = answer.get("nats")
        loss_after = None if nats is None else float(nats)
        versions = {str(name): str(version) for name, version in answer["versions"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ExportError(f"the self-check of --format {format.name} gave no usable answer: {problem!r}") from problem
    if found.shape != expected.shape:
        raise ExportError(
            f"the self-check of --format {format.name} gave probabilities {found.shape} where {expected.shape} are due"
        )
    difference, tolerance = float(np.abs(found - expected).max()), TOLERANCES[quantize]
    if not difference <= tolerance:  # NaN disagrees, too
        raise ExportError(
            f"the export does not agree with the model: a probability differs by {difference:.2g}, allowed "
            f"is {tolerance:g} (--format {format.name}, --quantize {quantize}, {len(ids)} characters); "
            "nothing was written"
        )
    return CheckReport(
        max_difference=difference,
        tolerance=tolerance,
        characters=len(ids),
        text_source=bundle.text_source,
        loss_before=reference_loss(bundle.network, loss_ids),
        loss_after=loss_after,
        loss_characters=len(loss_ids) - 1,
        versions=versions,
    )


def reference_probabilities(network: Network, ids: np.ndarray) -> np.ndarray:
    """What `network` predicts after each of `ids` (n,), read from an empty state: (n, V) float64."""
    logits, _ = network.forward(ids[np.newaxis].astype(np.intp), network.initial_states(1))
    return softmax(logits[0].astype(np.float64))


def reference_loss(network: Network, ids: np.ndarray) -> float:
    """Mean nats of ids[1:] (n - 1,), read from an empty state."""
    row = ids[np.newaxis].astype(np.intp)
    states, nats = network.initial_states(1), 0.0
    for start in range(0, len(ids) - 1, _SCORING):
        stop = min(start + _SCORING, len(ids) - 1)
        logits, states = network.forward(row[:, start:stop], states)
        nats += float(cross_entropy(logits, row[:, start + 1 : stop + 1]).sum(dtype=np.float64))
    return nats / (len(ids) - 1)


def _ask(format: Format, folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that the format's script prints in a process of its own."""
    program = find_program(format)
    if format.programs and program is None:
        raise ExportError(
            f"the self-check of --format {format.name} needs {' or '.join(format.programs[:2])}; "
            "install it or add --no-check"
        )
    with tempfile.TemporaryDirectory(prefix="seqmagic-check-") as name:
        script = Path(name, "check.py")
        script.write_text(_ALONE + format.load().CHECK, encoding="utf-8")
        question = Path(name, "request.json")
        question.write_text(json.dumps(request), encoding="utf-8")
        # -P: neither the folder of the script nor the current one is searched for modules. No GPU: its
        # TF32 products differ by more than the bound, and the check is of the export, not of the device.
        command = [sys.executable, "-P", str(script), str(folder), str(question), *([program] if program else [])]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=environment,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as problem:
            raise ExportError(
                f"the self-check of --format {format.name} took over {_SECONDS} s; add --no-check to leave it out"
            ) from problem
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ExportError(f"the export does not run in its own runtime: {words[0].strip()}; nothing was written")
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError) as problem:
        raise ExportError(f"the self-check of --format {format.name} printed no JSON; add --no-check") from problem
    return answer if isinstance(answer, dict) else {}
