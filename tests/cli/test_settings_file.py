"""Files of settings: read as what would be typed, refused in one line, and written so that they are read again."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.cli.settings_file import LIMIT, read_settings, settings_text
from seqmagic.errors import ConfigError

KNOWN = ("text", "units", "learning_rate", "prompt", "overwrite")


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "it.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_values_are_what_would_be_typed(tmp_path: Path) -> None:
    path = write(tmp_path, 'text = "a"\nunits = 12\nlearning-rate = 0.009\noverwrite = true\nprompt = ["x", 1]\n')
    found = read_settings(path, KNOWN)
    assert found == {
        "text": "a",
        "units": "12",
        "learning_rate": "0.009",
        "overwrite": "true",
        "prompt": ["x", "1"],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("unit = 3", "has the key 'unit', which is no setting of this command; did you mean units?"),
        ("zzz = 3", "which is no setting of this command; there are text, units, learning_rate"),
        ("[units]\nx = 1", "it.toml, units: a setting is a word, a number, true, false or a list; received"),
        ("units = 2020-01-01", "it.toml, units: a setting is a word"),
        ("learning-rate = 1\nlearning_rate = 1", "has learning_rate twice, once as 'learning_rate'; leave one out"),
        ("units = ", "it.toml is no TOML: "),
        (b"\xff\xfe", "it.toml is no TOML: "),
        ("prompt = " + "[" * 20_000, "it.toml is no TOML: "),
        ("#" * (LIMIT + 1), "it.toml has more than the 1,048,576 bytes that settings may have"),
    ],
)
def test_what_is_wrong_is_one_line(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(write(tmp_path, content), KNOWN)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "no.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=f"{path} can't be read: {why}; name a TOML file of settings"):
            read_settings(path, KNOWN)


@given(
    st.dictionaries(
        st.sampled_from(KNOWN), st.text(st.characters(exclude_categories=["Cs"])) | st.integers() | st.booleans()
    )
)
def test_what_is_written_is_read_again(values: dict[str, str | int | bool]) -> None:
    assert tomllib.loads(settings_text(values, comments=["one", "two"])) == values


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_kept_to_the_last_bit(value: float) -> None:
    assert tomllib.loads(settings_text({"a": value})) == {"a": value}


def test_what_is_open_is_a_comment_and_half_a_character_is_refused() -> None:
    assert settings_text({"encoding": None, "units": 3}, comments=["hello"]) == (
        "# hello\n# encoding is left open\nunits = 3\n"
    )
    with pytest.raises(ConfigError, match="no UTF-8"):
        settings_text({"text": "a\udcff"})
