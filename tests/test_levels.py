"""A file imports from its own level of the house and those below, and from few packages."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqmagic

PACKAGE = Path(seqmagic.__file__).parent
LEVELS = [
    {"", "errors", "config", "files", "sizes"},
    {
        "vocabulary",
        "reading",
        "folders",
        "sources",
        "spool",
        "corpus",
        "catalog",
        "generated",
        "baselines",
        "cells",
    },
    {"runs", "network", "evaluation", "sampling", "compare", "comparisons", "insight", "api"},
    {"fused", "model"},
    {"training", "series", "export"},
    {"cli", "__main__"},
]
PACKAGES = [  # allowed in addition to those of the levels below
    set(),
    {"numpy"},
    {"h5py", "threadpoolctl"},
    {"tensorflow", "keras"},
    {"ai_edge_litert", "onnx", "onnxruntime"},
    {"click", "rich", "prompt_toolkit"},
]
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def level_of(room: str) -> int:
    found = [level for level, rooms in enumerate(LEVELS) if room in rooms]
    assert found, f"seqmagic.{room} is in no level: add it to LEVELS in tests/test_levels.py"
    return found[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module imported, also within functions, but for what type checkers alone see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            yield from ([f"{module}.{alias.name}" for alias in node.names] if module == "seqmagic" else [module])
        yield from imports(node)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_go_down(file: Path) -> None:
    level = level_of("" if file.name == "__init__.py" and len(file.parts) == 1 else file.parts[0].removesuffix(".py"))
    allowed = set().union(*PACKAGES[: level + 1]) | set(sys.stdlib_module_names) | {"__future__"}
    for module in imports(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        package, _, rest = module.partition(".")
        if package == "seqmagic":
            room = rest.split(".")[0]
            assert level_of(room if any(room in rooms for rooms in LEVELS) else "") <= level, f"{file}: {module}"
        else:
            assert package in allowed, f"{file} (level {level}) imports {module}"
