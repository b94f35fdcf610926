"""A download is whole and right, or it is not there: held against a server that does what servers do."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from seqmagic.errors import CorpusError
from seqmagic.texts.download import Download, downloaded, held_alone

TEXT = b"".join(b"line %d of the text\n" % number for number in range(20_000))
SHA256 = hashlib.sha256(TEXT).hexdigest()

Answer = Callable[[BaseHTTPRequestHandler, int], None]


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers`, and the last of them ever after."""

    answers: list[Answer]
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str | None] = []  # the Range of each

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/text"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        number = len(server.requests)
        server.requests.append(self.headers["Range"])
        with contextlib.suppress(OSError):
            server.answers[min(number, len(server.answers) - 1)](self, number)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def answer(
    content: bytes = TEXT,
    *,
    length: int | None = -1,
    sent: int | None = None,
    etag: str | None = '"one"',
    ranges: bool = True,
    pause: float = 0.0,
    **headers: str,
) -> Answer:
    """The answer of an honest server, but for what is said.

    Args:
        content: All of it.
        length: The Content-Length that it claims; -1 for the right one.
        sent: So many bytes are sent before the connection ends; None for all.
        etag: Of the content.
        ranges: Whether it heeds Range.
        pause: Seconds of silence after what was sent.
    """

    def give(handler: BaseHTTPRequestHandler, number: int) -> None:
        asked = handler.headers["Range"]
        start = 0
        if asked and ranges and handler.headers["If-Range"] == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                handler.send_error(416)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            handler.send_response(200)
        if length is not None:
            handler.send_header("Content-Length", str(len(content) - start if length == -1 else length))
        if etag:
            handler.send_header("ETag", etag)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content[start:][:sent])
        handler.wfile.flush()
        time.sleep(pause)

    return give


def redirect(*locations: str) -> Answer:
    def give(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", locations[min(number, len(locations) - 1)])
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return give


def error(code: int) -> Answer:
    return lambda handler, number: handler.send_error(code)


def job_for(server: Server, folder: Path, **changes: object) -> Download:
    settings: dict[str, object] = {
        "address": server.address,
        "target": folder / "text.txt",
        "part": folder / ".text.part",
        "most_bytes": len(TEXT),
        "sha256": SHA256,
        "text_sha256": SHA256,
    }
    return Download(**{**settings, **changes})  # type: ignore[arg-type]


def check_whole(job: Download) -> None:
    """Only the text is there, and it is right."""
    assert job.target.read_bytes() == TEXT
    assert os.listdir(job.target.parent) == [job.target.name]


def refused(job: Download, *, timeout: float = 20.0) -> str:
    """The one line with which the download is refused; there is no text then."""
    with pytest.raises(CorpusError) as caught:
        downloaded(job, timeout=timeout)
    message = str(caught.value)
    assert "\n" not in message
    assert not job.target.exists()
    return message


def test_the_text_is_brought_and_its_progress_told(server: Server, tmp_path: Path) -> None:
    server.answers = [answer()]
    told: list[tuple[int, int | None]] = []
    job = job_for(server, tmp_path)
    assert downloaded(job, progress=lambda *figures: told.append(figures), timeout=20) == SHA256
    check_whole(job)
    assert told[0] == (0, len(TEXT))
    assert told[-1] == (len(TEXT), len(TEXT))


def test_what_broke_off_is_gone_on_with_at_once(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(sent=100_000), answer()]
    job = job_for(server, tmp_path)
    downloaded(job, timeout=20)
    check_whole(job)
    assert server.requests == [None, "bytes=100000-"]


def test_what_broke_off_for_good_is_gone_on_with_by_the_next_command(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(sent=100_000), error(503)]
    job = job_for(server, tmp_path)
    assert "answered 503" in refused(job)
    server.answers = [answer()]
    downloaded(job, timeout=20)
    check_whole(job)
    assert server.requests[-1] == "bytes=100000-"


def test_a_server_that_brings_nothing_more_is_left(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(sent=100_000), answer(sent=0)]
    message = refused(job_for(server, tmp_path))
    assert f"broken off after 100,000 of {len(TEXT):,} bytes; what came is kept" in message
    assert len(server.requests) == 2


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(sent=100_000), answer(ranges=False)]
    job = job_for(server, tmp_path)
    downloaded(job, timeout=20)
    check_whole(job)


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_name_for_its_version_a_part_is_not_gone_on_with(
    server: Server, tmp_path: Path, etag: str | None
) -> None:
    server.answers = [answer(sent=100_000, etag=etag), answer(etag=etag)]
    job = job_for(server, tmp_path)
    downloaded(job, timeout=20)
    check_whole(job)
    assert server.requests == [None, None]


