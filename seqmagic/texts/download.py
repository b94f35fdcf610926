"""One file from an address: whole, with the right sum, or not at all; what broke off is gone on with."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from seqmagic import files
from seqmagic.errors import CorpusError

Progress = Callable[[int, int | None], object]  # bytes so far, and how many there will be where that is known

TRIES = 3  # of one download, as long as each brings it on
_BLOCK_BYTES = 2**16
_SCHEMES = ("http", "https")


@dataclass(frozen=True, kw_only=True)
class Download:
    """What is to be had.

    Attributes:
        address: http or https.
        target: Where the text is to lie.
        part: Where it grows until it is whole. Beside it, as `.json`, stands of which version it is a part.
        most_bytes: More than this is refused, at the address as within an archive.
        bytes: Of what lies at the address, where that is known.
        sha256: Of what lies at the address, where that is known.
        member: The file to be taken out of a zip archive; `None` where the address has the text itself.
        text_sha256: Of the text, where that is known.
    """

    address: str
    target: Path
    part: Path
    most_bytes: int
    bytes: int | None = None
    sha256: str | None = None
    member: str | None = None
    text_sha256: str | None = None

    @property
    def note(self) -> Path:
        return self.part.with_name(self.part.name + ".json")

    @property
    def by_hand(self) -> str:
        what = f"unpack {self.member} of it to" if self.member else "put it at"
        return f"try again later, or download it by hand and {what} {self.target}"


class _BrokenOffError(Exception):
    """The connection ended before the file did; what came is kept."""


@contextlib.contextmanager
def held_alone(lock_file: Path, waiting: Callable[[], object] | None = None) -> Iterator[None]:
    """Nobody else is in such a block for the same `lock_file`; `waiting` is called where one has to wait.

    Raises:
        CorpusError: there can be no lock there, as in a folder that may not be written.
    """
    from filelock import FileLock, Timeout  # 60 ms, which only a download shall cost

    lock = FileLock(lock_file, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if waiting is not None:
            waiting()
        lock.acquire()
    except OSError as problem:
        raise CorpusError(_unwritable(lock_file.parent, problem)) from problem
    try:
        yield
    finally:
        lock.release()


def downloaded(job: Download, *, progress: Progress | None = None, timeout: float) -> str:
    """Bring the text to `job.target`, in one piece; return its sha256. For one process at a time.

    Args:
        job: What is wanted; a part that lies there is gone on with if it is of the same version.
        progress: Called with the bytes so far and how many there will be.
        timeout: Seconds in which the server must say something.

    Raises:
        CorpusError: one line on why it can't be had.
    """
    resumed = _complete_part(job, progress, timeout)
    found = files.sha256_of(job.part)
    if resumed and job.sha256 not in (None, found):
        _discard(job)  # the two parts may be of two versions
        _complete_part(job, progress, timeout)
        found = files.sha256_of(job.part)
    if job.sha256 not in (None, found):
        _discard(job)
        raise _wrong_sum(job, f"what {job.address} gave", found, job.sha256)
    with _room_for(job):
        if job.member is not None:
            found = _unpack(job)
        elif job.text_sha256 in (None, found):
            os.replace(job.part, job.target)
    if job.text_sha256 not in (None, found):
        _discard(job)
        raise _wrong_sum(job, f"what {job.address} gave", found, job.text_sha256)
    _discard(job)
    return found


def _complete_part(job: Download, progress: Progress | None, timeout: float) -> bool:
    """Fetch until the part is whole; return whether it consists of what several answers gave."""
    resumed = False
    for number in range(1, TRIES + 1):
        before = _length(job.part)
        try:
            return _fetch(job, progress, timeout) or resumed
        except _BrokenOffError as problem:
            resumed = True
            if number == TRIES or _length(job.part) <= before:
                raise CorpusError(f"{job.address}: {problem}; {_going_on(job)}") from problem
    raise AssertionError("the last try returns or raises")


def _going_on(job: Download) -> str:
    if _length(job.part) and _validator(job):
        return f"what came is kept, the same command goes on from there; or {job.by_hand.partition('or ')[2]}"
    return job.by_hand


def _fetch(job: Download, progress: Progress | None, timeout: float) -> bool:
    """One answer of the server into the part; return whether it went on with what was there.

    Raises:
        _BrokenOffError: the answer has no end.
        CorpusError: there is no use in going on.
    """
    validator = _validator(job)
    start = _length(job.part) if validator else 0
    headers = {"User-Agent": "seqmagic", "Accept-Encoding": "identity"}
    if start and validator:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        response = _opener().open(urllib.request.Request(job.address, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as problem:
        problem.close()
        if start and problem.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            _discard(job)
            return _fetch(job, progress, timeout)
        if problem.code in (301, 302, 303, 307, 308):
            raise CorpusError(f"{job.address} redirects without end; {job.by_hand}") from problem
        raise CorpusError(f"{job.address} answered {problem.code} {problem.reason}; {job.by_hand}") from problem
    except (OSError, http.client.HTTPException) as problem:
        raise CorpusError(f"{job.address} can't be reached: {_words(problem, timeout)}; {job.by_hand}") from problem
    with response:
        if response.status == http.HTTPStatus.PARTIAL_CONTENT and _first_byte(response) != start:
            _discard(job)
            if not start:
                raise CorpusError(f"{job.address} gave a part that nobody asked for; {job.by_hand}")
            return _fetch(job, progress, timeout)
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0  # this server has no ranges, or the file is another one by now
        _check_answer(job, response, start)
        with _room_for(job):
            _write(job, response, start, progress, timeout)
    return start > 0


def _check_answer(job: Download, response: http.client.HTTPResponse, start: int) -> None:
    """Raise CorpusError where what the head of the answer says shows that the rest is of no use."""
    if response.status not in (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT):
        raise CorpusError(f"{job.address} answered {response.status} {response.reason}; {job.by_hand}")
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise CorpusError(f"{job.address} sent it packed ({encoding[:40]!r}), which was not asked for; {job.by_hand}")
    if response.length is None:
        if not (response.chunked or job.sha256):
            raise CorpusError(
                f"{job.address} doesn't say how long the text is, so nobody can tell whether it is whole; {job.by_hand}"
            )
        return
    total = start + response.length
    if total > job.most_bytes or job.bytes not in (None, total):
        wanted = f"{job.bytes:,}" if job.bytes is not None else f"at most {job.most_bytes:,}"
        _discard(job)
        raise CorpusError(f"{job.address} has {total:,} bytes where {wanted} are expected; {job.by_hand}")


def _write(
    job: Download, response: http.client.HTTPResponse, start: int, progress: Progress | None, timeout: float
) -> None:
    """The body of `response` behind the first `start` bytes of the part."""
    total = None if response.length is None else start + response.length
    if not start:
        _discard(job)
        note = {"address": job.address, "etag": response.headers.get("ETag")}
        files.write_json(job.note, {**note, "last_modified": response.headers.get("Last-Modified")})
    received = start
    with open(job.part, "ab", buffering=0) as part:  # what came is there, whatever becomes of this process
        while True:
            if progress is not None:
                progress(received, total)
            try:
                # not beyond the end: some servers keep the connection open behind it
                block = response.read1(_BLOCK_BYTES if total is None else min(_BLOCK_BYTES, total - received))
            except (OSError, http.client.HTTPException) as problem:
                raise _BrokenOffError(f"broken off after {received:,} bytes: {_words(problem, timeout)}") from problem
            if not block:
                break
            received += len(block)
            if received > job.most_bytes:
                _discard(job)
                raise CorpusError(f"{job.address} sends more than the {job.most_bytes:,} bytes expected; {job.by_hand}")
            _write_all(part, block)
        os.fsync(part.fileno())
    if total is not None and received < total:
        raise _BrokenOffError(f"broken off after {received:,} of {total:,} bytes")


def _write_all(file: IO[bytes], block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


# ---------------------------------------------------------------- the part


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _validator(job: Download) -> str | None:
    """What names the version of which the part is one, for If-Range; `None` where it can't be gone on with."""
    try:
        note = json.loads(files.read_bounded(job.note, limit=2**16, error=CorpusError))
    except (CorpusError, ValueError, RecursionError):
        return None
    if not isinstance(note, dict) or note.get("address") != job.address:
        return None
    etag, date = note.get("etag"), note.get("last_modified")
    # a weak ETag names a meaning and not the bytes
    validator = etag if isinstance(etag, str) and not etag.startswith("W/") else date
    return validator if isinstance(validator, str) and validator.isprintable() and validator.isascii() else None


