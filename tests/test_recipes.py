"""docs/recipes.md: every command on it runs, in its order, for a shorter time than stands there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
SHORTER = {"--minutes": "0.03", "--more-minutes": "0.02"}
SMALL = ("train", "compare")  # are given few units too
GOES_ON = "serve"  # until it is stopped; tests/serve has it


def recipes() -> dict[str, list[list[str]]]:
    """The commands of each recipe, as arguments of `seqmagic`, by its heading."""
    found: dict[str, list[list[str]]] = {}
    for heading, body in re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        lines = [line for block in re.findall(r"```\n(.*?)```", body, re.DOTALL) for line in block.splitlines()]
        found[heading] = [shlex.split(line.removeprefix("seqmagic ")) for line in lines]
    return found


def shortened(arguments: list[str]) -> Iterator[str]:
    """The command for less time, with a small model where it trains."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        yield SHORTER.get(before, argument)
    if arguments[0] in SMALL and "--resume" not in arguments:
        yield from ("--units", "12")


def make_texts(folder: Path) -> None:
    """The files that the page speaks of."""
    names = [
        first + second for first in ("Al", "Be", "Ca", "Do", "El") for second in ("na", "ra", "mo", "vin", "sa", "d")
    ]
    poems = ["The moon is up\nand so are we\n\n", "A bird sings low\nin every tree\n\n"]
    files = {
        "names.txt": "".join(f"{name}{tail}\n" for name in names for tail in ("", "n", "lia", "th")),
        "poems.txt": "".join(poems[n % 2].replace("low", f"low {n}") for n in range(120)),
        "src/one.py": "def one(x):\n    return [x, (x + 1)]\n\n\n" * 80,
        "src/two.py": "def two(y):\n    return {y: [y]}\n\n\n" * 80,
        "tang.txt": "春眠不覺曉，處處聞啼鳥。\n夜來風雨聲，花落知多少。\n" * 80,
        "reviews.csv": "id,text\n" + "".join(f'{n},"A good book, number {n}"\n' for n in range(200)),
        "yesterday.log": "".join(f"12:{n % 60:02} user {n % 7} logged in\n" for n in range(300)),
        "today.log": "12:00 user 3 logged in\n12:01 disk full\n" * 10,
        "story.txt": "Once upon a time a fox met a crow in the wood.\n" * 200,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_there_are_ten() -> None:
    assert len(recipes()) == 10 and all(recipes().values())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("heading", list(recipes()))
def test_a_recipe_runs(heading: str, tmp_path: Path) -> None:
    if "--format" in str(recipes()[heading]) and importlib.util.find_spec("ai_edge_litert") is None:
        pytest.skip("needs the runtime of TensorFlow Lite")
    make_texts(tmp_path)
    ran = 0
    for arguments in recipes()[heading]:
        if arguments[0] == GOES_ON:
            continue
        if arguments[:2] == ["train", "--resume"] and "--more-minutes" not in arguments:
            continue  # of a run that was killed; here it is complete
        command = [sys.executable, "-m", "seqmagic", *shortened(arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}: {done.stderr[-2000:]}"
        ran += 1
    assert ran or heading == "A server"
