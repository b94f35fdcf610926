"""A batch: whatever joins and leaves beside it, a text is the one that `sample` writes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seqmagic.config import SampleConfig
from seqmagic.network.network import Network
from seqmagic.network.probabilities import log_softmax
from seqmagic.sampling import filters
from seqmagic.sampling.pieces import gather
from seqmagic.sampling.stepper import FoldedNetwork, Stepper
from seqmagic.sampling.writer import write
from seqmagic.serve import batch as module
from seqmagic.serve.batch import Batch, Growing
from seqmagic.texts.vocabulary import Vocabulary
from tests.helpers import random_weights

VOCABULARY = Vocabulary("\n abcdefgh.")


def folded(cell: str, layers: int) -> FoldedNetwork:
    weights = random_weights(cell, vocabulary_size=VOCABULARY.size, units=8, layers=layers, seed=4)
    return FoldedNetwork.of(Network.from_weights(cell, weights))


NETWORKS = {(cell, layers): folded(cell, layers) for cell in ("rnn", "lstm", "gru") for layers in (1, 2)}
NETWORK = NETWORKS["lstm", 2]


def alone(network: FoldedNetwork, prompt: str, config: SampleConfig, stream: int = 0) -> str:
    """What `seqmagic sample` writes."""
    config = SampleConfig(**{**config.to_json(), "count": stream + 1})
    return gather(write(network, VOCABULARY, config, [prompt]))[stream].characters


def after(network: FoldedNetwork, prompt: str, config: SampleConfig, stream: int = 0) -> Growing:
    reader = Stepper(network)
    logits = reader.read(VOCABULARY.encode(prompt)).copy()
    return Growing(network, config, banned=np.array([0], np.intp), stream=stream, state=reader.state(), logits=logits)


class Asked:
    """Texts of many kinds, each with what it has to become."""

    def __init__(self, network: FoldedNetwork, seed: int = 1) -> None:
        self.network, self.random = network, random.Random(seed)

    def __iter__(self) -> Iterator[tuple[Growing, int, str]]:
        while True:
            settings: dict[str, Any] = {
                "length": self.random.randrange(1, 60),
                "temperature": self.random.choice([0, 0.3, 0.8, 1.0, 2.0]),
                "top_p": self.random.choice([1.0, 1.0, 0.3, 0.9, 0.999]),
                "seed": self.random.randrange(1000),
            }
            prompt = "".join(self.random.choices("abcdefgh .\n", k=self.random.randrange(1, 30)))
            config, stream = SampleConfig(**settings), self.random.choice([0, 0, 1])
            wanted = alone(self.network, prompt, config, stream)
            yield after(self.network, prompt, config, stream), config.length, wanted


def run(network: FoldedNetwork, *, texts: int, limit: int, busy: float, seed: int = 1) -> list[tuple[str, str]]:
    """Let `texts` come and go, `busy` of `limit` at a time; what each became and should be."""
    batch, asked, chance = Batch(network, VOCABULARY, limit=limit), iter(Asked(network, seed)), random.Random(seed)
    going: dict[int, tuple[Growing, int, str]] = {}
    done: list[tuple[str, str]] = []
    begun = 0
    while len(done) < texts:
        while begun < texts and batch.has_room and (not going or chance.random() < busy):
            text, length, wanted = next(asked)
            going[id(text)] = (text, length, wanted)
            batch.join(text)
            begun += 1
        written, _ = batch.choose()
        assert len(written) == len(going) == len(batch)
        for text, _, chosen in written:
            _, length, wanted = going[id(text)]
            assert text.ids[-1] == chosen
            if len(text.ids) == length:
                batch.leave(text)
                del going[id(text)]
                done.append((VOCABULARY.decode(text.ids), wanted))
        batch.advance()
    return done


@pytest.mark.parametrize("network", NETWORKS.values(), ids=map(str, NETWORKS))
def test_a_text_is_what_sample_writes_whatever_runs_beside_it(network: FoldedNetwork) -> None:
    for became, wanted in run(network, texts=60, limit=16, busy=0.7):
        assert became == wanted


@pytest.mark.parametrize(("limit", "busy"), [(1, 1.0), (3, 0.5), (4, 0.9), (10, 0.9), (64, 0.95)])
def test_widths_of_all_kinds(limit: int, busy: float) -> None:
    for became, wanted in run(NETWORK, texts=80, limit=limit, busy=busy, seed=limit):
        assert became == wanted


def test_a_text_that_goes_away_leaves_no_trace() -> None:
    config = SampleConfig(length=50, seed=3)
    batch = Batch(NETWORK, VOCABULARY, limit=8)
    stays = after(NETWORK, "abc", config)
    batch.join(stays)
    others = [after(NETWORK, "h" * (1 + number), config, number) for number in range(7)]
    for number, other in enumerate(others):
        batch.join(other)
        batch.choose()
        if number >= 2:
            batch.leave(others[number - 2])
        batch.advance()
    for other in others[5:]:
        batch.leave(other)
    while len(stays.ids) < 50:
        batch.choose()
        batch.advance()
    assert VOCABULARY.decode(stays.ids) == alone(NETWORK, "abc", config)


def test_rounding_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of matrices are made coarse, up to half of what counts as nearly equal: the texts stay the same."""
    noise = np.random.default_rng(1)
    read_again = 0

    class Coarse(Stepper):
        def __init__(self, network: FoldedNetwork, streams: int = 1) -> None:
            super().__init__(network, streams)
            step = self.step

            def coarse(ids: Any) -> np.ndarray:
                logits = step(ids)
                logits += noise.uniform(-0.004, 0.004, logits.shape).astype(np.float32)
                return logits

            if streams > 1:
                self.step = coarse

    read_alone = Batch._read_alone

    def counted(self: Batch, text: Growing, column: int) -> None:
        nonlocal read_again
        read_again += 1
        read_alone(self, text, column)

    monkeypatch.setattr(module, "Stepper", Coarse)
    monkeypatch.setattr(module, "NEARLY_EQUAL", 0.02)
    monkeypatch.setattr(Batch, "_read_alone", counted)
    for became, wanted in run(NETWORK, texts=100, limit=16, busy=0.9):
        assert became == wanted
    assert read_again > 20
    monkeypatch.setattr(module, "NEARLY_EQUAL", 0.0)
    pairs = run(NETWORK, texts=100, limit=16, busy=0.9)
    assert any(became != wanted for became, wanted in pairs), (
        "the coarse steps changed nothing: the test proves nothing"
    )


