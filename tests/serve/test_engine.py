"""The engine: orders in line, pieces out, places freed; no framework is needed for it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seqmagic.config import SampleConfig
from seqmagic.network.probabilities import log_softmax
from seqmagic.sampling.stepper import Stepper
from seqmagic.serve import engine as module
from seqmagic.serve.batch import Batch
from seqmagic.serve.engine import Busy, Deliveries, Engine, Order, Piece
from tests.serve.test_batch import NETWORK, VOCABULARY, alone


class Desk:
    """Takes what an engine posts, and waits for texts to end."""

    def __init__(self) -> None:
        self.pieces: defaultdict[Order, list[Piece]] = defaultdict(list)
        self.changed = threading.Condition()
        self.failures: list[Exception] = []

    def post(self, deliveries: Deliveries) -> None:
        with self.changed:
            for order, piece in deliveries:
                self.pieces[order].append(piece)
            self.changed.notify_all()

    def ended(self, order: Order) -> bool:
        return sum(bool(piece.ended) for piece in self.pieces[order]) == order.config.count

    def texts(self, order: Order) -> list[str]:
        """The texts of an order, whole."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.ended(order), timeout=60)
        grown: defaultdict[int, str] = defaultdict(str)
        for piece in self.pieces[order]:
            grown[piece.text] += piece.characters
        return [grown[number] for number in sorted(grown)]

    def endings(self, order: Order) -> list[str]:
        self.texts(order)
        return [piece.ended for piece in self.pieces[order] if piece.ended]


def order(prompt: str = "abc", *, length: int = 20, first: int = 0, **settings: Any) -> Order:
    others = {name: settings.pop(name) for name in ("likeliest", "scored", "at_once") if name in settings}
    return Order(
        prompt=VOCABULARY.encode(prompt),
        config=SampleConfig(**{"seed": 5, **settings}),
        length=length,
        first=first,
        receive=lambda piece: None,
        **{"likeliest": None, "scored": False, "at_once": False, **others},
    )


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def engine(desk: Desk) -> Iterator[Engine]:
    engine = Engine(NETWORK, VOCABULARY, limit=8, waiting=100, post=desk.post, failed=desk.failures.append)
    yield engine
    engine.stop()
    engine.join()


def test_texts_are_those_of_sample(engine: Engine, desk: Desk) -> None:
    orders = [order("abc"[: 1 + number % 3], length=10 + number, seed=number, count=2) for number in range(20)]
    engine.submit(orders)
    for number, one in enumerate(orders):
        prompt = "abc"[: 1 + number % 3]
        config = SampleConfig(length=10 + number, seed=number)
        assert desk.texts(one) == [alone(NETWORK, prompt, config, stream) for stream in (0, 1)]
    assert engine.load() == (0, 0)


@pytest.mark.parametrize("length", [255, 256, 257, 700])
def test_a_long_prompt_is_read_in_pieces(engine: Engine, desk: Desk, length: int) -> None:
    prompt = ("abcdefgh. " * 100)[:length]
    long, short = order(prompt), order("h")
    engine.submit([short, long])
    assert desk.texts(long) == [alone(NETWORK, prompt, SampleConfig(length=20, seed=5))]
    again = order(prompt, seed=6)
    engine.submit([again])  # remembered
    assert desk.texts(again) == [alone(NETWORK, prompt, SampleConfig(length=20, seed=6))]


def test_pieces_come_as_they_are_written(engine: Engine, desk: Desk) -> None:
    streamed, whole = order(length=50, at_once=True), order(length=50)
    engine.submit([streamed, whole])
    assert desk.texts(streamed) == desk.texts(whole)
    assert [len(piece.characters) for piece in desk.pieces[streamed]] == [1, 2, 4, 8, 16, 16, 3]
    assert len(desk.pieces[whole]) == 1


