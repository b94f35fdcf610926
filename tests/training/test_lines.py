"""The lines between the chief and its workers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seqmagic.errors import TrainingError
from seqmagic.training import lines
from seqmagic.training.cluster import Cluster
from seqmagic.training.lines import Line, LostError, await_workers, call_chief, check_port
from tests.helpers import free_ports


@pytest.fixture
def pair() -> Iterator[tuple[Line, Line]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    ends = Line(one), Line(other)
    yield ends
    for end in ends:  # closed together, neither waits for the other
        end._connection.close()


def test_messages_and_arrays_come_as_they_were_sent(pair: tuple[Line, Line]) -> None:
    here, there = pair
    here.send({"do": "步"}, {"0": np.eye(3, dtype=np.float32), "a b": np.zeros((0, 2))})
    here.send({"do": "next"})
    message, arrays = there.receive()
    assert message == {"do": "步"} and list(arrays) == ["0", "a b"]
    np.testing.assert_array_equal(arrays["0"], np.eye(3))
    assert there.receive() == ({"do": "next"}, {})


def test_what_was_said_before_the_end_is_heard(pair: tuple[Line, Line]) -> None:
    here, there = pair
    there.send({"unread": True})  # closed with something unread, a connection would lose what it sent
    here.send({"do": "end"})
    closing = threading.Thread(target=here.close)
    closing.start()
    assert there.receive() == ({"do": "end"}, {})
    with pytest.raises(LostError, match=r"^it ended$"):
        there.receive()
    there.close()
    closing.join()


def test_a_silent_line_is_lost(pair: tuple[Line, Line]) -> None:
    here, _ = pair
    here.silent_seconds = 0.1
    with pytest.raises(LostError, match="nothing was heard of it"):
        here.receive()


def test_heartbeats_keep_a_line(pair: tuple[Line, Line], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "HEARTBEAT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    here, there = Line(one, silent_seconds=10.0), Line(other)
    before = here._heard
    while here._heard == before:
        here.poll(0.1)
    assert not here.unread
    for end in (here, there):
        end._connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        lines._HEAD.pack(b"sqmg", 2**31, 0),
        lines._HEAD.pack(b"sqmg", 2, 0) + b"{]",
        lines._HEAD.pack(b"sqmg", 2, 0) + b"[]",
        lines._HEAD.pack(b"sqmg", 2, 3) + b"{}" + b"abc",
    ],
)
def test_strangers_are_no_workers(sent: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    one.sendall(sent)
    one.shutdown(socket.SHUT_WR)
    line = Line(other)
    with pytest.raises(LostError):
        line.receive()
    one.close()
    line.close()


def cluster(index: int = 0) -> Cluster:
    return Cluster(addresses=tuple(f"127.0.0.1:{port}" for port in free_ports(2)), index=index)


def nothing() -> None:
    pass


def test_a_port_in_use_is_named() -> None:
    two = cluster()
    check_port(two)
    with (
        socket.create_server(("", two.port)),
        pytest.raises(
            TrainingError, match=rf"^port {two.port} of the chief \({two.addresses[0]}\) can't be listened at"
        ),
    ):
        check_port(two)
    check_port(two)


def test_whoever_does_not_come_is_named() -> None:
    two = cluster()
    with pytest.raises(TrainingError, match=rf"^worker 1 \({two.addresses[1]}\) did not call in 0 s; start it"):
        await_workers(two, accept=lambda *_: None, while_waiting=nothing, seconds=0.0)
    with pytest.raises(TrainingError, match=rf"^the chief \({two.addresses[0]}\) did not answer in 0 s \("):
        call_chief(Cluster(addresses=two.addresses, index=1), {}, while_waiting=nothing, seconds=0.0)


def test_workers_may_come_before_the_chief_and_strangers_in_between() -> None:
    two = cluster()
    found: list[Any] = []

    def call() -> None:
        found.append(call_chief(Cluster(addresses=two.addresses, index=1), {"hello": 1}, while_waiting=nothing))

    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(0.3)

    def scan() -> None:
        with socket.create_connection(("127.0.0.1", two.port)):
            pass

    scanned = []

    def accept(line: Line, message: lines.Message) -> int | None:
        if not scanned:
            scanned.append(True)
            scan()
        return message.get("hello")

    (line,) = await_workers(two, accept=accept, while_waiting=nothing).values()
    caller.join()
    line.send({"do": "read"})
    assert found[0].receive() == ({"do": "read"}, {})
    check_port(two)  # what TensorFlow listens at next, while the line stays
    found[0]._connection.close()
    line.close()
