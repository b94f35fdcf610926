"""The application in this process: answers in OpenAI's form, errors too, nobody let in who may not."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seqmagic.config import SampleConfig
from seqmagic.serve import protocol
from seqmagic.serve.engine import Engine
from seqmagic.serve.protocol import Limits, Refused
from tests.serve.test_batch import NETWORK, VOCABULARY, alone

httpx = pytest.importorskip("httpx")
pytest.importorskip("starlette")

from seqmagic.serve import app as module  # noqa: E402
from seqmagic.serve.app import Post, Served, make_app  # noqa: E402

LIMITS = Limits(length=600, texts=8, body=3_000)
TEXT = alone(NETWORK, "abc", SampleConfig(length=600, seed=5))  # what is written after abc with seed 5


class Server:
    """An application with two models of the same weights, asked without a network."""

    def __init__(self, **settings: Any) -> None:
        self.post = Post()
        self.failures: list[Exception] = []
        self.engines = [
            Engine(NETWORK, VOCABULARY, limit=16, waiting=40, post=self.post, failed=self.failures.append)
            for _ in range(2)
        ]
        self.models = [
            Served(name, created=7, vocabulary=VOCABULARY, engine=engine, make_page=page)
            for name, engine, page in zip(("first", "second"), self.engines, (lambda: b"<p>page", no_page), strict=True)
        ]
        self.app = make_app(self.models, self.post, **{"limits": LIMITS, "failed": self.failures.append, **settings})

    def ask(self, *requests: dict[str, Any]) -> list[Any]:
        """The answers to requests that are made at the same time."""

        async def ask() -> list[Any]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                return await asyncio.gather(*(client.request(**request) for request in requests))

        return asyncio.run(ask())

    def complete(self, body: Any = None, **fields: Any) -> Any:
        fields = {"prompt": "abc", "seed": 5, "max_tokens": 20, **fields} if body is None else body
        return self.ask({"method": "POST", "url": "/v1/completions", "json": fields})[0]

    def get(self, url: str, **headers: str) -> Any:
        return self.ask({"method": "GET", "url": url, "headers": headers})[0]

    def close(self) -> None:
        for engine in self.engines:
            engine.stop()
            engine.join()


def no_page() -> bytes:
    raise Refused(404, "second has no page: it is too large")


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(**settings: Any) -> Server:
        made.append(Server(**settings))
        return made[-1]

    yield make
    for server in made:
        server.close()
        assert not server.failures


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server()


def events(answer: Any) -> list[Any]:
    """What a stream of server-sent events said."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    *lines, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def texts_of(answer: Any) -> list[str]:
    return [choice["text"] for choice in answer.json()["choices"]]


