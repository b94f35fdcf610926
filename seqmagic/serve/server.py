"""A server in this process: models loaded, an address taken, requests answered until a signal comes. With uvicorn."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import uvicorn

from seqmagic.api import load
from seqmagic.errors import ConfigError, SeqmagicError
from seqmagic.export.formats import FORMATS
from seqmagic.export.publish import export_run
from seqmagic.runs.folder import Run
from seqmagic.sampling.threads import blas_threads
from seqmagic.serve.app import MainThreads, Post, Served, make_app
from seqmagic.serve.engine import Engine
from seqmagic.serve.protocol import Limits, Refused

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_LAST_WORDS = 3.0  # seconds that open connections get at the end


class Settings(NamedTuple):
    """How to serve.

    Attributes:
        host, port: Where; port 0 takes a free one.
        token: What clients have to show; None for nothing.
        batch: Texts that advance together at most, for each model.
        waiting: Texts that may wait for that at most.
        limits: What one request may ask for.
    """

    host: str
    port: int
    token: str | None
    batch: int
    waiting: int
    limits: Limits


class Address(NamedTuple):
    """Where a server listens."""

    socket: socket.socket
    url: str
    is_local: bool


def listen(host: str, port: int) -> Address:
    """Take an address.

    Raises:
        ConfigError: there is no such host, or the port is taken or not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        taken = socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as problem:
        words = getattr(problem, "strerror", None) or problem
        raise ConfigError(
            f"{host or repr(host)} port {port} can't be listened at: {words}; choose another "
            "--port, 0 takes a free one, or --host"
        ) from problem
    number, port = taken.getsockname()[:2]
    shown = f"[{number}]" if family == socket.AF_INET6 else number
    return Address(taken, f"http://{shown}:{port}", ipaddress.ip_address(number.partition("%")[0]).is_loopback)


@contextlib.contextmanager
def serving(
    runs: Sequence[str], models: Path, address: Address, settings: Settings, failed: Callable[[Exception], None]
) -> Iterator[tuple[list[str], Callable[[Callable[[], None]], None]]]:
    """Load `runs` and start what writes with them.

    Gives their names, and what serves until a signal comes: called with what is to be called when it listens.

    Raises:
        RunError: there is no such run, or it can't be read.
    """
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every client that goes away
    post, threads = Post(), blas_threads()
    served: dict[str, Served] = {}
    paths: dict[str, Path] = {}
    try:
        for name in dict.fromkeys(runs):
            model = load(name, models=models)
            path = model.run.path.resolve()
            if paths.get(model.run.name, path) != path:
                raise ConfigError(
                    f"two runs are called {model.run.name}, and clients could not tell them apart: "
                    f"{paths[model.run.name]} and {path}; serve one of them"
                )
            if model.run.name not in served:
                engine = Engine(
                    model.network,
                    model.vocabulary,
                    limit=settings.batch,
                    waiting=settings.waiting,
                    post=post,
                    failed=failed,
                    threads=None if threads is None else MainThreads(post, threads),
                )
                served[model.run.name] = Served(
                    model.run.name,
                    created=_seconds(model.record.created),
                    vocabulary=model.vocabulary,
                    engine=engine,
                    make_page=_page_maker(model.run),
                )
                paths[model.run.name] = path
        app = make_app(
            list(served.values()),
            post,
            limits=settings.limits,
            token=settings.token,
            hosts=(*_LOCAL_NAMES, settings.host.lower()) if settings.token is None else None,
            failed=failed,
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=int(_LAST_WORDS),
        )
        engines = [one.engine for one in served.values()]
        yield list(served), lambda ready: _Server(config, engines, ready).run(sockets=[address.socket])
    finally:
        for one in served.values():
            one.engine.stop()
        for one in served.values():
            one.engine.join()


class _Server(uvicorn.Server):
    """Ends what is being written as soon as a signal comes, so that no connection is waited for."""

    def __init__(self, config: uvicorn.Config, engines: Sequence[Engine], ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._engines, self._ready = engines, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        for engine in self._engines:
            engine.stop()


def _seconds(created: str) -> int:
    """The time `created` of a record in seconds since 1970; 0 where it is no time."""
    try:
        return int(datetime.fromisoformat(created).timestamp())
    except ValueError:
        return 0


def _page_maker(run: Run) -> Callable[[], bytes]:
    """What makes the web export of `run`."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "page"
            try:
                export_run(run, folder, FORMATS["web"], quantize="float16", overwrite=False, checked=False)
            except SeqmagicError as problem:
                raise Refused(404, f"{run.name} has no page: {problem}") from problem
            return (folder / "index.html").read_bytes()

    return make