def test_a_new_version_is_not_joined_to_the_old_one(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(TEXT[::-1], sent=100_000), answer(etag='"two"')]
    job = job_for(server, tmp_path)
    downloaded(job, timeout=20)
    check_whole(job)


def test_parts_that_do_not_fit_together_are_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(TEXT[::-1], sent=100_000), answer()]  # another text under the same ETag
    job = job_for(server, tmp_path)
    downloaded(job, timeout=20)
    check_whole(job)
    assert server.requests == [None, "bytes=100000-", None]


def test_a_part_as_long_as_the_text_is_answered_416_and_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(sent=100_000), error(503)]
    job = job_for(server, tmp_path)
    refused(job)
    with open(job.part, "ab") as part:
        part.write(b"x" * (len(TEXT) - 100_000))
    server.answers = [answer()]
    downloaded(job, timeout=20)
    check_whole(job)


def test_a_range_that_nobody_asked_for_is_not_joined(server: Server, tmp_path: Path) -> None:
    def another_range(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 7-{len(TEXT) - 1}/{len(TEXT)}")
        handler.send_header("Content-Length", str(len(TEXT) - 7))
        handler.end_headers()
        handler.wfile.write(TEXT[7:])

    server.answers = [answer(sent=100_000), another_range, answer()]
    job = job_for(server, tmp_path)
    downloaded(job, timeout=20)
    check_whole(job)
    job.target.unlink()
    server.requests.clear()
    server.answers = [another_range]
    assert "a part that nobody asked for" in refused(job)


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (answer(TEXT[:-1] + b"x"), "is not the text: its sha256 begins"),
        (answer(TEXT + b"x"), f"has {len(TEXT) + 1:,} bytes where at most {len(TEXT):,} are expected"),
        (answer(length=10**15), f"has {10**15:,} bytes where at most"),
        (answer(length=1000), "is not the text"),
        (answer(TEXT + b"x", length=None), f"sends more than the {len(TEXT):,} bytes expected"),
        (answer(sent=1000, length=None), "is not the text"),
        (answer(Content_Encoding="gzip"), "sent it packed ('gzip')"),
        (error(404), "answered 404 Not Found"),
        (error(500), "answered 500"),
        (lambda handler, number: handler.send_response_only(204) or handler.end_headers(), "answered 204"),
        (lambda handler, number: handler.wfile.write(b"no HTTP at all\r\n\r\n") and None, "can't be reached: "),
        (lambda handler, number: handler.wfile.write(b"") and None, "can't be reached: "),
        (redirect("/text"), "redirects without end"),
        (redirect("file:///etc/passwd"), "redirects to 'file:///etc/passwd', which is not followed"),
        (redirect("ftp://127.0.0.1/text"), "redirects to 'ftp://127.0.0.1/text', which is not followed"),
        (redirect("http://[broken"), "redirects to 'http://[broken', which is not followed"),
    ],
)
def test_what_is_not_the_text_is_refused_in_one_line(server: Server, tmp_path: Path, give: Answer, words: str) -> None:
    server.answers = [give]
    job = job_for(server, tmp_path)
    message = refused(job)
    assert words in message
    assert message.startswith((server.address, f"what {server.address} gave"))
    server.answers = [answer()]  # nothing of it is used by the next command
    downloaded(job, timeout=20)
    check_whole(job)


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    server.answers = [redirect("/elsewhere"), redirect("/further"), answer()]
    job = job_for(server, tmp_path)
    downloaded(job, timeout=20)
    check_whole(job)


@pytest.mark.parametrize("sent", [0, 100_000])
def test_silence_is_not_waited_for_without_end(server: Server, tmp_path: Path, sent: int) -> None:
    server.answers = [answer(sent=sent, pause=2.0)]
    assert "nothing came for 0.2 seconds" in refused(job_for(server, tmp_path), timeout=0.2)


def test_no_answer_at_all_is_not_waited_for_without_end(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda handler, number: time.sleep(2.0)]
    assert "can't be reached: nothing came for 0.2 seconds" in refused(job_for(server, tmp_path), timeout=0.2)


def test_without_a_network_it_says_where_to_put_the_text(tmp_path: Path) -> None:
    with Server() as server:
        job = job_for(server, tmp_path)
    message = refused(job)
    assert "can't be reached: Connection refused" in message
    assert message.endswith(f"or download it by hand and put it at {job.target}")


def test_a_text_of_unknown_sum_must_say_how_long_it_is(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(length=None)]
    job = job_for(server, tmp_path, sha256=None, text_sha256=None)
    assert "nobody can tell whether it is whole" in refused(job)
    server.answers = [answer()]
    assert downloaded(job, timeout=20) == SHA256
    check_whole(job)


