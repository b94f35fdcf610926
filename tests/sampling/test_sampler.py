"""The sampler: draws from the filtered distribution, greedy where it should be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqmagic.config import SampleConfig, parse_temperature, temperature_words
from seqmagic.errors import ConfigError, SampleError
from seqmagic.sampling import filters
from seqmagic.sampling.noise import GumbelNoise
from seqmagic.sampling.sampler import Sampler, banned_ids
from seqmagic.texts.vocabulary import Vocabulary

ABCD = Vocabulary("abcd")
P = np.array([0.05, 0.1, 0.4, 0.15, 0.3], np.float32)  # the unknown one, a, b, c, d
NO_PROMPT = np.zeros(0, np.int64)


def sampler(texts: int = 1, vocabulary: Vocabulary = ABCD, seed: int = 1, **settings: Any) -> Sampler:
    config = SampleConfig(**settings)
    return Sampler(config, vocabulary, seed=seed, numbers=range(texts), prompts=[NO_PROMPT] * texts)


def shares(chosen: Sampler, count: int = 20_000) -> np.ndarray:
    drawn = [chosen.choose(np.log(P)) for _ in range(count)]
    return np.bincount(drawn, minlength=5) / count


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"temperature": 1}, [0, 0.1, 0.4, 0.15, 0.3]),
        ({"temperature": 0.5}, [0, 0.01, 0.16, 0.0225, 0.09]),
        ({"temperature": 1, "ban": "ad?"}, [0, 0, 0.4, 0.15, 0]),
        ({"temperature": 1, "top_k": 2}, [0, 0, 0.4, 0, 0.3]),
        ({"temperature": 1, "top_p": 0.75}, [0, 0, 0.4, 0.15, 0.3]),  # 0.4 + 0.3 of 0.95 is 0.737
        ({"temperature": 1, "min_p": 0.3}, [0, 0, 0.4, 0.15, 0.3]),
        ({"temperature": 2, "top_k": 2}, [0, 0, 0.4**0.5, 0, 0.3**0.5]),
        # temperature comes before top-p: the squares of b and d are 0.885 of all
        ({"temperature": 0.5, "top_p": 0.85}, [0, 0, 0.16, 0, 0.09]),
        ({"temperature": 0, "top_k": 3, "min_p": 0.01}, [0, 0, 1, 0, 0]),
        ({"temperature": 0, "ban": "b"}, [0, 0, 0, 0, 1]),
    ],
)
def test_draws_follow_the_filtered_distribution(settings: dict[str, Any], expected: list[float]) -> None:
    wanted = np.array(expected) / sum(expected)
    got = shares(sampler(**settings))
    assert (got[wanted == 0] == 0).all()
    # five standard deviations of a share
    np.testing.assert_allclose(got, wanted, atol=5 * (0.25 / 20_000) ** 0.5)


def test_the_penalty_looks_back_over_the_window_and_the_prompt() -> None:
    config = SampleConfig(temperature=0, repetition_penalty=100, repetition_window=2)
    prompt = ABCD.encode("abcdb")  # d and b are recent
    chosen = Sampler(config, ABCD, seed=1, numbers=[0], prompts=[prompt])
    # greedy among what was not seen within 2: c is likeliest of a and c; then (b, c) are recent: d; then ...
    drawn = [chosen.choose(np.log(P)) for _ in range(6)]
    assert ABCD.decode(drawn) == "cdbcdb"


def test_one_and_many_choose_alike() -> None:
    for settings in ({}, {"top_k": 3}, {"repetition_penalty": 2.0, "top_p": 0.9}, {"temperature": (0, 2)}):
        together = sampler(3, **settings)
        alone = [Sampler(SampleConfig(**settings), ABCD, seed=1, numbers=[n], prompts=[NO_PROMPT]) for n in range(3)]
        rng = np.random.default_rng(1)
        for _ in range(300):
            logits = rng.normal(size=(3, 5)).astype(np.float32)
            expected = [one.choose(row.copy()) for one, row in zip(alone, logits, strict=True)]
            assert together.choose(logits).tolist() == expected


def test_texts_can_be_dropped() -> None:
    some, all_of_them = sampler(4, repetition_penalty=3.0), sampler(4, repetition_penalty=3.0)
    rng = np.random.default_rng(1)
    for step in range(300):
        logits = rng.normal(size=(4, 5)).astype(np.float32)
        if step == 7:
            some.keep([1, 3])
        mine = logits if step < 7 else logits[[1, 3]]
        expected = all_of_them.choose(logits.copy())
        np.testing.assert_array_equal(some.choose(mine.copy()), expected if step < 7 else expected[[1, 3]])


def test_top_k_without_effect_changes_no_draw() -> None:
    rng = np.random.default_rng(2)
    plain, filtered = sampler(temperature=0.7), sampler(temperature=0.7, top_k=5)
    for _ in range(500):
        logits = rng.normal(size=5).astype(np.float32)
        assert plain.choose(logits.copy()) == filtered.choose(logits)


def test_a_range_of_temperatures_goes_over_the_text() -> None:
    length = 300  # more than one block of noise
    chosen = sampler(temperature=(0, 2), length=length)
    source = GumbelNoise(1, [0], 5)
    noise = np.concatenate([source.block()[0] for _ in range(3)])
    for step in range(length):
        scores = np.log(P) + np.float32(2 * step / (length - 1)) * noise[step]
        assert chosen.choose(np.log(P)) == 1 + scores[1:].argmax()


def test_one_character_has_the_first_temperature_of_a_range() -> None:
    assert {sampler(temperature=(0, 2), length=1, seed=seed).choose(np.log(P)) for seed in range(50)} == {2}
    assert len({sampler(temperature=(2, 0), length=1, seed=seed).choose(np.log(P)) for seed in range(50)}) > 1


def typed(words: str) -> SampleConfig:
    return SampleConfig(temperature=parse_temperature(words))


@pytest.mark.parametrize("given", ["0.3...1.2", "..1", "a", "1..2..3", "", "nan", "-1", "0.5..200", "inf", "nan..1"])
def test_wrong_temperatures_are_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="--temperature must be"):
        typed(given)


@pytest.mark.parametrize("given", [True, None, "0.8", "0..1", (), (1,), (0, 1, 2), ("0", "1"), (0, 200), (math.nan, 1)])
def test_wrong_values_of_a_temperature_are_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match="--temperature must be"):
        SampleConfig(temperature=given)


def test_temperatures_are_numbers_or_ranges() -> None:
    assert typed("0.50").temperature == 0.5
    assert typed("0.30..1.20").temperature == (0.3, 1.2)
    assert typed("1..1.0").temperature == 1.0
    assert typed("0.3..1.2").temperatures == (0.3, 1.2)
    assert SampleConfig(temperature=1).temperatures == (1, 1)
    assert SampleConfig.from_json(typed("1..0").to_json()).temperatures == (1, 0)
    assert SampleConfig.from_json({"temperature": [1, 0]}) == typed("1..0")
    with pytest.raises(ConfigError, match=r"--temperature 0\.\.1\.5 moves over the text and --length 0 has no end"):
        SampleConfig(temperature=(0, 1.5), length=0)


@pytest.mark.parametrize("words", ["0.8", "0.3..1.2", "1e-05..3", "0.0"])
def test_a_temperature_is_spelled_as_it_is_read(words: str) -> None:
    assert temperature_words(parse_temperature(words)) == words


def test_everything_banned_is_refused() -> None:
    with pytest.raises(SampleError, match="leaves none of the model's 4 characters"):
        banned_ids(SampleConfig(ban="dcba"), ABCD)
    assert banned_ids(SampleConfig(ban="bz"), ABCD).tolist() == [0, 2]


@given(
    logits=arrays(np.float32, (6,), elements=st.floats(-30, 30, width=32)),
    temperature=st.floats(0, 5),
    top_k=st.none() | st.integers(1, 8),
    top_p=st.floats(0.001, 1),
    min_p=st.floats(0, 1),
    penalty=st.floats(1, 50),
    ban=st.sets(st.sampled_from("abcde"), max_size=4),
    seed=st.integers(0, 2**40),
)
def test_any_settings_choose_something_allowed(
    logits: np.ndarray, temperature: float, top_k: int | None, top_p: float, min_p: float, penalty: float,
    ban: set[str], seed: int,
) -> None:  # fmt: skip
    vocabulary = Vocabulary("abcde")
    logits = np.round(logits, 2)  # equal, or far enough apart that no rounding makes them equal
    settings = {
        "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p,
        "repetition_penalty": penalty, "ban": "".join(ban), "seed": seed,
    }  # fmt: skip
    config = SampleConfig(**settings)
    chosen = Sampler(config, vocabulary, seed=seed, numbers=[0], prompts=[vocabulary.encode("ab")])
    first = chosen.choose(logits.copy())
    assert first not in (0, *vocabulary.encode("".join(ban)))
    # independently: the one after the other, by the documented order
    scores = filters.ban(logits, banned_ids(config, vocabulary))
    scores = filters.repetition_penalty(scores, vocabulary.encode("ab").astype(int), penalty)
    if temperature == 0:
        assert scores[first] == scores.max()
        return
    scores = filters.temperature(scores, temperature)
    scores = filters.top_k(scores, top_k or 6)
    scores = filters.min_p(filters.top_p(scores, top_p) if top_p < 1 else scores, min_p)
    assert scores[first] > -np.inf
    greedy = Sampler(
        SampleConfig(**{**settings, "top_k": 1}), vocabulary, seed=seed, numbers=[0], prompts=[vocabulary.encode("ab")]
    )
    coldest = Sampler(
        SampleConfig(**{**settings, "temperature": 0}), vocabulary, seed=seed, numbers=[0],
        prompts=[vocabulary.encode("ab")],
    )  # fmt: skip
    assert greedy.choose(logits.copy()) == coldest.choose(logits.copy())
