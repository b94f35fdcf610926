"""The scripts that travel with an export, copied as sample.py and run without seqmagic. For export."""

from __future__ import annotations

from pathlib import Path


def copy_sampler(name: str, folder: Path) -> None:
    """Write the script `name` of this package into `folder` as sample.py."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    (folder / "sample.py").write_text(source, encoding="utf-8", newline="\n")
