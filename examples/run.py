"""Runs the notebooks of this folder from top to bottom and keeps their outputs: `make notebooks`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
MOST_SECONDS = 600  # for one cell


def run(path: Path, target: Path) -> None:
    """Run the notebook `path` in an empty folder and write it with its outputs to `target`.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    book = nbformat.read(path, as_version=4)
    # what the notebook calls as a command is the one beside this Python
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            book, timeout=MOST_SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # when each cell ran: another value every time
    nbformat.write(book, target)


def main() -> None:
    for path in sorted(FOLDER.glob("*.ipynb")):
        run(path, path)
        print(f"{path.name}: done")


if __name__ == "__main__":
    main()
