"""The scripts that travel with an export: each is copied as sample.py and runs without seqmagic."""

from __future__ import annotations

from pathlib import Path


def copy_sampler(name: str, folder: Path) -> None:
    """Write the script `name` of this package into `folder` as sample.py."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    (folder / "sample.py").write_text(source, encoding="utf-8", newline="\n")