def test_stop_texts_end_a_text(engine: Engine, desk: Desk) -> None:
    written = alone(NETWORK, "abc", SampleConfig(length=60, seed=5))
    stop = written[30:33]
    one = order(length=60, stop=(stop,), at_once=True, likeliest=0)
    engine.submit([one])
    assert desk.texts(one) == [written[: written.index(stop)]]
    assert desk.endings(one) == ["stop"]
    scores = [score.character for piece in desk.pieces[one] for score in piece.scores]
    assert "".join(scores) == desk.texts(one)[0]


def test_a_text_of_no_characters(engine: Engine, desk: Desk) -> None:
    one = order(length=0, count=3, first=4)
    engine.submit([one])
    assert desk.texts(one) == ["", "", ""]
    assert [piece.text for piece in desk.pieces[one]] == [4, 5, 6]
    assert engine.load() == (0, 0)


@pytest.mark.parametrize("length", [1, 3, 256, 257, 600])
def test_scores_of_prompt_and_text(engine: Engine, desk: Desk, length: int) -> None:
    prompt = ("abcdefgh. " * 100)[:length]
    one = order(prompt, length=4, likeliest=3, scored=True)
    engine.submit([one])
    (text,) = desk.texts(one)
    scores = [score for piece in desk.pieces[one] for score in piece.scores]
    assert "".join(score.character for score in scores) == prompt + text
    assert scores[0].logarithm is None and scores[0].likeliest == ()
    ids = VOCABULARY.encode(prompt + text).tolist()
    stepper = Stepper(NETWORK)
    for position, score in enumerate(scores[1:], 1):
        expected = log_softmax(stepper.step(ids[position - 1]))
        assert score.logarithm == pytest.approx(expected[ids[position]], abs=1e-4)
        assert [value for _, value in score.likeliest] == pytest.approx(np.sort(expected)[::-1][:3], abs=1e-4)


def test_who_goes_away_frees_a_place(engine: Engine, desk: Desk) -> None:
    endless = [order(length=10**9, seed=number) for number in range(8)]
    engine.submit(endless)
    waiting, gone = order(length=5), order(length=5, count=3)
    engine.submit([waiting, gone])
    engine.cancel([gone, endless[3]])
    assert desk.texts(waiting) == [alone(NETWORK, "abc", SampleConfig(length=5, seed=5))]
    engine.cancel(endless)
    last = order(length=5)
    engine.submit([last])
    assert desk.texts(last) == desk.texts(waiting)
    assert engine.load() == (0, 0)
    assert not desk.pieces[gone]


def test_a_cancelled_prompt_is_not_read_on(engine: Engine, desk: Desk) -> None:
    long = order("abcdefgh" * 100_000, length=5)
    engine.submit([long])
    engine.cancel([long])
    last = order(length=5)
    engine.submit([last])
    desk.texts(last)
    assert engine.load() == (0, 0)
    assert not desk.pieces[long]


def test_too_many_are_refused_whole(engine: Engine, desk: Desk) -> None:
    endless = order(length=10**9, count=8)
    engine.submit([endless])
    with pytest.raises(Busy):
        engine.submit([order(count=50), order(count=51)])
    engine.submit([order(count=50)])


def test_stopping_tells_everybody(engine: Engine, desk: Desk) -> None:
    going, waiting = order(length=10**9, count=8), order(count=2)
    engine.submit([going, waiting])
    engine.stop()
    engine.join()
    assert desk.endings(going) == ["stopped"] * 8
    assert desk.endings(waiting) == ["stopped"] * 2
    with pytest.raises(Busy):
        engine.submit([order()])


def test_a_failure_ends_what_is_going_and_nothing_else(
    engine: Engine, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Batch, *, predictions: bool = False) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(module.Batch, "choose", fail)
        one = order(count=2)
        engine.submit([one])
        assert desk.endings(one) == ["failed", "failed"]
        assert [type(problem) for problem in desk.failures] == [MemoryError]
    again = order()
    engine.submit([again])
    assert desk.endings(again) == ["length"]
    assert engine.load() == (0, 0)
