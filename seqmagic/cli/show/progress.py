"""The live display of trainings: drawn from their events on standard error, or told in plain lines."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from seqmagic.cli.console import INTERRUPTED, abandon, is_plain, make_console, notice, one_line
from seqmagic.drawing.words import shorten
from seqmagic.evaluation.units import bits
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started, clock
from seqmagic.training.interrupt import answered_signals

if TYPE_CHECKING:
    from rich.console import RenderableType

SAMPLE_CELLS = 60  # of what the model writes, in a plain line
STOPPING_COMPILATION = "stopping after the compilation; again to stop now"
_GAP = "  "  # between two figures
COMPILING = "building and compiling"
STOPPING_START = "stopping as soon as TensorFlow has started; again to stop now …"
LEGEND = (
    "train: mean since the line before, with dropout, so often above validation; "
    "validation: all of that part, without; *: the lowest so far, these weights are kept"
)


class LiveDisplay:
    """What trains, drawn on standard error while it runs: lines that stay and, on a terminal, bars below them.

    Nothing with `quiet`. Where nobody reads any more (a closed pipe or terminal, a full disk), the training goes
    on undrawn. A request to stop (Ctrl-C and the like) is answered at once.

    Args:
        verbose: Details are told too.
        said: Lines that were told already and are not told again; what is told is added.
    """

    stopping = "stopping: what was reached is kept; again to stop now"

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        stream: TextIO | None = None,
        said: set[str] | None = None,
    ) -> None:
        stream = stream or sys.stderr
        self._verbose = verbose
        self._said = set() if said is None else said
        self._stream = stream
        self._lost = False
        self._compiling = True
        self._answers = contextlib.ExitStack()
        self._quiet = quiet
        self._plain = is_plain(stream)
        self._console = make_console(stream)
        self._live: Any = None
        self._doing = ""

    def __enter__(self) -> Self:
        if not self._quiet and not self._plain:
            from rich.live import Live

            # Drawn when an event arrives: a drawing thread would take time from the training.
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            with self._readers_may_go():
                self._live.start()
        self._answers.enter_context(answered_signals(self._answer, self._give_up, self._put_off))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answers.close()
        if self._live is not None:
            with self._readers_may_go():
                self._live.stop()
            self._live = None

    @contextlib.contextmanager
    def _readers_may_go(self) -> Iterator[None]:
        """Drawing that fails within the block is the last."""
        try:
            yield
        except OSError:
            self._lost = True
            abandon(self._stream)

    def _answer(self) -> None:
        self.line(STOPPING_COMPILATION if self._compiling else self.stopping)

    def _put_off(self) -> None:
        """Asked to stop while TensorFlow is imported, which nothing can end in the middle."""
        self._doing = STOPPING_START
        self._draw()

    def _give_up(self) -> None:
        """Asked twice to stop, the process is still in a compilation that nothing else can end."""
        if self._live is not None:
            with self._readers_may_go():
                self._console.show_cursor()
        notice("seqmagic: interrupted")
        os._exit(INTERRUPTED)

    def line(self, text: str, *, style: str = "") -> None:
        """A line that stays, above the bar."""
        if not (self._quiet or self._lost):
            with self._readers_may_go():
                self._console.print(one_line(text), style=style, soft_wrap=self._plain)

    def tell(self, lines: Iterable[str]) -> None:
        """Lines about text, machine and model; what was told before (in a series, most of it) is left out."""
        for text in lines:
            if text not in self._said:
                self.line(text, style="dim")
            self._said.add(text)

    def detail(self, *lines: str) -> None:
        """Lines that only a reader who asked for more wants to see."""
        if self._verbose:
            self.tell(lines)

    def _show_sample(self, sample: str) -> None:
        """What the model wrote, as a line of its own."""
        self.line(f"  {shorten(sample, max(20, self._console.width - 3))}", style="dim italic")

    def doing(self, what: str, *, aloud: bool = True) -> None:
        """What happens until the next event: it stands in place of the bars, or `aloud` is a line without them."""
        self._doing = f"{what} …"
        if self._plain and aloud:
            self.line(self._doing)
        self._draw()

    def _draw(self) -> None:
        if self._live is not None and not self._lost:
            with self._readers_may_go():
                self._live.update(self._bars(), refresh=True)

    def _bars(self) -> RenderableType:
        """What stands at the bottom now."""
        raise NotImplementedError

    def _bar(self, title: str, fraction: float, seconds_left: float, *, room: int = 12) -> RenderableType:
        """One bar, `room` columns before it for its title."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1), expand=True)
        for width in (room, None, 5, 14):
            grid.add_column(width=width, no_wrap=True, ratio=None if width else 1)
        words = Text(f"{clock(seconds_left)} left", justify="right")
        grid.add_row(Text(title), ProgressBar(total=1.0, completed=fraction), f"{fraction:4.0%}", words)
        return grid


