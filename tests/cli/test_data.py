"""`seqmagic data`: what programs read and people see, downloads from the loopback address, refusals in one line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from seqmagic.runs.folder import Run
from seqmagic.texts import catalog
from seqmagic.texts.catalog import CatalogText

Call = Callable[..., Result]
CONTENT = b"".join(b"the %d th line of a book\n" % number for number in range(200))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Shelf(BaseHTTPRequestHandler):
    """Gives the book; at first half of it and then silence where `halting` is set."""

    halting = False
    asked = 0

    def do_GET(self) -> None:
        Shelf.asked += 1
        half = len(CONTENT) // 2
        if self.path != "/book":
            self.send_error(404)
            return
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(CONTENT[start:half] if Shelf.halting else CONTENT[start:])
            self.wfile.flush()
            while Shelf.halting:
                time.sleep(0.01)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(Shelf, "halting", False)
    monkeypatch.setattr(Shelf, "asked", 0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Shelf.halting = False
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of data, empty; the catalogue has a `book`, a `pamphlet` without a sum, and a `lost` one."""
    words: dict[str, Any] = {"description": "a book of lines", "licence": "free to use", "bytes": len(CONTENT)}
    texts = (
        CatalogText(name="book", address=f"{address}/book", sha256=SHA256, **words),
        CatalogText(name="pamphlet", address=f"{address}/book", **words),
        CatalogText(name="lost", address=f"{address}/lost", sha256=SHA256, **words),
    )
    listing = {text.name: text for text in texts}
    monkeypatch.setattr(catalog, "catalog", lambda: listing)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def seqmagic(models: Path) -> Call:
    """The command line in this process, 60 columns wide."""
    from seqmagic.cli.main import main

    def call(*arguments: Any, input: str | None = None) -> Result:
        environment = {"SEQMAGIC_MODELS": str(models), "COLUMNS": "60"}
        return CliRunner(env=environment).invoke(main, [str(one) for one in arguments], input=input)

    return call


def document(seqmagic: Call, *arguments: Any) -> dict[str, Any]:
    found = seqmagic("data", *arguments, "--json")
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def check_narrow(found: Result) -> None:
    assert found.exit_code == 0, found.stderr
    assert all(cell_len(line) <= 60 for line in found.stdout.splitlines()), found.stdout
    assert "\x1b" not in found.stdout + found.stderr


def test_the_list_has_every_text_and_says_which_is_here(seqmagic: Call, folder: Path) -> None:
    listing = document(seqmagic, "list")
    assert listing["data"] == "data"
    kinds = {row["name"]: row["kind"] for row in listing["texts"]}
    assert kinds["python-docs"] == "built-in"
    assert kinds["markov"] == "generated"
    assert kinds["book"] == "catalogue"
    found = seqmagic("data", "list")
    check_narrow(found)
    assert found.stdout.count("not here yet") == 3
    assert seqmagic("data", "get", "book").exit_code == 0
    assert [row["name"] for row in document(seqmagic, "list")["texts"] if row["here"]][-1] == "book"
    assert seqmagic("data", "list").stdout.count("not here yet") == 2
    assert seqmagic("data", "list", "--data", folder).stdout.count("not here yet") == 2


def test_get_downloads_once_and_says_what_it_did(seqmagic: Call, folder: Path) -> None:
    found = seqmagic("data", "get", "book")
    assert found.stdout == (
        f"data/book.txt: {len(CONTENT):,} bytes, sha256 {SHA256[:12]}, as in the catalogue\n"
        "train on it: seqmagic train book\n"
    )
    assert found.stderr.startswith("downloading book (free to use) from http://127.0.0.1")
    assert (folder / "book.txt").read_bytes() == CONTENT
    again = document(seqmagic, "get", "book")
    assert again == {
        "name": "book",
        "path": "data/book.txt",
        "bytes": len(CONTENT),
        "sha256": SHA256,
        "sha256_from": "catalogue",
        "downloaded": False,
    }
    assert Shelf.asked == 1
    assert seqmagic("data", "get", "pamphlet", "--quiet").stderr == ""
    assert document(seqmagic, "get", "pamphlet")["sha256_from"] == "first download"


