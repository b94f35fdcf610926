"""The streams in which a part of a text is read: side by side, each window going on where the last one ended."""

from __future__ import annotations

import numpy as np

from seqmagic.errors import CorpusError


class Streams:
    """B readers of one part, each starting at its own place and going round through the whole of it.

    Reader b starts at character b·L, L = n // B, so in the L / T windows of one epoch the readers together
    read every transition of the part once (the last n - B·L excepted, which come in the next round), and
    each window of a reader begins where its last one ended.
    """

    def __init__(self, ids: np.ndarray, batch_size: int, sequence_length: int, *, rows: slice = slice(None)) -> None:
        """Read `ids`, (n,) of an unsigned type, in windows of B = `batch_size` by T = `sequence_length`.

        Args:
            rows: The readers that are here, where others are elsewhere: of all windows the rows of these alone are
                made, and of the text what they read alone is touched.

        Raises:
            CorpusError: there are fewer ids than readers, or fewer than 2.
        """
        if len(ids) < max(2, batch_size):
            raise CorpusError(
                f"a part of {len(ids)} characters can't be read in {batch_size} streams; lower --batch-size"
            )
        self._ids = np.asarray(ids)  # a memory map would build itself anew on every access
        self.batch_size = batch_size
        self.rows = rows
        self._starts = (np.arange(batch_size, dtype=np.int64) * (len(ids) // batch_size))[rows]
        self._offsets = np.arange(sequence_length + 1, dtype=np.int64)

    @property
    def characters_per_step(self) -> float:
        """Characters that a step predicts, those of all readers."""
        return self.batch_size * (len(self._offsets) - 1)

    def window(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Window number `step`, from 0, in any order and without an end.

        Returns:
            inputs, (B, T) int32; targets, (B, T) int32, the character after each input; restarts, (B,)
            bool: where the state of the last window must not be carried on, which is everywhere in window
            0, and where a reader came round to the start of the part within its last window or at its end.
        """
        inputs, targets, restarts = self.windows(step, 1)
        return inputs[0], targets[0], restarts[0]

    def windows(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`count` windows from number `first` on: what `window` returns of each, along a first axis."""
        length = len(self._offsets) - 1
        steps = np.arange(first, first + count, dtype=np.int64)[:, None]
        rounds, positions = np.divmod(self._starts + steps * length, len(self._ids))
        restarts = (steps == 0) | ((rounds > 0) & (positions < length))
        block = self._ids.take(positions[:, :, None] + self._offsets, mode="wrap").astype(np.int32)
        return block[:, :, :-1], block[:, :, 1:], restarts
