"""The sampler: from the logits of a step to the characters that are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from seqmagic.config import SampleConfig
from seqmagic.errors import SampleError
from seqmagic.sampling import filters
from seqmagic.sampling.noise import GumbelNoise
from seqmagic.texts.vocabulary import UNKNOWN, Vocabulary

Filter = Callable[[np.ndarray], np.ndarray]


def banned_ids(config: SampleConfig, vocabulary: Vocabulary) -> np.ndarray:
    """The ids that are never written, (n,) integer, ascending: the unknown character and `config.ban`.

    Raises:
        SampleError: nothing is left to write.
    """
    banned = np.array(sorted({UNKNOWN, *vocabulary.encode(config.ban or "").tolist()}), np.intp)
    if len(banned) == vocabulary.size:
        raise SampleError(
            f"--ban leaves none of the model's {len(vocabulary.characters)} characters to write; ban fewer"
        )
    return banned


def narrowing_filters(config: SampleConfig) -> list[Filter]:
    """The filters between temperature and choice that `config` asks for, in their order."""
    chosen: list[Filter] = []
    if config.top_k is not None:
        chosen.append(partial(filters.top_k, k=config.top_k))
    if config.top_p < 1:
        chosen.append(partial(filters.top_p, p=config.top_p))
    if config.min_p > 0:
        chosen.append(partial(filters.min_p, share=config.min_p))
    return chosen


class Sampler:
    """Chooses the next character of each of N texts, step by step.

    The distribution is that of the filters in their order (`seqmagic.sampling.filters`). Where there are none
    but ban and temperature, these are worked into the noise beforehand, and a step is one addition and one
    search for the largest: argmax(logits + temperature * noise), with -inf in the noise of what is banned.
    """

    def __init__(
        self,
        config: SampleConfig,
        vocabulary: Vocabulary,
        *,
        seed: int,
        numbers: Sequence[int],
        prompts: Sequence[np.ndarray],
    ) -> None:
        """Choose for texts that draw with the streams `numbers` of `seed` and go on from `prompts`, ids (n,) each.

        Raises:
            SampleError: every character is banned.
        """
        self._config = config
        self._banned = banned_ids(config, vocabulary)
        self._narrowing = narrowing_filters(config)
        self._penalised = config.repetition_penalty > 1
        self._filtered = bool(self._narrowing) or self._penalised
        self._noise = GumbelNoise(seed, numbers, vocabulary.size)
        self._alone = len(numbers) == 1
        self._recent = _last(prompts, config.repetition_window)
        self._chosen = 0  # written so far, where that matters for the window
        self._prepared = 0  # steps for which noise was drawn
        self._noises: list[np.ndarray] = []  # of the next steps, the last one first
        self._heat: list[float] = []  # their temperatures

    def choose(self, logits: np.ndarray) -> Any:
        """The next character: an int for one text from logits (V,), ids (N,) for several from (N, V).

        `logits` may be overwritten.
        """
        if not self._noises:
            self._refill()
        if self._filtered:
            logits = self._apply_filters(logits, self._heat.pop())
        np.add(logits, self._noises.pop(), logits)
        chosen: Any = int(logits.argmax()) if self._alone else logits.argmax(axis=1)
        if self._penalised:
            self._recent[:, self._chosen % self._recent.shape[1]] = chosen
            self._chosen += 1
        return chosen

    def _apply_filters(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """The scores that the filters leave of `logits`."""
        scores = filters.ban(logits, self._banned)
        if self._penalised:
            recent = self._recent[0] if self._alone else self._recent
            scores = filters.repetition_penalty(scores, recent, self._config.repetition_penalty)
        if temperature > 0:
            scores = filters.temperature(scores, temperature)
            for narrow in self._narrowing:
                scores = narrow(scores)
        return scores

    def _refill(self) -> None:
        """Prepare the noise of the next block of steps: none where the temperature is 0."""
        block = self._noise.block()
        temperatures = self._temperatures(block.shape[1])
        self._prepared += block.shape[1]
        factors = temperatures > 0 if self._filtered else temperatures
        block *= factors.astype(np.float32)[:, np.newaxis]
        if not self._filtered:
            block[..., self._banned] = -np.inf
        self._noises = list(block[0] if self._alone else block.swapaxes(0, 1))[::-1]
        self._heat = temperatures.tolist()[::-1]

    def _temperatures(self, count: int) -> np.ndarray:
        """The temperatures of the next `count` steps, (count,): from the first to the last over the text."""
        first, last = self._config.temperatures
        done = np.arange(self._prepared, self._prepared + count) / max(1, self._config.length - 1)
        return np.full(count, first) if first == last else first + (last - first) * np.minimum(done, 1.0)

    def keep(self, texts: Sequence[int]) -> None:
        """Go on with these texts alone, two or more of them, by their place."""
        self._noise.keep(texts)
        self._recent = self._recent[texts]
        self._noises = [noise[texts] for noise in self._noises]


def _last(prompts: Sequence[np.ndarray], window: int) -> np.ndarray:
    """The last ids of each prompt, (N, window); where a prompt is shorter, the unknown id stands for nothing.

    The oldest id comes first, as `choose` overwrites from the left.
    """
    recent = np.full((len(prompts), window), UNKNOWN, np.intp)
    for row, prompt in zip(recent, prompts, strict=True):
        tail = prompt[-window:]
        row[window - len(tail) :] = tail
    return recent
