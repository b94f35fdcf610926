"""The application: paths, the token, bounds, whole answers and streamed ones. ASGI, with starlette."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import hmac
import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from seqmagic.sampling.threads import Threads
from seqmagic.serve.description import describe
from seqmagic.serve.engine import Busy, Deliveries, Engine, Order, Piece
from seqmagic.serve.protocol import (
    Asked,
    Choice,
    Limits,
    Refused,
    check_request,
    head,
    make_orders,
    read_request,
    usage,
)
from seqmagic.texts.vocabulary import Vocabulary

_PATHS = "POST /v1/completions, GET /v1/models, /openapi.json and /"


class Served:
    """One model of the server.

    Attributes:
        name: Of the run.
        created: When it was made, seconds since 1970.
        vocabulary: Its characters.
        engine: What writes with it.
        make_page: Makes the page; in a thread, once, when it is first asked for. Raises Refused where there is none.
    """

    def __init__(
        self, name: str, *, created: int, vocabulary: Vocabulary, engine: Engine, make_page: Callable[[], bytes]
    ) -> None:
        self.name, self.created, self.vocabulary, self.engine = name, created, vocabulary, engine
        self._make_page = make_page
        self._page: bytes | None = None
        self._making = asyncio.Lock()

    async def page(self) -> bytes:
        async with self._making:
            if self._page is None:
                self._page = await asyncio.to_thread(self._make_page)
            return self._page

    @property
    def document(self) -> dict[str, Any]:
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": "seqmagic"}


class Post:
    """Hands what an engine delivers from its thread to the event loop, which is set before anything is asked of it."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, deliveries: Deliveries) -> None:
        if self.loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(_receive_all, deliveries)


class MainThreads:
    """Sets the number of threads of NumPy's products from the event loop, which runs in the main thread.

    OpenBLAS (0.3.31, as NumPy 2.4 brings it) ignores who sets it in any other thread.
    """

    def __init__(self, post: Post, threads: Threads) -> None:
        self._post, self._threads = post, threads

    def get(self) -> int:
        return self._threads.get()

    def set(self, count: int) -> None:
        if self._post.loop is not None and threading.current_thread() is not threading.main_thread():
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._post.loop.call_soon_threadsafe(self._threads.set, count)
        else:
            self._threads.set(count)


def _receive_all(deliveries: Deliveries) -> None:
    for order, piece in deliveries:
        order.receive(piece)


def make_app(
    models: Sequence[Served],
    post: Post,
    *,
    limits: Limits,
    token: str | None = None,
    hosts: Sequence[str] | None = None,
    failed: Callable[[Exception], None],
) -> ASGIApp:
    """The application.

    Args:
        models: What it serves; the first answers who names none.
        post: What their engines post to.
        limits: What one request may ask for.
        token: What a client has to show; None for nothing.
        hosts: Names that a client may call this server by; None for any. A page of another site that had its name
            changed to this address (DNS rebinding) calls it by its own name; it does not know a token either.
        failed: Called with an error that nobody expected.
    """
    by_name = {served.name: served for served in models}
    description = _encode(describe(list(by_name), limits, guarded=token is not None))

    def find(name: str | None) -> Served:
        if name is None:
            return models[0]
        if name not in by_name:
            raise Refused(
                404,
                f"there is no model {name!r}; there are {', '.join(by_name)}",
                code="model_not_found",
                param="model",
            )
        return by_name[name]

    async def completions(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, f"the body must be sent as application/json; received {kind or 'no content-type'!r}")
        asked_for = read_request(await _read_body(request, limits.body))
        served = find(asked_for.model)
        asked = check_request(asked_for, served.name, served.vocabulary, limits)
        pieces: asyncio.Queue[Piece] = asyncio.Queue()
        orders = make_orders(asked, served.vocabulary, pieces.put_nowait)
        start = head(asked, id=f"cmpl-{secrets.token_hex(12)}", created=int(time.time()))
        post.loop = asyncio.get_running_loop()
        try:
            served.engine.submit(orders)
        except Busy:
            raise Refused(503, "too many texts wait; try again in a moment", code="overloaded") from None
        if asked_for.stream:
            return _Streamed(_events(asked, start, pieces), served.engine, orders)
        return _Whole(functools.partial(_gather, asked, start, pieces), served.engine, orders)

    async def list_models(request: Request) -> Response:
        return _json({"object": "list", "data": [served.document for served in models]})

    async def show_model(request: Request) -> Response:
        return _json(find(request.path_params["model"]).document)

    async def show_page(request: Request) -> Response:
        content = await find(request.query_params.get("model")).page()
        return Response(content, media_type="text/html", headers={"X-Content-Type-Options": "nosniff"})

    async def show_description(request: Request) -> Response:
        return Response(description, media_type="application/json")

    async def refuse_path(request: Request, problem: Exception) -> Response:
        status = problem.status_code if isinstance(problem, HTTPException) else 404
        headers = dict(getattr(problem, "headers", None) or {})
        words = "is not there" if status == 404 else f"does not take {request.method}"
        return _refusal(Refused(status, f"{request.url.path} {words}; there are {_PATHS}"), headers)

    app = Starlette(
        routes=[
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/v1/models", list_models),
            Route("/v1/models/{model:path}", show_model),
            Route("/openapi.json", show_description),
            Route("/", show_page),
        ],
        exception_handlers={HTTPException: refuse_path, Refused: _refuse, Exception: _fail},
    )
    app.router.redirect_slashes = False
    return _Guard(app, token=token, hosts=hosts, failed=failed)