def test_an_answer(server: Server) -> None:
    answer = server.complete()
    assert answer.status_code == 200
    document = answer.json()
    assert document.pop("id").startswith("cmpl-")
    assert document.pop("created") > 1_700_000_000
    assert document.pop("system_fingerprint").startswith("seqmagic-")
    assert document == {
        "object": "text_completion",
        "model": "first",
        "seed": 5,
        "choices": [{"text": TEXT[:20], "index": 0, "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 20, "total_tokens": 23},
    }


def test_what_is_left_out_is_as_in_sample(server: Server) -> None:
    answer = server.complete({})
    (text,) = texts_of(answer)
    assert text == alone(NETWORK, "\n", SampleConfig(seed=answer.json()["seed"]))
    assert texts_of(server.complete({"prompt": "", "seed": answer.json()["seed"], "max_tokens": None})) == [text]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "settings",
    [{}, {"temperature": 0}, {"temperature": 1.3}, {"top_p": 0.6}, {"temperature": 0.4, "top_p": 0.9}, {"n": 3}],
)
def test_texts_are_those_of_sample(server: Server, settings: dict[str, Any], stream: bool) -> None:
    config = SampleConfig(length=80, seed=9, **{name: value for name, value in settings.items() if name != "n"})
    prompts, n = ["abc", "h.", "d e f"], settings.get("n", 1)
    wanted = [alone(NETWORK, prompt, config, number) for prompt in prompts for number in range(n)]
    wanted = wanted[:8]
    body = {"prompt": prompts[: 8 // n], "seed": 9, "max_tokens": 80, "stream": stream, **settings}
    answer = server.complete(body)
    if not stream:
        assert texts_of(answer) == wanted[: len(texts_of(answer))]
        assert [choice["index"] for choice in answer.json()["choices"]] == list(range(n * len(body["prompt"])))
        return
    grown = [""] * (n * len(body["prompt"]))
    for event in events(answer):
        for choice in event["choices"]:
            grown[choice["index"]] += choice["text"]
    assert grown == wanted[: len(grown)]


def test_requests_at_the_same_time_do_not_mix(server: Server) -> None:
    requests = [
        {"prompt": "abc"[: 1 + number % 3], "seed": number, "max_tokens": 20 + number, "stream": number % 2 == 0}
        for number in range(30)
    ]
    answers = server.ask(*({"method": "POST", "url": "/v1/completions", "json": body} for body in requests))
    for body, answer in zip(requests, answers, strict=True):
        config = SampleConfig(length=body["max_tokens"], seed=body["seed"])
        if body["stream"]:
            (text,) = ["".join(event["choices"][0]["text"] for event in events(answer))]
        else:
            (text,) = texts_of(answer)
        assert text == alone(NETWORK, str(body["prompt"]), config)


def test_a_stream_in_pieces(server: Server) -> None:
    found = events(server.complete(stream=True, max_tokens=50, stream_options={"include_usage": True}))
    assert len({event["id"] for event in found}) == 1
    *parts, last = found
    assert [len(part["choices"][0]["text"]) for part in parts] == [1, 2, 4, 8, 16, 16, 3]
    assert [part["choices"][0]["finish_reason"] for part in parts] == [None] * 6 + ["length"]
    assert all(part["usage"] is None for part in parts)
    assert last["choices"] == [] and last["usage"]["completion_tokens"] == 50
    assert "usage" not in events(server.complete(stream=True))[0]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stop", [TEXT[30:33], [TEXT[30:33], "never"]])
def test_stop(server: Server, stream: bool, stop: Any) -> None:
    wanted = TEXT[: TEXT.index(TEXT[30:33])]
    answer = server.complete(max_tokens=600, stop=stop, stream=stream)
    choices = [event["choices"][0] for event in events(answer)] if stream else answer.json()["choices"]
    assert "".join(choice["text"] for choice in choices) == wanted
    assert choices[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("likeliest", [None, 0, 2])
@pytest.mark.parametrize("length", [0, 5])
def test_echo_and_logprobs(server: Server, stream: bool, likeliest: int | None, length: int) -> None:
    answer = server.complete(max_tokens=length, n=2, echo=True, logprobs=likeliest, stream=stream)
    parts = [event["choices"][0] for event in events(answer)] if stream else answer.json()["choices"]
    for index, written in enumerate((TEXT, alone(NETWORK, "abc", SampleConfig(length=20, seed=5), 1))):
        mine = [part for part in parts if part["index"] == index]
        whole = "abc" + written[:length]
        assert "".join(part["text"] for part in mine) == whole
        if likeliest is None:
            assert all(part["logprobs"] is None for part in mine)
            continue
        names = ("tokens", "token_logprobs", "text_offset")
        tokens, logarithms, offsets = ([one for part in mine for one in part["logprobs"][name]] for name in names)
        assert tokens == list(whole)
        assert offsets == list(range(len(whole)))
        assert logarithms[0] is None and all(-30 < value <= 0 for value in logarithms[1:])
        for part in mine:
            top = part["logprobs"]["top_logprobs"]
            if likeliest == 0:
                assert top is None
                continue
            for token, value, alternatives in zip(
                part["logprobs"]["tokens"], part["logprobs"]["token_logprobs"], top, strict=True
            ):
                assert alternatives is None if value is None else alternatives[token] == value
                assert alternatives is None or 2 <= len(alternatives) <= 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "abcÉ→"}, "first never saw these characters: É→"),
        ({"prompt": [1, 2]}, "no tokens but characters"),
        ({"prompt": [[1, 2]]}, "no tokens but characters"),
        ({"prompt": []}, "prompt"),
        ({"max_tokens": 601}, "601 is more than the 600 characters"),
        ({"max_tokens": -1}, "max_tokens: Expected `int` >= 0"),
        ({"max_tokens": "5"}, "max_tokens: Expected `int"),
        ({"max_tokens": 10**30}, "max_tokens"),
        ({"n": 9}, "more than the 8 texts"),
        ({"n": 3, "prompt": ["a", "b", "c"]}, "3 prompts times n=3"),
        ({"n": 0}, "n: Expected"),
        ({"best_of": 2}, "best_of: Expected `int` <= 1"),
        ({"temperature": 1e9}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": 1, "n": 8, "max_tokens": 600}, "8 texts of 600 characters are more than the 4,000"),
        ({"logprobs": 1, "n": 8, "max_tokens": 0, "echo": True, "prompt": "a" * 501}, "8 texts of 501 characters"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {"a": 1.0}}, "logit_bias"),
        ({"suffix": "x"}, "suffix"),
        ({"tempreature": 1}, "tempreature"),
        ({"stream_options": {"include": True}}, "include"),
    ],
)
def test_what_can_not_be_answered_is_refused_in_a_line(
    server: Server, fields: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "SCORED_AT_MOST", 4_000)
    answer = server.complete(**fields)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert words in error["message"]
    assert "\n" not in error["message"] and "--" not in error["message"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"null", "application/json", 400),
        (b'{"prompt": "\xff"}', "application/json", 400),
        (b'{"prompt": "\\ud800"}', "application/json", 400),
        (b"[" * 2_900, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"prompt": "' + b"a" * 3_000 + b'"}', "application/json", 413),
    ],
)
def test_bodies_of_all_kinds(server: Server, content: bytes, kind: str, status: int) -> None:
    request = {"method": "POST", "url": "/v1/completions", "content": content, "headers": {"content-type": kind}}
    (answer,) = server.ask(request)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_body_without_an_end_is_not_read_on(server: Server) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"a" * 1_000

    headers = {"content-type": "application/json"}
    (answer,) = server.ask({"method": "POST", "url": "/v1/completions", "content": endless(), "headers": headers})
    assert answer.status_code == 413
    assert sent < 10


