"""A file imports from its own level of the house and those below, through their doors, and from few packages."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqmagic

PACKAGE = Path(seqmagic.__file__).parent
LEVELS = [
    {"", "errors", "config", "files", "machine", "notebook"},
    {"texts", "network.cells", "network.layout", "network.sizes", "evaluation.baselines", "evaluation.units"},
    {"runs", "network", "evaluation", "sampling", "insight", "drawing"},
    {"fused"},
    {"training", "comparison", "export", "probes", "report", "serve", "api"},
    {"cli", "__main__"},
]
PACKAGES = [  # allowed in addition to those of the levels below
    {"msgspec"},
    {"numpy", "filelock"},
    {"h5py", "threadpoolctl", "wcwidth", "matplotlib"},
    {"tensorflow", "keras"},
    {"ai_edge_litert", "onnx", "onnxruntime", "safetensors", "starlette", "uvicorn"},
    {"click", "rich", "prompt_toolkit"},
]
# What a room offers: the modules that other rooms may import. The rest of it is nobody's business.
DOORS = {
    "texts": {
        "builtin",
        "cache",
        "catalog",
        "corpus",
        "normal_forms",
        "record_streams",
        "records",
        "repeats",
        "sources",
        "streams",
        "vocabulary",
        "whole",
    },
    "network": {"cells", "fresh", "keras_file", "layout", "network", "probabilities", "sizes", "trained"},
    "evaluation": {
        "baselines",
        "beside",
        "bootstrap",
        "classes",
        "delimiters",
        "evaluation",
        "per_character",
        "records",
        "scorer",
        "subject",
        "text_statistics",
        "units",
    },
    "runs": {"checkpoints", "find", "folder", "locks", "making", "own_text", "pack", "record"},
    "sampling": {
        "endings",
        "filters",
        "noise",
        "novelty",
        "pieces",
        "prompts",
        "sample",
        "sampler",
        "stepper",
        "threads",
        "writer",
    },
    "insight": {
        "cache",
        "excerpts",
        "inspect_cell",
        "inspect_connectivity",
        "inspect_errors",
        "inspect_gates",
        "inspect_neurons",
        "inspect_surprise",
        "inspect_trace",
        "labels",
        "measure_closers",
        "measure_gradient",
        "measure_memory",
        "measure_ngram",
        "measure_repeats",
        "model_files",
        "passages",
        "roles",
        "settings",
        "statistics",
        "subjects",
    },
    "fused": {"dropout", "layer", "network"},
    "training": {
        "cluster",
        "device",
        "events",
        "finetune",
        "follow",
        "interrupt",
        "model",
        "pauses",
        "recipe",
        "resume",
        "schedule",
        "step",
        "tensorboard",
        "train",
    },
    "training.engines": {"choose"},
    "comparison": {
        "blocks",
        "both",
        "budgets",
        "chance",
        "charts",
        "comparable",
        "compare",
        "cores",
        "course",
        "learning",
        "record",
        "rows",
        "series",
        "table",
        "where",
    },
    "export": {"formats", "publish"},
    "export.samplers": {""},  # the room itself: what its `__init__` has
    "export.web": set(),  # `export.formats` imports it by name, as it does the other formats
    "report": {"gather", "page"},
    "report.panels": {
        "closers",
        "errors",
        "gates",
        "gradient",
        "losses",
        "memory",
        "neurons",
        "panel",
        "recall",
        "surprise",
        "trace",
    },
    "cli": {"main"},
    "cli.commands": set(),  # `cli.main` imports them by name, when they are asked for
    "cli.show": {
        "cell",
        "columns",
        "comparison",
        "connectivity",
        "curves",
        "distances",
        "documents",
        "errors",
        "evaluations",
        "formats",
        "gates",
        "gradient",
        "learning",
        "memory",
        "neurons",
        "ngram",
        "page",
        "painting",
        "progress",
        "recall",
        "rows",
        "strips",
        "surprise",
        "tables",
        "trace",
        "verdicts",
        "where",
    },
    "probes": {"measure_recall", "settings", "shapes", "tasks"},
    "serve": {"protocol", "server"},
    "drawing": {"bars", "chart", "figure", "heat", "look", "svg", "terminal", "words"},
}
FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def level_of(module: str) -> int:
    """The level of a module, `network.cells`: its own where it has one, else that of its room."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        found = [level for level, rooms in enumerate(LEVELS) if name in rooms]
        if found:
            return found[0]
    raise AssertionError(f"seqmagic.{module} is in no level: add it to LEVELS in tests/test_levels.py")