class _Guard:
    """Lets in who may come in, and lets no error out but as a document."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        hosts: Sequence[str] | None,
        failed: Callable[[Exception], None],
    ) -> None:
        self._app, self._token, self._hosts, self._failed = app, token, hosts, failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            refusal = self._refusal(Request(scope))
            await (refusal or self._app)(scope, receive, send)
        except ClientDisconnect:
            pass
        except Exception as problem:
            self._failed(problem)  # who asked was told by `_fail`

    def _refusal(self, request: Request) -> Response | None:
        """The answer to who may not come in."""
        if self._hosts is not None and _host(request) not in self._hosts:
            return _refusal(Refused(400, f"this server is not called {_host(request)!r}; call it {self._hosts[0]}"))
        if self._token is None or _knows(request.headers.get("authorization", ""), self._token):
            return None
        basic = request.url.path == "/"  # a browser asks for a password, and cannot be told a token otherwise
        headers = {"WWW-Authenticate": 'Basic realm="seqmagic"' if basic else "Bearer"}
        refused = Refused(
            401, "a token is needed: Authorization: Bearer TOKEN (OpenAI's clients call it the API key)",
            code="invalid_api_key",
        )  # fmt: skip
        return _refusal(refused, headers)


def _host(request: Request) -> str:
    """What the client calls this server, without the port."""
    name = request.headers.get("host", "")
    return name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0].lower()


def _knows(authorization: str, token: str) -> bool:
    """Whether an Authorization header has the token, as a bearer's or as the password of a browser's user."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except ValueError:  # no base64, or no UTF-8
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(value.strip().encode("utf-8"), token.encode("utf-8"))


async def _read_body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refused(413, f"the body has more than {most:,} bytes; send a shorter prompt")
    return bytes(body)


def _encode(document: Any) -> bytes:
    return msgspec.json.encode(document)


def _json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(document), status, headers, media_type="application/json")


def _refusal(refused: Refused, headers: dict[str, str] | None = None) -> Response:
    if refused.status == 503:
        headers = {**(headers or {}), "Retry-After": "1"}
    return _json(refused.document, refused.status, headers)


async def _refuse(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)  # noqa: S101
    return _refusal(refused)


async def _fail(request: Request, problem: Exception) -> Response:
    """The answer where something went wrong that nobody expected; what it was is no business of the client's."""
    return _refusal(Refused(500, "the server failed; it goes on"))


# ---------------------------------------------------------------- answers