def test_models(server: Server) -> None:
    first = {"id": "first", "object": "model", "created": 7, "owned_by": "seqmagic"}
    assert server.get("/v1/models").json() == {"object": "list", "data": [first, {**first, "id": "second"}]}
    assert server.get("/v1/models/second").json() == {**first, "id": "second"}
    assert server.complete(model="second").json()["model"] == "second"
    for answer in (server.get("/v1/models/thrid"), server.complete(model="thrid")):
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert error["code"] == "model_not_found"
        assert error["message"] == "there is no model 'thrid'; there are first, second"


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [("GET", "/v1/completions", 405), ("POST", "/v1/chat/completions", 404), ("POST", "/v1/completions/", 404),
     ("DELETE", "/v1/models", 405), ("GET", "/../etc/passwd", 404)],
)  # fmt: skip
def test_other_paths(server: Server, method: str, url: str, status: int) -> None:
    (answer,) = server.ask({"method": method, "url": url})
    assert answer.status_code == status
    assert "POST /v1/completions" in answer.json()["error"]["message"]
    assert (status == 405) == ("allow" in answer.headers)


def test_the_page(server: Server) -> None:
    answer = server.get("/")
    assert (answer.text, answer.headers["content-type"]) == ("<p>page", "text/html; charset=utf-8")
    assert server.get("/?model=first").text == "<p>page"
    missing = server.get("/?model=second")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == "second has no page: it is too large"


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()


