"""`seqmagic data get`: a text of the catalogue onto this machine."""

from __future__ import annotations

from pathlib import Path

import click

from seqmagic.cli.console import json_document, result, unread
from seqmagic.cli.downloads import data_option, get
from seqmagic.cli.options import KnownTextName, Settings, command
from seqmagic.errors import CorpusError


@command(
    name="get",
    short_help="Download a text of the catalogue.",
    example="seqmagic data get tinyshakespeare\nseqmagic train tinyshakespeare",
)
@click.argument("name", type=KnownTextName())
@data_option
@click.pass_obj
def get_text(settings: Settings, name: str, data: Path | None) -> None:
    """Download the text NAME of the catalogue, once, and check it.

    What broke off, or was ended with Ctrl-C, is gone on with by the same command. A text that is here already
    is held against its checksum and left as it is.
    """
    from seqmagic.cli.named_texts import find_name
    from seqmagic.texts.catalog import CatalogText, data_folder

    text = find_name(name)
    if not isinstance(text, CatalogText):
        raise CorpusError(f"{name} is built in, so there is nothing to download; use it: seqmagic train {name}")
    kept = get(settings, text, data_folder(data))
    size = kept.path.stat().st_size
    with unread():
        if settings.json:
            sums = {"sha256": kept.sha256, "sha256_from": "first download" if kept.trusted else "catalogue"}
            document = {"name": name, "path": str(kept.path), "bytes": size, **sums, "downloaded": kept.fresh}
            json_document(document)
            return
        whose = "trusted at the first download" if kept.trusted else "as in the catalogue"
        result(f"{kept.path}: {size:,} bytes, sha256 {kept.sha256[:12]}, {whose}")
        result(f"train on it: seqmagic train {name if data is None else kept.path}")
