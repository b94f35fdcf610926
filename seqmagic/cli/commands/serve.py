"""`seqmagic serve`: models behind OpenAI's completions interface."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from seqmagic.cli.console import INTERRUPTED, json_document, notice, one_line, result
from seqmagic.cli.options import RunName, Settings, command, option
from seqmagic.errors import ConfigError

TOKEN = "SEQMAGIC_TOKEN"
PACKAGES = ("starlette", "uvicorn")


@command(
    name="serve",
    short_help="Answer OpenAI's clients with trained models.",
    example="seqmagic serve lstm gru --port 8000",
)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=RunName())
@option("--host", default="127.0.0.1", show_default=True, metavar="NAME", section="Address",
        help="Where to listen; anything but this machine alone needs a token.")  # fmt: skip
@option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N", section="Address",
        help="Port; 0 takes a free one.")  # fmt: skip
@option("--token", metavar="TEXT", section="Address",
        help=f"What clients must show, their API key. Others on this machine see it in the list of processes; the "
             f"environment's {TOKEN} they don't. [default: {TOKEN}, else none]")  # fmt: skip
@option("--max-length", type=click.IntRange(min=1), default=10_000, show_default=True, metavar="N", section="Bounds",
        help="Characters that a text may have.")  # fmt: skip
@option("--max-texts", type=click.IntRange(min=1), default=64, show_default=True, metavar="N", section="Bounds",
        help="Texts that one request may ask for: prompts times n.")  # fmt: skip
@option("--max-body", type=click.IntRange(min=1000), default=1_000_000, show_default=True, metavar="BYTES",
        section="Bounds", help="Size of a request, which bounds its prompts.")  # fmt: skip
@option("--batch", type=click.IntRange(1, 1024), default=64, show_default=True, metavar="N", section="Bounds",
        help="Texts of a model that are written side by side.")  # fmt: skip
@option("--max-waiting", type=click.IntRange(min=1), default=1024, show_default=True, metavar="N", section="Bounds",
        help="Texts of a model that may wait for that; further requests are refused.")  # fmt: skip
@click.pass_obj
def serve(
    settings: Settings,
    runs: tuple[str, ...],
    host: str,
    port: int,
    token: str | None,
    max_length: int,
    max_texts: int,
    max_body: int,
    batch: int,
    max_waiting: int,
) -> int:
    """Serve each RUN (latest where none is named) until Ctrl-C: POST /v1/completions and GET /v1/models as OpenAI
    has them, streamed or whole. At / is a page that writes in the browser, at /openapi.json the description.

    A token is a character. With a seed a text is the one that `seqmagic sample` writes with the same seed, prompt
    and settings, whatever else is being written. What a request leaves out is as there.
    """
    from seqmagic.machine import has_package, install_command

    if missing := [package for package in PACKAGES if not has_package(package)]:
        raise ConfigError(
            f"serve needs the package {missing[0]}, which is not installed; get it with: {install_command('serve')}"
        )
    from seqmagic.serve.protocol import Limits
    from seqmagic.serve.server import Settings as ServerSettings
    from seqmagic.serve.server import listen, serving

    token = _check_token(token, "--token") or _check_token(os.environ.get(TOKEN) or None, TOKEN)
    address = listen(host, port)
    with address.socket:
        if not address.is_local and token is None:
            raise ConfigError(
                f"--host {host} lets other machines in, so a token is needed: set {TOKEN}, or give --token"
            )
        wanted = ServerSettings(
            host=host,
            port=port,
            token=token,
            batch=batch,
            waiting=max(max_waiting, max_texts),
            limits=Limits(length=max_length, texts=max_texts, body=max_body),
        )
        with serving(runs or ("latest",), settings.models, address, wanted, _tell_failure) as (names, run):
            try:
                run(lambda: _announce(settings, address.url, names))
            except KeyboardInterrupt:
                settings.notice("ended")
                return INTERRUPTED
    return 0


def _announce(settings: Settings, url: str, names: Sequence[str]) -> None:
    """Say where the server is: at once, also to a pipe."""
    if settings.json:
        json_document({"url": url, "models": names})
    else:
        result(f"{url}/v1")
    sys.stdout.flush()
    settings.notice(f"{', '.join(map(one_line, names))}: a page for the browser at {url}; Ctrl-C ends")


def _check_token(token: str | None, source: str) -> str | None:
    """Raise ConfigError for a token that no client could send."""
    if token is not None and (not token or not token.isascii() or not token.isprintable() or " " in token):
        raise ConfigError(f"{source} must be ASCII characters without spaces, one at least; received {token!r}")
    return token


def _tell_failure(problem: Exception) -> None:
    words = " ".join(str(problem).split())
    notice(f"a request failed: {type(problem).__name__}: {words}")