def module_of(file: Path) -> str:
    """`network/cells.py` -> `network.cells`; the package's own `__init__` is ""."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


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
            if module.partition(".")[0] == "seqmagic":  # a name may be a module of its own
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module
        yield from imports(node)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_go_down(file: Path) -> None:
    level = level_of(module_of(file))
    allowed = set().union(*PACKAGES[: level + 1]) | set(sys.stdlib_module_names) | {"__future__"}
    for module in imports(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        package, _, rest = module.partition(".")
        if package == "seqmagic":
            imported = rest if is_module(rest) else rest.rpartition(".")[0]
            assert level_of(imported) <= level, f"{file}: {module}"
        else:
            assert package in allowed, f"{file} (level {level}) imports {module}"


def room_of(module: str) -> str:
    """`training.engines.fused` -> `training.engines`; a room is its own, the root's modules are in ""."""
    return module if PACKAGE.joinpath(*module.split(".")).is_dir() else module.rpartition(".")[0]


def seqmagic_imports(file: Path) -> Iterator[tuple[str, str]]:
    """Every import of this package in a file: the module, `network.cells`, and what is taken from it, or ""."""
    for name in imports(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        package, _, rest = name.partition(".")
        if package == "seqmagic" and rest:
            module, _, taken = rest.rpartition(".")
            yield (rest, "") if is_module(rest) else (module, taken)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_rooms_are_entered_by_their_doors(file: Path) -> None:
    """A room inside another one is for that one alone, and may use all of it."""
    here = room_of(module_of(file))
    for module, _ in seqmagic_imports(file):
        room = room_of(module)
        if not room or f"{here}.".startswith(f"{room}."):
            continue
        name = module.removeprefix(room).removeprefix(".")
        assert name in DOORS[room], f"{file} imports {module}, which is not in DOORS of {room}"
        above = room.rpartition(".")[0]
        assert f"{here}.".startswith(f"{above}.") or not above, f"{file} imports {module}: {room} is for {above} alone"


def test_every_door_is_there_and_is_used() -> None:
    rooms = {path.parent.relative_to(PACKAGE).as_posix().replace("/", ".") for path in PACKAGE.rglob("__init__.py")}
    assert set(DOORS) == rooms - {"."}
    used = {
        (room_of(module), module.removeprefix(room_of(module)).removeprefix("."))
        for file in FILES
        for module, _ in seqmagic_imports(file)
        if room_of(module) != room_of(module_of(file))
    }
    assert {(room, name) for room, names in DOORS.items() for name in names} <= used


@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_is_private_stays_in_its_module(file: Path) -> None:
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "seqmagic":
            for alias in node.names:
                assert not is_private(alias.name), f"{file} imports {alias.name} of {node.module}"
                modules.add(alias.asname or alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            named_tuple = node.attr in ("_fields", "_replace", "_asdict", "_make")
            assert named_tuple or not is_private(node.attr), f"{file} uses {node.value.id}.{node.attr}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_the_root_holds_no_module_but_what_all_rooms_share() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == {
        "__init__", "__main__", "errors", "config", "files", "machine", "notebook", "api",
    }  # fmt: skip


def test_every_room_says_what_it_is_for_and_who_may_come_in() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
        name = path.relative_to(PACKAGE)
        assert first.endswith((".", ":")), f"{name} has no first line that says what the room is for"
        assert path.parent == PACKAGE or re.search(r"\. For .+\.$", first), f"{name}: its first line ends in `For ...`"


def test_contributing_draws_the_house_as_it_stands() -> None:
    """A line `room/   what it is for`, and below it, indented, its modules."""
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn: dict[str, list[str]] = {}
    room = ""
    for line in page.split("## Where things are")[1].split("```")[1].strip("\n").split("\n"):
        if line.startswith(" "):
            drawn[room] += line.split()
        else:
            room = line.split("/  ")[0].split("/ ")[0].removesuffix("/")
            drawn[room] = []
    found: dict[str, list[str]] = {}
    for file in FILES:
        place = file.parent.as_posix() if file.parent != Path(".") else "seqmagic"
        found.setdefault(place, [])
        if file.stem != "__init__" or place == "seqmagic":
            found[place].append(file.stem)
    assert {name: sorted(modules) for name, modules in drawn.items()} == {
        name: sorted(modules) for name, modules in found.items()
    }
