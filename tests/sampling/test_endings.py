"""Where texts end: stop texts held back and cut off, blank lines, sentences, the shortest length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.config import SampleConfig
from seqmagic.errors import ConfigError
from seqmagic.sampling.endings import Ending, fit_stops, idle_settings, make_ending
from seqmagic.texts.vocabulary import Vocabulary


def run(text: str, **settings: Any) -> tuple[list[str], bool]:
    """What each character of `text` lets through, up to the end; and whether the end was reached."""
    ending = Ending(SampleConfig(**settings))
    released = []
    for character in text:
        released.append(ending.push(character))
        if ending.reached:
            return released, True
    return [*released, ending.finish()], False


def ended(text: str, **settings: Any) -> str | None:
    released, reached = run(text, **settings)
    return "".join(released) if reached else None


def test_only_a_length_needs_no_watching() -> None:
    assert make_ending(SampleConfig()) is None
    assert make_ending(SampleConfig(stop=("x",))) is not None
    assert make_ending(SampleConfig(stop_at="sentence")) is not None


def test_a_stop_text_is_cut_off_and_its_beginnings_are_held_back() -> None:
    released, reached = run("a EN, END", stop=("END",))
    assert reached
    assert released == ["a", " ", "", "", "EN,", " ", "", "", ""]


def test_what_is_held_back_comes_out_at_the_end() -> None:
    assert run("abEN", stop=("END",)) == (["a", "b", "", "", "EN"], False)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("aaab", ("aab",), "a"),  # the beginning of a stop text within another
        ("xaabaac", ("aabaac",), "x"),
        ("one two", ("two", "on"), ""),
        ("hello", ("l",), "he"),
        ("hello", ("z", "lo"), "hel"),
    ],
)
def test_stop_texts_that_overlap(text: str, stop: tuple[str, ...], expected: str) -> None:
    assert ended(text, stop=stop) == expected


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3))
def test_stop_texts_end_at_the_first_that_is_complete(text: str, stop: list[str]) -> None:
    ends = [(end, -len(one)) for end in range(len(text) + 1) for one in stop if text[:end].endswith(one)]
    got = ended(text, stop=tuple(stop))
    if not ends:
        assert got is None
        assert "".join(run(text, stop=tuple(stop))[0]) == text
    else:
        first = min(end for end, _ in ends)
        assert got in {text[: first - len(one)] for one in stop if text[:first].endswith(one)}


def test_the_shortest_length_lets_stop_texts_pass() -> None:
    assert ended("a.b.c.d", stop=(".",), min_length=2) == "a.b"
    assert ended("a.b.c.d", stop=(".",), min_length=3) == "a.b"
    assert ended("a.b.c.d", stop=(".",), min_length=4) == "a.b.c"
    assert ended("One. Two. Three.", stop_at="sentence", min_length=5) == "One. Two."


def test_a_blank_line_ends_a_text_that_has_begun() -> None:
    assert ended("\n\n\nfirst\nsecond\n\nthird", stop_at="blank-line") == "\n\n\nfirst\nsecond"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was 3.14 so far. Then", "It was 3.14 so far."),
        ('He said "No!" and went', 'He said "No!"'),
        ("Really?\nYes", "Really?"),
        ("No end here", None),
        ("你好。再见。", "你好。"),
        ("他说「好。」然后", "他说「好。」"),
        ("什么？！好", "什么？！"),
        ("wait… what", "wait…"),
    ],
)
def test_a_sentence_ends_with_its_sign_and_quotes(text: str, expected: str | None) -> None:
    assert ended(text, stop_at="sentence") == expected


def test_stop_texts_are_not_empty() -> None:
    with pytest.raises(ConfigError, match="--stop must be one character or more"):
        SampleConfig(stop=("a", ""))
    assert SampleConfig(stop="END").stop == ("END",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stop": "Ω"}, ["--stop 'Ω' ends no text: the model never saw 'Ω', so it can't write it"]),
        (
            {"stop": ("a", "a→"), "ban": "b"},
            ["--stop 'a→' ends no text: the model never saw '→', so it can't write it"],
        ),
        ({"stop": "ab", "ban": "b"}, ["--stop 'ab' ends no text: 'b' is banned"]),
        ({"ban": "aΩ\u0301"}, ["--ban has no effect on 'Ω', U+0301: the model never saw them"]),
        (
            {"stop_at": "blank-line"},
            ["--stop-at blank-line ends no text: the model never saw '\\n', so it can't write it"],
        ),
        (
            {"stop_at": "sentence", "ban": "."},
            ["--stop-at sentence ends no text: the model can write none of .!?…。！？"],
        ),
        ({"stop": "ab", "ban": " ", "stop_at": "sentence"}, []),
        ({}, []),
    ],
)
def test_what_has_no_effect_is_said(settings: dict[str, Any], words: list[str]) -> None:
    assert idle_settings(SampleConfig(**settings), Vocabulary("ab .")) == words


def test_stop_texts_get_the_form_that_the_model_knows() -> None:
    vocabulary = Vocabulary("bé")
    config = fit_stops(SampleConfig(stop=("be\u0301", "x")), vocabulary)
    assert config.stop == ("bé", "x")
    assert fit_stops(config, vocabulary) is config