class TrainingDisplay(LiveDisplay):
    """Draws the events of one training, or of several in a row:

        with TrainingDisplay(quiet=settings.quiet) as display:
            for event in train(...):
                display.show(event)

    On a terminal a progress bar with the figures stays at the bottom and each evaluation scrolls by above
    it. Elsewhere (a file, a pipe, NO_COLOR, TERM=dumb) each evaluation is one line.
    """

    def __init__(self, **common: Any) -> None:
        """`common` is as for `LiveDisplay`."""
        super().__init__(**common)
        self._title, self._number, self._total = "", 1, 1
        self._reset()

    def _reset(self) -> None:
        self._progress: Progress | None = None
        self._validation_loss: float | None = None

    def announce(self, title: str, *, number: int = 1, total: int = 1) -> None:
        """The next events belong to training `number` of `total`, called `title`."""
        self._reset()
        self._title, self._number, self._total = title, number, total
        self._doing = f"{title}: {COMPILING} …"
        self.line(f"{title} ({number} of {total})" if total > 1 else title, style="bold")
        self._draw()

    def doing(self, what: str, *, aloud: bool = True) -> None:
        self._progress = None
        super().doing(what, aloud=aloud)

    def show(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case Started(lines=lines, details=details):
                self._compiling = False
                self.detail(*details)
                self.tell(lines)
            case Progress():
                self._progress = event
            case Evaluated():
                self._validation_loss = event.row.validation_loss
                self._show_evaluation(event)
            case Finished(details=details):
                self.detail(*details)
                self._progress = None
                self._compiling = True  # if another follows
                return
        self._draw()

    def _show_evaluation(self, event: Evaluated) -> None:
        self.tell([LEGEND])
        sample = one_line(event.sample.strip())
        if self._plain:
            figures = evaluation_words(event)
            if event.row.characters_per_second is not None:
                figures += f"{'' if event.best else '  '}  {event.row.characters_per_second:,.0f} char/s"
            left = f"  {clock(self._progress.seconds_left)} left" if self._progress else ""
            self.line(f"{figures}{left}  | {shorten(sample, SAMPLE_CELLS)}")
            return
        for line in _filled(_evaluation_parts(event), self._console.width):
            self.line(line)
        self._show_sample(sample)

    def _bars(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        progress = self._progress
        if progress is None:
            return Text(self._doing, style="dim")
        room = max(12, len(self._title))
        rows = [self._bar(self._title, progress.fraction, progress.seconds_left, room=room)]
        if self._total > 1:
            fraction, left = self._whole(progress)
            rows.append(self._bar(f"all {self._total}", fraction, left, room=room))
        return Group(*rows, Text(self._figures(progress), no_wrap=True, overflow="ellipsis"))

    def _whole(self, progress: Progress) -> tuple[float, float]:
        """Share and seconds left of the whole series, if the trainings to come take as long as this one."""
        fraction = (self._number - 1 + progress.fraction) / self._total
        spent_share = max(progress.fraction, 1e-3)
        each = progress.seconds_left / max(1.0 - spent_share, 1e-3)
        return fraction, progress.seconds_left + (self._total - self._number) * each

    def _figures(self, progress: Progress) -> str:
        parts = [f"train {progress.train_loss:.3f}"]
        if self._validation_loss is not None:
            parts += [
                f"validation {self._validation_loss:.3f}",
                f"{bits(self._validation_loss):.3f} bits",
            ]
        parts += [f"{progress.characters_per_second:,.0f} char/s", f"epoch {progress.epoch:.2f}"]
        words = parts[0]
        for part in parts[1:]:
            if len(words) + 2 + len(part) <= self._console.width:
                words += f"  {part}"
        return words


def evaluation_words(event: Evaluated) -> str:
    """The figures of one evaluation in columns; a star marks the lowest validation loss so far (`LEGEND`)."""
    return _GAP.join(_evaluation_parts(event))


def _filled(parts: Sequence[str], width: int) -> Iterator[str]:
    """Lines of as many of the parts as have room, none of them broken."""
    line = ""
    for part in parts:
        if line and len(line) + len(_GAP) + len(part) > width:
            yield line
            line = ""
        line += _GAP * bool(line) + part
    yield line


def _evaluation_parts(event: Evaluated) -> list[str]:
    row = event.row
    figures = (
        (row.epoch, "epoch {:6.2f}"),
        (row.train_loss, "train {:.3f}"),
        (row.validation_loss, "validation {:.3f}"),
        (row.bits_per_character, "{:.3f} bits"),
    )
    parts = [form.format(figure) for figure, form in figures if figure is not None]
    return [*parts[:-1], parts[-1] + " *" * event.best] if parts else []
