"""The engine: a thread that reads prompts and advances the batch, and says what came of it.

Orders wait in line, first come, first served. Between two characters of the batch one piece of the prompt that is
due is read, so a long prompt slows the others down and does not stop them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from seqmagic.config import SampleConfig
from seqmagic.network.probabilities import log_softmax
from seqmagic.sampling.endings import Ending, make_ending
from seqmagic.sampling.stepper import PIECE, FoldedNetwork, State, Stepper
from seqmagic.sampling.threads import Threads
from seqmagic.sampling.writer import BLOCK
from seqmagic.serve.batch import Batch, Growing
from seqmagic.texts.vocabulary import UNKNOWN_CHARACTER, Vocabulary

_REMEMBERED = 256  # prompts whose reading is kept: the same one is often asked for again


class Busy(Exception):  # noqa: N818
    """More texts wait than may."""


class Score(NamedTuple):
    """What the model gave a character, before temperature and top_p.

    Attributes:
        character: The character.
        logarithm: Of its probability, natural; None for the first of a prompt, which nothing came before.
        likeliest: The characters that were likeliest, with the same.
    """

    character: str
    logarithm: float | None
    likeliest: tuple[tuple[str, float], ...] = ()


class Piece(NamedTuple):
    """What was added to a text.

    Attributes:
        text: Its number.
        characters: None, one or more.
        scores: Of each of them, where that was asked for.
        ended: "" while it goes on, "stop", or "length" where it ended by that alone; "failed", "stopped".
    """

    text: int
    characters: str
    scores: tuple[Score, ...] = ()
    ended: str = ""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Order:
    """One prompt, and the texts that are to follow it.

    Attributes:
        prompt: (n,) integer, n > 0, its ids.
        config: Temperature, top_p, stop and seed; `count` texts.
        length: Characters of each; 0 for none.
        first: The number of its first text.
        likeliest: How many alternatives each score names; None for no scores.
        scored: Whether the prompt gets scores, too; they come as the first piece of its first text.
        at_once: Whether pieces are wanted as they are written.
        receive: Called with each piece, by whoever the engine posts to.
    """

    prompt: np.ndarray
    config: SampleConfig
    length: int
    first: int
    likeliest: int | None
    scored: bool
    at_once: bool
    receive: Callable[[Piece], None]


Deliveries = list[tuple[Order, Piece]]


class _Text:
    """One text on its way."""

    def __init__(self, order: Order, number: int) -> None:
        self.order, self.number = order, number
        self.ending: Ending | None = make_ending(order.config)
        self.characters = ""  # not handed over yet
        self.scores: list[Score] = []  # of them, and of what the ending holds back
        self.block = 1  # characters that are handed over together; more and more

    def piece(self, ended: str = "") -> Piece:
        """Hand over what there is."""
        piece = Piece(self.number, self.characters, tuple(self.scores[: len(self.characters)]), ended)
        del self.scores[: len(self.characters)]
        self.characters = ""
        self.block = min(2 * self.block, BLOCK)
        return piece


class _Reading:
    """A prompt that is being read."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.read = 0  # characters
        self.scores: list[Score] = []


