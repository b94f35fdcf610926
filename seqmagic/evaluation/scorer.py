"""The NumPy network as a scorer: what each character of a text costs it, in nats.

Axes: B batch, T time, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from seqmagic.network.network import Network, States

_NUMBERS_AT_A_TIME = 2**22  # what a scorer holds per array: 16 MiB of float32


class NetworkScorer:
    """Scores characters with a Network: the scorer that `seqmagic.evaluation.evaluation.evaluate` takes.

    It works through a window in pieces of time, so that neither the gates nor the (B, T, V) logits of a
    large vocabulary ever stand in memory whole.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        columns = [layer.weights.kernel.shape[1] for layer in network.layers]
        self._widest = max(network.vocabulary_size, *columns)

    def initial_states(self, batch: int) -> States:
        return self.network.initial_states(batch)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """Read `inputs` and score `targets`, (B, T) integer each.

        Returns:
            The nats of each target, -ln p(target), (B, T) float32; and the states after the last input.
        """
        batch, time = inputs.shape
        steps = max(1, _NUMBERS_AT_A_TIME // (batch * self._widest))
        found = []
        for start in range(0, time, steps):
            piece = slice(start, start + steps)
            logits, states = self.network.forward(inputs[:, piece], states)
            found.append(self.judge(logits, targets[:, piece]))
        return np.concatenate(found, axis=1), states

    def judge(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """What is found of each target: (B, T, V) logits, which may be overwritten, and (B, T) integer -> (B, T)."""
        return cross_entropy(logits, targets)


class JudgingScorer(NetworkScorer):
    """Finds the nats of a character and whether it was the first guess, 1 or 0: (B, T, 2) float32."""

    def judge(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        hits = logits.argmax(axis=-1) == targets
        return np.stack([cross_entropy(logits, targets), hits], axis=-1)


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """-ln softmax(logits)[targets] in nats: (..., V) and (...) -> (...). `logits` is overwritten.

    The largest logit is taken off first, so that no exponential overflows and one of them is 1.
    """
    logits -= logits.max(axis=-1, keepdims=True)
    chosen = np.take_along_axis(logits, targets[..., np.newaxis], axis=-1)[..., 0]
    np.exp(logits, out=logits)
    return np.log(logits.sum(axis=-1)) - chosen
