"""From what a person types to a run: a name, a path, a packed run, `latest`, `best` or a pretrained run."""

from __future__ import annotations

import contextlib
import difflib
import os
from pathlib import Path

from seqmagic.errors import RunError
from seqmagic.runs.folder import REFERENCES, Run
from seqmagic.runs.making import recover, sweep
from seqmagic.runs.record import comparable

DEFAULT_MODELS = "models"
PRETRAINED = "pretrained"
PRETRAINED_FIRST = "lstm"  # of the pretrained runs, the one that writes when none is named


def models_folder(given: str | os.PathLike[str] | None) -> Path:
    """The folder of the runs: what was given, else SEQMAGIC_MODELS, else models/."""
    return Path(given or os.environ.get("SEQMAGIC_MODELS") or DEFAULT_MODELS)


def list_runs(models: Path) -> list[Run]:
    """The run folders below `models`, oldest first; a folder without run.json is none.

    Raises:
        RunError: `models` is there, but no folder.
    """
    if not models.is_dir():
        if models.exists():
            raise RunError(f"{models} is no folder; name the folder of the runs with --models")
        return []
    recover(models)
    folders = [entry for entry in models.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    found = [run for run in map(Run, folders) if run.has_record]
    for run in found:
        sweep(run)
    return sorted(found, key=lambda run: (_created(run), run.name))


def own_names(models: Path) -> list[str]:
    """The names of the runs below `models` in the order of the alphabet; nothing but names is read."""
    if not models.is_dir():
        return []
    return sorted(entry.name for entry in models.iterdir() if entry.name[0] != "." and Run(entry).has_record)


def names_of_runs(models: Path) -> list[str]:
    """Every word that means a run: those of `own_names`, latest, best and the pretrained ones."""
    return [*own_names(models), *REFERENCES, *own_names(pretrained_folder())]


def _created(run: Run) -> str:
    try:
        return run.read_record().created
    except RunError:
        return ""


def pretrained_folder() -> Path:
    """The folder of the runs that come with seqmagic: in the installed package, or in the repository."""
    package = Path(__file__).parent.parent
    packed = package / "_pretrained"
    return packed if packed.is_dir() else package.parent / DEFAULT_MODELS / PRETRAINED


def latest_or_pretrained(models: Path) -> Run:
    """The latest run with a model; where nothing was trained yet, the pretrained one of the preferred cell.

    Raises:
        RunError: there is neither.
    """
    try:
        return _latest(models)
    except RunError:
        shipped = {run.name: run for run in list_runs(pretrained_folder()) if run.has_model}
        if not shipped:
            raise
        return shipped.get(PRETRAINED_FIRST) or next(iter(shipped.values()))


def open_run(models: Path, reference: str) -> Run:
    """The run that `reference` means: a name below `models`, a path, `latest`, `best`, or a pretrained run.

    A path may be that of a file that `seqmagic runs pack` made.

    `best` has the lowest validation loss among the runs whose losses are comparable with the latest's.

    Raises:
        RunError: there is none; the nearest names are suggested.
    """
    if reference == "latest":
        return _latest(models)
    if reference == "best":
        return _best(models)
    recover(models)
    if Path(reference).name != reference:
        recover(Path(reference).parent)
    for path in (models / reference, Path(reference), pretrained_folder() / reference):
        run = Run(path)
        if run.has_record:
            sweep(run)
            return run
        if path.is_dir() and run.model_path.exists():
            raise RunError(f"{path} is half a run: model.keras without run.json; restore run.json or train again")
    for path in (models / reference, Path(reference)):
        if path.is_dir() and reference not in ("", ".", ".."):
            raise RunError(f"{path} is a folder, but not a run: it has no run.json")
    if Path(reference).is_file():
        from seqmagic.runs.pack import open_pack

        return open_pack(Path(reference))
    raise RunError(not_found(models, reference))


def _latest(models: Path) -> Run:
    usable = [run for run in list_runs(models) if run.has_model]
    if not usable:
        raise RunError(f"there is no run with a model in {models} yet; train one with: seqmagic train python-docs")
    return usable[-1]


def _best(models: Path) -> Run:
    latest = _latest(models)
    record = latest.read_record()
    losses: dict[Run, float] = {}
    for run in list_runs(models):
        with contextlib.suppress(RunError):  # a corrupt one is no rival
            rival = run.read_record()
            loss = rival.loss
            if run.has_model and loss is not None and comparable(record, rival):
                losses[run] = loss
    return min(losses, key=lambda run: losses[run]) if losses else latest


def not_found(models: Path, reference: str) -> str:
    """The line for a name that no run has: the nearest ones, or where to look."""
    names = [run.name for run in list_runs(models)]
    near = difflib.get_close_matches(reference, names, n=3, cutoff=0.4)
    others = [run.name for run in list_runs(pretrained_folder())] + (["latest", "best"] if names else [])
    near += [name for name in difflib.get_close_matches(reference.lower(), others, cutoff=0.7) if name not in near]
    if near:
        return f"there is no run {reference!r} in {models}; did you mean {' or '.join(near)}?"
    if names:
        return f"there is no run {reference!r} in {models}; see: seqmagic runs list"
    return f"there is no run {reference!r} in {models}, nor any other; train one with: seqmagic train python-docs"