def test_a_text_of_the_wrong_length_is_not_fetched(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(TEXT[:-1])]
    assert f"where {len(TEXT):,} are expected" in refused(job_for(server, tmp_path, bytes=len(TEXT)))


def packed(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def packed_job(server: Server, folder: Path, archive: bytes) -> Download:
    return job_for(server, folder, sha256=hashlib.sha256(archive).hexdigest(), member="text")


def test_the_member_of_an_archive_is_the_text(server: Server, tmp_path: Path) -> None:
    archive = packed(other=b"?", text=TEXT)
    server.answers = [answer(archive)]
    job = packed_job(server, tmp_path, archive)
    assert downloaded(job, timeout=20) == SHA256
    check_whole(job)


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (packed(other=TEXT), "is no zip archive with text in it"),
        (packed(text=TEXT)[:-100], "is no zip archive with text in it"),
        (TEXT, "is no zip archive with text in it"),
        (packed(text=TEXT[:-1]), "is not the text"),
        (packed(text=bytes(10**7)), f"has more than {len(TEXT):,} bytes"),
    ],
)
def test_an_archive_that_lacks_the_text_is_refused(server: Server, tmp_path: Path, archive: bytes, words: str) -> None:
    server.answers = [answer(archive)]
    assert words in refused(packed_job(server, tmp_path, archive))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_takes_nothing_is_named(server: Server, tmp_path: Path) -> None:
    server.answers = [answer()]
    job = job_for(server, tmp_path, part=tmp_path / "closed" / ".text.part")
    message = refused(job)
    assert "can't be written: No such file or directory" in message
    assert "--data" in message


def test_a_folder_that_takes_no_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with (
        pytest.raises(CorpusError, match=r"can't be written: Is a directory; .* --data"),
        held_alone(tmp_path / ".lock"),
    ):
        pass


def program(server: Server, folder: Path, *before: str) -> list[str]:
    """The command line of a process that does the lines `before` and downloads the text to `folder`."""
    lines = (
        "from pathlib import Path",
        "from seqmagic.errors import CorpusError",
        "from seqmagic.texts.download import Download, downloaded",
        *before,
        f"folder = Path({str(folder)!r})",
        f"job = Download(address={server.address!r}, target=folder / 'text.txt', part=folder / '.text.part',",
        f"               most_bytes={len(TEXT)}, sha256={SHA256!r})",
        "try:",
        "    downloaded(job, timeout=60.0)",
        "except CorpusError as problem:",
        "    print(problem)",
    )
    return [sys.executable, "-c", "\n".join(lines)]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits for processes")
def test_a_full_disk_is_named_and_what_fitted_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.answers = [answer()]
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    done = subprocess.run(program(server, tmp_path, limit), capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(f"{tmp_path / 'text.txt'} can't be written: File too large; make room")
    job = job_for(server, tmp_path)
    assert not job.target.exists()
    downloaded(job, timeout=20)
    check_whole(job)
    assert server.requests == [None, "bytes=100000-"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_after_a_kill_the_download_goes_on(server: Server, tmp_path: Path) -> None:
    server.answers = [answer(sent=100_000, pause=30.0)]
    job = job_for(server, tmp_path)
    process = subprocess.Popen(program(server, tmp_path))
    try:
        while not job.part.exists() or job.part.stat().st_size < 100_000:
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not job.target.exists()
    server.answers = [answer()]
    downloaded(job, timeout=20)
    check_whole(job)
    assert server.requests == [None, "bytes=100000-"]


def test_one_at_a_time(tmp_path: Path) -> None:
    told: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with held_alone(tmp_path / ".lock", lambda: (told.append("waits"), entered.set())):
            told.append("second")

    with held_alone(tmp_path / ".lock", lambda: told.append("never")):
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(20)
        told.append("first")
    thread.join()
    assert told == ["waits", "first", "second"]


@pytest.mark.parametrize(
    "note", [b"", b"{", b"[]", b"\xff", b'{"etag": "\\"one\\""}', b'{"address": 1}', b"[" * 10_000, b"x" * 10**6]
)
def test_a_part_whose_note_is_of_no_use_is_not_gone_on_with(server: Server, tmp_path: Path, note: bytes) -> None:
    server.answers = [answer()]
    job = job_for(server, tmp_path)
    job.part.write_bytes(b"anything")
    job.note.write_bytes(note)
    downloaded(job, timeout=20)
    check_whole(job)
    assert server.requests == [None]


def test_a_note_can_not_add_a_line_to_the_request(server: Server, tmp_path: Path) -> None:
    server.answers = [answer()]
    job = job_for(server, tmp_path)
    job.part.write_bytes(b"anything")
    job.note.write_text(json.dumps({"address": job.address, "etag": '"one"\r\nX-Other: 1'}))
    downloaded(job, timeout=20)
    check_whole(job)