def _discard(job: Download) -> None:
    job.part.unlink(missing_ok=True)  # first: a note without its part is harmless
    job.note.unlink(missing_ok=True)


def _first_byte(response: http.client.HTTPResponse) -> int | None:
    found = re.fullmatch(r"bytes (\d{1,18})-\d+/(?:\d+|\*)", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _wrong_sum(job: Download, what: str, found: str, expected: str | None) -> CorpusError:
    return CorpusError(
        f"{what} is not the text: its sha256 begins {found[:12]} and should begin {str(expected)[:12]}; "
        f"nothing of it was kept; {job.by_hand}"
    )


def _unpack(job: Download) -> str:
    """The member of the archive in the part to the target, if its sum is right; return that sum."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(job.part) as archive, archive.open(job.member or "") as member:
            if archive.getinfo(job.member or "").file_size > job.most_bytes:
                raise CorpusError(f"{job.member} in {job.address} has more than {job.most_bytes:,} bytes")
            with files.atomic_path(job.target) as temporary, open(temporary, "wb") as text:
                while block := member.read(_BLOCK_BYTES):  # no more than the size in its head
                    digest.update(block)
                    text.write(block)
                text.flush()
                if job.text_sha256 not in (None, digest.hexdigest()):
                    raise _wrong_sum(job, f"{job.member} in {job.address}", digest.hexdigest(), job.text_sha256)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, NotImplementedError) as problem:
        words = files.in_brief(problem)
        _discard(job)
        raise CorpusError(
            f"{job.address} is no zip archive with {job.member} in it: {words}; {job.by_hand}"
        ) from problem
    except CorpusError:
        _discard(job)
        raise
    return digest.hexdigest()


# ---------------------------------------------------------------- the network


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https alone, ten times at most, and never from https back to http."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        location = headers.get("Location") or headers.get("URI") or ""
        try:
            scheme = urllib.parse.urlsplit(urllib.parse.urljoin(req.full_url, location)).scheme
        except ValueError:
            scheme = ""
        if scheme not in _SCHEMES or (scheme == "http" and req.type == "https"):
            fp.close()
            raise CorpusError(f"{req.full_url} redirects to {files.shortened(repr(location))}, which is not followed")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener() -> urllib.request.OpenerDirector:
    """The usual one of urllib without its handlers for files, FTP and data."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _words(problem: BaseException, timeout: float) -> str:
    """Why the network failed, in a few words."""
    reason = getattr(problem, "reason", None)
    if isinstance(reason, BaseException):
        problem = reason
    if isinstance(problem, TimeoutError):
        return f"nothing came for {timeout:g} seconds"
    return files.in_brief(Exception(getattr(problem, "strerror", None) or problem))


@contextlib.contextmanager
def _room_for(job: Download) -> Iterator[None]:
    """Errors of the disk within it are told as such."""
    try:
        yield
    except OSError as problem:
        raise CorpusError(_unwritable(problem.filename or job.target, problem)) from problem


def _unwritable(path: str | Path, problem: OSError) -> str:
    return (
        f"{path} can't be written: {problem.strerror or problem}; "
        "make room or allow it, or name another folder with --data or SEQMAGIC_DATA"
    )
