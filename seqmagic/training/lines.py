"""The lines between the chief and its workers: small messages and arrays over TCP, with a heartbeat both ways.

What the gradients cost goes through TensorFlow's collectives; this is for the rest: who is there, what comes next,
who is to stop. A line that is closed or silent tells that a process, its machine or the network is lost.
"""

from __future__ import annotations

import contextlib
import io
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from seqmagic.errors import TrainingError
from seqmagic.training.cluster import Cluster, split_address

HEARTBEAT_SECONDS = 5.0
SILENT_SECONDS = 40.0  # without a heartbeat: the other side is lost
PARTING_SECONDS = 2.0
START_SECONDS = 300.0  # in which all workers must have been started
HELLO_SECONDS = 5.0  # in which who connects must say what it is
_HEAD = struct.Struct(">4sIQ")
_MARK = b"sqmg"
_LONGEST_WORDS, _LONGEST_ARRAYS = 2**24, 2**36

Message = dict[str, Any]
Arrays = dict[str, np.ndarray]


class LostError(Exception):
    """The other side of a line is gone; the message says how that shows, in a clause."""


class Line:
    """One connection. Messages are JSON objects, with arrays by name where wanted.

    Attributes:
        silent_seconds: Without a heartbeat for so long the other side is lost.
    """

    def __init__(self, connection: socket.socket, *, silent_seconds: float = SILENT_SECONDS) -> None:
        connection.settimeout(SILENT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.silent_seconds = silent_seconds
        self._connection = connection
        self._sending = threading.Lock()
        self._heard = self._looked = time.monotonic()
        self._closed = threading.Event()
        self._unread: list[tuple[Message, Arrays]] = []
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def close(self) -> None:
        """Send nothing more; what was sent is still read, for which the other side gets a moment."""
        self._closed.set()
        with contextlib.suppress(OSError):  # closed with something unread, the system would throw away what was sent
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(PARTING_SECONDS)
            while self._connection.recv(2**16):
                pass
        self._connection.close()

    def send(self, message: Message, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Raises LostError."""
        words, packed = json.dumps(message).encode(), b""
        if arrays is not None:
            buffer = io.BytesIO()
            np.savez(buffer, allow_pickle=False, **arrays)
            packed = buffer.getvalue()
        self._write(_HEAD.pack(_MARK, len(words), len(packed)) + words + packed)

    def receive(self, *, while_waiting: Callable[[], None] = lambda: None) -> tuple[Message, Arrays]:
        """The next message; heartbeats are not shown.

        Args:
            while_waiting: Called a few times a second.

        Raises:
            LostError: there will be none.
        """
        while not self._unread:
            while_waiting()
            self.poll(0.2)
        return self._unread.pop(0)

    @property
    def unread(self) -> bool:
        """Whether a message has come."""
        return bool(self._unread)

    def poll(self, seconds: float = 0.0) -> None:
        """Read what has come, and wait at most `seconds` for it. Raises LostError."""
        try:
            while select.select([self._connection], [], [], seconds)[0]:
                self._read_one()
                seconds = 0.0
        except LostError:
            if not self._unread:  # what was said before is heard before
                raise
        except (OSError, ValueError) as problem:  # ValueError: closed here
            raise LostError(f"the connection broke: {problem}") from problem
        now = time.monotonic()
        if now - self._looked > HEARTBEAT_SECONDS + seconds:  # this process was stopped, or computed: it heard nobody
            self._heard = now
        self._looked = now
        silence = now - self._heard
        if silence > self.silent_seconds:
            raise LostError(f"nothing was heard of it for {silence:.0f} s")

    def _read_one(self) -> None:
        mark, words, packed = _HEAD.unpack(self._read(_HEAD.size))
        if mark != _MARK or words > _LONGEST_WORDS or packed > _LONGEST_ARRAYS:
            raise LostError("what answers there is no seqmagic that trains")
        self._heard = time.monotonic()
        if not words:
            return
        try:
            message = json.loads(self._read(words))
            with np.load(io.BytesIO(self._read(packed))) if packed else contextlib.nullcontext({}) as found:
                arrays = dict(found)
        except (ValueError, RecursionError) as problem:
            raise LostError(f"it sent what can't be read: {problem}") from problem
        if not isinstance(message, dict):
            raise LostError("it sent what can't be read")
        self._heard = time.monotonic()
        self._unread.append((message, arrays))

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._connection.recv(min(size - len(parts), 2**20))
            if not part:
                raise LostError("it ended")
            parts += part
        return bytes(parts)

    def _write(self, data: bytes) -> None:
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError as problem:
            raise LostError("it ended" if isinstance(problem, ConnectionError) else str(problem)) from problem

    def _beat(self) -> None:
        with contextlib.suppress(LostError):
            while not self._closed.wait(HEARTBEAT_SECONDS):
                self._write(_HEAD.pack(_MARK, 0, 0))


def check_port(cluster: Cluster) -> None:
    """Raise TrainingError where the port of this process can't be listened at."""
    _listen(cluster).close()


def call_chief(
    cluster: Cluster, hello: Message, *, while_waiting: Callable[[], None], seconds: float = START_SECONDS
) -> Line:
    """The line to the chief, which has got `hello`; it may start later than this process.

    Raises:
        TrainingError: it is not there in time.
    """
    host, port = split_address(cluster.addresses[0])
    until = time.monotonic() + seconds
    while True:
        while_waiting()
        try:
            line = Line(socket.create_connection((host, port), timeout=HELLO_SECONDS))
            with _closed_on_error(line):
                line.send(hello)
            return line
        except (OSError, LostError, UnicodeError) as problem:
            if time.monotonic() > until:
                reason = getattr(problem, "strerror", None) or problem
                raise TrainingError(
                    f"{cluster.name(0)} did not answer in {seconds:.0f} s ({reason}); start it as well, with "
                    f"--worker-index 0, and see that its address is right"
                ) from problem
            time.sleep(0.2)


def await_workers(
    cluster: Cluster,
    *,
    accept: Callable[[Line, Message], int | None],
    while_waiting: Callable[[], None],
    seconds: float = START_SECONDS,
) -> dict[int, Line]:
    """The lines to all workers, by index, once each has called.

    Args:
        accept: Is given a line and the first message on it; answers which worker it is, or None for a stranger.

    Raises:
        TrainingError: the port is in use, or a worker has not called in time; and what `accept` raises.
    """
    lines: dict[int, Line] = {}
    until = time.monotonic() + seconds
    with _listen(cluster) as listener:
        listener.settimeout(0.2)
        try:
            while len(lines) < len(cluster.addresses) - 1:
                while_waiting()
                if time.monotonic() > until:
                    missing = [i for i in range(1, len(cluster.addresses)) if i not in lines]
                    raise TrainingError(
                        f"{cluster.name(missing[0])} did not call in {seconds:.0f} s; start it with --worker-index "
                        f"{missing[0]} and the same --workers, and see that it can reach {cluster.addresses[0]}"
                    )
                with contextlib.suppress(TimeoutError):
                    connection, _ = listener.accept()
                    line = Line(connection, silent_seconds=HELLO_SECONDS)
                    index = None
                    with _closed_on_error(line), contextlib.suppress(LostError):
                        index = accept(line, line.receive()[0])
                    if index is None:
                        line.close()
                        continue
                    line.silent_seconds = SILENT_SECONDS
                    lines[index] = line
        except BaseException:
            for line in lines.values():
                line.close()
            raise
    return lines


@contextlib.contextmanager
def _closed_on_error(line: Line) -> Iterator[None]:
    try:
        yield
    except BaseException:
        line.close()
        raise


def _listen(cluster: Cluster) -> socket.socket:
    family = socket.AF_INET6 if cluster.addresses[cluster.index].startswith("[") else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", cluster.port))
        listener.listen(128)
    except OSError as problem:
        listener.close()
        raise TrainingError(
            f"port {cluster.port} of {cluster.name(cluster.index)} can't be listened at here: "
            f"{problem.strerror or problem}; end what uses it, or name another port in --workers"
        ) from problem
    return listener