@pytest.mark.parametrize("path", ["/", "/v1/models", "/v1/models/first", "/openapi.json", "/nothing"])
def test_a_token_guards_every_path(make_server: Callable[..., Server], path: str) -> None:
    server = make_server(token="secret")
    for header in ("", "Bearer", "Bearer secre", "Bearer Secret", "secret", "Basic secret", basic("a:b"), "Basic ÿ"):
        raw = [(b"authorization", header.encode("latin-1"))] if header else []
        (answer,) = server.ask({"method": "GET", "url": path, "headers": raw})
        assert answer.status_code == 401, header
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert answer.headers["www-authenticate"].startswith("Basic" if path == "/" else "Bearer")
    for header in ("Bearer secret", "bearer secret", basic("me:secret"), basic(":secret")):
        assert server.get(path, authorization=header).status_code == (404 if path == "/nothing" else 200)


@pytest.mark.parametrize(
    ("host", "let_in"),
    [("localhost:8000", True), ("LOCALHOST", True), ("127.0.0.1:9", True), ("[::1]:8000", True),
     ("evil.example", False), ("localhost.evil.example:8000", False), ("", False), ("[::2]", False)],
)  # fmt: skip
def test_a_page_of_another_name_gets_nothing(make_server: Callable[..., Server], host: str, let_in: bool) -> None:
    server = make_server(hosts=("localhost", "127.0.0.1", "[::1]"))
    answer = server.get("/v1/models", host=host)
    assert answer.status_code == (200 if let_in else 400)
    assert let_in or "call it localhost" in answer.json()["error"]["message"]


def test_too_many_are_told_to_come_again(server: Server) -> None:
    with server.engines[0]._changed:  # nothing is seated meanwhile
        server.engines[0]._unseated += 40
    answer = server.complete()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["type"] == "server_error"
    with server.engines[0]._changed:
        server.engines[0]._unseated -= 40
    assert server.complete().status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("what", "status"), [("failed", 500), ("stopped", 503)])
def test_a_text_that_is_cut_off_is_said_to_be(
    make_server: Callable[..., Server], stream: bool, what: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server()
    engine = server.engines[0]
    choose = engine._batch.choose

    def fail(**asked: Any) -> Any:
        if what == "stopped":
            engine.stop()
            return choose(**asked)
        raise MemoryError("no more of it")

    with monkeypatch.context() as patch:
        patch.setattr(engine._batch, "choose", fail)
        answer = server.complete(stream=stream)
    if stream:
        *_, event = [json.loads(line.removeprefix("data: ")) for line in answer.text.strip().split("\n\n")]
    else:
        assert answer.status_code == status
        event = answer.json()
    assert event["error"]["type"] == "server_error"
    assert "Traceback" not in answer.text and "MemoryError" not in answer.text
    assert [type(problem) for problem in server.failures] == ([MemoryError] if what == "failed" else [])
    server.failures.clear()


def test_an_error_that_nobody_expected(make_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server = make_server()
    with monkeypatch.context() as patch:
        patch.setattr(module, "read_request", lambda body: 1 / 0)
        answer = server.complete()
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "the server failed; it goes on"
    assert [type(problem) for problem in server.failures] == [ZeroDivisionError]
    server.failures.clear()
    assert server.complete().status_code == 200


def test_the_description_is_of_this_server(make_server: Callable[..., Server]) -> None:
    document = make_server(token="secret").get("/openapi.json", authorization="Bearer secret").json()
    assert document["openapi"].startswith("3.1")
    fields = document["components"]["schemas"]["CompletionRequest"]["properties"]
    assert fields["max_tokens"]["anyOf"][0]["maximum"] == 600
    assert fields["n"]["anyOf"][0]["maximum"] == 8
    assert document["security"] == [{"token": []}]
    assert all("401" in operation["responses"] for path in document["paths"].values() for operation in path.values())
    assert "security" not in make_server().get("/openapi.json").json()