def test_the_folder_can_be_named(seqmagic: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "seqmagic train a/book.txt" in seqmagic("data", "get", "book", "--data", "a").stdout
    monkeypatch.setenv("SEQMAGIC_DATA", "b")
    assert document(seqmagic, "get", "book")["path"] == "b/book.txt"


def test_show_says_where_it_comes_from_and_whom_its_sum_is_from(seqmagic: Call, folder: Path) -> None:
    for name in ("book", "pamphlet", "markov", "python-docs"):
        check_narrow(seqmagic("data", "show", name))
    assert "that of the catalogue" in seqmagic("data", "show", "book").stdout
    assert document(seqmagic, "show", "pamphlet")["sha256_from"] is None
    seqmagic("data", "get", "pamphlet")
    shown = document(seqmagic, "show", "pamphlet")
    assert (shown["sha256"], shown["sha256_from"], shown["here"]) == (SHA256, "first download", True)
    assert "trusted, confirmed by nobody" in " ".join(seqmagic("data", "show", "pamphlet").stdout.split())
    (folder / "pamphlet.txt").unlink()
    shown = document(seqmagic, "show", "pamphlet")
    assert (shown["sha256"], shown["sha256_from"], shown["here"]) == (SHA256, "first download", False)
    (folder / "pamphlet.txt").write_text("another text")
    assert document(seqmagic, "show", "pamphlet")["error"].startswith("data/pamphlet.txt is not the text pamphlet")
    assert document(seqmagic, "show", "markov")["best_bits_per_character"] == pytest.approx(2.024, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["get", "bok"], "there is no text called 'bok'; did you mean book?"),
        (["show", "zzz"], "there is no text called 'zzz'; seqmagic data list has the names"),
        (["get", "markov"], "markov is built in, so there is nothing to download; use it: seqmagic train markov"),
        (["get", "lost"], "lost answered 404 Not Found; try again later, or download it by hand and put it at data"),
        (["stats", "lost"], "lost answered 404 Not Found"),
        (["stats", "missing.txt"], "there is no text 'missing.txt'"),
        (["get", "book", "--data", "a-file/b"], "can't be made a folder for texts: Not a directory"),
    ],
)
def test_refusals_are_one_line(seqmagic: Call, folder: Path, arguments: list[str], line: str) -> None:
    Path("a-file").write_text("")
    found = seqmagic("data", *arguments)
    assert (found.exit_code, found.stdout) == (1, "")
    assert line in found.stderr.splitlines()[-1]
    assert found.stderr.splitlines()[-1].startswith("seqmagic: ")
    assert not list(Path().rglob("*.txt"))


def test_evaluate_brings_a_text_of_the_catalogue(seqmagic: Call, folder: Path, tiny_run: Run) -> None:
    found = seqmagic("evaluate", "tiny", "book", "--json")
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["text"] == "book"
    assert "downloading book" in found.stderr
    assert "downloading book" not in seqmagic("evaluate", "tiny", "book").stderr
    assert Shelf.asked == 1


@pytest.mark.parametrize("command", ["train", "compare"])
def test_training_brings_it_before_anything_else(seqmagic: Call, folder: Path, command: str) -> None:
    found = seqmagic(command, "lost")
    assert found.exit_code == 1
    assert "answered 404 Not Found" in found.stderr.splitlines()[-1]


def test_stats_of_a_text(seqmagic: Call, folder: Path) -> None:
    found = document(seqmagic, "stats", "book")
    assert (found["text"], found["characters"]) == ("book", len(CONTENT))
    assert found["train_would_choose"]["batch_size"] == 16
    shown = seqmagic("data", "stats", "book")
    check_narrow(shown)
    assert "word for word" in shown.stdout
    assert shown.stdout.endswith("train on it: seqmagic train book\n")
    Path("short.txt").write_text("too short")
    shown = seqmagic("data", "stats", "short.txt")
    check_narrow(shown)
    assert shown.stdout.endswith("the text is too short to train on\n")


def test_stats_of_standard_input_and_of_characters_that_a_terminal_would_obey(seqmagic: Call, folder: Path) -> None:
    content = "\x1b[31m red \x07 花\n" * 100
    shown = seqmagic("data", "stats", "-", input=content)
    check_narrow(shown)
    assert "train on it" not in shown.stdout
    assert "花" in shown.stdout


def getting() -> list[str]:
    """The command line of `seqmagic data get book` with the catalogue of the tests."""
    code = (
        "import sys\nfrom seqmagic.texts import catalog\nfrom seqmagic.texts.catalog import CatalogText\n"
        f"listing = {{'book': {catalog.catalog()['book']!r}}}\ncatalog.catalog = lambda: listing\n"
        "from seqmagic.cli.main import main\nsys.argv = ['seqmagic', 'data', 'get', 'book']\nmain()\n"
    )
    return [sys.executable, "-c", code]


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(getting(), cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_download_that_was_ended_is_gone_on_with(seqmagic: Call, folder: Path, number: int, code: int) -> None:
    Shelf.halting = True
    process = start(folder)
    part = folder / ".book.part"
    while not part.exists() or part.stat().st_size < len(CONTENT) // 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code
    if number == signal.SIGINT:
        assert told.decode().splitlines()[-1] == "seqmagic: interrupted"
    assert not (folder / "book.txt").exists()
    Shelf.halting = False
    assert document(seqmagic, "get", "book")["downloaded"]
    assert (folder / "book.txt").read_bytes() == CONTENT
    assert not part.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_nobody_reads_any_more(folder: Path) -> None:
    process = start(folder)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(60) == 0
    assert (folder / "book.txt").read_bytes() == CONTENT


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals")
def test_a_bar_is_drawn_on_a_terminal_alone(folder: Path) -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "60"}
    with subprocess.Popen(
        getting(), cwd=folder.parent, stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.read().startswith(b"data/book.txt: ")
        drawn = b""
        with contextlib.suppress(OSError):
            while block := os.read(ours, 65536):
                drawn += block
    os.close(ours)
    assert process.returncode == 0
    assert "━".encode() in drawn
