"""The five walks in CONTRIBUTING.md: every stop is there, has the name, and lies no higher than the one before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seqmagic.config import ModelConfig, SampleConfig, TrainConfig
from tests.test_levels import PACKAGE, level_of, module_of

PAGE = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
STOP = re.compile(r"- `(?P<file>\S+\.py)`: `(?P<name>[\w.]+)` (?P<what>.+)")
WALKS = {
    re.split(r"\.\*\*", walk)[0].strip("`"): [line for line in walk.splitlines() if line.startswith("- ")]
    for walk in re.split(r"^\*\*", PAGE.split("\n## Five walks\n")[1].split("\n## ")[0], flags=re.MULTILINE)[1:]
}
STOPS = [(title, line) for title, lines in WALKS.items() for line in lines]


def stop(line: str) -> re.Match[str]:
    found = STOP.fullmatch(line)
    assert found, f"a stop is `- `file.py`: `name` what happens there`; received {line!r}"
    return found


def test_there_are_five() -> None:
    assert list(WALKS) == ["A text's path", "units", "minutes", "temperature", "A run's name"]
    assert all(len(lines) >= 5 for lines in WALKS.values())
    fields = [owner.__dataclass_fields__ for owner in (ModelConfig, TrainConfig, SampleConfig)]
    assert all(name in names for name, names in zip(["units", "minutes", "temperature"], fields, strict=True))


@pytest.mark.parametrize(("title", "line"), STOPS)
def test_a_stop_is_there_and_has_the_name(title: str, line: str) -> None:
    found = stop(line)
    code = re.sub(r'"""(.|\n)*?"""|#.*', "", (PACKAGE / found["file"]).read_text(encoding="utf-8"))
    assert re.search(rf"\b{re.escape(found['name'])}\b", code), f"{title}: {found['file']} has no {found['name']}"


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_never_goes_back_up(title: str) -> None:
    files = [Path(stop(line)["file"]) for line in WALKS[title]]
    levels = [level_of(module_of(file)) for file in files]
    assert levels == sorted(levels, reverse=True), f"{title}: {list(zip(map(str, files), levels, strict=True))}"
    assert len(set(files)) == len(files), f"{title} comes to a file twice"
