"""`seqmagic data list`: the texts that have a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document
from seqmagic.cli.downloads import data_option
from seqmagic.cli.options import Settings, command


@command(name="list", short_help="List the texts that have a name.", example="seqmagic data list")
@data_option
@click.pass_obj
def list_texts(settings: Settings, data: Path | None) -> None:
    """List the texts that have a name: built in, generated, and those of the catalogue, which are downloaded once.

    Each is a TEXT for train, compare, evaluate and data stats. A file is one as well, without any of this.
    """
    from seqmagic.cli.named_texts import KINDS, all_texts
    from seqmagic.texts.catalog import data_folder

    folder = data_folder(data)
    rows = all_texts(folder)
    if settings.json:
        json_document({"data": str(folder), "texts": rows})
        return
    from seqmagic.cli.show.tables import facts_table

    sections = [(kind, [(row["name"], _words(row, folder)) for row in rows if row["kind"] == kind]) for kind in KINDS]
    draw(lambda width: facts_table(sections, width=width))


def _words(row: dict[str, Any], folder: Path) -> str:
    from seqmagic.cli.named_texts import size_words

    where = "" if row["bytes"] is None else f"{size_words(row['bytes'])}, "
    if row["kind"] == "catalogue":
        where += f"in {folder}, " if row["here"] else "not here yet, "
    return f"{row['description']}; {where}{row['licence']}"
