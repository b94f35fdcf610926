"""An export from start to end: read the run, write the format, check it, and only then show the folder."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqmagic import __version__, files
from seqmagic.errors import ExportError
from seqmagic.export.bundle import Bundle, read_bundle
from seqmagic.export.check import CheckReport, check
from seqmagic.export.formats import Format, find_program, require_packages
from seqmagic.runs.folder import Run

MARK = "export.json"  # says that a folder is an export, and how it was made


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export left behind.

    Attributes:
        folder: Where it is.
        format: Name of the format.
        quantize: Number format of the weights.
        bytes: Size of all files but MARK.
        check: What the self-check found; None where there was none.
        unchecked: Why there was no check, in words; "" where there was one.
    """

    folder: Path
    format: str
    quantize: str
    bytes: int
    check: CheckReport | None
    unchecked: str

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "folder": str(self.folder)}


def export_run(run: Run, folder: Path, target: Format, *, quantize: str, overwrite: bool, checked: bool) -> Exported:
    """Export `run` into `folder`, which is there whole afterwards or is as it was before.

    Args:
        run: What to export.
        folder: Made here; may be there if it is empty, or, with `overwrite`, an earlier export.
        target: The format.
        quantize: One of `target.quantizations`.
        overwrite: Replace an earlier export.
        checked: Compare the export with the network in a fresh process before it is shown.

    Raises:
        ExportError: the folder is in the way or can't be written, a package is missing, the model does not
            fit the format, or the export disagrees with the model.
        RunError: the run is corrupt or has no model.
    """
    _refuse_foreign(folder, overwrite=overwrite)
    require_packages(target, check=checked)
    unchecked = _reason_without_check(target, checked=checked)
    bundle = read_bundle(run)
    try:
        with files.published_folder(folder, overwrite=overwrite, error=ExportError) as temporary:
            _write(target, bundle, temporary, quantize=quantize)
            size = sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())
            exported = Exported(
                folder=folder,
                format=target.name,
                quantize=quantize,
                bytes=size,
                check=None if unchecked else check(bundle, temporary, target, quantize),
                unchecked=unchecked,
            )
            files.write_json(temporary / MARK, _mark(bundle, exported))
    except OSError as problem:
        raise ExportError(
            f"{folder} can't be written: {problem.strerror or problem}; "
            "choose another folder, or make room or permissions for this one"
        ) from problem
    return exported


def _refuse_foreign(folder: Path, *, overwrite: bool) -> None:
    """Raise ExportError where --overwrite would remove something that is no export."""
    try:
        occupied = folder.is_dir() and any(folder.iterdir())
    except OSError as problem:
        raise ExportError(f"{folder} can't be read: {problem.strerror or problem}; choose another folder") from problem
    if occupied and overwrite and not (folder / MARK).is_file():
        raise ExportError(
            f"{folder} holds something that is no export of seqmagic, so --overwrite leaves it alone; "
            "name another folder"
        )


def _reason_without_check(target: Format, *, checked: bool) -> str:
    if not checked:
        return "left out on request"
    if target.programs and find_program(target) is None:
        return f"neither {' nor '.join(target.programs[:2])}, in which it would run, is installed"
    return ""


def _write(target: Format, bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Write the format with the runtime's own chatter left out; errors are exceptions and get through."""
    from seqmagic.training.device import native_messages_dropped

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_messages_dropped():
        target.load().write(bundle, folder, quantize=quantize)


def _mark(bundle: Bundle, exported: Exported) -> dict[str, Any]:
    values = exported.to_json()
    del values["folder"]  # an export may be moved
    return {"seqmagic": __version__, "run": bundle.record.name, **values}
