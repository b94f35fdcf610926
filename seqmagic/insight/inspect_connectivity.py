"""`inspect connectivity`: which characters a prediction would change with, by the gradient of its bits.

For the prediction of one character, at place n: the length of the gradient of its bits with respect to each
earlier character as the model reads it (its embedding), exactly, in bits per unit of the embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqmagic.errors import ConfigError
from seqmagic.evaluation import units
from seqmagic.evaluation.scorer import cross_entropy
from seqmagic.insight.excerpts import Excerpt, excerpt_document
from seqmagic.insight.replay import bits_gradient, gradients, in_precision, replay
from seqmagic.insight.settings import ConnectivityConfig
from seqmagic.insight.statistics import plain
from seqmagic.insight.subjects import Subject
from seqmagic.network.network import Network


def inspect_connectivity(subjects: Sequence[Subject], excerpt: Excerpt, config: ConnectivityConfig) -> dict[str, Any]:
    """The document of kind "connectivity" (docs/insight.md).

    Raises:
        ConfigError: there is no such character.
    """
    last = len(excerpt.text) - 1
    target = last if config.target is None else config.target
    if not 1 <= target <= last:
        raise ConfigError(
            f"--target must be from 1 to {last:,}, as {last + 1:,} characters are looked at; received {target:,}"
        )
    models = [_connectivity(one, excerpt, target, config.strongest) for one in subjects]
    return excerpt_document("connectivity", subjects, models, excerpt, target=target)


def _connectivity(subject: Subject, excerpt: Excerpt, target: int, strongest: int) -> dict[str, Any]:
    before = len(excerpt.before)
    lengths, bits = connectivity(in_precision(subject.network, np.float64), subject.passage.ids[: before + target + 1])
    lengths = lengths[before:]
    order = np.argsort(-lengths, kind="stable")[:strongest]
    return {
        "target": {"place": target, "character": excerpt.text[target], "bits": plain(bits)},
        "characters": list(excerpt.text[:target]),
        "gradient": [plain(length) for length in lengths],
        "strongest": [
            {
                "place": int(place),
                "character": excerpt.text[place],
                "back": int(target - place),
                "gradient": plain(lengths[place]),
            }
            for place in order
        ],
    }


def connectivity(network: Network, ids: np.ndarray) -> tuple[np.ndarray, float]:
    """For the prediction of the last of `ids` (N,), N from 2: gradient lengths (N - 1,) and its bits."""
    trace = replay(network, ids[np.newaxis, :-1])
    step, targets = trace.steps - 1, ids[-1:]
    found = gradients(trace, {step: bits_gradient(network, trace.outputs[step], targets)})
    bits = units.bits(float(cross_entropy(trace.logits()[step], targets)[0]))
    return np.linalg.norm(found.inputs[:, 0], axis=-1), bits
