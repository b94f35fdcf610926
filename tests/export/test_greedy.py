"""What the tests of all formats compare with is what `seqmagic sample --temperature 0` writes."""

from __future__ import annotations

import pytest

from seqmagic.config import SampleConfig
from seqmagic.sampling.writer import write_text
from tests.export.tiny import PROMPTS, SHAPES, VOCABULARY, greedy, lively_network


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_greedy_is_what_sample_writes(cell: str, layers: int) -> None:
    network = lively_network(cell, layers)
    config = SampleConfig(temperature=0.0, length=200)
    for prompt in PROMPTS:
        known = prompt.translate(dict.fromkeys(map(ord, VOCABULARY.outside(prompt))))  # sample refuses others
        assert write_text(network, VOCABULARY, config, known or None) == greedy(network, known, 200)
