"""Where words go: results to standard output, progress and notices to standard error; rich only to draw."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

import click

from seqmagic.drawing.words import one_line, shorten, visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

INTERRUPTED = 130  # the exit code of what Ctrl-C ended, as shells have it
PLAIN_WIDTH = 100  # columns of a table that goes to a file or pipe, unless COLUMNS says otherwise


def is_plain(stream: TextIO) -> bool:
    """Whether to leave out colours, boxes and redrawing: no terminal, NO_COLOR, or a dumb terminal."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb" or not stream.isatty()


def result(text: str = "", *, painted: bool = False) -> None:
    """A line of the result, or several, on standard output.

    `painted` has colours; what it has from a file was made harmless before.
    """
    click.echo(fitted(text if painted else harmless(text), sys.stdout))


def json_document(value: Any) -> None:
    """The one JSON document of a command, on standard output.

    What a terminal would obey is escaped as JSON has it; the document stays the same.
    """
    from seqmagic import files  # its imports take a fifth of what `--help` takes

    click.echo(_OBEYED.sub(_json_escape, files.to_json(value)), nl=False)


def notice(text: str, *, painted: bool = False) -> None:
    """A line for the reader that is no result, on standard error; where nobody reads any more, it is left out.

    It is said whatever the settings are; most are for `Settings.notice`, which heeds --quiet.

    `painted` has colours, and nothing from a file.
    """
    try:
        click.echo(fitted(text if painted else harmless(text), sys.stderr), err=True)
    except OSError:
        abandon(sys.stderr)


@contextlib.contextmanager
def meanwhile(what: str) -> Iterator[None]:
    """Within the block, where standard error is a terminal, a line says what is done; it goes when that is over."""
    shown = not is_plain(sys.stderr)
    if shown:
        text = shorten(one_line(f"{what} …"), shutil.get_terminal_size().columns - 1)
        click.echo(f"\r\x1b[2m{text}\x1b[0m", err=True, nl=False)
    try:
        yield
    finally:
        if shown:
            click.echo("\r\x1b[2K", err=True, nl=False)


def abandon(stream: TextIO) -> None:
    """Point a stream that takes nothing more at nothing, so that what is still to be written to it is no error."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def unread() -> Iterator[None]:
    """Within the block, results that nobody reads any more (a closed pipe or terminal) are no failure.

    For commands whose work is on disk by then.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as problem:
        if problem.errno not in (errno.EPIPE, errno.EIO):
            raise
        abandon(sys.stdout)


def draw(make: Callable[[int], RenderableType]) -> None:
    """Draw on standard output, with rich, what `make` gives for a width in columns."""
    console = make_console(sys.stdout)
    if not is_plain(sys.stdout):
        console.print(make(console.width))
        return
    with console.capture() as capture:
        console.print(make(console.width))
    for line in capture.get().splitlines():
        result(line.rstrip())


def make_console(stream: TextIO, *, width: int | None = None) -> Console:
    """A rich console that never interprets markup in what it is given and lets a closed pipe be an error.

    Control characters in a text that it is given are shown, not obeyed; its own colours and cursor moves are
    no part of a text.
    """
    from rich.console import Console
    from rich.segment import Segment

    class PlainSpoken(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                safe = segment.text if segment.control else harmless(segment.text)
                yield segment if safe is segment.text else segment._replace(text=safe)

        def on_broken_pipe(self) -> None:
            raise  # this is called while a BrokenPipeError is handled

    plain = is_plain(stream)
    if width is None and not stream.isatty():
        width = int(os.environ.get("COLUMNS", "") or PLAIN_WIDTH)
    return PlainSpoken(
        file=stream,
        width=width,
        color_system=None if plain else "auto",
        force_terminal=False if plain else None,
        markup=False,
        highlight=False,
        emoji=False,
    )


def fitted(text: str, stream: TextIO) -> str:
    """`text` with its lines broken at spaces where they are longer than the terminal; elsewhere as it is.

    Codes of colours take no room. What follows a broken line stands under its beginning; a word that is longer
    than a line, such as a path, is left whole.
    """
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(broken for line in text.split("\n") for broken in _broken(line, width))


def _broken(line: str, width: int) -> Iterator[str]:
    if len(line) < width // 2:  # each character takes two columns at most
        yield line
        return
    from rich.cells import cell_len

    indent = line[: len(line) - len(line.lstrip(" "))]
    part, used = "", 0
    for word in re.findall(r" *[^ ]+| +$", line):
        cells = cell_len(_COLOURS.sub("", word))
        if part.strip() and used + cells > width:
            yield part
            part, word = indent, word.lstrip(" ")
            used, cells = len(indent), cell_len(_COLOURS.sub("", word))
        part, used = part + word, used + cells
    yield part


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def harmless(text: str) -> str:
    """Lines for a terminal: line breaks and tabs stay; what else it would obey, and what turns a line, as its code.

    `result`, `notice` and `draw` pass everything through here, as a text may come from a file of anyone's.
    """
    return _OBEYED.sub(lambda found: visible(found[0]), text)


def _json_escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def printable(text: str) -> str:
    """Text of several lines for a terminal: what would move the cursor or turn the line, as its code."""
    return "\n".join(one_line(line) for line in text.expandtabs(4).split("\n"))


# The characters of the categories in `visible` but for the joiners, tab and line break, as ranges: going through
# all of Unicode for them would take a tenth of a second.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
