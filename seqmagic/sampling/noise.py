"""Random numbers for drawing characters: a stream of its own for each text.

Adding Gumbel noise to logits and taking the largest draws from their softmax (Gumbel 1954; Maddison et al.
2014, "A* sampling"). The noise does not depend on the logits, so it is drawn in blocks, many characters at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_NUMBERS_AT_A_TIME = 2**13
_LONGEST_BLOCK = 128


class GumbelNoise:
    """Standard Gumbel noise for the characters of several texts.

    The numbers of a text follow from the seed and the text's own number alone: not from how many texts there
    are, and not from how long the blocks are.
    """

    def __init__(self, seed: int, numbers: Sequence[int], vocabulary_size: int) -> None:
        """Noise for the texts with these `numbers`, over an alphabet of `vocabulary_size` ids."""
        self._generators = [
            np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(number,))))
            for number in numbers
        ]
        self.length = max(1, min(_LONGEST_BLOCK, _NUMBERS_AT_A_TIME // vocabulary_size))
        self._vocabulary_size = vocabulary_size

    def block(self) -> np.ndarray:
        """The noise of the next `length` characters, (texts, length, V) float32; new memory each time."""
        block = np.empty((len(self._generators), self.length, self._vocabulary_size), np.float32)
        for generator, rows in zip(self._generators, block, strict=True):
            generator.standard_exponential(dtype=np.float32, out=rows)
        # -ln of an exponential is Gumbel; an exact 0, which float32 can give, becomes its smallest number
        np.maximum(block, np.finfo(np.float32).tiny, out=block)
        np.log(block, out=block)
        return np.negative(block, out=block)

    def keep(self, texts: Sequence[int]) -> None:
        """Go on with these texts alone, by their place."""
        self._generators = [self._generators[text] for text in texts]