class _Answer(Response):
    """An answer that is still being written; who goes away frees its places."""

    def __init__(self, engine: Engine, orders: Sequence[Order]) -> None:
        super().__init__()
        self._engine, self._orders = engine, orders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = asyncio.ensure_future(self._answer(scope, receive, send))
        going = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait((answering, going), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            self._engine.cancel(self._orders)
            for task in (answering, going):
                task.cancel()
            await asyncio.gather(answering, going, return_exceptions=True)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Whole(_Answer):
    """One document, when all texts are written."""

    def __init__(self, gather: Callable[[], Awaitable[Any]], engine: Engine, orders: Sequence[Order]) -> None:
        super().__init__(engine, orders)
        self._gather = gather

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = _json(await self._gather())
        except Refused as refused:
            answer = _refusal(refused)
        await answer(scope, receive, send)


class _Streamed(_Answer):
    """Server-sent events as the texts are written."""

    def __init__(self, events: AsyncIterator[bytes], engine: Engine, orders: Sequence[Order]) -> None:
        super().__init__(engine, orders)
        self._events = events

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for event in self._events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


_CUT = {
    "failed": "the server failed while it wrote; try again",
    "stopped": "the server is ending",
}


def _check_end(piece: Piece) -> None:
    """Raise Refused where a text ended and is not whole."""
    if piece.ended in _CUT:
        raise Refused(503 if piece.ended == "stopped" else 500, _CUT[piece.ended])


async def _gather(asked: Asked, start: dict[str, Any], pieces: asyncio.Queue[Piece]) -> dict[str, Any]:
    """The whole answer.

    Raises:
        Refused: it can't be finished.
    """
    texts = [asked.prompt_of(number) if asked.request.echo else "" for number in range(asked.texts)]
    scores: list[list[Any]] = [[] for _ in texts]
    ends = [""] * asked.texts
    written = 0
    while not all(ends):
        piece = await pieces.get()
        _check_end(piece)
        number = piece.text
        texts[number] += piece.characters
        written += len(piece.characters)
        scores[number] += piece.scores
        ends[number] = ends[number] or piece.ended
    _share_prompt_scores(asked, scores)
    choices = [Choice(asked, number).document(text, scores[number], ends[number]) for number, text in enumerate(texts)]
    return {**start, "choices": choices, "usage": usage(asked, written)}


def _share_prompt_scores(asked: Asked, scores: list[list[Any]]) -> None:
    """A prompt is scored once, with the first of its texts; give its scores to the others."""
    if not asked.request.echo or asked.request.logprobs is None:
        return
    for number, mine in enumerate(scores):
        first = number - number % asked.config.count
        if number != first:
            mine[:0] = scores[first][: len(asked.prompt_of(number))]


async def _events(asked: Asked, start: dict[str, Any], pieces: asyncio.Queue[Piece]) -> AsyncIterator[bytes]:
    """The answer as server-sent events, [DONE] at its end; an error ends it, too."""
    choices = [Choice(asked, number) for number in range(asked.texts)]
    options = asked.request.stream_options
    counted = options is not None and options.include_usage
    fixed = {**start, "usage": None} if counted else start
    echoed = bool(asked.request.echo)
    scored = echoed and asked.request.logprobs is not None

    def event(number: int, text: str, scores: Sequence[Any], ended: str) -> bytes:
        return _event({**fixed, "choices": [choices[number].document(text, scores, ended)]})

    if echoed and not scored:
        for number in range(asked.texts):
            yield event(number, asked.prompt_of(number), (), "")
    going, written = asked.texts, 0
    unscored = set(range(0, asked.texts, asked.config.count)) if scored else set()
    while going:
        piece = await pieces.get()
        try:
            _check_end(piece)
        except Refused as refused:
            yield _event(refused.document)
            return
        if piece.text in unscored:  # the scores of the prompt come first
            unscored.remove(piece.text)
            for number in range(piece.text, piece.text + asked.config.count):
                yield event(number, asked.prompt_of(number), piece.scores, "")
            continue
        written += len(piece.characters)
        going -= bool(piece.ended)
        yield event(piece.text, piece.characters, piece.scores, piece.ended)
    if counted:
        yield _event({**start, "choices": [], "usage": usage(asked, written)})
    yield b"data: [DONE]\n\n"


def _event(document: Any) -> bytes:
    return b"data: " + _encode(document) + b"\n\n"
