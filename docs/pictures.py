"""Pictures of the terminal, light and dark, from commands that really run: `make pictures`.

Each command runs on a pseudo-terminal; a terminal emulator (pyte) keeps the screen, colours included; rich draws it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte
from rich import terminal_theme
from rich.console import Console
from rich.style import Style
from rich.text import Text

FOLDER = Path(__file__).with_name("pictures")
COLUMNS, LINES = 100, 70
THEMES = {"light": terminal_theme.DEFAULT_TERMINAL_THEME, "dark": terminal_theme.MONOKAI}
_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)  # the picture fetches nothing: any monospaced font will do


def screen_of(arguments: list[str], models: Path, *, until: Callable[[str], bool] = lambda shown: False) -> pyte.Screen:
    """What stands on a terminal after `seqmagic` with these arguments, or once `until` holds of what it shows."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "SEQMAGIC_MODELS": str(models), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        while True:
            if select.select([mine], [], [], 0.2)[0]:
                try:
                    got = os.read(mine, 65536)
                except OSError:  # the other end is closed
                    break
                if not got:
                    break
                stream.feed(got)
                if until("\n".join(screen.display)):
                    break
            elif process.poll() is not None:
                break
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        os.close(mine)
    return screen


def styled_lines(screen: pyte.Screen) -> Text:
    """The screen as a rich text, without the empty lines at its end."""
    lines = []
    for row in range(screen.lines):
        line = Text()
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            line.append(cell.data, _style(cell))
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return Text("\n").join(lines)


def until_samples(text: Text) -> Text:
    """What stands above the samples of a comparison; all of anything else."""
    place = text.plain.find("\n\n--- ")
    return text if place < 0 else text[:place]


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, italic=cell.italics, reverse=cell.reverse
    )


def _colour(name: str) -> str | None:
    """A colour of pyte as rich calls it; None for the terminal's own."""
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    bright, plain = name.startswith("bright"), name.removeprefix("bright")
    plain = {"brown": "yellow"}.get(plain, plain)
    return f"bright_{plain}" if bright else plain


def draw(name: str, command: str, text: Text) -> None:
    """Write `text` as NAME-light.svg and NAME-dark.svg, `command` in the title of the window."""
    FOLDER.mkdir(exist_ok=True)
    for look, theme in THEMES.items():
        console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
        console.print(text, crop=False)
        svg = console.export_svg(title=command, theme=theme, unique_id=f"{name}-{look}")
        (FOLDER / f"{name}-{look}.svg").write_text(_FONT.sub("", svg), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", default="1", help="for each row of the comparison [default: 1]")
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        compare = ["compare", "python-docs", "--cells", "rnn,lstm,gru", "--units", "256", "--minutes", minutes]
        train = ["train", "python-docs", "--cell", "lstm", "--units", "256", "--minutes", minutes]
        commands: dict[str, tuple[list[str], Callable[[str], bool]]] = {
            "train": (train, lambda shown: re.search(r"[6-9]\d% ", shown) is not None),
            "compare": (["compare", "python-docs-comparison"], lambda shown: False),
            "surprise": (["inspect", "surprise", "lstm", "--length", "600"], lambda shown: False),
        }
        subprocess.run([sys.executable, "-m", "seqmagic", *compare, "--quiet", "--models", folder], check=True)
        for name, (arguments, until) in commands.items():
            started = time.monotonic()
            title = "seqmagic " + " ".join(compare if name == "compare" else arguments)
            draw(name, title, until_samples(styled_lines(screen_of(arguments, models, until=until))))
            print(f"{name}: {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
