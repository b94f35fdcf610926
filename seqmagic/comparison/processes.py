"""Processes that train rows: started with a job each, listened to, asked to stop, and gone whatever happens."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from seqmagic.comparison.messages import Job, Message, Ready, from_line
from seqmagic.comparison.worker import GO_ON, PAUSE
from seqmagic.texts.corpus import Corpus

GRACE = 3.0  # seconds in which a process that must end at once has to
LONGEST_WORDS = 200  # characters of what a process said before it ended without a result
_BLOCK = 2**16
_MODULE = "seqmagic.comparison.worker"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A process is over: its exit code, minus the number of the signal that ended it, and its last words."""

    code: int
    words: str


@contextlib.contextmanager
def shared_ids(corpus: Corpus, folder: Path) -> Iterator[BinaryIO]:
    """A file with the ids of `corpus` that has no name: whoever holds it open has it, and a kill leaves nothing.

    Args:
        folder: Where there is room for it.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(corpus.ids.data)
        file.flush()
        yield file


class Workers:
    """Processes by the position of the row that each trains. At the end of the block none is left.

    Args:
        corpus: What they train on.
        ids: Its ids; see `shared_ids`.
    """

    def __init__(self, corpus: Corpus, ids: BinaryIO) -> None:
        self._corpus, self._ids = corpus, ids
        self._workers: dict[int, _Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._deadline: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_now()
        while self._workers:
            self.listen(GRACE)
        self._selector.close()

    def __len__(self) -> int:
        return len(self._workers)

    def start(self, position: int, job: Job, cores: Sequence[int] | None) -> None:
        """Have the row at `position` trained, on these cores where the system can bind a process to them."""
        worker = _Worker(job, self._ids, cores)
        self._workers[position] = worker
        self._selector.register(worker.output, selectors.EVENT_READ, position)

    def listen(self, seconds: float) -> list[tuple[int, Message | Ended]]:
        """What was said by which row's process, in its order; waits for so many seconds for anything at all."""
        heard: list[tuple[int, Message | Ended]] = []
        for key, _ in self._selector.select(self._patience(seconds)):
            position: int = key.data
            worker = self._workers[position]
            content = os.read(worker.output, _BLOCK)
            heard += ((position, from_line(line, self._corpus)) for line in worker.lines(content))
            if not content:
                self._selector.unregister(worker.output)
                del self._workers[position]
                heard.append((position, worker.end()))
        for position, message in heard:
            if isinstance(message, Ready) and position in self._workers:
                self._workers[position].is_ready = True
        if self._deadline is not None and time.monotonic() > self._deadline:
            for worker in self._workers.values():
                worker.kill()
        return heard

    def ask_to_stop(self) -> None:
        """Each ends its training early and whole, as Ctrl-C does; what has not begun to train is ended."""
        for worker in self._workers.values():
            worker.signal(signal.SIGINT)

    def pause(self) -> None:
        """Each stands still as soon as it next has something to say, until `go_on`; none of that time counts."""
        for worker in self._workers.values():
            worker.tell(PAUSE)

    def go_on(self) -> None:
        """Each goes on where `pause` held it."""
        for worker in self._workers.values():
            worker.tell(GO_ON)

    def end_now(self) -> None:
        """Each leaves its run as it is, as a second Ctrl-C does; what does not heed that is killed after `GRACE`."""
        self.ask_to_stop()
        for worker in self._workers.values():
            worker.signal(signal.SIGTERM)
        self._deadline = self._deadline or time.monotonic() + GRACE

    def _patience(self, seconds: float) -> float:
        return seconds if self._deadline is None else min(seconds, max(0.0, self._deadline - time.monotonic()) + 0.01)


class _Worker:
    """One process."""

    def __init__(self, job: Job, ids: BinaryIO, cores: Sequence[int] | None) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, closed in `end`
        # -P and PYTHONPATH: modules are found where they are found here, and not beside some script of the user's
        path = os.pathsep.join(place or os.getcwd() for place in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, str(ids.fileno()), ",".join(map(str, cores or ()))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=[ids.fileno()],
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # a terminal's Ctrl-C is for this process, which asks the others
        )
        self._input, self._output = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        self.output = self._output.fileno()
        self._rest = b""
        self._sent: set[signal.Signals] = set()
        self.is_ready = False
        self.tell(job.to_line())

    def lines(self, content: bytes) -> list[bytes]:
        """The lines that are whole with `content`."""
        *lines, self._rest = (self._rest + content).split(b"\n")
        return lines

    def tell(self, line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it is dead already: its end will be heard
            self._input.write(line)
            self._input.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it, once: a third would interrupt what is done at the second."""
        if not self.is_ready:
            self.kill()
        elif number not in self._sent:
            self._sent.add(number)
            self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> Ended:
        """It has closed its output: wait for its end."""
        try:
            code = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").split("\n")
        words = next((line.strip() for line in reversed(said) if line.strip()), "")
        self._errors.close()
        self._output.close()
        with contextlib.suppress(BrokenPipeError):  # of a job that it had not read
            self._input.close()
        return Ended(code=code, words=words[:LONGEST_WORDS])
