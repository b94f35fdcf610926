"""Texts of the catalogue for the commands: brought where they are missing, with a bar and in words."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqmagic.cli.console import is_plain, make_console
from seqmagic.cli.options import AnyFunction, Settings, option

if TYPE_CHECKING:
    from seqmagic.texts.catalog import CatalogText, Kept

_SECONDS_BETWEEN_DRAWINGS = 0.1


def data_option(function: AnyFunction) -> AnyFunction:
    """`--data DIR`, given to the command as `data`, None where it is not given."""
    return option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Folder of downloaded texts. [default: SEQMAGIC_DATA, else data]",
    )(function)


def bring(settings: Settings, source: str) -> None:
    """If `source` is a text of the catalogue that is not on this machine yet, download it."""
    from seqmagic.texts.catalog import data_folder
    from seqmagic.texts.sources import catalog_text

    text = catalog_text(source)
    if text is not None and not text.path(data_folder()).exists():
        get(settings, text, data_folder())


def get(settings: Settings, text: CatalogText, folder: Path) -> Kept:
    """The text below `folder`, downloaded if it is not there; what is done is said on standard error."""
    from seqmagic.texts.catalog import obtain

    if not text.path(folder).exists():
        settings.notice(f"downloading {text.name} ({text.licence}) from {text.address}")
    with bar(text.name, hidden=settings.quiet) as progress:
        kept = obtain(
            text,
            folder,
            progress=progress,
            waiting=lambda: settings.notice(f"{text.name} is being downloaded already; waiting"),
        )
    if kept.fresh:
        settings.notice(f"kept in {kept.path}")
    return kept


@contextlib.contextmanager
def bar(name: str, *, hidden: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    """A function that draws how many bytes of how many came so far; None where there is no terminal to draw on."""
    if hidden or is_plain(sys.stderr):
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn(name), BarColumn(bar_width=None), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, console=make_console(sys.stderr), auto_refresh=False, transient=True, expand=True)
    task = bar.add_task(name, total=None)
    drawn = 0.0
    gone = False  # nobody reads any more; the download goes on

    def draw(received: int, total: int | None) -> None:
        nonlocal drawn, gone
        now = time.monotonic()
        if gone or (now - drawn < _SECONDS_BETWEEN_DRAWINGS and received != total):
            return
        drawn = now
        try:
            bar.update(task, completed=received, total=total)
            bar.start()
            bar.refresh()
        except OSError:
            gone = True

    try:
        yield draw
    finally:
        with contextlib.suppress(OSError):
            bar.stop()