def test_what_was_expected_is_the_models_own() -> None:
    config = SampleConfig(length=5, seed=3, temperature=0.5, top_p=0.5)
    batch = Batch(NETWORK, VOCABULARY, limit=8)
    for number in range(6):
        batch.join(after(NETWORK, "abc", config, number))
    for _ in range(5):
        written, expected = batch.choose(predictions=True)
        for text, column, chosen in written:
            read = Stepper(NETWORK).read(np.array([*VOCABULARY.encode("abc"), *text.ids[:-1]]))
            assert expected[column] == pytest.approx(log_softmax(read), abs=1e-4)
            assert text.ids[-1] == chosen
        batch.advance()
    assert batch.choose()[1].shape == (0, VOCABULARY.size)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.9, 0.99, 0.9999])
def test_what_top_p_keeps_is_sure_or_said_not_to_be(p: float) -> None:
    """Scores are moved as rounding would: wherever that changes what is kept, it was foreseen; elsewhere seldom."""
    random, tolerance, rows = np.random.default_rng(3), 0.01, 4_000
    scores = random.normal(scale=3, size=(rows, 12)).astype(np.float32)
    scores[:, 0] = -np.inf
    each = np.full(rows, p, np.float32)
    unsure = module._top_p_unsure(scores, each, np.full(rows, tolerance, np.float32))
    kept = np.isfinite(filters.top_p(scores, p))
    changed = np.zeros(rows, bool)
    for _ in range(50):
        moved = scores + random.uniform(-tolerance / 2, tolerance / 2, scores.shape).astype(np.float32)
        changed |= (np.isfinite(filters.top_p(moved, p)) != kept).any(axis=1)
    assert changed.any()
    assert not (changed & ~unsure).any()
    assert unsure.mean() < 0.2