class Engine:
    """The engine of one model; its methods may be called from any thread."""

    def __init__(
        self,
        network: FoldedNetwork,
        vocabulary: Vocabulary,
        *,
        limit: int,
        waiting: int,
        post: Callable[[Deliveries], None],
        failed: Callable[[Exception], None],
        threads: Threads | None = None,
    ) -> None:
        """Start the thread.

        Args:
            network, vocabulary: The model.
            limit: Texts that advance together at most.
            waiting: Texts that may wait for that at most.
            post: Called in the thread with what was written; it is to see to it that `receive` of each order is called.
            failed: Called in the thread with what ended all texts that were going.
            threads: As for `Batch`; set from the thread.
        """
        self._network, self._vocabulary = network, vocabulary
        self._limit, self._most_waiting, self._threads = limit, waiting, threads
        self._post, self._failed = post, failed
        self._alphabet = (UNKNOWN_CHARACTER, *vocabulary.characters)
        self._changed = threading.Condition()
        self._new: deque[Order] = deque()
        self._cancelled: set[Order] = set()
        self._ended = False
        self._unseated = 0  # texts that have no place in the batch yet
        self._remembered: OrderedDict[bytes, tuple[State, np.ndarray]] = OrderedDict()
        self._reader = Stepper(network)
        self._beginning = self._reader.state()
        self._reset()
        self._thread = threading.Thread(target=self._run, name="seqmagic-engine", daemon=True)
        self._thread.start()

    def submit(self, orders: Sequence[Order]) -> None:
        """Put `orders` in line, all of them or none.

        Raises:
            Busy: too many texts wait already.
        """
        texts = sum(order.config.count for order in orders)
        with self._changed:
            if self._ended or self._unseated + texts > self._most_waiting:
                raise Busy
            self._unseated += texts
            self._new.extend(orders)
            self._changed.notify()

    def cancel(self, orders: Iterable[Order]) -> None:
        """Nobody waits for these any more; their places become free before the next character."""
        with self._changed:
            self._cancelled.update(orders)
            self._changed.notify()

    def stop(self) -> None:
        """Begin to end: every text that is still going gets a last piece, "stopped"."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def load(self) -> tuple[int, int]:
        """Texts in the batch, and texts that wait for a place."""
        with self._changed:
            return len(self._texts), self._unseated

    # ------------------------------------------------------------ in the thread

    def _reset(self) -> None:
        """An empty batch and an empty line."""
        self._batch = Batch(self._network, self._vocabulary, limit=self._limit, threads=self._threads)
        self._texts: dict[Growing, _Text] = {}
        self._line: deque[Order] = deque()
        self._reading: _Reading | None = None
        self._ready: deque[tuple[_Text, Growing]] = deque()  # of one order at most

    def _run(self) -> None:
        while self._wait():
            deliveries: Deliveries = []
            try:
                self._take_turn(deliveries)
            except Exception as problem:  # whatever it is, who waits must be told, and the next request may well work
                self._failed(problem)
                deliveries += self._give_up("failed")
            if deliveries:
                self._post(deliveries)
        self._post(self._give_up("stopped"))

    def _wait(self) -> bool:
        """Wait until there is something to do, and take in what is new; False when it is time to end."""
        with self._changed:
            idle = not (self._texts or self._ready or self._reading or self._line)
            while idle and not (self._new or self._cancelled or self._ended):
                self._changed.wait()
            self._line.extend(self._new)
            self._new.clear()
            cancelled, self._cancelled = self._cancelled, set()
        if cancelled:
            self._drop(cancelled)
        return not self._ended

    def _drop(self, cancelled: set[Order]) -> None:
        unseated = sum(order.config.count for order in self._line if order in cancelled)
        self._line = deque(order for order in self._line if order not in cancelled)
        if self._reading is not None and self._reading.order in cancelled:
            unseated += self._reading.order.config.count
            self._reading = None
        kept = deque((text, growing) for text, growing in self._ready if text.order not in cancelled)
        unseated += len(self._ready) - len(kept)
        self._ready = kept
        for growing in [growing for growing, text in self._texts.items() if text.order in cancelled]:
            del self._texts[growing]
            self._batch.leave(growing)
        self._seated(unseated)

    def _seated(self, texts: int) -> None:
        with self._changed:
            self._unseated -= texts

    def _give_up(self, ended: str) -> Deliveries:
        """A last piece for every text that was asked for, and a fresh beginning."""
        with self._changed:
            orders = [*self._line, *self._new]
            self._new.clear()
            self._unseated = 0
        if self._reading is not None:
            orders.append(self._reading.order)
        numbers = [(order, order.first + text) for order in orders for text in range(order.config.count)]
        numbers += [(text.order, text.number) for text in (*self._texts.values(), *(text for text, _ in self._ready))]
        self._reset()
        return [(order, Piece(number, "", ended=ended)) for order, number in numbers]

    def _take_turn(self, deliveries: Deliveries) -> None:
        """A piece of a prompt, and a character of every text."""
        if not self._ready and self._batch.has_room:
            self._read(deliveries)
        while self._ready and self._batch.has_room:
            text, growing = self._ready.popleft()
            self._texts[growing] = text
            self._batch.join(growing)
            self._seated(1)
        if not self._texts:
            return
        scored = any(text.order.likeliest is not None for text in self._texts.values())
        written, expected = self._batch.choose(predictions=scored)
        for growing, column, chosen in written:
            text = self._texts[growing]
            if text.order.likeliest is not None:
                text.scores.append(self._score(expected[column], chosen, text.order.likeliest))
            if piece := self._add(text, self._alphabet[chosen], last=len(growing.ids) == text.order.length):
                deliveries.append((text.order, piece))
                if piece.ended:
                    del self._texts[growing]
                    self._batch.leave(growing)
        self._batch.advance()

    def _add(self, text: _Text, character: str, *, last: bool) -> Piece | None:
        """The next character of `text`; a piece where one is due."""
        if text.ending is None:
            text.characters += character
        else:
            text.characters += text.ending.push(character)
            if text.ending.reached:
                return text.piece("stop")
            if last:
                text.characters += text.ending.finish()
        if last:
            return text.piece("length")
        return text.piece() if text.order.at_once and len(text.characters) >= text.block else None

    def _read(self, deliveries: Deliveries) -> None:
        """Read a piece of the prompt that is due; after its last piece its texts are ready."""
        if self._reading is None:
            if not self._line:
                return
            self._reading = _Reading(self._line.popleft())
            self._reader.restore([self._beginning])
        reading, order = self._reading, self._reading.order
        key = hashlib.sha256(order.prompt.tobytes()).digest()  # prompts may be long
        if not order.scored and key in self._remembered:
            self._remembered.move_to_end(key)
            state, logits = self._remembered[key]
        else:
            piece = order.prompt[reading.read : reading.read + PIECE]
            if order.scored:
                self._read_scored(reading, piece)
            else:
                self._reader.read(piece)
            reading.read += len(piece)
            if reading.read < len(order.prompt):
                return
            state, logits = self._reader.state(), self._reader.logits.copy()
            self._remember(key, state, logits)
        self._reading = None
        if order.scored:
            deliveries.append((order, Piece(order.first, "", tuple(reading.scores))))
        self._make_ready(order, state, logits, deliveries)

    def _remember(self, key: bytes, state: State, logits: np.ndarray) -> None:
        self._remembered[key] = state, logits
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)

    def _read_scored(self, reading: _Reading, piece: np.ndarray) -> None:
        """Read `piece` (n,) and score its characters by what was expected before each."""
        likeliest = reading.order.likeliest or 0
        before = log_softmax(self._reader.logits) if reading.read else None
        rows = log_softmax(self._reader.predict(piece))
        ids = piece.tolist()
        if before is None:
            reading.scores.append(Score(self._alphabet[ids[0]], None))
        else:
            reading.scores.append(self._score(before, ids[0], likeliest))
        reading.scores += [self._score(row, one, likeliest) for row, one in zip(rows, ids[1:], strict=False)]

    def _make_ready(self, order: Order, state: State, logits: np.ndarray, deliveries: Deliveries) -> None:
        for stream in range(order.config.count):
            text = _Text(order, order.first + stream)
            if order.length == 0:
                deliveries.append((order, text.piece("length")))
                self._seated(1)
                continue
            growing = Growing(
                self._network, order.config, banned=self._batch.banned, stream=stream, state=state, logits=logits
            )
            self._ready.append((text, growing))

    def _score(self, expected: np.ndarray, id: int, likeliest: int) -> Score:
        """The score of character `id`, of which the logarithms `expected` (V,) were expected."""
        top = np.argsort(-expected, kind="stable")[:likeliest].tolist()
        pairs = tuple((self._alphabet[one], float(expected[one])) for one in top)
        return Score(self._alphabet[id], float(expected[id]), pairs)
