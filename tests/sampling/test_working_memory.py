"""The estimate of memory: right in size, and refused with the figures."""

from __future__ import annotations

import tracemalloc

import pytest

from seqmagic.config import SampleConfig
from seqmagic.errors import SampleError
from seqmagic.network.network import Network
from seqmagic.sampling import working_memory as memory
from seqmagic.sampling.pieces import gather
from seqmagic.sampling.stepper import FoldedNetwork
from seqmagic.sampling.writer import GROUP, write
from seqmagic.texts.vocabulary import Vocabulary
from tests.helpers import random_weights

VOCABULARY = Vocabulary("\n abc")
FOLDED = FoldedNetwork.of(Network.from_weights("lstm", random_weights("lstm", vocabulary_size=6, units=40)))


@pytest.mark.parametrize(("count", "length"), [(40, 200), (700, 10), (1, 5000)])
def test_the_estimate_is_an_upper_bound_and_not_far_off(count: int, length: int) -> None:
    config = SampleConfig(count=count, length=length, seed=1)
    gather(write(FOLDED, VOCABULARY, SampleConfig(count=6, length=3, seed=1)))  # first-time costs
    tracemalloc.start()
    texts = gather(write(FOLDED, VOCABULARY, config))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(texts) == count
    needed = memory.needed_bytes(FOLDED, config, count, together=GROUP)
    assert peak < needed + 200_000
    assert needed < 6 * peak


def test_too_much_is_refused_with_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 3_000_000_000)
    config = SampleConfig(count=2_000_000, length=500)
    with pytest.raises(SampleError) as caught:
        memory.check_memory(FOLDED, config, 2_000_000, together=GROUP)
    assert str(caught.value) == (
        "2,000,000 texts of 500 characters need about 8.0 GB of memory and 3.0 GB are free; lower --count or --length"
    )
    memory.check_memory(FOLDED, config, 2_000, together=GROUP)


def test_a_system_that_does_not_say_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    memory.check_memory(FOLDED, SampleConfig(), 10**12, together=GROUP)


def test_the_free_memory_is_known_here() -> None:
    free = memory.free_bytes()
    assert free is None or 10**7 < free < 10**14
