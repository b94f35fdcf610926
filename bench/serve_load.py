"""`seqmagic serve` under load: characters per second, and whether anything is lost or mixed.

    python bench/serve_load.py [--run lstm] [--clients 1,16,64] [--requests 10000] [--only speed|load]

Speed: that many clients ask one after another for texts of 400 characters, each with a prompt and a seed of its own, in
turns with `seqmagic sample --count` of as many texts, which is the same sampler without a server. Medians. Requests
are written and answers read by plain sockets in this process, so the clients take little of the machine.

Load: `--requests` requests of 64 clients, short ones, streamed and whole, in batches that change with every character.
Each text is held against the one of the same seed and prompt that `seqmagic.api` writes alone. One client in eight
goes away in the middle of its stream. At the end every place must be free, and the server must end at Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PROMPTS = ("The ", "An object", "import ", "class ", "return", "if the", "\n", "x = ")
LENGTH = 400  # characters of a text, for speed
SECONDS = 3.0  # for each figure of speed
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="lstm")
    parser.add_argument("--clients", default="1,16,64")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--only", choices=("speed", "load"))
    arguments = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "seqmagic", "serve", arguments.run, "--port", "0"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert server.stdout is not None
    port = int(server.stdout.readline().strip().removesuffix("/v1").rpartition(":")[2])
    try:
        if arguments.only != "load":
            print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {arguments.run}, characters per second")
            for clients in map(int, arguments.clients.split(",")):
                rounds = [
                    (
                        asyncio.run(measure(port, clients, stream=False)),
                        asyncio.run(measure(port, clients, stream=True)),
                        sample_speed(arguments.run, clients),
                    )
                    for _ in range(ROUNDS)
                ]
                for name, figures in zip(
                    ("whole", "streamed", "sample --count"), zip(*rounds, strict=True), strict=True
                ):
                    spread = f"{min(figures):,.0f} to {max(figures):,.0f}"
                    print(f"{clients} clients, {name}: {statistics.median(figures):,.0f} ({spread})", flush=True)
        if arguments.only != "speed":
            asyncio.run(check(port, arguments.run, arguments.requests))
    finally:
        server.send_signal(signal.SIGINT)
        print(f"exit code after Ctrl-C: {server.wait(timeout=30)}")


async def ask(port: int, body: dict[str, Any], *, leave_after: int | None = None) -> str | None:
    """The text of an answer; None where the client went away after so many bytes."""
    content = json.dumps(body).encode("utf-8")
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode("ascii") + content)
        if leave_after is not None:
            await reader.read(leave_after)
            return None
        answer = await reader.read()
    finally:
        writer.close()
    return read_text(answer, stream=bool(body.get("stream")))


def read_text(answer: bytes, *, stream: bool) -> str:
    head, _, content = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        return f"refused: {answer[:300]!r}"
    if not stream:
        return json.loads(content)["choices"][0]["text"]
    lines = re.findall(rb"^data: (\{.*\})$", content.replace(b"\r\n", b"\n"), re.MULTILINE)
    assert b"data: [DONE]" in content, content[-300:]
    return "".join(json.loads(line)["choices"][0]["text"] for line in lines)


async def measure(port: int, clients: int, *, stream: bool) -> float:
    """Characters per second that so many clients get together."""
    written, end = 0, time.perf_counter() + SECONDS
    started = time.perf_counter()

    async def client(number: int) -> None:
        nonlocal written
        turn = 0
        while time.perf_counter() < end:
            body = {"prompt": PROMPTS[number % len(PROMPTS)], "max_tokens": LENGTH, "seed": 1000 * number + turn}
            text = await ask(port, {**body, "stream": stream})
            assert text is not None and len(text) == LENGTH, text
            written, turn = written + len(text), turn + 1

    await asyncio.gather(*map(client, range(clients)))
    return written / (time.perf_counter() - started)


def sample_speed(run: str, count: int) -> float:
    """What `seqmagic sample` says that it writes in a second, with as many texts."""
    length = max(LENGTH, 20_000 // count)
    done = subprocess.run(
        [sys.executable, "-m", "seqmagic", "sample", run, "--count", str(count), "--length", str(length), "--seed", "1",
         "--json"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return json.loads(done.stdout)["characters_per_second"]


async def check(port: int, run: str, requests: int) -> None:
    """Ask `requests` times and hold every text against what is written alone."""
    import seqmagic

    model = seqmagic.load(run)
    chance = random.Random(1)
    outcomes: Counter[str] = Counter()
    wanted: dict[tuple[str, int, float], str] = {}
    started, characters = time.perf_counter(), 0
    kinds = [(prompt, seed, temperature) for prompt in PROMPTS for seed in range(12) for temperature in (0.5, 1.0)]
    for prompt, seed, temperature in kinds:
        text = model.generate(prompt, length=120, seed=seed, temperature=temperature)
        wanted[prompt, seed, temperature] = "".join(text)
    print(f"{len(wanted)} texts written alone in {time.perf_counter() - started:.1f} s", flush=True)
    left = iter(range(requests))
    started = time.perf_counter()

    async def client() -> None:
        nonlocal characters
        for _ in left:
            kind = chance.choice(kinds)
            prompt, seed, temperature = kind
            length, stream = chance.randrange(1, 121), chance.random() < 0.5
            body = {"prompt": prompt, "seed": seed, "temperature": temperature, "max_tokens": length, "stream": stream}
            if chance.random() < 1 / 8:
                await ask(port, {**body, "max_tokens": 10_000, "stream": True}, leave_after=chance.randrange(1, 2_000))
                outcomes["went away"] += 1
                continue
            text = await ask(port, body)
            characters += length
            outcomes["right" if text == wanted[kind][:length] else f"wrong: {kind}, {text!r:.200}"] += 1

    await asyncio.gather(*(client() for _ in range(64)))
    seconds = time.perf_counter() - started
    print(f"{requests:,} requests in {seconds:.0f} s, {requests / seconds:.0f} a second: {dict(outcomes)}", flush=True)
    started = time.perf_counter()
    texts = await asyncio.gather(*(ask(port, {"prompt": "The ", "max_tokens": 50, "seed": 1}) for _ in range(64)))
    print(f"64 more at once, one text: {len(set(texts)) == 1}, in {time.perf_counter() - started:.2f} s", flush=True)


if __name__ == "__main__":
    main()
