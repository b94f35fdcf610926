"""`seqmagic compare show`: a comparison that is kept, where its rows differ, and how they learned."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqmagic.cli.commands.compare import Look, look_of, look_options, show_comparison
from seqmagic.cli.console import draw, json_document, make_console, result
from seqmagic.cli.options import ComparisonName, Settings, command, option
from seqmagic.errors import RunError

if TYPE_CHECKING:
    from seqmagic.comparison.blocks import Both
    from seqmagic.comparison.record import Comparison

_ENOUGH = ("", "q", "Q", "\x1b", "\x04")  # keys that end it


@command(
    name="show",
    short_help="Look into a comparison that is kept.",
    example="seqmagic compare show python-docs-comparison --where\n"
    "seqmagic compare show python-docs-comparison --learning",
)
@click.argument("name", type=ComparisonName())
@option("--where", is_flag=True, section="Comparison", help="Where its rows differ: by class of characters, and ten "
        "passages. The text is read again.")  # fmt: skip
@option(
    "--rows",
    metavar="A,B",
    section="Comparison",
    help="With --where: whose passages. A cell, a run of the comparison, or n-gram. [default: the two lowest losses]",
)
@option("--learning", is_flag=True, section="Comparison", help="What each row wrote at its evaluations, side by side.")
@option("--all", "at_once", is_flag=True, section="Comparison", help="With --learning: all at once, without waiting.")
@option(
    "--delay",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    section="Comparison",
    help="With --learning: go on by itself after so long, instead of at a key.",
)
@look_options
@click.pass_obj
def show(
    settings: Settings,
    name: str,
    where: bool,
    rows: str | None,
    learning: bool,
    at_once: bool,
    delay: float | None,
    form: str,
    against: str | None,
    plot: Path | None,
) -> None:
    """Show the comparison NAME again. With --where or --learning, look into it.

    --where has the best row of each cell and the best n-gram read the text again and says, for each class of
    characters, what one costs, its share of all bits, and how often the first guess was right; then come the
    ten passages where two rows differ most.

    --learning shows on a terminal one evaluation after the other: Space or Enter for the next, q to end.

    Of a comparison with two blocks (--budget both) they look into the first; the second has a name of its own.
    """
    look = look_of(settings, form=form, against=against, plot=plot)
    _refuse_contradictions(where=where, rows=rows, learning=learning, at_once=at_once, delay=delay, look=look)
    kept = _read(settings, name)
    if where:
        _show_where(settings, _first_block(kept), rows, look)
    elif learning:
        _show_learning(settings, _first_block(kept), at_once=at_once, delay=delay)
    else:
        show_comparison(settings, kept, look)


def _refuse_contradictions(
    *, where: bool, rows: str | None, learning: bool, at_once: bool, delay: float | None, look: Look
) -> None:
    if where and learning:
        raise click.UsageError("--where and --learning are two views; give one")
    if rows is not None and not where:
        raise click.UsageError("--rows names the rows whose passages --where shows; give --where too")
    if rows is not None and (len(_two(rows)) != 2 or len(set(_two(rows))) != 2):
        raise click.UsageError(f"--rows takes two rows, A,B; received {rows!r}")
    if (at_once or delay is not None) and not learning:
        raise click.UsageError(f"{'--all' if at_once else '--delay'} is for --learning; give that too")
    if at_once and delay is not None:
        raise click.UsageError("--all does not wait, and --delay does; give one")
    if learning and look.form not in ("table", "json"):
        raise click.UsageError(
            f"--learning shows texts, which --format {look.form} has no form for; give json, or none"
        )
    if (where or learning) and (look.against or look.plot):
        raise click.UsageError(
            f"{'--plot' if look.plot else '--against'} is for the curves, which {'--where' if where else '--learning'} "
            "does not draw; leave it out"
        )


def _two(rows: str | None) -> list[str]:
    return [] if rows is None else [name.strip() for name in rows.split(",")]


def _read(settings: Settings, name: str) -> Comparison | Both:
    """The comparison of this name; RunError where there is none, with what there is."""
    from seqmagic.comparison.blocks import read_kept
    from seqmagic.comparison.record import is_comparison, not_a_comparison

    if not is_comparison(settings.models / name):
        raise RunError(not_a_comparison(settings.models, name))
    return read_kept(settings.models / name)


def _first_block(kept: Comparison | Both) -> Comparison:
    """What has no view of both: the block of equal data is a comparison of its own name, to be looked into as such."""
    from seqmagic.comparison.blocks import Both

    return kept.time if isinstance(kept, Both) else kept


def _show_where(settings: Settings, comparison: Comparison, rows: str | None, look: Look) -> None:
    from seqmagic.comparison.where import where_rows_differ

    with settings.meanwhile("reading the text"):
        found = where_rows_differ(comparison, settings.models, pair=_two(rows))
    if settings.json:
        json_document(found.to_json())
        return
    if look.form != "table":
        from seqmagic.cli.show.formats import write_sheet
        from seqmagic.cli.show.where import where_sheet

        result(write_sheet(where_sheet(found), look.form))
        return
    from seqmagic.cli.show.where import where_pages

    draw(lambda width: where_pages(found, width=width))


def _show_learning(settings: Settings, comparison: Comparison, *, at_once: bool, delay: float | None) -> None:
    from seqmagic.comparison.learning import how_it_learned

    found = how_it_learned(comparison, settings.models)
    if settings.json:
        json_document(found.to_json())
        return
    from seqmagic.cli.show.learning import learning_frames, learning_head

    for line in found.notes:
        settings.notice(line)
    draw(lambda width: f"{learning_head(found)}\n")
    if not at_once and delay is None and _somebody_reads():
        settings.notice("Space or Enter shows the next evaluation, q ends")
    width = make_console(sys.stdout).width
    for number, frame in enumerate(learning_frames(found, width=width), start=1):
        result(f"{frame}\n")
        if number < found.moments and not at_once and not _go_on(delay):
            return


def _go_on(delay: float | None) -> bool:
    """Wait for so many seconds, else for a key where somebody sits at a terminal; whether more is wanted."""
    if delay is not None:
        sys.stdout.flush()
        time.sleep(delay)
        return True
    sys.stdout.flush()
    return not _somebody_reads() or _key() not in _ENOUGH


def _key() -> str:
    """The next key; what was typed ahead counts, which click.getchar would throw away. "" where there are no more."""
    if sys.platform == "win32":
        return click.getchar()
    import os
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)
        return os.read(terminal, 1).decode("latin-1")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _somebody_reads() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
