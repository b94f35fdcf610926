"""`seqmagic data show`: what a text is, and where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import draw, json_document
from seqmagic.cli.downloads import data_option
from seqmagic.cli.options import KnownTextName, Settings, command


@command(
    name="show",
    short_help="Show what a text is and where it lies.",
    example="seqmagic data show tinyshakespeare",
)
@click.argument("name", type=KnownTextName())
@data_option
@click.pass_obj
def show_text(settings: Settings, name: str, data: Path | None) -> None:
    """Show what the text NAME of the list is: its licence, its address and checksum, and where its file lies.

    A file that is here is held against its checksum.
    """
    from seqmagic.cli.named_texts import describe
    from seqmagic.texts.catalog import data_folder

    document = describe(name, data_folder(data))
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.tables import facts_table

    draw(lambda width: facts_table([(name, _facts(document))], width=width))


def _facts(document: dict[str, Any]) -> list[tuple[str, Any]]:
    rows = [("what it is", document["description"]), ("kind", document["kind"]), ("licence", document["licence"])]
    if document["kind"] != "catalogue":
        bits = document["best_bits_per_character"]
        best = "nobody knows" if bits is None else f"{bits:.4f} bits per character"
        return [*rows, ("best loss", best), ("file", "none is needed")]
    sums = {
        "catalogue": "that of the catalogue",
        "first download": "as the first download had it: trusted, confirmed by nobody",
        None: "none is known: that of the first download will be trusted and kept",
    }
    rows += [
        ("address", document["address"]),
        ("bytes", f"{'' if document['exact'] else 'about '}{document['bytes']:,}"),
    ]
    rows += [("sha256", document["sha256"]), ("", sums[document["sha256_from"]])]
    if document["error"]:
        return [*rows, ("file", document["error"])]
    missing = f"not here; seqmagic data get {document['name']} brings it to {document['path']}"
    return [*rows, ("file", document["path"] if document["here"] else missing)]
