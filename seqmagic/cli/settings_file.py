"""A file of settings: TOML with the names of options as keys, read as the defaults of a command, and written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seqmagic import files
from seqmagic.config import suggestion
from seqmagic.errors import ConfigError

LIMIT = 2**20  # bytes; settings are few


def read_settings(path: Path, known: Iterable[str]) -> dict[str, Any]:
    """The settings in `path`, as they would be typed, by the names of their options: `batch_size`.

    A list is what would be typed with commas or several times. A key may have - for _.

    Args:
        known: The names that there are.

    Raises:
        ConfigError: the file can't be read or is no TOML, or has a key that is none, or a value that can't be typed.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LIMIT + 1)
        if len(content) > LIMIT:
            raise ConfigError(f"{path} has more than the {LIMIT:,} bytes that settings may have; name another file")
        document = tomllib.loads(content.decode("utf-8"))
    except OSError as problem:
        raise ConfigError(f"{path} can't be read: {problem.strerror}; name a TOML file of settings") from problem
    except (ValueError, RecursionError) as problem:
        raise ConfigError(f"{path} is no TOML: {files.in_brief(problem)}") from problem
    names = list(known)
    found: dict[str, Any] = {}
    for key, value in document.items():
        name = key.replace("-", "_")
        if name not in names:
            hint = suggestion(name, names) or f"; there are {', '.join(names)}"
            raise ConfigError(f"{path} has the key {key!r}, which is no setting of this command{hint}")
        if name in found:
            raise ConfigError(f"{path} has {name} twice, once as {key!r}; leave one out")
        found[name] = _as_typed(path, key, value)
    return found


def _as_typed(path: Path, key: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_as_typed(path, key, one) for one in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigError(f"{path}, {key}: a setting is a word, a number, true, false or a list; received {value}")


def settings_text(values: Mapping[str, Any], *, comments: Iterable[str] = ()) -> str:
    """`values` as a file of settings below `comments`, a line each; what is None stands there as a comment.

    Raises:
        ConfigError: a value has half a surrogate pair, as the name of a file may, which TOML can't hold.
    """
    lines = [f"# {comment}" for comment in comments]
    lines += [
        f"# {name} is left open" if value is None else f"{name} = {_toml(value)}" for name, value in values.items()
    ]
    text = "\n".join(lines) + "\n"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ConfigError("a name with bytes that are no UTF-8 can't stand in a file of settings; rename it") from None
    return text


def _toml(value: str | int | float | bool) -> str:
    """What JSON writes is TOML, but for the one character that TOML wants escaped and JSON does not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
