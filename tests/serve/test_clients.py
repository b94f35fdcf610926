"""The server with clients that others wrote: OpenAI's own, `llm`, and schemathesis, which tries a description.

They come with `pip install -e '.[clients]'`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqmagic.runs.folder import Run
from tests.serve.test_server import Server, sampled, server_of

pytestmark = pytest.mark.slow


def needs(package: str) -> None:
    """Skip where `package` is not installed; it is not imported, as what it warns of is not ours."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


@pytest.fixture
def server(tiny_run: Run) -> Iterator[Server]:
    with server_of(tiny_run.path.parent, "tiny", "--max-length", "400", "--max-body", "20000") as server:
        yield server


@pytest.fixture
def openai_client(server: Server) -> Any:
    needs("openai")
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=server.first_line, api_key="none", max_retries=0) as client:
        yield client


def test_openais_client(openai_client: Any, tiny_run: Run) -> None:
    wanted = sampled(tiny_run.path.parent, "tiny", "green ", seed=3, length=100)
    asked = {"model": "tiny", "prompt": "green ", "max_tokens": 100, "seed": 3}
    whole = openai_client.completions.create(**asked, logprobs=2, n=2, echo=True)
    assert whole.choices[0].text == "green " + wanted
    assert [choice.index for choice in whole.choices] == [0, 1]
    assert "".join(whole.choices[0].logprobs.tokens) == "green " + wanted
    assert whole.usage.completion_tokens == 200
    chunks = list(openai_client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == wanted
    assert chunks[-1].usage.total_tokens == 106
    assert [model.id for model in openai_client.models.list()] == ["tiny"]
    assert openai_client.models.retrieve("tiny").owned_by == "seqmagic"


def test_openais_client_is_told_what_is_wrong(openai_client: Any) -> None:
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.NotFoundError, match="there is no model 'other'; there are tiny"):
        openai_client.completions.create(model="other", prompt="a")
    with pytest.raises(openai.BadRequestError, match="never saw these characters: 中"):
        openai_client.completions.create(model="tiny", prompt="中")


def test_openais_client_stops_in_the_middle(openai_client: Any) -> None:
    with openai_client.completions.create(model="tiny", prompt="a", max_tokens=400, stream=True) as stream:
        next(iter(stream))
    assert openai_client.completions.create(model="tiny", prompt="a", max_tokens=5).choices[0].text


@pytest.mark.parametrize("arguments", [[], ["--no-stream"]])
def test_llm(server: Server, tiny_run: Run, tmp_path: Path, arguments: list[str]) -> None:
    needs("llm")
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: mine\n  model_name: tiny\n  api_base: {server.first_line}\n  completion: true\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "llm", "-m", "mine", "green", "-o", "max_tokens", "40", "-o", "seed", "3", *arguments],
        env={**os.environ, "LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "none"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    wanted = sampled(tiny_run.path.parent, "tiny", "green", seed=3, length=40)
    assert done.stdout.strip() == wanted.strip()


def test_the_description_is_true(server: Server, tmp_path: Path) -> None:
    """Hundreds of requests, right and wrong ones; every answer is as described, and none is a failure.

    That every described request is answered with a text is not asked for: that a prompt has none but the characters of
    the model, and how many texts are asked for altogether, is nothing that a description can say.
    """
    needs("schemathesis")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{server.port}/openapi.json"]
    command += ["--exclude-checks", "positive_data_acceptance", "--max-examples", "60", "--no-color"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.complete(max_tokens=3)
