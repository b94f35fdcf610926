"""A batch that texts join and leave between characters; each is what `seqmagic sample` writes, to the last one.

All texts of a batch share one product of matrices a character. Such a product rounds otherwise than that of one
text alone, by some 1e-5 in a logit. That matters only where two characters are nearly equally good: there the
choice is not taken from the batch. The text is read again as one text alone, from where that was done last, and
chooses by those logits. So its neighbours never show in a text, and reading again costs a text in all at most
what writing it alone does; it happens to one character in some ten thousand.

Axes: N columns of the batch, V vocabulary. Floats are float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from seqmagic.config import SampleConfig
from seqmagic.network.probabilities import log_softmax
from seqmagic.sampling import filters
from seqmagic.sampling.noise import GumbelNoise
from seqmagic.sampling.sampler import banned_ids
from seqmagic.sampling.stepper import FoldedNetwork, State, Stepper
from seqmagic.sampling.threads import WORTH_SHARING, ThreadChooser, Threads, available_threads
from seqmagic.sampling.writer import TOGETHER
from seqmagic.texts.vocabulary import Vocabulary

NEARLY_EQUAL = 2e-4  # of two logits; rounding moved none by more than 1.4e-5 (lstm, gru, rnn, 2,000 characters)
_MASS = 1e-6  # what float32 may miss in a sum of probabilities


class Growing:
    """One text that grows in a batch.

    Attributes:
        ids: What was written.
    """

    def __init__(
        self,
        network: FoldedNetwork,
        config: SampleConfig,
        *,
        banned: np.ndarray,
        stream: int,
        state: State,
        logits: np.ndarray,
    ) -> None:
        """A text after its prompt.

        Args:
            network: The weights.
            config: Its temperature, top_p and seed are heeded; the other filters are not there.
            banned: (n,) integer, ids that are never written.
            stream: Number of its random stream.
            state: The memory after the prompt.
            logits: (V,), after the prompt.
        """
        cold = config.temperatures[0] == 0
        self.top_p = 1.0 if cold else config.top_p
        self.filtered = config.top_p < 1 and not cold
        one = np.ones(1, np.float32)
        self.sharpening = float(filters.temperature(one, config.temperatures[0])[0]) if self.filtered else 1.0
        self._factor = np.float32(1.0 if self.filtered else config.temperatures[0])
        self._banned = banned
        self._noise = GumbelNoise(config.seed or 0, [stream], network.vocabulary_size)
        self.ids: list[int] = []
        self.anchor = (0, state, logits)  # so many characters of it read as one text alone, and what came of it
        self.state, self.logits = state, logits

    def noise(self) -> np.ndarray:
        """What is added to the scores of the next characters, (length, V), -inf for what is banned."""
        block = self._noise.block()[0] * self._factor
        block[:, self._banned] = -np.inf
        return block


class _Steps(Protocol):
    """What advances N columns."""

    def step(self, ids: np.ndarray) -> np.ndarray: ...
    def restore(self, states: Sequence[State], first: int = 0) -> None: ...
    def state(self, stream: int = 0) -> State: ...


class _OneByOne:
    """A few columns, each advanced as one text alone: faster than a product of matrices."""

    def __init__(self, network: FoldedNetwork, columns: int) -> None:
        self._steppers = [Stepper(network) for _ in range(columns)]
        self._logits = np.empty((columns, network.vocabulary_size), np.float32)

    def step(self, ids: np.ndarray) -> np.ndarray:
        for stepper, character, row in zip(self._steppers, ids.tolist(), self._logits, strict=True):
            row[:] = stepper.step(character)
        return self._logits

    def restore(self, states: Sequence[State], first: int = 0) -> None:
        for stepper, state in zip(self._steppers[first:], states, strict=False):
            stepper.restore([state])

    def state(self, stream: int = 0) -> State:
        return self._steppers[stream].state()


class Batch:
    """Up to `limit` texts, one character of each per step."""

    def __init__(
        self, network: FoldedNetwork, vocabulary: Vocabulary, *, limit: int, threads: Threads | None = None
    ) -> None:
        """An empty batch.

        Args:
            network, vocabulary: The model.
            limit: Texts that take part at most.
            threads: What sets the number of threads of the products; None to leave it as it is.
        """
        self.limit = limit
        self.banned = banned_ids(SampleConfig(), vocabulary)
        self._network = network
        self._alone = Stepper(network)
        self._threads = threads
        self._laid_out: dict[int, tuple[_Steps, ThreadChooser]] = {}  # by the number of columns
        self._resize(1)

    def __len__(self) -> int:
        return self._count

    @property
    def has_room(self) -> bool:
        return self._count < self.limit

    def _resize(self, columns: int, keep: Sequence[Growing] = ()) -> None:
        """Lay the batch out for so many columns and let the texts `keep` go on in the first of them."""
        self._columns = columns
        if columns not in self._laid_out:
            self._laid_out[columns] = self._lay_out(columns)
        self._steps, chooser = self._laid_out[columns]
        if self._threads is not None:
            self._threads.set(chooser.count)
        self._step = chooser.wrap(self._steps.step)
        size = self._network.vocabulary_size
        length = GumbelNoise(0, [], size).length
        self._texts: list[Growing | None] = [None] * columns
        self._count = 0
        self._logits = np.zeros((columns, size), np.float32)
        self._noise = np.zeros((columns, length, size), np.float32)
        self._positions = np.zeros(columns, np.intp)  # in the noise
        self._top_p = np.ones(columns, np.float32)
        self._sharpening = np.ones(columns, np.float32)
        self._filtered = np.zeros(columns, bool)
        for text in keep:
            self._seat(text)

    def _lay_out(self, columns: int) -> tuple[_Steps, ThreadChooser]:
        """What advances so many columns, and what finds out how many threads that is worth."""
        together = columns >= TOGETHER
        cores = available_threads() if together or self._network.bytes_per_step >= WORTH_SHARING else 1
        steps = Stepper(self._network, columns) if together else _OneByOne(self._network, columns)
        return steps, ThreadChooser(self._threads, cores)

    def _seat(self, text: Growing) -> int:
        """Give `text` a free column, its state and logits; its noise is for the caller."""
        column = self._texts.index(None)
        self._texts[column] = text
        self._count += 1
        self._steps.restore([text.state], column)
        self._logits[column] = text.logits
        self._top_p[column], self._sharpening[column] = text.top_p, text.sharpening
        self._filtered[column] = text.filtered
        return column

    def join(self, text: Growing) -> None:
        """Let `text` take part from the next step on; there must be room."""
        if self._count == self._columns:
            self._move(min(2 * self._columns, self.limit))
        column = self._seat(text)
        self._noise[column], self._positions[column] = text.noise(), 0

    def leave(self, text: Growing) -> None:
        """Free the column of `text`."""
        column = self._texts.index(text)
        self._texts[column] = None
        self._count -= 1
        self._filtered[column] = False
        self._noise[column] = 0.0

    def _move(self, columns: int) -> None:
        """Take the texts to a batch of another width."""
        seated = [(column, text) for column, text in enumerate(self._texts) if text is not None]
        for column, text in seated:
            text.state, text.logits = self._steps.state(column), self._logits[column].copy()
        before = [column for column, _ in seated]
        noise, positions = self._noise[before], self._positions[before]
        self._resize(columns, [text for _, text in seated])
        self._noise[: len(before)], self._positions[: len(before)] = noise, positions

    def choose(self, *, predictions: bool = False) -> tuple[list[tuple[Growing, int, int]], np.ndarray]:
        """Choose the next character of every text, without reading it yet.

        Args:
            predictions: Whether somebody wants to know what the model had expected.

        Returns:
            Each text with its column and the id chosen; and the logarithms of the model's own probabilities, before
            temperature and top_p, (N, V), or no rows where nobody wants them.
        """
        ids, unsure = self._choose(np.arange(self._columns))
        for column in np.flatnonzero(unsure).tolist():
            text = self._texts[column]
            if text is not None:
                self._read_alone(text, column)
                ids[column] = self._choose(np.array([column]))[0][0]
        self._positions += 1
        expected = log_softmax(self._logits) if predictions else self._logits[:0]
        self._chosen = ids
        chosen = ids.tolist()
        written = [(text, column, chosen[column]) for column, text in enumerate(self._texts) if text is not None]
        for text, _, character in written:
            text.ids.append(character)
        return written, expected

    def advance(self) -> None:
        """Read what was chosen, in all texts that are still there."""
        if self._count == 0:
            self._positions[:] = 0
            return
        least = 4 if self._columns >= TOGETHER else 2  # the wider ones are left later: moving texts costs, too
        if self._columns > 1 and least * self._count <= self._columns:
            kept = [column for column, text in enumerate(self._texts) if text is not None]
            chosen = self._chosen[kept]
            self._move(self._columns // 2)
            self._chosen = np.zeros(self._columns, np.intp)
            self._chosen[: len(kept)] = chosen
        for column in np.flatnonzero(self._positions == self._noise.shape[1]).tolist():
            text = self._texts[column]
            self._positions[column] = 0
            if text is not None:
                self._noise[column] = text.noise()
        np.copyto(self._logits, self._step(self._chosen))

    def _choose(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ids (n,) that `columns` (n,) choose, and whether rounding could have changed the choice, (n,) bool."""
        rows = np.arange(len(columns))
        scores = self._logits[columns]
        tolerance = NEARLY_EQUAL * self._sharpening[columns]
        unsure = np.zeros(len(columns), bool)
        filtered = np.flatnonzero(self._filtered[columns])
        if len(filtered):
            which = columns[filtered]
            sharp = filters.ban(scores[filtered], self.banned) * self._sharpening[which, np.newaxis]
            scores[filtered] = filters.top_p(sharp, self._top_p[which, np.newaxis])
            unsure[filtered] = _top_p_unsure(sharp, self._top_p[which], tolerance[filtered])
        scores += self._noise[columns, self._positions[columns]]
        ids = scores.argmax(axis=1)
        best = scores[rows, ids]
        scores[rows, ids] = -np.inf
        unsure |= best - scores.max(axis=1) < tolerance
        return ids, unsure

    def _read_alone(self, text: Growing, column: int) -> None:
        """Put what reading `text` alone gives into its column, and remember it."""
        read, state, logits = text.anchor
        self._alone.restore([state])
        for character in text.ids[read:]:
            logits = self._alone.step(character)
        text.anchor = (len(text.ids), self._alone.state(), logits.copy())
        self._steps.restore([text.anchor[1]], column)
        self._logits[column] = text.anchor[2]


def _top_p_unsure(scores: np.ndarray, p: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    """Whether errors of `tolerance` (n,) in `scores` (n, V) could change what top_p with `p` (n,) keeps, (n,) bool."""
    ordered = np.sort(scores, axis=-1)[:, ::-1]
    weights = np.exp(ordered - ordered[:, :1])
    total = weights.cumsum(axis=-1)
    before = (total - weights) / total[:, -1:]
    slack = _MASS + tolerance * (1 - p)
    fewest = np.count_nonzero(before < (p - slack)[:, np.newaxis], axis=-1)
    most = np.count_nonzero(before < (p + slack)[:, np.newaxis], axis=-1)
    rows, last = np.arange(len(scores)), scores.shape[1] - 1
    edge = ordered[rows, np.maximum(fewest - 1, 0)] - ordered[rows, np.minimum(fewest, last)]
    return (fewest != most) | (edge < tolerance)
