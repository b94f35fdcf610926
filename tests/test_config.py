"""Settings: ranges are checked at birth, and JSON goes in and out unchanged."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.config import (
    CELLS,
    Config,
    DataConfig,
    ModelConfig,
    TrainConfig,
    counted,
    minutes_words,
    option_name,
    range_words,
    unescaped,
)
from seqmagic.errors import ConfigError

CONFIGS: list[type[Config]] = [DataConfig, ModelConfig, TrainConfig]


@pytest.mark.parametrize("config", CONFIGS)
def test_defaults_are_within_their_ranges_and_every_field_has_a_help(config: type[Config]) -> None:
    config()
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        assert field.metadata["help"].endswith(".")
        if field.default is None:
            assert field.metadata["auto"], f"{field.name}: None stands for something; say for what"


@pytest.mark.parametrize(
    ("config", "name", "good", "bad"),
    [
        (DataConfig, "validation", [0.001, 0.5], [0.0, 0.51, -0.1, math.nan, math.inf]),
        (DataConfig, "test", [0.0, 0.5], [-0.01, 0.6]),
        (DataConfig, "min_count", [1, 10], [0, -1]),
        (ModelConfig, "units", [1, 8192, None], [0, 8193]),
        (ModelConfig, "layers", [1, 8, None], [0, 9]),
        (ModelConfig, "dropout", [0.0, 0.99, None], [1.0, -0.1]),
        (ModelConfig, "cell", [*CELLS, "simple_rnn"], ["LSTM", "transformer", ""]),
        (TrainConfig, "minutes", [0.001, 100_000.0], [0.0, -1.0, math.nan]),
        (TrainConfig, "epochs", [0.5], [0.0, math.inf]),
        (TrainConfig, "seed", [0, 2**31 - 1], [-1, 2**31]),
        (TrainConfig, "engine", ["auto", "fused", "keras"], ["cudnn"]),
    ],
)
def test_ranges(config: type[Config], name: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        config(**{name: value})
    for value in bad:
        with pytest.raises(ConfigError) as caught:
            config(**{name: value})
        message = str(caught.value)
        assert message.startswith(option_name(name)), message
        assert repr(value) in message
        assert "\n" not in message


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (1, "1 minute"),
        (1.0, "1 minute"),
        (90, "90 minutes"),
        (1 / 12, "5 seconds"),
        (1 / 60, "1 second"),
        (0.5, "30 seconds"),
    ],
)
def test_a_time_is_worded_as_one_speaks(minutes: float, words: str) -> None:
    assert minutes_words(minutes) == words
    assert counted(1, "thread") == "1 thread" and counted(12_000, "character") == "12,000 characters"


def test_two_budgets_are_refused_and_the_alias_of_a_cell_is_resolved() -> None:
    with pytest.raises(ConfigError, match="--minutes and --epochs"):
        TrainConfig(minutes=1.0, epochs=1.0)
    assert ModelConfig(cell="simple_rnn").cell == "rnn"


def test_a_configuration_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().units = 3  # type: ignore[misc]


@given(
    units=st.none() | st.integers(1, 8192),
    dropout=st.none() | st.floats(0.0, 1.0, exclude_max=True),
    cell=st.sampled_from(CELLS),
    stranger=st.text(),
)
def test_json_there_and_back(units: int | None, dropout: float | None, cell: str, stranger: str) -> None:
    config = ModelConfig(units=units, dropout=dropout, cell=cell)
    assert ModelConfig.from_json(config.to_json()) == config
    assert ModelConfig.from_json({**config.to_json(), f"new {stranger}": 1}) == config


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({}, ""),
        ({"minimum": 1}, "1 or more"),
        ({"minimum": 0, "maximum": 1}, "from 0 to 1"),
        ({"minimum": 0, "below": 1}, "from 0 to below 1"),
        ({"above": 0}, "above 0"),
        ({"above": 0, "maximum": 1e6}, "above 0 and at most 1,000,000"),
        ({"maximum": 5}, "at most 5"),
        ({"below": 5}, "below 5"),
    ],
)
def test_ranges_in_words(metadata: dict[str, float], words: str) -> None:
    assert range_words(metadata) == words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(r"\n", "\n"), (r"a\tb", "a\tb"), (r"\\n", r"\n"), (r"\\\n", "\\\n"), (r"\d", r"\d"), ("\\", "\\"), ("\n", "\n")],
)
def test_escapes(typed: str, meant: str) -> None:
    assert unescaped(typed) == meant
