"""`seqmagic data cache`: the ids of large texts that are kept beside the models, and how many may be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.options import Settings, command, option

if TYPE_CHECKING:
    from seqmagic.texts.cache import Entry, IdCache

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class Size(click.ParamType):
    """A number of bytes as people write it: 500MB, 2 GB, 0."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(
            r"\s*(\d{1,6}(?:\.\d{1,3})?|\d{1,15})\s*([kmgt]?)b?\s*", str(value), re.IGNORECASE | re.ASCII
        )
        if match is None:
            self.fail(f"must be a size such as 500MB or 2GB; received {value!r}", param, ctx)
        return int(float(match[1]) * _UNITS[match[2].lower()])


@command(
    name="cache",
    short_help="Show or clear the ids kept of large texts.",
    example="seqmagic data cache\nseqmagic data cache --limit 2GB",
)
@option("--clear", is_flag=True, help="Remove all that is kept. It is made again when it is needed.")
@option(
    "--limit",
    type=Size(),
    metavar="SIZE",
    help="From now on keep at most so much, such as 500MB or 2GB; what was not used for longest goes first. "
    "0 keeps nothing. [default: 10GB]",
)
@click.pass_obj
def show_cache(settings: Settings, clear: bool, limit: int | None) -> None:
    """Show which large texts are kept as the ids that a training reads, so that the next one starts at once.

    They lie beside the runs, in .cache below the models folder. A text is kept from about 64 MB on; a smaller one
    is read in less than a second. One that was changed is read again.
    """
    from seqmagic.texts.cache import IdCache

    cache = IdCache(settings.models)
    if limit is not None:
        cache.set_limit(limit)
    if clear:
        before = sum(entry.bytes for entry in cache.entries())
        cache.clear()
        settings.notice(f"removed {_size(before)}")
    entries = cache.entries()
    if settings.json:
        json_document(_document(cache, entries))
    elif not entries:
        result(f"nothing is kept in {cache.folder}; at most {_size(cache.limit)} may be")
    else:
        _draw(cache, entries)


def _document(cache: IdCache, entries: list[Entry]) -> dict[str, object]:
    rows = [
        {
            "file": str(entry.path),
            "bytes": entry.bytes,
            "used": _when(entry.used),
            "text": None if entry.description is None else entry.description.source,
            "characters": None if entry.description is None else entry.description.length,
            "text_sha256": None if entry.description is None else entry.description.text_sha256,
        }
        for entry in entries
    ]
    total = sum(entry.bytes for entry in entries)
    return {"folder": str(cache.folder), "limit_bytes": cache.limit, "bytes": total, "kept": rows}


def _draw(cache: IdCache, entries: list[Entry]) -> None:
    from seqmagic.cli.show.tables import facts_table

    rows = [(entry.description.source if entry.description else entry.path.name, _words(entry)) for entry in entries]
    total = sum(entry.bytes for entry in entries)
    draw(lambda width: facts_table([("Kept", rows)], width=width))
    result(f"{_size(total)} of at most {_size(cache.limit)} in {cache.folder}")


def _words(entry: Entry) -> str:
    if entry.description is None:
        return f"{_size(entry.bytes)}, damaged; read again when it is needed"
    return f"{_size(entry.bytes)}, {entry.description.length:,} characters, last used {_when(entry.used)}"


def _size(count: int) -> str:
    from seqmagic.cli.named_texts import size_words

    return size_words(count)


def _when(seconds: float) -> str:
    import datetime

    seconds = min(max(seconds, 0.0), 2.0**37)  # a file may have any time
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="minutes")
