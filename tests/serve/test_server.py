"""Servers as processes of their own: addresses, tokens, clients that go away, signals."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqmagic.runs.folder import Run
from tests.helpers import TEXT, make_run

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


class Server:
    """`seqmagic serve` in a process of its own."""

    def __init__(self, models: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seqmagic", "serve", *arguments, "--port", "0", "--models", str(models)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().strip()
        assert self.first_line, self.process.communicate(timeout=60)[1]

    @property
    def port(self) -> int:
        return int(self.first_line.removesuffix("/v1").rpartition(":")[2])

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            if body is None:
                connection.request("GET", path, headers=headers)
            else:
                kind = {"content-type": "application/json", **headers}
                connection.request("POST", path, json.dumps(body).encode("utf-8"), kind)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if "json" in answer.headers["content-type"] else content.decode()

    def complete(self, **fields: Any) -> str:
        status, document = self.ask("/v1/completions", fields)
        assert status == 200, document
        return document["choices"][0]["text"]

    def begin(self, **fields: Any) -> socket.socket:
        """Ask for a stream, read its beginning, and leave it open."""
        body = json.dumps({"stream": True, **fields}).encode("utf-8")
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(head.encode("ascii") + body)
        assert b"200 OK" in connection.recv(1000)
        return connection

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; the exit code and what was said on standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextlib.contextmanager
def server_of(models: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    server = Server(models, *arguments, **environment)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


def refused(models: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and the line of a server that does not start."""
    command = [sys.executable, "-m", "seqmagic", "serve", *arguments, "--models", str(models)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return done.returncode, line


def sampled(models: Path, name: str, prompt: str, *, seed: int, length: int) -> str:
    """What `seqmagic sample` writes, without the prompt."""
    done = subprocess.run(
        [sys.executable, "-m", "seqmagic", "sample", name, "--models", str(models), "--prompt", prompt, "--seed",
         str(seed), "--length", str(length), "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)["samples"][0]["text"]


def test_a_seed_writes_what_sample_writes_whatever_runs_beside_it(tiny_run: Run) -> None:
    models = tiny_run.path.parent
    wanted = {seed: sampled(models, "tiny", "green ", seed=seed, length=300) for seed in (1, 2, 3)}
    with server_of(models, "tiny") as server:
        beside = [server.begin(max_tokens=10_000, seed=number) for number in range(12)]
        became: dict[int, str] = {}

        def ask(seed: int) -> None:
            became[seed] = server.complete(prompt="green ", seed=seed, max_tokens=300)

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in beside:
            one.close()
    assert became == wanted


def test_several_runs(tiny_run: Run, text: Path) -> None:
    models = tiny_run.path.parent
    make_run(models, "other", source=text, cell="gru", seed=7)
    with server_of(models, "tiny", "other", "tiny") as server:
        assert [model["id"] for model in server.ask("/v1/models")[1]["data"]] == ["tiny", "other"]
        for name in ("tiny", "other"):
            text_of_it = server.complete(model=name, prompt="and ", seed=2, max_tokens=40)
            assert text_of_it == sampled(models, name, "and ", seed=2, length=40)


def test_a_document_says_where_it_is(tiny_run: Run) -> None:
    with server_of(tiny_run.path.parent, "tiny", "--json") as server:
        assert server.process.stdout is not None
        lines = [server.first_line]
        while lines[-1] != "}":
            lines.append(server.process.stdout.readline().rstrip())
        document = json.loads("".join(lines))
        assert document["models"] == ["tiny"]
        assert document["url"].startswith("http://127.0.0.1:")


def test_a_client_that_goes_away_frees_its_place(tiny_run: Run) -> None:
    with server_of(tiny_run.path.parent, "tiny", "--batch", "1", "--max-length", "1000000000") as server:
        for stream in (True, False):
            if stream:
                server.begin(max_tokens=10**9).close()
            else:
                body = json.dumps({"max_tokens": 10**9}).encode()
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                connection.request("POST", "/v1/completions", body, {"content-type": "application/json"})
                connection.close()
            assert len(server.complete(max_tokens=5)) == 5


@pytest.mark.parametrize("streams", [0, 3])
def test_ctrl_c_ends_it_and_what_it_writes(tiny_run: Run, streams: int) -> None:
    with server_of(tiny_run.path.parent, "tiny", "--max-length", "1000000000") as server:
        open_streams = [server.begin(max_tokens=10**9) for _ in range(streams)]
        code, said = server.end()
        assert code == 130
        first, last = said.splitlines()
        assert first.startswith("tiny: a page for the browser at http://127.0.0.1:")
        assert last == "ended"
        for connection in open_streams:
            with connection:
                content = b""
                while more := connection.recv(2**16):
                    content += more
            assert b"the server is ending" in content


def test_sigterm_ends_it(tiny_run: Run) -> None:
    with server_of(tiny_run.path.parent, "tiny", "--quiet") as server:
        with server.begin(max_tokens=10_000):
            code, said = server.end(signal.SIGTERM)
        assert code in (0, -signal.SIGTERM)
        assert said == ""


def test_a_token_from_the_environment(tiny_run: Run) -> None:
    models = tiny_run.path.parent
    with server_of(models, "tiny", "--host", "0.0.0.0", SEQMAGIC_TOKEN="s3cret") as server:
        assert server.ask("/v1/models")[0] == 401
        assert server.ask("/", Authorization="Bearer wrong")[0] == 401
        assert server.ask("/v1/models", Authorization="Bearer s3cret", Host="some.name")[0] == 200


def test_a_name_that_is_not_this_machines(tiny_run: Run) -> None:
    with server_of(tiny_run.path.parent, "tiny") as server:
        assert server.ask("/v1/models", Host="evil.example")[0] == 400
        assert server.ask("/v1/models", Host=f"localhost:{server.port}")[0] == 200


def test_what_does_not_start(tiny_run: Run) -> None:
    models = tiny_run.path.parent
    assert refused(models, "tiny", "--host", "0.0.0.0", "--port", "0") == (
        2,
        "seqmagic: --host 0.0.0.0 lets other machines in, so a token is needed: set SEQMAGIC_TOKEN, or give --token",
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, line = refused(models, "tiny", "--port", port)
        assert code == 2
        assert line.startswith(f"seqmagic: 127.0.0.1 port {port} can't be listened at: ")
    assert refused(models, "tiny", "--host", "no.such.host.invalid")[0] == 2
    assert refused(models, "tiny", "--token", "two words")[0] == 2
    (models / "more").mkdir()
    shutil.copytree(tiny_run.path, models / "more" / "tiny")
    code, line = refused(models, "tiny", str(models / "more" / "tiny"), "--port", "0")
    assert code == 2
    assert line.startswith("seqmagic: two runs are called tiny")
    code, line = refused(models, "tinny", "--port", "0")
    assert code == 1
    assert "tinny" in line


def test_the_page_is_the_web_export_and_tensorflow_is_not_loaded(tiny_run: Run) -> None:
    with server_of(tiny_run.path.parent, "tiny") as server:
        server.complete()
        for _ in range(2):
            status, page = server.ask("/")
            assert status == 200
            assert page.startswith("<!doctype html>") and "tiny" in page
        maps = Path(f"/proc/{server.process.pid}/maps")
        assert not maps.exists() or "/tensorflow/" not in maps.read_text(encoding="utf-8", errors="replace")


def test_chinese(models: Path, tmp_path: Path) -> None:
    source = tmp_path / "詩.txt"
    source.write_text("床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n" * 40 + TEXT, encoding="utf-8")
    make_run(models, "詩", source=source)
    with server_of(models, "詩") as server:
        assert server.ask("/v1/models")[1]["data"][0]["id"] == "詩"
        text = server.complete(model="詩", prompt="床前", seed=4, max_tokens=50)
        assert text == sampled(models, "詩", "床前", seed=4, length=50)
